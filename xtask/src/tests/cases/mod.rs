//! Changed specs, and what each must give: a refusal, or a client that compiles and a line for users.

mod accepted;
mod base;
mod case;
mod refused;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use case::Refused;
use serde_json::Value;

use super::scratch::{Scratch, sections, sources};
use crate::render::{Rendered, render};
use crate::spec::Spec;
use crate::surface::compare;

fn without_space(text: &str) -> String {
    text.split_whitespace().collect()
}

/// Returns the module of a client, in which methods that nobody calls need no machine code.
fn module(source: &str) -> String {
    let source = source
        .replace("async fn", "#[inline]\nasync fn")
        .replace("fn into_future", "#[inline]\nfn into_future");
    format!("{source}\nimpl ::progenitor_client::ClientHooks<crate::runtime::Attempt> for Client {{}}\n")
}

#[test]
fn unsafe_specs_are_refused_at_their_place() {
    let mut failures = String::new();
    for Refused { name, change, message } in refused::CASES {
        let mut document = base::document();
        change(&mut document);
        let outcome = Spec::parse(&document.to_string()).and_then(|spec| render(&spec));
        match outcome.err().map(|defect| defect.to_string()) {
            Some(defect) if defect.starts_with(message) => {}
            other => writeln!(failures, "{name}: {other:?}\n  instead of {message:?}").unwrap(),
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

/// The client that a changed document gives.
fn client(change: fn(&mut Value)) -> Result<Rendered, String> {
    let mut document = base::document();
    change(&mut document);
    let rendered = Spec::parse(&document.to_string()).and_then(|spec| render(&spec));
    rendered.map_err(|defect| defect.to_string())
}

#[test]
fn changed_specs_have_the_client_and_the_consequences_they_should() {
    let base = client(|_| {}).unwrap();
    let mut failures = String::new();
    for case in accepted::CASES {
        let rendered = match client(case.change) {
            Ok(rendered) => rendered,
            Err(defect) => {
                writeln!(failures, "{}: refused{defect}", case.name).unwrap();
                continue;
            }
        };
        let source = without_space(&rendered.source);
        for part in case.holds.iter().filter(|part| !source.contains(&without_space(part))) {
            writeln!(failures, "{}: the client lacks {part}", case.name).unwrap();
        }
        for part in case.lacks.iter().filter(|part| source.contains(&without_space(part))) {
            writeln!(failures, "{}: the client has {part}", case.name).unwrap();
        }
        let changes = compare(&base.surface, &rendered.surface, &rendered.places);
        let lines = changes
            .iter()
            .map(|change| format!("{} {} {}", change.class.name(), change.sentence(), change.place));
        let (mild, severe): (Vec<String>, Vec<String>) =
            lines.partition(|line| line.starts_with("additive") || line.starts_with("docs"));
        if severe != case.severe {
            writeln!(
                failures,
                "{}: severe changes are {severe:#?}\n  instead of {:#?}",
                case.name, case.severe
            )
            .unwrap();
        }
        for line in case.mild.iter().filter(|line| !mild.iter().any(|other| other == *line)) {
            writeln!(failures, "{}: {line:?} is not among {mild:#?}", case.name).unwrap();
        }
        if case.breaks.is_empty() == severe.iter().any(|line| line.starts_with("breaking")) {
            writeln!(failures, "{}: a breaking change has the code that it breaks, and no other", case.name)
                .unwrap();
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

/// Adds a crate of all clients, and one of the users: a module for each client before its change, which
/// compiles, and a program for each after it, which does not.
pub(super) fn add_crates(scratch: &mut Scratch) {
    let mut root =
        String::from("#![allow(dead_code, private_interfaces, unused_imports)]\npub mod runtime;\n");
    let mut clients = Vec::new();
    for (name, source) in sources_of_clients() {
        writeln!(root, "pub mod {name};").unwrap();
        clients.push((format!("src/{name}.rs"), module(&source)));
    }
    clients.push(("src/lib.rs".to_owned(), root));
    let runtime = sources("jobs-api/src/runtime");
    clients.extend(runtime.into_iter().map(|(name, text)| (format!("src/runtime/{name}"), text)));
    scratch.add_crate("clients", &sections("jobs-api", &["features", "dependencies"]), clients);

    let (mut root, mut users) = (String::new(), Vec::new());
    for case in accepted::CASES.iter().filter(|case| !case.breaks.is_empty()) {
        let user = |module: &str| {
            let body = case.breaks;
            format!(
                "use clients::runtime::Reply;\n\
                 use clients::{module}::{{Operations, types}};\n\
                 pub async fn user(client: Operations) {{\n    let _ = &client;\n    {body}\n}}\n"
            )
        };
        writeln!(root, "pub mod {} {{\n{}}}", case.name, user("base")).unwrap();
        users.push((format!("src/bin/{}.rs", case.name), user(case.name) + "fn main() {}\n"));
    }
    users.push(("src/lib.rs".to_owned(), root));
    let dependencies = "[dependencies]\n\
                        clients = { path = \"../clients\", features = [\"schemars\"] }\n\
                        tokio.workspace = true";
    scratch.add_crate("users", dependencies, users);
}

/// Returns the client without a change, and that of each case, by name.
fn sources_of_clients() -> Vec<(&'static str, String)> {
    let base = ("base", client(|_| {}).unwrap().source);
    let changed = accepted::CASES.iter().map(|case| (case.name, client(case.change).unwrap().source));
    [base].into_iter().chain(changed).collect()
}

/// Fails unless exactly the users of what a change breaks have errors.
pub(super) fn check_errors(errors: &BTreeMap<&str, &[String]>) {
    let breaks = accepted::CASES.iter().filter(|case| !case.breaks.is_empty());
    let broken: BTreeSet<&str> = breaks.map(|case| case.name).collect();
    let mut failures = String::new();
    for (target, errors) in errors.iter().filter(|(target, _)| !broken.contains(*target)) {
        writeln!(failures, "{target}:\n{}", errors.join("\n")).unwrap();
    }
    for name in broken.iter().filter(|name| !errors.contains_key(**name)) {
        writeln!(failures, "{name}: the user's code still compiles").unwrap();
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn docs_of_clients_give_no_warning_of_rustdoc() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("docs.rs");
    let modules = sources_of_clients().into_iter().map(|(name, source)| {
        let items = documented_items(&source);
        format!("pub mod {name} {{\n{items}}}\n")
    });
    // As the crate allows it for its generated module.
    let allowed = "#![allow(rustdoc::bare_urls, rustdoc::broken_intra_doc_links)]\n".to_owned();
    fs::write(&file, modules.fold(allowed, |file, module| file + &module)).unwrap();
    let program = Path::new(env!("CARGO")).with_file_name(format!("rustdoc{}", std::env::consts::EXE_SUFFIX));
    let mut rustdoc = Command::new(program);
    rustdoc.args(["--edition", "2024", "--deny", "warnings", "--out-dir"]).args([folder.path(), &file]);
    let output = rustdoc.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Returns an item for each doc comment of a client, without the code that would need other crates.
fn documented_items(source: &str) -> String {
    let (mut items, mut is_documented) = (String::new(), false);
    for (index, line) in source.lines().map(str::trim_start).enumerate() {
        let is_doc = line.starts_with("///");
        if is_doc {
            writeln!(items, "{line}").unwrap();
        } else if is_documented {
            writeln!(items, "pub struct Item{index};").unwrap();
        }
        is_documented = is_doc;
    }
    items
}

#[test]
fn table_is_large_enough() {
    assert!(refused::CASES.len() + accepted::CASES.len() >= 60);
    let names: BTreeSet<&str> = accepted::CASES.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), accepted::CASES.len(), "two cases have one name");
}
