//! What the `macro_rules` of the crate write where items are expected.
//!
//! The body of the rule is written once for each entry of a call, and each repetition in it once. The first name or
//! type of the entry is filled in; other variables stand for themselves, since no signature needs their values.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use proc_macro2::{Group, TokenStream, TokenTree};
use syn::Macro;
use syn::parse::{Parse, ParseStream, Parser as _};

/// The rules of macros by name.
pub(crate) type Macros = BTreeMap<String, TokenStream>;

/// Returns what a call writes, which may hold an item several times; nothing if the macro is of another crate.
pub(crate) fn expand<T: Parse>(macros: &Macros, call: Macro) -> Vec<T> {
    let name = call.path.segments.last().unwrap().ident.to_string();
    let rule: Vec<TokenTree> = macros.get(&name).cloned().into_iter().flatten().collect();
    let [TokenTree::Group(pattern), _, _, TokenTree::Group(body), ..] = rule.as_slice() else {
        return Vec::new();
    };
    let pattern = pattern.to_string();
    let before = [" : ident", " : ty"].iter().find_map(|kind| pattern.split_once(kind));
    let variable = before.and_then(|(before, _)| before.rsplit(['$', ' ']).next()).unwrap_or_default();
    let separator = if pattern.contains(';') { ";" } else { "," };
    let call: Vec<TokenTree> = call.tokens.into_iter().collect();
    let entries = call.split(|token| token.to_string() == separator);
    let written = entries.filter(|entry| !entry.is_empty() || call.is_empty()).flat_map(|entry| {
        let is_attribute = |token: &String| token.starts_with(['#', '[']);
        let name = entry.iter().map(ToString::to_string).find(|token| !is_attribute(token));
        parse_all.parse2(write(body.stream(), variable, &name.unwrap_or_default())).unwrap()
    });
    written.collect()
}

fn parse_all<T: Parse>(input: ParseStream<'_>) -> syn::Result<Vec<T>> {
    let mut items = Vec::new();
    while !input.is_empty() {
        items.push(input.parse()?);
    }
    Ok(items)
}

fn write(body: TokenStream, variable: &str, value: &str) -> TokenStream {
    let mut written = TokenStream::new();
    let mut body = body.into_iter();
    while let Some(token) = body.next() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '$' => match body.next() {
                Some(TokenTree::Group(repetition)) => {
                    written.extend(write(repetition.stream(), variable, value));
                    // A separator may come before the operator.
                    if !matches!(body.next().unwrap().to_string().as_str(), "*" | "+" | "?") {
                        body.next();
                    }
                }
                Some(name) if name.to_string() == variable => {
                    written.extend(TokenStream::from_str(value).unwrap());
                }
                name => written.extend(name),
            },
            TokenTree::Group(group) => {
                let inner = write(group.stream(), variable, value);
                written.extend([TokenTree::from(Group::new(group.delimiter(), inner))]);
            }
            token => written.extend([token]),
        }
    }
    written
}
