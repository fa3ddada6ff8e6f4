//! `cargo xtask regen`: the typed client, written from the spec, and what that means for users.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::json;
use similar::TextDiff;

use crate::facts_page;
use crate::outcome::Outcome;
use crate::render::{Rendered, render};
use crate::spec::{Spec, SpecError};
use crate::surface::{HandWritten, Report, Surface, compare};
use crate::upstream::deviations;
use crate::workspace::{CLIENT, DEVIATIONS, FACTS, FACTS_PAGE, README, SPEC};

const REMEDY: &str = "`cargo xtask regen` brings it up to date";

/// The options of the command.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Write nothing, and report a stale client.
    pub(crate) check: bool,
    /// Write nothing, and report the changes.
    pub(crate) dry_run: bool,
    /// Report as JSON.
    pub(crate) json: bool,
    /// The git revision whose client is compared; without one, the client in the working tree.
    pub(crate) against: Option<String>,
}

/// Renders the client of the workspace at `root`, and writes it unless told otherwise.
pub(crate) fn run(root: &Path, options: &Options) -> Result<Outcome, Box<dyn Error>> {
    let start = Instant::now();
    let file = root.join(CLIENT);
    let found = fs::read_to_string(&file).unwrap_or_default();
    let previous = match &options.against {
        Some(revision) => read_revision(root, revision)?,
        None => found.clone(),
    };
    let rendered = Spec::read(&root.join(SPEC)).and_then(|spec| render(&spec));
    let rendered = rendered.map_err(|defect| SpecError { file: SPEC.into(), defect })?;
    let report = consequences(root, &previous, &rendered)?;
    let writes = !options.check && !options.dry_run;
    let pages = stale_pages(root)?;
    if writes {
        fs::write(&file, &rendered.source).map_err(|error| format!("{CLIENT} cannot be written: {error}"))?;
        for Page { file, text, .. } in &pages {
            fs::write(root.join(file), text).map_err(|error| format!("{file} cannot be written: {error}"))?;
        }
    }
    let stale = diff(&found, &rendered.source).filter(|_| options.check);
    let has_stale_page = options.check && !pages.is_empty();
    let text = if options.json {
        let mut summary = report.to_json();
        summary["written"] = json!(writes);
        summary["stale"] = json!(found != rendered.source && !writes);
        let files = pages.iter().filter(|_| !writes).map(|page| page.file);
        summary["stale_pages"] = files.collect();
        summary["operations"] = json!(rendered.operations);
        summary["types"] = json!(rendered.types);
        summary["milliseconds"] = json!(start.elapsed().as_millis());
        format!("{summary:#}")
    } else {
        let head = match &stale {
            Some(diff) => format!("{CLIENT} is stale\n\n{diff}\n{REMEDY}"),
            None => summary(&rendered, &found, options, start),
        };
        let pages = pages.iter().map(|Page { file, source, .. }| match (options.check, writes) {
            (true, _) => format!("{file} does not show {source}: {REMEDY}\n"),
            (false, true) => format!("wrote the tables in {file}\n"),
            (false, false) => format!("would write the tables in {file}\n"),
        });
        let pages: String = pages.collect();
        format!("{pages}{head}\n{report}")
    };
    Ok(if stale.is_some() || has_stale_page { Outcome::Difference(text) } else { Outcome::Success(text) })
}

fn summary(rendered: &Rendered, found: &str, options: &Options, start: Instant) -> String {
    let Rendered { source, operations, types, .. } = rendered;
    let lines = source.lines().count();
    let milliseconds = start.elapsed().as_millis();
    let size = format!("{operations} operations, {types} types, {lines} lines in {milliseconds} ms");
    match (options.check || options.dry_run, found == source) {
        (false, _) => format!("wrote {CLIENT}: {size}"),
        (true, true) => format!("{CLIENT} is up to date with {SPEC}"),
        (true, false) => format!("would write {CLIENT}: {size}"),
    }
}

/// Compares the previous client with the new one, and finds what concerns the hand-written code.
fn consequences(root: &Path, previous: &str, rendered: &Rendered) -> Result<Report, Box<dyn Error>> {
    let unreadable = |error| format!("the previous {CLIENT} is no Rust source: {error}");
    let before = Surface::read(previous).map_err(unreadable)?;
    let changes = compare(&before, &Surface::read(&rendered.source)?, &rendered.places);
    let uses = HandWritten::read(root, CLIENT).uses(&changes);
    Ok(Report { changes, uses, version: env!("CARGO_PKG_VERSION").to_owned() })
}

/// A page with tables that are not those of their source.
struct Page {
    file: &'static str,
    source: &'static str,
    text: String,
}

/// The pages of the spec that are to be written anew.
fn stale_pages(root: &Path) -> Result<Vec<Page>, String> {
    let readme = stale_page(root, README, DEVIATIONS, |page| {
        Ok(deviations::with_table(page, &deviations::read(root)?))
    })?;
    let facts = stale_page(root, FACTS_PAGE, FACTS, |page| facts_page::with_tables(page, root))?;
    Ok(readme.into_iter().chain(facts).collect())
}

/// The page with current tables; none if it is up to date, or has none.
fn stale_page(
    root: &Path,
    file: &'static str,
    source: &'static str,
    with_tables: impl FnOnce(&str) -> Result<Option<String>, String>,
) -> Result<Option<Page>, String> {
    let Ok(found) = fs::read_to_string(root.join(file)) else { return Ok(None) };
    let text = with_tables(&found)?.filter(|text| *text != found);
    Ok(text.map(|text| Page { file, source, text }))
}

/// Reads the client of a git revision.
fn read_revision(root: &Path, revision: &str) -> Result<String, Box<dyn Error>> {
    let object = format!("{revision}:{CLIENT}");
    let output = Command::new("git").arg("-C").arg(root).args(["show", "--end-of-options", &object]).output();
    let output = output.map_err(|error| format!("git cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("the revision {revision:?} has no {CLIENT}: {reason}").into())
}

/// Compares two sources as a unified diff; none if they are the same.
fn diff(found: &str, expected: &str) -> Option<String> {
    let diff = TextDiff::from_lines(found, expected);
    (found != expected).then(|| {
        diff.unified_diff()
            .header("found in jobs-api/src/generated.rs", "rendered from spec/openapi.json")
            .to_string()
    })
}

#[cfg(test)]
mod tests;
