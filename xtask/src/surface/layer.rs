//! The code written by hand: where it names what an update changes.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::changes::{Change, Class};
use super::items::Surface;

/// The folders of code that uses the client, and one in them that does not.
const FOLDERS: [&str; 4] = ["jobs-api/src", "jobs-api/examples", "jobs-api/benches", "tests"];
const FOREIGN: &str = "tests/emulator";

/// A place that a person must look at because of a change.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Task {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) reason: String,
    /// The item that changed.
    pub(crate) item: String,
}

/// The hand-written code as tokens, by file.
pub(crate) struct HandWritten {
    files: Vec<(String, Vec<Token>)>,
}

struct Token {
    text: String,
    line: usize,
    /// The type in whose `impl` block the token is.
    owner: Option<String>,
}

impl HandWritten {
    /// Reads the code that uses the client in the workspace at `root`, except `generated`.
    pub(crate) fn read(root: &Path, generated: &str) -> Self {
        let mut paths = Vec::new();
        FOLDERS.iter().for_each(|folder| collect_sources(&root.join(folder), &mut paths));
        let files = paths.into_iter().filter_map(|path| {
            let name = path.strip_prefix(root).ok()?.to_string_lossy().replace('\\', "/");
            let is_foreign = name == generated || name.starts_with(FOREIGN);
            let text = Some(path).filter(|_| !is_foreign).and_then(|path| fs::read_to_string(path).ok())?;
            let mut tokens = Vec::new();
            collect_tokens(text.parse().ok()?, None, &mut tokens);
            Some((name, tokens))
        });
        Self { files: files.collect() }
    }

    /// Finds the places that the changes to the client `after` them concern.
    pub(crate) fn tasks(&self, changes: &[Change], after: &Surface) -> Vec<Task> {
        let mut tasks = Vec::new();
        for change in changes {
            let value = after.value(&change.item).map(|value| format!("{value:?}"));
            for (file, tokens) in &self.files {
                let all = (0..tokens.len()).map(|index| Occurrence { tokens, index });
                let concerned = all
                    .filter_map(|found| Some((found.token().line, found.concern(change, value.as_deref())?)));
                tasks.extend(concerned.map(|(line, reason)| Task {
                    file: file.clone(),
                    line,
                    reason: reason.to_owned(),
                    item: change.item.clone(),
                }));
            }
        }
        tasks.sort();
        tasks.dedup();
        tasks
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

impl Occurrence<'_> {
    fn token(&self) -> &Token {
        &self.tokens[self.index]
    }

    /// The text of the token at this distance.
    fn at(&self, distance: isize) -> &str {
        let index = self.index.checked_add_signed(distance);
        index.and_then(|index| self.tokens.get(index)).map_or("", |token| token.text.as_str())
    }

    /// Returns what a change means for this place. `value` is the text of a new value, in quotes.
    fn concern(&self, change: &Change, value: Option<&str>) -> Option<&'static str> {
        let (owner, name) = split(&change.item);
        let is_named = self.token().text == name;
        match change.class {
            Class::Breaking if is_named && self.is_use_of(&change.item) => Some("names it"),
            Class::Additive if !change.text.is_empty() => None,
            Class::Additive if value.is_some_and(|value| self.token().text.contains(value)) => {
                Some("has its text")
            }
            Class::Additive if is_named && self.is_definition_in(owner?) => Some("defines it too"),
            Class::Additive if change.item.contains('.') && self.is_list_of(owner?) => {
                Some("lists the members")
            }
            _ => None,
        }
    }

    fn is_definition(&self) -> bool {
        self.at(-1) == "fn"
    }

    fn is_definition_in(&self, owner: &str) -> bool {
        self.is_definition() && self.token().owner.as_deref() == Some(owner)
    }

    /// Returns true for a literal or a pattern that names every member of the type.
    fn is_list_of(&self, owner: &str) -> bool {
        let Token { text, owner: block, .. } = self.token();
        let is_type = text == owner || text == "Self" && block.as_deref() == Some(owner);
        is_type && self.at(1) == "{" && !["impl", "for", ">"].contains(&self.at(-1))
    }

    /// Returns true if the name is used for the item, as far as the tokens around it tell.
    fn is_use_of(&self, item: &str) -> bool {
        match split(item).0 {
            // A derived trait has no name of its own in the code.
            _ if item.contains(": ") => false,
            // A field: after a dot, in a literal or in a pattern.
            Some(owner) if item.contains('.') => {
                let is_called = self.at(1) == "(" || self.at(1) == ":" && self.at(2) == ":";
                let is_owner_named = self.tokens.iter().any(|token| token.text == owner);
                is_owner_named && !self.is_definition() && !is_called
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

/// Collects the tokens in the order of the text; of a group what opens it, the content, and a parenthesis. Braces with
/// `..` in them open otherwise than those of a literal or a pattern that names every member.
fn collect_tokens(stream: TokenStream, owner: Option<&str>, tokens: &mut Vec<Token>) {
    let stream: Vec<TokenTree> = stream.into_iter().collect();
    for (index, token) in stream.iter().enumerate() {
        let line = token.span().start().line;
        let mut add = |text: String| tokens.push(Token { text, line, owner: owner.map(str::to_owned) });
        match token {
            TokenTree::Group(group) => {
                match group.delimiter() {
                    Delimiter::Parenthesis => add("(".to_owned()),
                    Delimiter::Brace if has_rest(group.stream()) => add("{..".to_owned()),
                    Delimiter::Brace => add("{".to_owned()),
                    Delimiter::Bracket | Delimiter::None => {}
                }
                let block = owner_of_block(&stream[..index]);
                collect_tokens(group.stream(), block.as_deref().or(owner), tokens);
                tokens.push(Token { text: ")".to_owned(), line, owner: None });
            }
            token => add(token.to_string()),
        }
    }
}

/// Returns true for the content of a literal or a pattern that has `..`.
fn has_rest(content: TokenStream) -> bool {
    let tokens: Vec<String> = content.into_iter().map(|token| token.to_string()).collect();
    tokens.windows(2).any(|pair| pair == [".", "."])
}

/// The type of an `impl` block, from the tokens before its braces.
fn owner_of_block(before: &[TokenTree]) -> Option<String> {
    match before {
        [.., TokenTree::Ident(word), TokenTree::Ident(owner)] if word == "impl" || word == "for" => {
            Some(owner.to_string())
        }
        _ => None,
    }
}
