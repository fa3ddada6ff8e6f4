//! `cargo xtask regen`: the typed client, written from the spec, and what that means for users.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::json;
use similar::TextDiff;

use crate::outcome::Outcome;
use crate::render::{Rendered, render};
use crate::spec::Spec;
use crate::surface::{HandWritten, Report, Surface, compare};
use crate::upstream::deviations;
use crate::workspace::{CLIENT, DEVIATIONS, README, SPEC};

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
    let rendered = rendered.map_err(|defect| format!("{SPEC}{defect}"))?;
    let report = consequences(root, &previous, &rendered)?;
    let writes = !options.check && !options.dry_run;
    let readme = stale_readme(root)?;
    if writes {
        fs::write(&file, &rendered.source).map_err(|error| format!("{CLIENT} cannot be written: {error}"))?;
        if let Some(readme) = &readme {
            fs::write(root.join(README), readme)
                .map_err(|error| format!("{README} cannot be written: {error}"))?;
        }
    }
    let stale = diff(&found, &rendered.source).filter(|_| options.check);
    let stale_readme = options.check && readme.is_some();
    let text = if options.json {
        let mut summary = report.to_json();
        summary["written"] = json!(writes);
        summary["stale"] = json!(found != rendered.source && !writes);
        summary["stale_readme"] = json!(readme.is_some() && !writes);
        summary["operations"] = json!(rendered.operations);
        summary["types"] = json!(rendered.types);
        summary["milliseconds"] = json!(start.elapsed().as_millis());
        format!("{summary:#}")
    } else {
        let head = match &stale {
            Some(diff) => format!("{CLIENT} is stale\n\n{diff}\n{REMEDY}"),
            None => summary(&rendered, &found, options, start),
        };
        let readme = match (stale_readme, readme.is_some()) {
            (true, _) => format!("the table in {README} is not that of {DEVIATIONS}: {REMEDY}\n"),
            (false, true) if writes => format!("wrote the table in {README}\n"),
            (false, true) => format!("would write the table in {README}\n"),
            (false, false) => String::new(),
        };
        format!("{readme}{head}\n{report}")
    };
    Ok(if stale.is_some() || stale_readme { Outcome::Difference(text) } else { Outcome::Success(text) })
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
fn consequences(root: &Path, previous: &str, rendered: &Rendered) -> Result<Report, String> {
    let before =
        Surface::read(previous).map_err(|error| format!("the previous {CLIENT} cannot be read: {error}"))?;
    let changes = compare(&before, &rendered.surface, &rendered.places);
    let uses = HandWritten::read(root, CLIENT).uses(&changes);
    Ok(Report { changes, uses, version: env!("CARGO_PKG_VERSION").to_owned() })
}

/// The README of the spec with the current table of deviations; none if it is up to date, or has none.
fn stale_readme(root: &Path) -> Result<Option<String>, String> {
    let Ok(readme) = fs::read_to_string(root.join(README)) else { return Ok(None) };
    let current = deviations::with_table(&readme, &deviations::read(root)?);
    Ok(current.filter(|current| *current != readme))
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
