//! The consequences of an update, as text and as JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use super::changes::{Change, Class};
use super::layer::Use;

/// The width up to which the places of changes are aligned.
const WIDTH: usize = 60;

/// The changes for users, and where the hand-written code is concerned.
pub(crate) struct Report {
    pub(crate) changes: Vec<Change>,
    pub(crate) uses: Vec<Use>,
    /// The version of the workspace.
    pub(crate) version: String,
}

impl Report {
    /// The version that the changes ask for; none if nothing changes.
    pub(crate) fn next_version(&self) -> Option<String> {
        let class = self.changes.iter().map(|change| change.class).min()?;
        let numbers: Vec<u64> = self.version.split('.').filter_map(|number| number.parse().ok()).collect();
        let &[major, minor, patch] = numbers.as_slice() else { return None };
        let next = match (class, major) {
            (Class::Breaking | Class::Behaviour, 0) => format!("0.{}.0", minor + 1),
            (Class::Breaking | Class::Behaviour, _) => format!("{}.0.0", major + 1),
            (Class::Additive, 1..) => format!("{major}.{}.0", minor + 1),
            _ => format!("{major}.{minor}.{}", patch + 1),
        };
        Some(next)
    }

    /// The entry of the changelog: a heading for each kind of change, a line for each item.
    pub(crate) fn changelog(&self) -> String {
        let mut entry: Vec<String> = Vec::new();
        for heading in ["Removed", "Changed", "Added"] {
            let changes = self.changes.iter().filter(|change| change.heading() == Some(heading));
            let lines: Vec<String> = changes.map(Change::entry).collect();
            entry.extend((!lines.is_empty()).then(|| format!("### {heading}")));
            entry.extend(lines);
        }
        entry.join("\n")
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "version": self.version,
            "next_version": self.next_version(),
            "changes": self.changes,
            "hand_written": self.uses,
            "changelog": self.changelog(),
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
            Class::Untyped | Class::Docs => None,
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
        let Some(version) = self.next_version() else { return f.write_str("nothing changes for users") };
        for change in self.changes.iter().filter(|change| change.class != Class::Docs) {
            writeln!(f, "{:<10} {:<WIDTH$} {}", change.class.as_str(), change.sentence(), change.place)?;
            let mut files: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
            for place in self.uses.iter().filter(|place| place.item == change.item) {
                files.entry((&place.file, place.reason)).or_default().push(place.line.to_string());
            }
            for ((file, text), lines) in files {
                writeln!(f, "{:<10}   {file}:{} {text}", "", lines.join(", "))?;
            }
        }
        let docs = self.changes.iter().filter(|change| change.class == Class::Docs).count();
        if docs > 0 {
            writeln!(f, "{:<10} {docs} of the descriptions", "docs")?;
        }
        let entry = self.changelog();
        if entry.is_empty() {
            return write!(f, "→ {version:<8} no CHANGELOG entry");
        }
        write!(f, "→ {version:<8} next CHANGELOG entry:\n{entry}")
    }
}
