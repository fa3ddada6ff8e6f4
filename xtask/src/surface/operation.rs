//! The wire of an operation: what its method sends and reads, from its code.

use std::collections::BTreeMap;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::{Expr, ImplItemFn, Lit, Stmt};

/// The facts of the wire by name, such as `request` and `PUT /jobs/{id}`.
pub(super) fn wire_facts(function: &ImplItemFn) -> BTreeMap<&'static str, String> {
    let mut calls = Calls::default();
    calls.collect(function.block.to_token_stream());
    let media_types = calls.of("from_static").filter(|text| text.contains('/'));
    let media_types = media_types.collect::<Vec<_>>().join(", ");
    let mut facts = BTreeMap::from([
        ("request", format!("{} {}", calls.http_method, calls.path)),
        ("query", calls.of("new").collect::<Vec<_>>().join(", ")),
        ("headers", calls.of("append").collect::<Vec<_>>().join(", ")),
        ("media types", media_types),
        ("body", calls.body.clone()),
    ]);
    if let Some(Stmt::Expr(Expr::Match(statuses), _)) = function.block.stmts.last() {
        let patterns = statuses.arms.iter().map(|arm| arm.pat.to_token_stream().to_string());
        let patterns = patterns.map(|pattern| pattern.replace("u16", "").replace(' ', ""));
        let mut patterns: Vec<String> = patterns.filter(|pattern| pattern.starts_with('2')).collect();
        patterns.sort();
        facts.insert("success", patterns.join(" or "));
    }
    facts
}

/// The calls of a method's body that tell what it sends.
#[derive(Default)]
struct Calls {
    http_method: String,
    path: String,
    body: String,
    /// The functions that take a text first, with that text.
    texts: Vec<(String, String)>,
}

impl Calls {
    fn of<'a>(&'a self, function: &'a str) -> impl Iterator<Item = &'a str> {
        self.texts.iter().filter(move |(name, _)| name == function).map(|(_, text)| text.as_str())
    }

    fn collect(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (index, token) in tokens.iter().enumerate() {
            let TokenTree::Group(group) = token else { continue };
            let name = index.checked_sub(1).and_then(|before| match &tokens[before] {
                TokenTree::Ident(ident) => Some(ident.to_string()),
                TokenTree::Punct(punct) if punct.as_char() == '!' => match &tokens[before.checked_sub(1)?] {
                    TokenTree::Ident(ident) => Some(format!("{ident}!")),
                    _ => None,
                },
                _ => None,
            });
            if let (Some(name), Delimiter::Parenthesis) = (name, group.delimiter()) {
                self.record(&name, group.stream());
            }
            self.collect(group.stream());
        }
    }

    fn record(&mut self, name: &str, arguments: TokenStream) {
        match name {
            "get" | "put" | "post" | "delete" | "patch" | "head"
                if arguments.to_string().ends_with("url") =>
            {
                self.http_method = name.to_ascii_uppercase();
            }
            "json" | "form_urlencoded" => self.body = name.to_owned(),
            "body" => self.body = "bytes".to_owned(),
            "format!" if self.path.is_empty() => self.path = path(arguments),
            _ => {
                let text = first_text(arguments);
                self.texts.extend(text.map(|text| (name.to_owned(), text)));
            }
        }
    }
}

/// The path with its arguments, from `"{}/jobs/{}", self.baseurl, encode_path(&id.to_string()),`.
fn path(arguments: TokenStream) -> String {
    let mut tokens = arguments.into_iter();
    let template = tokens.next().and_then(text).unwrap_or_default();
    let groups = tokens.filter_map(|token| match token {
        TokenTree::Group(group) => group.stream().into_iter().find_map(|token| match token {
            TokenTree::Ident(ident) => Some(ident.to_string()),
            _ => None,
        }),
        _ => None,
    });
    let mut parts = template.strip_prefix("{}").unwrap_or(&template).split("{}");
    let start = parts.next().unwrap_or_default().to_owned();
    parts.zip(groups).fold(start, |path, (part, argument)| format!("{path}{{{argument}}}{part}"))
}

fn first_text(arguments: TokenStream) -> Option<String> {
    text(arguments.into_iter().next()?)
}

fn text(token: TokenTree) -> Option<String> {
    match syn::parse2::<Lit>(token.into()).ok()? {
        Lit::Str(text) => Some(text.value()),
        _ => None,
    }
}
