//! The layer written by hand: where it names what an update changes.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

use super::changes::{Change, Class};

/// A place in the hand-written code that names a changed item.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Use {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) item: String,
    pub(crate) text: &'static str,
}

/// The identifiers of the hand-written code, by file.
pub(crate) struct HandWritten {
    files: Vec<(String, Vec<Word>)>,
}

/// An identifier with what is before it.
struct Word {
    text: String,
    line: usize,
    /// The identifier before `::`, or `.` after a dot.
    before: Option<String>,
    /// The identifier follows `fn`.
    is_definition: bool,
    /// The identifier is called, or begins a path.
    is_called: bool,
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
            let tokens: TokenStream = fs::read_to_string(&path).ok()?.parse().ok()?;
            let mut words = Vec::new();
            collect_words(tokens, &mut words);
            (name != generated).then_some((name, words))
        });
        Self { files: files.collect() }
    }

    /// Returns true if the code defines a function of this name.
    #[cfg(test)]
    pub(crate) fn defines(&self, name: &str) -> bool {
        self.files.iter().flat_map(|(_, words)| words).any(|word| word.is_definition && word.text == name)
    }

    /// Finds where the code names what is gone, breaks, or is now defined by the generated code too.
    pub(crate) fn uses(&self, changes: &[Change]) -> Vec<Use> {
        let mut uses = Vec::new();
        for change in changes {
            let (owner, name) = split(&change.item);
            for (file, words) in &self.files {
                let names_owner = owner.is_none_or(|owner| words.iter().any(|word| word.text == owner));
                for word in words.iter().filter(|word| names_owner && word.text == name) {
                    let text = match change.class {
                        // Within the crate, a struct that may grow can still be built as a literal.
                        Class::Breaking if !change.is_growth && is_use(word, &change.item, owner) => {
                            "names it"
                        }
                        Class::Additive if word.is_definition && change.item.contains("::") => {
                            "defines it too"
                        }
                        _ => continue,
                    };
                    let (file, item) = (file.clone(), change.item.clone());
                    uses.push(Use { file, line: word.line, item, text });
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

fn is_use(word: &Word, item: &str, owner: Option<&str>) -> bool {
    if item.contains(": ") {
        return false;
    }
    match owner {
        // A field: after a dot, in a literal or in a pattern.
        Some(_) if item.contains('.') => !word.is_definition && !word.is_called,
        Some(owner) => {
            let before = word.before.as_deref();
            before == Some(owner) || before == Some("Self") || before == Some(".")
        }
        None => !word.is_definition,
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

fn collect_words(tokens: TokenStream, words: &mut Vec<Word>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => collect_words(group.stream(), words),
            TokenTree::Ident(ident) => {
                let previous = index.checked_sub(1).map(|before| &tokens[before]);
                let before = match previous {
                    Some(TokenTree::Punct(punct)) if punct.as_char() == '.' => Some(".".to_owned()),
                    Some(TokenTree::Punct(punct)) if punct.as_char() == ':' => {
                        index.checked_sub(3).and_then(|before| match &tokens[before] {
                            TokenTree::Ident(ident) => Some(ident.to_string()),
                            _ => None,
                        })
                    }
                    _ => None,
                };
                let is_definition = matches!(previous, Some(TokenTree::Ident(word)) if word == "fn");
                let is_called = match tokens.get(index + 1) {
                    Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Parenthesis,
                    Some(TokenTree::Punct(punct)) => {
                        punct.as_char() == ':' && punct.spacing() == Spacing::Joint
                    }
                    _ => false,
                };
                let line = ident.span().start().line;
                words.push(Word { text: ident.to_string(), line, before, is_definition, is_called });
            }
            _ => {}
        }
    }
}
