//! The deviations that we intend: data with a reason each, and the table of them in spec/README.md.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::workspace::DEVIATIONS;

const BEGIN: &str = "<!-- Written by `cargo xtask regen` from deviations.json. -->\n";
const END: &str = "<!-- End of the deviations. -->";

/// A deviation from the published document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deviation {
    /// The parts of the document, for readers.
    pub(super) place: String,
    /// The published side, for readers.
    published: String,
    /// Our side, for readers.
    here: String,
    /// The reason.
    reason: String,
    /// The facts that differ, with how; both may hold `*` for any text. Empty if no fact can tell.
    pub(super) facts: BTreeMap<String, String>,
}

/// Reads the deviations of the workspace at `root`.
pub(crate) fn read(root: &Path) -> Result<Vec<Deviation>, String> {
    let text = fs::read_to_string(root.join(DEVIATIONS))
        .map_err(|error| format!("{DEVIATIONS}: cannot be read: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("{DEVIATIONS}: {error}"))
}

/// The README with the current table in it; none if it has no place for one.
pub(crate) fn with_table(readme: &str, deviations: &[Deviation]) -> Option<String> {
    let (before, rest) = readme.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{}{END}{after}", table(deviations)))
}

fn table(deviations: &[Deviation]) -> String {
    let head = "\n| place | published | here | why |\n|---|---|---|---|\n".to_owned();
    let rows = deviations
        .iter()
        .map(|row| format!("| {} | {} | {} | {} |\n", row.place, row.published, row.here, row.reason));
    rows.fold(head, |table, row| table + &row) + "\n"
}

/// Returns true if `text` is what `pattern` says, whose `*` stand for any text.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            (0..=text.len()).filter(|end| text.is_char_boundary(*end)).any(|end| matches(rest, &text[end..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::{README, repository};

    #[test]
    fn readme_shows_the_deviations() {
        let readme = fs::read_to_string(repository().join(README)).unwrap();
        let expected = with_table(&readme, &read(&repository()).unwrap()).unwrap();
        assert_eq!(readme, expected, "`cargo xtask regen` brings the table up to date");
    }

    #[test]
    fn patterns_match_any_text() {
        assert!(matches("Job.*", "Job.id") && matches("*", "") && matches("a*c*e", "abcde"));
        assert!(!matches("Job.*", "Jobs.id") && !matches("a", "ab") && !matches("a*c", "abcd"));
    }
}
