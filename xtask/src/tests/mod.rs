//! Tests of the whole: clients of changed specs, compiled with the code of their users and run.

mod cases;
mod growth;
mod hub;
mod legal;
mod rehearsal;
mod scratch;

use std::collections::BTreeSet;
use std::fs;
use std::sync::LazyLock;

use serde_json::Value;

use crate::amend::HAND_WRITTEN;
use crate::document::operations;
use crate::render::{Rendered, render};
use crate::spec::Spec;
use crate::workspace::{CLIENT, SPEC, repository};
use scratch::{Built, Scratch, sections, sources};

/// Every crate of these tests, compiled at once.
static BUILT: LazyLock<Built> = LazyLock::new(|| {
    let mut scratch = Scratch::new();
    cases::add_crates(&mut scratch);
    add_grown_hub(&mut scratch);
    scratch.build()
});

/// The file that names each member of a request, to compare it: a new one does not compile until it is named.
const COMPARISON: &str = "jobs/compare.rs";

/// Adds our crate with the client of an update, as it is before anything is done by hand; with that of a grown spec, whose
/// new members are compared; a user of today's types, and a program that calls it.
fn add_grown_hub(scratch: &mut Scratch) {
    let grown = client_of(&grown_hub()).source;
    let patterns = |text: String| {
        text.replace("\n    } = ", "\n        ..\n    } = ")
            .replace("reported: _ } = ", "reported: _, .. } = ")
    };
    add_client(scratch, "undecided", &client_of(&rehearsal::updated_spec()).source, |text| text);
    add_client(scratch, "grown", &grown, patterns);

    let spec = fs::read_to_string(repository().join(SPEC)).unwrap();
    let today = client_of(&serde_json::from_str(&spec).unwrap()).source;
    // With the features that the behaviour tests give it.
    let dependencies = "[dependencies]\n\
                        jobs-api = { path = \"../grown\", package = \"grown\", features = [\"entra\", \"schemars\"] }\n\
                        serde_json.workspace = true\n\
                        tokio = { workspace = true, features = [\"io-util\", \"macros\", \"net\", \"rt\"] }";
    let version =
        serde_json::from_str::<Value>(&spec).unwrap()["info"]["version"].as_str().unwrap().to_owned();
    let program = hub::USER.replace("VERSION", &version);
    let files = [("src/lib.rs", growth::user_of(&today)), ("src/bin/hub.rs", program)];
    scratch.add_crate("user", dependencies, files.map(|(name, text)| (name.to_owned(), text)));
}

/// Adds our crate with this generated client, and the comparison that `edit` makes of today's.
fn add_client(scratch: &mut Scratch, name: &str, client: &str, edit: fn(String) -> String) {
    let files = sources("jobs-api/src").into_iter().map(|(name, text)| match name.as_str() {
        name if CLIENT.ends_with(name) => (format!("src/{name}"), client.to_owned()),
        COMPARISON => (format!("src/{name}"), edit(text)),
        name => (format!("src/{name}"), text),
    });
    let readme = fs::read_to_string(repository().join("jobs-api/README.md")).unwrap();
    let files = files.chain([("README.md".to_owned(), readme)]);
    scratch.add_crate(name, &sections("jobs-api", &["features", "dependencies"]), files);
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
    let count = operations(&grown_hub()).count();
    assert!(count > 40);
    assert_eq!(client_of(&grown_hub()).operations, count);
}

#[test]
fn grown_spec_leaves_users_compiling() {
    for target in ["grown", "user"] {
        assert!(!BUILT.errors.contains_key(target), "{:#?}", BUILT.errors[target]);
    }
}

#[test]
fn update_breaks_the_compiler_only_where_the_report_lists_the_members() {
    let errors = &BUILT.errors["undecided"];
    let places: BTreeSet<String> = errors
        .iter()
        .filter_map(|error| {
            let (_, rest) = error.split_once("--> undecided/")?;
            let mut parts = rest.split(':');
            Some(format!("jobs-api/{}:{}", parts.next()?, parts.next()?))
        })
        .collect();
    assert_eq!(places, rehearsal::listed("lists the members"), "{errors:#?}");
}

#[test]
fn operations_of_the_whole_hub_behave_on_the_wire() {
    assert_eq!(BUILT.run("hub").trim(), "every call behaved");
}

#[test]
fn clients_compile_and_breaking_changes_break_their_users() {
    let errors = BUILT.errors.iter().filter(|(target, _)| *target != "undecided");
    cases::check_errors(&errors.map(|(target, errors)| (target.as_str(), errors.as_slice())).collect());
}

#[test]
fn hand_written_methods_are_defined_by_hand() {
    let sources = sources("jobs-api/src").into_iter().filter(|(name, _)| !CLIENT.ends_with(name));
    let items = sources.flat_map(|(_, text)| syn::parse_file(&text).unwrap().items);
    let items: Vec<syn::Item> = items.collect();
    for (owner, member, path) in HAND_WRITTEN {
        let (of, method) = path.split_once("::").unwrap();
        let methods = growth::methods_of(&items, &quote::format_ident!("{of}"));
        let is_defined = methods.iter().any(|other| other.sig.ident == method);
        assert!(is_defined, "{path}, which is to set {owner}.{member}, is not written by hand");
    }
}
