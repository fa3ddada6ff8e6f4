//! The pages of the spec: their parts that are written from data.

use std::fs;
use std::path::Path;

use crate::upstream::deviations;
use crate::workspace::{BY_HAND, DEVIATIONS, FACTS, FACTS_PAGE, README};
use crate::{by_hand, facts_page};

/// The end of a part that is written from data.
const END: &str = "<!-- End. -->";

/// A part of a page: its source, and what writes it.
struct Part {
    page: &'static str,
    source: &'static str,
    write: fn(&Path) -> Result<String, String>,
}

const PARTS: [Part; 3] = [
    Part { page: README, source: BY_HAND, write: by_hand::table },
    Part { page: README, source: DEVIATIONS, write: deviations::table },
    Part { page: FACTS_PAGE, source: FACTS, write: facts_page::tables },
];

/// A page with a part that is not that of its source.
pub(crate) struct StalePage {
    pub(crate) file: &'static str,
    pub(crate) source: &'static str,
    /// The page as it should be.
    pub(crate) text: String,
}

/// The pages of the workspace at `root` that are to be written anew. A page without a place for a part has none.
pub(crate) fn stale(root: &Path) -> Result<Vec<StalePage>, String> {
    let mut stale: Vec<StalePage> = Vec::new();
    for Part { page, source, write } in PARTS {
        let written = stale.last().filter(|other| other.file == page).map(|other| other.text.clone());
        let Some(found) = written.or_else(|| fs::read_to_string(root.join(page)).ok()) else { continue };
        let name = source.rsplit('/').next().unwrap_or(source);
        let begin = format!("<!-- Written by `cargo xtask regen` from {name}. -->\n");
        let Some((before, rest)) = found.split_once(&begin) else { continue };
        let Some((_, after)) = rest.split_once(END) else { continue };
        let text = format!("{before}{begin}{}\n{END}{after}", write(root)?);
        if text != found {
            stale.push(StalePage { file: page, source, text });
        }
    }
    Ok(stale)
}
