//! The consequences of an update, as text and as JSON.

use std::fmt;

use super::changes::{Change, Class};
use super::layer::Task;

/// The width up to which the places of changes are aligned.
const WIDTH: usize = 60;

/// The changes for users, and what a person must look at because of them.
#[derive(Default)]
pub(crate) struct Report {
    /// The reason why the previous client cannot be read, and the changes are not known.
    pub(crate) unknown: Option<String>,
    pub(crate) changes: Vec<Change>,
    pub(crate) tasks: Vec<Task>,
    /// The version of the workspace.
    pub(crate) version: String,
}

impl Report {
    /// The version that the changes ask for; none if nothing changes.
    fn next_version(&self) -> Option<String> {
        let class = self.changes.iter().map(|change| change.class).min()?;
        let numbers: Vec<u64> = self.version.split('.').filter_map(|number| number.parse().ok()).collect();
        let &[major, minor, patch] = numbers.as_slice() else { return None };
        Some(match (class, major) {
            (Class::Breaking | Class::Behaviour, 0) => format!("0.{}.0", minor + 1),
            (Class::Breaking | Class::Behaviour, _) => format!("{}.0.0", major + 1),
            (Class::Additive, 1..) => format!("{major}.{}.0", minor + 1),
            _ => format!("{major}.{minor}.{}", patch + 1),
        })
    }

    /// The entry of the changelog: a heading for each kind of change, a line for each item.
    fn changelog(&self) -> String {
        let mut entry: Vec<String> = Vec::new();
        for heading in ["Removed", "Changed", "Added"] {
            let changes = self.changes.iter().filter(|change| change.heading() == Some(heading));
            let lines: Vec<String> = changes.map(Change::entry).collect();
            entry.extend((!lines.is_empty()).then(|| format!("### {heading}")));
            entry.extend(lines);
        }
        entry.join("\n")
    }

    /// Lists the places by hand, one line for all items of one reason.
    fn fmt_tasks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = self.tasks.chunk_by(|one, other| {
            (&one.file, one.line, &one.reason) == (&other.file, other.line, &other.reason)
        });
        groups.into_iter().try_for_each(|group| {
            let Task { file, line, reason, .. } = &group[0];
            let items: Vec<&str> = group.iter().map(|task| task.item.as_str()).collect();
            write!(f, "\n{file}:{line} {reason} ({})", items.join(", "))
        })
    }
}

impl Change {
    /// The heading in the changelog; none for what users need not know.
    fn heading(&self) -> Option<&'static str> {
        match self.class {
            _ if self.is_gone => Some("Removed"),
            Class::Breaking | Class::Behaviour => Some("Changed"),
            Class::Additive => Some("Added"),
            Class::Untyped | Class::Unused | Class::Docs => None,
        }
    }

    /// The line in the changelog.
    fn entry(&self) -> String {
        let text = if self.is_gone { "" } else { self.text.as_str() };
        format!("- `{}` {text}", self.item).trim_end().to_owned()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(reason) = &self.unknown {
            let unknown = "what changes for users is unknown: the previous client cannot be read";
            return write!(f, "{unknown}: {reason}; `--against HEAD` compares with a revision");
        }
        let Some(version) = self.next_version() else { return f.write_str("nothing changes for users") };
        for change in self.changes.iter().filter(|change| change.class != Class::Docs) {
            writeln!(f, "{:<10} {:<WIDTH$} {}", change.class.name(), change.sentence(), change.place)?;
        }
        let docs = self.changes.iter().filter(|change| change.class == Class::Docs).count();
        if docs > 0 {
            writeln!(f, "{:<10} {docs} of the descriptions", "docs")?;
        }
        let entry = self.changelog();
        let heading = if entry.is_empty() { "no CHANGELOG entry" } else { "next CHANGELOG entry:\n" };
        write!(f, "→ {version:<8} {heading}{entry}")?;
        if !self.tasks.is_empty() {
            f.write_str("\n→ by hand:")?;
        }
        self.fmt_tasks(f)
    }
}
