//! `spec/facts.json`: each fact of the service has a source and a test, and each name in it exists.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    sources: BTreeMap<String, String>,
    subjects: Vec<Subject>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    #[expect(dead_code, reason = "for readers")]
    subject: String,
    facts: Vec<Fact>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fact {
    id: String,
    fact: String,
    #[expect(dead_code, reason = "only its values are checked")]
    known: Known,
    sources: Vec<String>,
    otherwise: Option<String>,
    switch: Option<String>,
    #[serde(default)]
    check_hub: bool,
    hub: Vec<String>,
    client: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Known {
    Seen,
    Asserted,
    Documented,
    Assumed,
}

fn read_table() -> Table {
    serde_json::from_str(&std::fs::read_to_string(workspace().join("spec/facts.json")).unwrap()).unwrap()
}

fn facts(table: &Table) -> impl Iterator<Item = &Fact> {
    table.subjects.iter().flat_map(|subject| &subject.facts)
}

pub(crate) fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Returns the Rust sources below `folder`, with their text.
pub(crate) fn sources(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.extension() {
            _ if path.is_dir() && !path.ends_with("target") => sources(&path),
            Some(extension) if extension == "rs" => vec![std::fs::read_to_string(&path).unwrap()],
            _ => Vec::new(),
        })
        .collect()
}

/// Returns the names of the functions that follow an attribute of tests.
pub(crate) fn tests(sources: &[String]) -> BTreeSet<&str> {
    let after = |attribute| sources.iter().flat_map(move |source| source.split(attribute).skip(1));
    after("#[test]")
        .chain(after("#[tokio::test"))
        .filter_map(|rest| rest.split_once("fn ")?.1.split_once('(').map(|(name, _)| name))
        .collect()
}

#[test]
fn every_fact_has_a_source_and_a_test_that_exists() {
    let table = read_table();
    let folders = ["jobs-api", "tests"].map(|folder| sources(&workspace().join(folder))).concat();
    let tests = tests(&folders);
    assert!(tests.len() > 500 && tests.contains("every_fact_has_a_source_and_a_test_that_exists"));
    let mut ids = BTreeSet::new();
    for Fact { id, fact, sources, hub, client, .. } in facts(&table) {
        assert!(ids.insert(id), "{id} is there twice");
        assert!(fact.ends_with('.') && !sources.is_empty(), "{id}");
        assert!(!hub.is_empty() || !client.is_empty(), "no test holds {id}");
        let missing = hub.iter().chain(client).find(|name| !tests.contains(name.as_str()));
        assert!(missing.is_none(), "{id}: there is no test {missing:?}");
    }
}

#[test]
fn every_source_is_listed_or_an_issue_and_none_is_left_over() {
    let table = read_table();
    let cited: BTreeSet<_> = facts(&table).flat_map(|fact| &fact.sources).collect();
    let (issues, listed): (Vec<&String>, Vec<_>) = cited.iter().partition(|source| source.contains('/'));
    assert_eq!(listed, table.sources.keys().collect::<Vec<_>>());
    for issue in issues {
        let number = issue.rsplit_once('#').and_then(|(_, number)| number.parse::<u32>().ok());
        assert!(number.is_some(), "{issue}");
    }
}

#[test]
fn every_switch_is_a_setting_of_the_emulated_hub_for_another_way() {
    let settings = sources(&workspace().join("tests/emulator/src")).concat();
    for Fact { id, otherwise, switch, .. } in facts(&read_table()) {
        let Some(switch) = switch else { continue };
        assert!(settings.contains(&format!(" {switch}: ")), "{id}: there is no setting {switch}");
        assert!(otherwise.is_some(), "{id}");
    }
}

#[test]
fn example_checks_the_facts_that_say_so() {
    let source = workspace().join("jobs-api/examples/check_hub/facts.rs");
    let source = std::fs::read_to_string(source).unwrap();
    let rows = source.split("(\"").skip(1);
    let checked: BTreeSet<&str> = rows.filter_map(|row| Some(row.split_once("\", \"")?.0)).collect();
    let table = read_table();
    let marked = facts(&table).filter(|fact| fact.check_hub).map(|fact| fact.id.as_str());
    assert_eq!(checked, marked.collect());
}
