//! Imports between the modules of a crate, read from its source.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;

use proc_macro2::{TokenStream, TokenTree};

/// Path of a module below the crate root, which is the empty path.
pub(crate) type ModulePath = Vec<String>;

/// Source of every module file by its path.
pub(crate) type Sources = BTreeMap<ModulePath, String>;

/// A path that a file names: in a `use` declaration, in code, in a macro call or in an attribute.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Import {
    /// The module file that the path leads to.
    pub(crate) module: ModulePath,
    /// The path from the crate root.
    pub(crate) path: Vec<String>,
}

/// Returns what each module file imports from other files of the crate. Comments do not count.
pub(crate) fn read_imports(sources: &Sources) -> BTreeMap<ModulePath, BTreeSet<Import>> {
    let imports_of = |(file, source): (&ModulePath, &String)| {
        let mut scan = Scan { sources, paths: BTreeSet::new() };
        scan.module(TokenStream::from_str(source).unwrap(), file);
        let imports = scan.paths.into_iter().map(|path| Import { module: file_of(sources, &path), path });
        (file.clone(), imports.filter(|import| import.module != *file).collect())
    };
    sources.iter().map(imports_of).collect()
}

/// Returns the module file that declares the last part of `path`.
fn file_of(sources: &Sources, path: &[String]) -> ModulePath {
    let mut module = path;
    while !sources.contains_key(module) {
        module = &module[..module.len() - 1];
    }
    module.to_vec()
}

struct Scan<'a> {
    sources: &'a Sources,
    paths: BTreeSet<Vec<String>>,
}

impl Scan<'_> {
    /// Collects the paths in the body of `module`: the file's own module, or one written inside it.
    fn module(&mut self, tokens: TokenStream, module: &ModulePath) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        // `pub(in crate::module)` is no import.
        let mut next = match tokens.first() {
            Some(TokenTree::Ident(word)) if *word == "in" => tokens.len(),
            _ => 0,
        };
        while next < tokens.len() {
            next = match &tokens[next..] {
                // `mod inner { … }`
                [TokenTree::Ident(word), TokenTree::Ident(name), TokenTree::Group(body), ..]
                    if *word == "mod" =>
                {
                    self.module(body.stream(), &child(module, &name.to_string()));
                    next + 3
                }
                [TokenTree::Ident(_), ..] => self.path(&tokens, next, Vec::new(), module),
                [TokenTree::Group(group), ..] => {
                    self.module(group.stream(), module);
                    next + 1
                }
                // `#[serde(with = "crate::module")]`
                [TokenTree::Literal(literal), ..] => {
                    let text = literal.to_string();
                    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
                    // Not every such text is one: "0x" is the start of a number.
                    if let Some(path) = text.filter(|text| text.split("::").all(is_name))
                        && let Ok(path) = TokenStream::from_str(path)
                    {
                        self.module(path, module);
                    }
                    next + 1
                }
                _ => next + 1,
            };
        }
    }

    /// Collects the path that starts at `start` and continues `path`, and returns the index after it.
    fn path(
        &mut self,
        tokens: &[TokenTree],
        start: usize,
        mut path: Vec<String>,
        module: &ModulePath,
    ) -> usize {
        let mut next = start;
        loop {
            match tokens.get(next) {
                Some(TokenTree::Ident(name)) => path.push(name.to_string()),
                // `use module::{a, b::c}`
                Some(TokenTree::Group(group)) => {
                    self.branches(group.stream(), &path, module);
                    return next + 1;
                }
                // `use module::*`, or generics: `collect::<Vec<_>>`.
                _ => {
                    path.push("*".to_owned());
                    break;
                }
            }
            next += 1;
            if !is_separator(&tokens[next..]) {
                break;
            }
            next += 2;
        }
        self.resolve(&path, module);
        next
    }

    fn branches(&mut self, tokens: TokenStream, path: &[String], module: &ModulePath) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
        for branch in tokens.split(is_comma).filter(|branch| !branch.is_empty()) {
            self.path(branch, 0, path.to_vec(), module);
        }
    }

    /// Records `path` from the crate root, unless it leads to another crate or to a local name.
    fn resolve(&mut self, path: &[String], module: &ModulePath) {
        let (first, rest) = path.split_first().unwrap();
        let start = match first.as_str() {
            "crate" => ModulePath::new(),
            "self" | "super" => module.clone(),
            name if self.sources.contains_key(&child(module, name)) => module.clone(),
            _ => return,
        };
        // `pub(super)`, or a local name.
        if rest.is_empty() {
            return;
        }
        let mut from_root = start;
        for name in path {
            match name.as_str() {
                "super" => drop(from_root.pop()),
                "crate" | "self" => {}
                _ => from_root.push(name.clone()),
            }
        }
        self.paths.insert(from_root);
    }
}

fn child(module: &[String], name: &str) -> ModulePath {
    [module, &[name.to_owned()]].concat()
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|char| char.is_alphanumeric() || char == '_')
}

fn is_separator(tokens: &[TokenTree]) -> bool {
    let is_colon = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':');
    tokens.iter().take(2).filter(|token| is_colon(token)).count() == 2
}
