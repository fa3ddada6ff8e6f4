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
        let headings = [
            ("Removed", Class::Breaking, true),
            ("Changed", Class::Breaking, false),
            ("Changed", Class::Behaviour, false),
            ("Added", Class::Additive, false),
        ];
        let mut entry: Vec<String> = Vec::new();
        for (heading, class, is_gone) in headings {
            for change in
                self.changes.iter().filter(|change| change.class == class && change.is_gone == is_gone)
            {
                let heading = format!("### {heading}");
                if !entry.contains(&heading) {
                    entry.push(heading);
                }
                let text = if is_gone || change.text.is_empty() { "" } else { " " };
                let words = if is_gone { "" } else { change.text.as_str() };
                entry.push(format!("- `{}`{text}{words}", change.item));
            }
        }
        entry.join("\n")
    }

    pub(crate) fn to_json(&self) -> Value {
        let changes = self.changes.iter().map(|change| {
            json!({
                "class": change.class.as_str(),
                "item": change.item,
                "change": change.text,
                "place": change.place,
            })
        });
        let uses = self.uses.iter().map(|place| {
            json!({ "file": place.file, "line": place.line, "item": place.item, "reason": place.text })
        });
        json!({
            "version": self.version,
            "next_version": self.next_version(),
            "changes": changes.collect::<Vec<_>>(),
            "hand_written": uses.collect::<Vec<_>>(),
            "changelog": self.changelog(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(version) = self.next_version() else { return f.write_str("nothing changes for users") };
        for change in self.changes.iter().filter(|change| change.class != Class::Docs) {
            writeln!(f, "{:<10} {:<WIDTH$} {}", change.class.as_str(), change.sentence(), change.place)?;
            let mut files: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
            for place in self.uses.iter().filter(|place| place.item == change.item) {
                files.entry((&place.file, place.text)).or_default().push(place.line.to_string());
            }
            for ((file, text), lines) in files {
                writeln!(f, "{:<10}   {file}:{} {text}", "", lines.join(", "))?;
            }
        }
        match self.changes.iter().filter(|change| change.class == Class::Docs).count() {
            0 => {}
            1 => writeln!(f, "{:<10} 1 description", "docs")?,
            count => writeln!(f, "{:<10} {count} descriptions", "docs")?,
        }
        let entry = self.changelog();
        if entry.is_empty() {
            return write!(f, "→ {version:<8} no CHANGELOG entry");
        }
        write!(f, "→ {version:<8} next CHANGELOG entry:\n{entry}")
    }
}
