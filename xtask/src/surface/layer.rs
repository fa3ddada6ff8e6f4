//! The layer written by hand: where it names what an update changes.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use serde::Serialize;

use super::changes::{Change, Class};

/// A place in the hand-written code that names a changed item.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct Use {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) item: String,
    pub(crate) reason: &'static str,
}

/// The hand-written code as tokens, by file.
pub(crate) struct HandWritten {
    files: Vec<(String, Vec<Token>)>,
}

struct Token {
    text: String,
    line: usize,
}

impl HandWritten {
    /// Reads the sources and examples of the client's crate in the workspace at `root`, except `generated`.
    pub(crate) fn read(root: &Path, generated: &str) -> Self {
        let mut paths = Vec::new();
        for folder in ["jobs-api/src", "jobs-api/examples", "jobs-api/benches"] {
            collect_sources(&root.join(folder), &mut paths);
        }
        let files = paths.into_iter().filter_map(|path| {
            let name = path.strip_prefix(root).ok()?.to_string_lossy().replace('\\', "/");
            let mut tokens = Vec::new();
            collect_tokens(fs::read_to_string(&path).ok()?.parse().ok()?, &mut tokens);
            (name != generated).then_some((name, tokens))
        });
        Self { files: files.collect() }
    }

    /// Returns true if the code defines a function of this name.
    #[cfg(test)]
    pub(crate) fn defines(&self, name: &str) -> bool {
        self.files.iter().flat_map(|(_, tokens)| occurrences(tokens, name)).any(|found| found.is_definition())
    }

    /// Finds where the code names what is gone, breaks, or is now defined by the generated code too.
    pub(crate) fn uses(&self, changes: &[Change]) -> Vec<Use> {
        let mut uses = Vec::new();
        for change in changes {
            let (owner, name) = split(&change.item);
            for (file, tokens) in &self.files {
                if owner.is_some_and(|owner| occurrences(tokens, owner).next().is_none()) {
                    continue;
                }
                for found in occurrences(tokens, name) {
                    let reason = match change.class {
                        Class::Breaking if found.is_use_of(&change.item) => "names it",
                        Class::Additive if found.is_definition() && change.item.contains("::") => {
                            "defines it too"
                        }
                        _ => continue,
                    };
                    let line = tokens[found.index].line;
                    uses.push(Use { file: file.clone(), line, item: change.item.clone(), reason });
                }
            }
        }
        uses.sort();
        uses.dedup();
        uses
    }
}

/// The owner and the name of an item: `JobStatus` and `Paused`.
fn split(item: &str) -> (Option<&str>, &str) {
    match item.split_once("::").or_else(|| item.split_once('.')).or_else(|| item.split_once(": ")) {
        Some((owner, name)) => (Some(owner), name),
        None => (None, item),
    }
}

/// A token among others.
struct Occurrence<'a> {
    tokens: &'a [Token],
    index: usize,
}

fn occurrences<'a>(tokens: &'a [Token], text: &'a str) -> impl Iterator<Item = Occurrence<'a>> {
    let found = tokens.iter().enumerate().filter(move |(_, token)| token.text == text);
    found.map(move |(index, _)| Occurrence { tokens, index })
}

impl Occurrence<'_> {
    /// The text of the token at this distance.
    fn at(&self, distance: isize) -> &str {
        let index = self.index.checked_add_signed(distance);
        index.and_then(|index| self.tokens.get(index)).map_or("", |token| token.text.as_str())
    }

    fn is_definition(&self) -> bool {
        self.at(-1) == "fn"
    }

    /// Returns true if the name is used for the item, as far as the tokens around it tell.
    fn is_use_of(&self, item: &str) -> bool {
        match split(item).0 {
            // A derived trait has no name of its own in the code.
            _ if item.contains(": ") => false,
            // A field: after a dot, in a literal or in a pattern.
            Some(_) if item.contains('.') => {
                let is_called = self.at(1) == "(" || self.at(1) == ":" && self.at(2) == ":";
                !self.is_definition() && !is_called
            }
            Some(owner) => {
                let is_qualified = self.at(-1) == ":" && [owner, "Self"].contains(&self.at(-3));
                is_qualified || self.at(-1) == "."
            }
            None => !self.is_definition(),
        }
    }
}

fn collect_sources(folder: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut entries: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect_sources(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// Collects the tokens in the order of the text; of a group only an opening parenthesis and the content.
fn collect_tokens(stream: TokenStream, tokens: &mut Vec<Token>) {
    for token in stream {
        let line = token.span().start().line;
        match token {
            TokenTree::Group(group) => {
                let is_arguments = group.delimiter() == Delimiter::Parenthesis;
                tokens.extend(is_arguments.then(|| Token { text: "(".to_owned(), line }));
                collect_tokens(group.stream(), tokens);
            }
            token => tokens.push(Token { text: token.to_string(), line }),
        }
    }
}
