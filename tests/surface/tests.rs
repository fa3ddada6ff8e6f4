//! The listing and its rules, on crates made up for them.

use super::listing::list;
use super::modules::Modules;
use super::rules::find_violations;
use crate::architecture::Sources;

/// Returns the listing of a crate of these modules.
fn list_of<const N: usize>(files: [(&str, &str); N]) -> Vec<String> {
    let path = |module: &str| module.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let sources: Sources = files.map(|(module, source)| (path(module), source.to_owned())).into();
    list(&Modules::read(&sources))
}

#[test]
fn item_is_listed_under_its_exported_name_with_its_parts() {
    let root = "mod api; mod face;
        pub use api::{Client as Operations, types};
        pub use face::{Page, Pages, read};
        pub use http;";
    let api = "pub struct Client(u8);
        pub mod types { #[non_exhaustive] pub enum Kind { Known, Other { text: String, } } }";
    let face = "mod page;
        pub use self::page::{Page, Pages};
        use crate::api::Client as Api;
        use {other::Error as Cause, std::fmt};
        impl Page<u8> {
            #[must_use] pub fn of(mut self, api: &Api) -> Self { self }
            pub(crate) fn hidden(self) {}
        }
        impl<T: Copy> fmt::Debug for Page<T> {}
        #[cfg(feature = \"entra\")] pub async fn read<'a>(id: &'a str) -> Result<Api, Cause> {}";
    let page = "pub type Pages = Vec<Page<u8>>;
        #[derive(Clone)] pub struct Page<T> { pub items: Vec<T>, key: Private }
        struct Private;";
    let found = list_of([("", root), ("api", api), ("face", face), ("face::page", page)]);
    let expected = [
        "Operations: struct { .. }",
        "Page<T>.items: Vec<T>",
        "Page<T>: impl Clone",
        "Page<T>: impl Debug if T: Copy",
        "Page<T>: struct { .. }",
        "Page<u8>::of: fn(self, &Operations) -> Self #[must_use]",
        "Pages: type Vec<Page<u8>>",
        "http: use http",
        "read: async fn<'a>(&'a str) -> Result<Operations, other::Error> #[cfg(feature = \"entra\")]",
        "types::Kind: enum #[non_exhaustive]",
        "types::Kind::Known: variant",
        "types::Kind::Other: variant { text: String }",
    ];
    assert_eq!(found, expected);
}

#[test]
fn item_of_a_macro_is_listed() {
    let code = "pub struct Code(u8);
        macro_rules! codes {
            ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
                impl Code { $($(#[$doc])* pub const $name: Self = Self($code);)* }
            };
        }
        macro_rules! setters {
            ($($field:ident).+) => { pub fn code(mut self, code: u8) -> Self { self.$($field).+ = code; self } };
        }
        macro_rules! from { ($($type:ty),*) => { $(impl From<$type> for Code {})* }; }
        codes! { /// The first.
            FIRST = 1, SECOND = 2, }
        from!(u8, u16);
        impl Code { setters!(inner.code); }";
    let found = list_of([("", "mod code; pub use code::Code;"), ("code", code)]);
    let expected = [
        "Code: impl From<u16>, From<u8>",
        "Code: struct { .. }",
        "Code::FIRST: const Self",
        "Code::SECOND: const Self",
        "Code::code: fn(self, u8) -> Self",
    ];
    assert_eq!(found, expected);
}

#[test]
fn line_that_breaks_a_rule_is_found() {
    for (rule, lines) in [
        ("exhaustive: Page<T>", "Page<T>: struct\nPage<T>.items: Vec<T>"),
        ("exhaustive: Kind", "Kind: enum\nKind::Known: variant"),
        ("exhaustive: Kind::Other", "Kind::Other: variant { text: String }"),
        ("pointer: Rows<T>", "Rows<T>: impl Clone, Deref (Target = [T])"),
        ("progenitor: read", "read: fn() -> progenitor_client::Error<u8>"),
        ("must_use: Page<T>::size", "Page<T>: struct { .. }\nPage<T>::size: fn(self, u8) -> Self if T: Send"),
    ] {
        let lines: Vec<String> = lines.lines().map(str::to_owned).collect();
        assert_eq!(find_violations(&lines), [rule]);
    }
}

#[test]
fn line_that_keeps_the_rules_is_no_violation() {
    let lines = [
        "Kind: enum #[non_exhaustive]",
        "Kind::Known: variant",
        "Kind::Other: variant (String)",
        "Page<T>.size: u8",
        "Page<T>: struct { .. } #[must_use]",
        "Page<T>::new: fn() -> Self",
        "Page<u8>::size: fn(self, u8) -> Self",
        "Policy: struct { .. }",
        "Policy::with_base: fn(self, u8) -> Self #[must_use]",
    ]
    .map(str::to_owned);
    assert_eq!(find_violations(&lines), Vec::<String>::new());
}
