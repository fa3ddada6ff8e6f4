//! The deviations that we intend: data with a reason each, and the table of them in spec/README.md.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::workspace::{DEVIATIONS, read_data};

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
pub(super) fn read(root: &Path) -> Result<Vec<Deviation>, String> {
    read_data(root, DEVIATIONS)
}

/// The table of the deviations.
pub(crate) fn table(root: &Path) -> Result<String, String> {
    let rows = read(root)?.into_iter();
    let rows = rows.map(|Deviation { place, published, here, reason, .. }| {
        format!("| {place} | {published} | {here} | {reason} |\n")
    });
    let head = "\n| place | published | here | why |\n|---|---|---|---|\n".to_owned();
    Ok(rows.fold(head, |table, row| table + &row))
}
