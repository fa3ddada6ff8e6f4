//! The check of the directions, on trees made up for it.

use super::imports::Sources;
use super::violations::{Direction, find_violations};

const DIRECTIONS: &[Direction<'_>] = &[("base", &[]), ("auth", &["base"]), ("face", &["auth", "base"])];

/// Returns the violations of a tree in which `files` replace or join files without imports.
fn violations<const N: usize>(files: [(&str, &str); N]) -> Vec<String> {
    let empty = ["", "base", "auth", "auth::token", "auth::sas", "face"].map(|module| (module, ""));
    let path = |module: &str| module.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let sources: Sources =
        empty.into_iter().chain(files).map(|(module, source)| (path(module), source.to_owned())).collect();
    find_violations(&sources, DIRECTIONS)
}

#[test]
fn imports_along_the_directions_pass() {
    let found = violations([
        ("", "mod auth; pub use auth::Credential; pub use face::Client;"),
        ("auth", "mod token; pub use token::Token; pub use self::sas::{Key as SasKey, sign};"),
        ("auth::token", "use super::sas::Key; use crate::base::LIMIT; use std::{fmt, io};"),
        ("face", "use crate::auth::{Credential, sas::{self, Key}}; use crate::base;"),
    ]);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn upward_import_is_found_in_every_form() {
    for source in [
        "use crate::face::Client;",
        "use crate::{base, face};",
        "use crate::{base::{LIMIT}, face::{Client, *}};",
        "use crate::face::*;",
        "pub(crate) use super::super::face::Client;",
        "fn call() { for x in crate::face::all() {} }",
        "fn call() -> Vec<crate::face::Client> { Vec::new() }",
        "fn call() { log!(\"{}\", crate::face::NAME); }",
        "fn call() { list.map::<crate::face::Client>(); }",
        "fn call() { use crate::face::Client; }",
        "struct Token { inner: super::super::face::Client }",
        "mod inner { use super::super::super::face::Client; }",
        "#[serde(with = \"crate::face::dates\")] struct Dated;",
        "#[serde(with = \"super::super::face::dates\")] struct Dated;",
    ] {
        let found = violations([("auth::token", source)]);
        let is_reported = |line: &String| line.starts_with("auth::token imports face");
        assert!(!found.is_empty() && found.iter().all(is_reported), "{source}: {found:?}");
    }
}

#[test]
fn import_through_the_crate_root_is_found() {
    for source in [
        "use crate::Credential;",
        "use crate::{base::LIMIT, Credential};",
        "use crate::*;",
        "use super::Credential;",
        "use super::*;",
        "fn call() -> crate::Result<()> {}",
        "mod inner { use super::super::Credential; }",
    ] {
        let found = violations([("face", source)]);
        assert!(found.len() == 1 && found[0].ends_with("through the crate root"), "{source}: {found:?}");
    }
}

#[test]
fn circle_of_a_module_and_its_child_is_found() {
    let found =
        violations([("auth", "mod token; pub use token::Token;"), ("auth::token", "use super::Credential;")]);
    assert_eq!(found, ["circle: auth -> auth::token -> auth"]);
}

#[test]
fn circle_of_siblings_is_found() {
    let found = violations([
        ("auth", "use token::Token;"),
        ("auth::token", "fn sign() { super::sas::sign() }"),
        ("auth::sas", "use crate::auth::token::Token;"),
    ]);
    assert_eq!(found, ["circle: auth::token -> auth::sas -> auth::token"]);
}

#[test]
fn code_that_imports_nothing_passes() {
    let code = r#"
    //! Links to [`crate::face::Client`].
    // use crate::face::Client;
    /* crate::Credential */
    pub(super) struct Token;
        pub(in crate::auth) fn call(token: Token) {
        let text = ("see crate::face::Client", "1", 1, 'a');
        token.face().auth::<u8>();
        face::call(Self::new(), token::call());
    }
    mod tests {
        use super::*;
        use super::call;
    }
    "#;
    let found = violations([("auth", "pub use token::call;"), ("auth::token", code)]);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn module_and_table_must_agree() {
    assert_eq!(violations([("other", "use crate::face::Client;")]), ["other is not in the table"]);
    let sources = [(vec!["base".to_owned()], String::new())].into();
    assert_eq!(
        find_violations(&sources, &[("base", &[]), ("gone", &["base"])]),
        ["gone is in the table only"]
    );
}
