//! The facts of the service: data with sources and tests, and the page that shows them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::workspace::{FACTS, read_data};

#[derive(Deserialize)]
struct Table {
    sources: BTreeMap<String, String>,
    subjects: Vec<Subject>,
}

#[derive(Deserialize)]
struct Subject {
    subject: String,
    facts: Vec<Fact>,
}

#[derive(Deserialize)]
struct Fact {
    id: String,
    fact: String,
    known: String,
    sources: Vec<String>,
    otherwise: Option<String>,
    switch: Option<String>,
    hub: Vec<String>,
    client: Vec<String>,
}

/// The tables of the facts of the workspace at `root`.
pub(crate) fn tables(root: &Path) -> Result<String, String> {
    read_data(root, FACTS).map(|table: Table| table.to_markdown())
}

impl Table {
    fn to_markdown(&self) -> String {
        let mut page = String::new();
        for Subject { subject, facts } in &self.subjects {
            page += &format!("\n## {subject}\n\n| fact | known | source | tests |\n|---|---|---|---|\n");
            page.extend(facts.iter().map(Fact::to_row));
        }
        page += "\n## Sources\n\n| source | where |\n|---|---|\n";
        page.extend(self.sources.iter().map(|(name, place)| format!("| {name} | {place} |\n")));
        page
    }
}

impl Fact {
    fn to_row(&self) -> String {
        let Self { id, fact, known, sources, .. } = self;
        let other = self.otherwise.as_ref().map(|other| match &self.switch {
            Some(switch) => format!(" Otherwise: {other}; setting `{switch}`."),
            None => format!(" Otherwise: {other}."),
        });
        let tests = [("hub", &self.hub), ("client", &self.client)]
            .map(|(side, tests)| tests.iter().map(|test| format!("{side}: `{test}`")).collect::<Vec<_>>());
        let (other, sources, tests) =
            (other.unwrap_or_default(), sources.join(", "), tests.concat().join("<br>"));
        format!("| `{id}`: {fact}{other} | {known} | {sources} | {tests} |\n")
    }
}
