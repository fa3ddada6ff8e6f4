//! `cargo xtask regen`: the typed client, written from the spec, and what that means for users.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use similar::TextDiff;

use crate::by_hand;
use crate::outcome::Outcome;
use crate::pages::{self, StalePage};
use crate::render::{Rendered, render};
use crate::spec::Spec;
use crate::surface::{HandWritten, Report, Surface, compare};
use crate::workspace::{CLIENT, SPEC};

const REMEDY: &str = "`cargo xtask regen` brings it up to date";

/// The options of the command.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Write nothing, and report a stale client.
    pub(crate) check: bool,
    /// The git revision whose client is compared; without one, the client in the working tree.
    pub(crate) against: Option<String>,
}

/// Renders the client of the workspace at `root`, and writes it unless told otherwise.
pub(crate) fn run(root: &Path, options: &Options) -> Result<Outcome, Box<dyn Error>> {
    let start = Instant::now();
    let found = fs::read_to_string(root.join(CLIENT)).unwrap_or_default();
    let previous = match &options.against {
        Some(revision) => read_revision(root, revision)?,
        None => found.clone(),
    };
    let rendered = Spec::read(&root.join(SPEC)).and_then(|spec| render(&spec));
    let rendered = rendered.map_err(|defects| {
        let lines: Vec<String> = defects.to_string().lines().map(|line| format!("{SPEC}{line}")).collect();
        lines.join("\n")
    })?;
    let report = consequences(root, &previous, &rendered)?;
    let run = Run { options, found, stale_pages: pages::stale(root)?, rendered, report, start };
    if !options.check {
        write(root, CLIENT, &run.rendered.source)?;
        for StalePage { file, text, .. } in &run.stale_pages {
            write(root, file, text)?;
        }
    }
    let text = run.to_text();
    let is_stale = run.is_client_stale() || !run.stale_pages.is_empty();
    Ok(if options.check && is_stale { Outcome::Difference(text) } else { Outcome::Success(text) })
}

fn write(root: &Path, file: &str, text: &str) -> Result<(), String> {
    fs::write(root.join(file), text).map_err(|error| format!("{file} cannot be written: {error}"))
}

/// A run of the command, for its report.
struct Run<'a> {
    options: &'a Options,
    /// The client before the run.
    found: String,
    stale_pages: Vec<StalePage>,
    rendered: Rendered,
    report: Report,
    start: Instant,
}

impl Run<'_> {
    fn is_client_stale(&self) -> bool {
        self.found != self.rendered.source
    }

    fn to_text(&self) -> String {
        let pages = self.stale_pages.iter().map(|StalePage { file, source, .. }| {
            if self.options.check {
                format!("{file} does not show {source}: {REMEDY}\n")
            } else {
                format!("wrote the tables in {file}\n")
            }
        });
        format!("{}{}\n{}", pages.collect::<String>(), self.client(), self.report)
    }

    /// What became of the client.
    fn client(&self) -> String {
        let Rendered { source, operations, types, .. } = &self.rendered;
        if self.options.check && !self.is_client_stale() {
            return format!("{CLIENT} is up to date with {SPEC}");
        }
        if self.options.check {
            return format!("{CLIENT} is stale\n\n{}\n{REMEDY}", diff(&self.found, source));
        }
        let (lines, milliseconds) = (source.lines().count(), self.start.elapsed().as_millis());
        let size = format!("{operations} operations, {types} types, {lines} lines in {milliseconds} ms");
        format!("wrote {CLIENT}: {size}")
    }
}

/// Compares the previous client with the new one, and lists what is left to do by hand.
fn consequences(root: &Path, previous: &str, rendered: &Rendered) -> Result<Report, String> {
    let before = match Surface::read(previous) {
        Ok(before) => before,
        // Such as one with the marks of a merge conflict.
        Err(reason) => return Ok(Report { unknown: Some(reason), ..Report::default() }),
    };
    let changes = compare(&before, &rendered.surface, &rendered.places);
    let mut tasks = HandWritten::read(root, CLIENT).tasks(&changes, &rendered.surface);
    tasks.extend(by_hand::tasks(root, &changes)?);
    Ok(Report { unknown: None, changes, tasks, version: env!("CARGO_PKG_VERSION").to_owned() })
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

/// Compares two sources as a unified diff.
fn diff(found: &str, expected: &str) -> String {
    let (before, after) = ("found in jobs-api/src/generated.rs", "rendered from spec/openapi.json");
    TextDiff::from_lines(found, expected).unified_diff().header(before, after).to_string()
}

#[cfg(test)]
mod tests;
