//! Changed specs, and what each must give: a refusal, or a client that compiles and a line for users.

mod accepted;
mod base;
mod case;
mod refused;

use std::fmt::Write as _;
use std::fs;

use case::Refused;
use serde_json::Value;

use crate::render::render;
use crate::scratch::{Scratch, repository};
use crate::spec::Spec;
use crate::surface::{Surface, compare};

fn without_space(text: &str) -> String {
    text.split_whitespace().collect()
}

/// Writes the module of a client, which the crate `clients` compiles with the others.
fn module(source: &str) -> String {
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

/// The source of the client that a changed document gives.
fn client(change: fn(&mut Value)) -> Result<(Value, crate::render::Rendered), String> {
    let mut document = base::document();
    change(&mut document);
    let rendered = Spec::parse(&document.to_string()).and_then(|spec| render(&spec));
    rendered.map(|rendered| (document, rendered)).map_err(|defect| defect.to_string())
}

#[test]
fn changed_specs_have_the_client_and_the_consequences_they_should() {
    let (_, base) = client(|_| {}).unwrap();
    let before = Surface::read(&base.source).unwrap();
    let mut failures = String::new();
    for case in accepted::CASES {
        let rendered = match client(case.change) {
            Ok((_, rendered)) => rendered,
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
        let changes = compare(&before, &Surface::read(&rendered.source).unwrap(), &rendered.places);
        let lines = changes
            .iter()
            .map(|change| format!("{} {} {}", change.class.as_str(), change.sentence(), change.place));
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

#[test]
fn clients_compile_without_warnings_of_rustdoc_and_breaking_changes_break() {
    let mut names = vec!["base".to_owned()];
    let mut files = vec![("src/base.rs".to_owned(), module(&client(|_| {}).unwrap().1.source))];
    let mut users = Vec::new();
    for case in accepted::CASES {
        let (_, rendered) = client(case.change).unwrap();
        files.push((format!("src/{}.rs", case.name), module(&rendered.source)));
        names.push(case.name.to_owned());
        if !case.breaks.is_empty() {
            for (suffix, module) in [("before", "base"), ("after", case.name)] {
                let source = format!(
                    "use clients::{module}::{{Client, types}};\n\
                     pub async fn user(client: Client) {{\n    let _ = &client;\n    {}\n}}\nfn main() {{}}\n",
                    case.breaks
                );
                users.push((format!("src/bin/{}_{suffix}.rs", case.name), source));
            }
        }
    }
    let mut root = String::from("#![allow(dead_code, private_interfaces, unused_imports)]\nmod runtime;\n");
    names.iter().for_each(|name| writeln!(root, "pub mod {name};").unwrap());
    files.push(("src/lib.rs".to_owned(), root));
    for entry in fs::read_dir(repository().join("jobs-api/src/runtime")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        files.push((format!("src/runtime/{name}"), fs::read_to_string(entry.path()).unwrap()));
    }
    let manifest = fs::read_to_string(repository().join("jobs-api/Cargo.toml")).unwrap();
    let section = |name: &str| {
        let (_, rest) = manifest.split_once(&format!("[{name}]\n")).unwrap();
        rest.split("\n[").next().unwrap().to_owned()
    };
    let mut scratch = Scratch::new("cases");
    let client_manifest = format!("{}\n[features]\n{}", section("dependencies"), section("features"));
    scratch.add_crate("clients", &client_manifest, &files);
    let dependency = "clients = { path = \"../clients\", default-features = false, features = [\"schemars\"] }\n\
         tokio.workspace = true";
    scratch.add_crate("users", dependency, &users);
    scratch.document("clients", &["--features", "schemars"]);
    let errors = scratch.check(&["users"]);
    let mut failures = String::new();
    for (target, errors) in &errors {
        if !target.ends_with("_after") {
            writeln!(failures, "{target}:\n{}", errors.join("\n")).unwrap();
        }
    }
    for case in accepted::CASES.iter().filter(|case| !case.breaks.is_empty()) {
        if !errors.contains_key(&format!("{}_after", case.name)) {
            writeln!(failures, "{}: the user's code still compiles: {}", case.name, case.breaks).unwrap();
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn table_is_large_enough() {
    assert!(refused::CASES.len() + accepted::CASES.len() >= 60);
    let names: std::collections::BTreeSet<&str> = accepted::CASES.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), accepted::CASES.len(), "two cases have one name");
}
