//! Tests of the whole: clients of changed specs, compiled with the code of their users and run.

mod cases;
mod growth;
mod hub;
mod legal;
mod other_rows;
mod scratch;

use std::fs;
use std::sync::LazyLock;

use serde_json::Value;

use crate::amend::HAND_WRITTEN;
use crate::document::operations;
use crate::render::{Rendered, render};
use crate::spec::Spec;
use crate::surface::HandWritten;
use crate::workspace::{CLIENT, SPEC, repository};
use scratch::{Built, Scratch, sections, sources};

/// Every crate of these tests, compiled at once.
static BUILT: LazyLock<Built> = LazyLock::new(|| {
    let mut scratch = Scratch::new();
    cases::add_crates(&mut scratch);
    add_grown_hub(&mut scratch);
    scratch.build()
});

/// Adds our crate with the client of a grown spec, a user of today's types, and a program that calls it.
fn add_grown_hub(scratch: &mut Scratch) {
    let grown = client_of(&grown_hub()).source;
    let files = sources("jobs-api/src").into_iter().map(|(name, text)| (format!("src/{name}"), text));
    let files = files.filter(|(name, _)| !CLIENT.ends_with(name.as_str()));
    let readme =
        ("README.md".to_owned(), fs::read_to_string(repository().join("jobs-api/README.md")).unwrap());
    let client = ("src/generated.rs".to_owned(), grown);
    scratch.add_crate(
        "grown",
        &sections("jobs-api", &["features", "dependencies"]),
        files.chain([readme, client]),
    );

    let spec = fs::read_to_string(repository().join(SPEC)).unwrap();
    let today = client_of(&serde_json::from_str(&spec).unwrap()).source;
    let dependencies = "[dependencies]\n\
                        jobs-api = { path = \"../grown\", package = \"grown\" }\n\
                        serde_json.workspace = true\n\
                        tokio = { workspace = true, features = [\"io-util\", \"macros\", \"net\", \"rt\"] }";
    let files = [("src/lib.rs", growth::user_of(&today)), ("src/bin/hub.rs", hub::USER.to_owned())];
    scratch.add_crate("user", dependencies, files.map(|(name, text)| (name.to_owned(), text)));
}

/// The document of the whole hub with what a later version of the service may add.
fn grown_hub() -> Value {
    let mut document = hub::whole_hub();
    growth::grow(&mut document);
    document
}

fn client_of(document: &Value) -> Rendered {
    render(&Spec::parse(&document.to_string()).unwrap()).unwrap()
}

#[test]
fn whole_hub_has_a_method_for_each_operation() {
    assert_eq!(operations(&grown_hub()).count(), 42);
    assert_eq!(client_of(&grown_hub()).operations, 42);
}

#[test]
fn grown_spec_leaves_users_compiling() {
    for target in ["grown", "user"] {
        assert!(!BUILT.errors.contains_key(target), "{:#?}", BUILT.errors[target]);
    }
}

#[test]
fn operations_of_the_whole_hub_behave_on_the_wire() {
    assert_eq!(BUILT.run("hub").trim(), "every call behaved");
}

#[test]
fn clients_compile_and_breaking_changes_break_their_users() {
    cases::check_errors(&BUILT.errors);
}

#[test]
fn hand_written_methods_are_defined_by_hand() {
    let layer = HandWritten::read(&repository(), CLIENT);
    for (owner, method, reason) in HAND_WRITTEN {
        assert!(layer.defines(method), "{owner}::{method} is generated no more, and not written: {reason}");
    }
}
