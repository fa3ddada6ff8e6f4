//! The facts of the service: data with sources and tests, and the page that shows them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::workspace::FACTS;

/// The last line of the page that is written by hand.
const BEGIN: &str = "<!-- Written by `cargo xtask regen` from facts.json. -->\n";

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

/// The page with the current facts of the workspace at `root`; none if it has no place for them.
pub(crate) fn with_tables(page: &str, root: &Path) -> Result<Option<String>, String> {
    let Some((head, _)) = page.split_once(BEGIN) else { return Ok(None) };
    let text = fs::read_to_string(root.join(FACTS));
    let text = text.map_err(|error| format!("{FACTS}: cannot be read: {error}"))?;
    let table: Table = serde_json::from_str(&text).map_err(|error| format!("{FACTS}: {error}"))?;
    Ok(Some(format!("{head}{BEGIN}{}", table.to_markdown())))
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
