//! The steps that an update leaves to a person: data, which the list of `regen` and a table of the papers show.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::patterns::matches;
use crate::surface::{Change, Task};
use crate::workspace::{BY_HAND, read_data};

/// A place that an update of its kind concerns.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// What changes: patterns of items, such as `JobStatus::*`.
    when: Vec<String>,
    file: String,
    /// A text in the line to look at.
    at: String,
    what: String,
}

/// Lists the places that `changes` concern, in the order of the steps.
pub(crate) fn tasks(root: &Path, changes: &[Change]) -> Result<Vec<Task>, String> {
    let steps: Vec<Step> = read_data(root, BY_HAND)?;
    let tasks = steps.iter().flat_map(|step| {
        let line = step.line(root).unwrap_or(1);
        let concerned = changes.iter().filter(|change| step.concerns(change));
        concerned.map(move |change| Task {
            file: step.file.clone(),
            line,
            reason: step.what.clone(),
            item: change.item.clone(),
        })
    });
    Ok(tasks.collect())
}

/// The rows of the table of the steps.
pub(crate) fn table(root: &Path) -> Result<String, String> {
    let steps: Vec<Step> = read_data(root, BY_HAND)?;
    let row = |Step { when, file, at, what }: &Step| {
        format!("| `{}` | `{file}`, `{at}` | {what} |\n", when.join("`, `"))
    };
    let rows: String = steps.iter().map(row).collect();
    Ok(format!("\n| when this changes | place | what |\n|---|---|---|\n{rows}"))
}

impl Step {
    fn concerns(&self, change: &Change) -> bool {
        let subject = change.subject();
        subject.is_some_and(|subject| self.when.iter().any(|pattern| matches(pattern, &subject)))
    }

    /// The number of the line to look at.
    fn line(&self, root: &Path) -> Option<usize> {
        let text = fs::read_to_string(root.join(&self.file)).ok()?;
        text.lines().position(|line| line.contains(&self.at)).map(|index| index + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::repository;

    #[test]
    fn every_step_leads_to_a_line() {
        let steps: Vec<Step> = read_data(&repository(), BY_HAND).unwrap();
        let lost = steps.iter().filter(|step| step.line(&repository()).is_none());
        let lost: Vec<String> =
            lost.map(|step| format!("{} has no line with {:?}", step.file, step.at)).collect();
        assert!(lost.is_empty(), "{lost:#?}");
    }
}
