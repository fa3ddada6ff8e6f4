//! `cargo xtask upstream`: our spec held against a published document.

pub(crate) mod deviations;
mod facts;
mod swagger;

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::document::Defect;
use crate::json;
use crate::outcome::Outcome;
use crate::patterns::matches;
use crate::workspace::SPEC;
use deviations::Deviation;
use facts::Facts;

/// Compares the document at `file` with the spec of the workspace at `root`.
pub(crate) fn run(root: &Path, file: &Path) -> Result<Outcome, Box<dyn Error>> {
    let published = read(file, file)?;
    let ours = read(&root.join(SPEC), Path::new(SPEC))?;
    let deviations = deviations::read(root)?;
    Ok(compare(&published, &ours, &deviations))
}

fn read(path: &Path, name: &Path) -> Result<Facts, String> {
    let text = fs::read_to_string(path).map_err(|error| Defect::new("", format!("cannot be read: {error}")));
    let facts = text.and_then(|text| facts::read(&json::parse(&text)?));
    facts.map_err(|defect| format!("{}{defect}", name.display()))
}

/// Lists the differences that no deviation explains, and the deviations that explain none.
fn compare(published: &Facts, ours: &Facts, deviations: &[Deviation]) -> Outcome {
    let facts =
        deviations.iter().flat_map(|deviation| deviation.facts.iter().map(move |fact| (deviation, fact)));
    let mut intended: Vec<_> = facts.map(|(deviation, fact)| (deviation, fact, false)).collect();
    let names: BTreeSet<&String> = published.keys().chain(ours.keys()).collect();
    let mut report = String::new();
    for name in names.into_iter().filter(|name| published.get(*name) != ours.get(*name)) {
        let [theirs, own] = [published, ours].map(|facts| facts.get(name).map_or("none", String::as_str));
        let change = format!("{theirs} → {own}");
        let mut is_intended = false;
        for (_, (fact, how), applies) in &mut intended {
            if matches(fact, name) && matches(how, &change) {
                (is_intended, *applies) = (true, true);
            }
        }
        let _ = match (published.contains_key(name), ours.contains_key(name)) {
            _ if is_intended => Ok(()),
            (true, false) => writeln!(report, "new        {name}: {theirs}"),
            (false, true) => writeln!(report, "gone       {name}: {own}"),
            _ => writeln!(report, "changed    {name}: {change}"),
        };
    }
    for (deviation, (fact, how), _) in intended.iter().filter(|(.., applies)| !applies) {
        let _ = writeln!(report, "obsolete   {}: no difference {fact}: {how}", deviation.place);
    }
    let summary =
        format!("{} facts published, {} here, {} deviations", published.len(), ours.len(), deviations.len());
    if report.is_empty() {
        return Outcome::Success(format!("{summary}; nothing else differs"));
    }
    Outcome::Difference(format!("{report}{summary}"))
}

#[cfg(test)]
mod tests;
