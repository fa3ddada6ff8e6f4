//! The check after generating: what would not compile, or refuse what the service sends.

use std::collections::BTreeSet;

use proc_macro2::{Spacing, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::{FnArg, Ident, ImplItem, Item, Pat};

use crate::document::Defect;
use crate::places::Places;
use crate::syntax::methods_of;

/// The crates and modules that the client's crate has; others would not resolve.
const ROOTS: [&str; 11] = [
    "crate",
    "error",
    "progenitor_client",
    "reqwest",
    "schemars",
    "self",
    "serde",
    "serde_json",
    "std",
    "super",
    "types",
];

/// The identifiers of code that refuses values which the service may send.
const CLOSED: [&str; 3] = ["deny_unknown_fields", "untagged", "regress"];

/// Refuses a client with duplicate items, unknown crates or closed types. `open` names the open enums.
pub(crate) fn check(client: &syn::File, open: &BTreeSet<String>, places: &Places) -> Result<(), Defect> {
    for item in &client.items {
        match item {
            Item::Mod(module) if module.ident == "types" => {
                let items = module.content.as_ref().map(|(_, items)| items.as_slice()).unwrap_or_default();
                check_types(items, open, places)?;
            }
            Item::Impl(block) => {
                for item in &block.items {
                    if let ImplItem::Fn(function) = item {
                        check_method(function, places)?;
                    }
                }
            }
            _ => {}
        }
    }
    let methods = methods_of(&client.items, &syn::parse_quote!(Client));
    let names = methods.iter().map(|method| method.sig.ident.to_string());
    duplicate(names).map_or(Ok(()), |name| {
        Err(Defect::new(
            places.of_method(&name),
            format!("gives a second method {name:?}; choose another id"),
        ))
    })
}

fn check_types(items: &[Item], open: &BTreeSet<String>, places: &Places) -> Result<(), Defect> {
    let names = items.iter().filter_map(|item| match item {
        Item::Struct(item) => Some(item.ident.to_string()),
        Item::Enum(item) => Some(item.ident.to_string()),
        _ => None,
    });
    if let Some(name) = duplicate(names) {
        return Err(Defect::new(places.of_type(&name), format!("gives a second type {name:?}; rename one")));
    }
    for item in items {
        let (name, members) = match item {
            Item::Struct(item) => {
                let fields = item.fields.iter().filter_map(|field| field.ident.as_ref());
                (item.ident.to_string(), fields.map(ToString::to_string).collect::<Vec<_>>())
            }
            Item::Enum(item) => {
                let name = item.ident.to_string();
                if !open.contains(&name) {
                    return Err(Defect::new(
                        places.of_type(&name),
                        "gives a type that is closed to new values",
                    ));
                }
                (name, item.variants.iter().map(|variant| variant.ident.to_string()).collect())
            }
            Item::Impl(block) => match &*block.self_ty {
                syn::Type::Path(path) => (path.path.to_token_stream().to_string(), Vec::new()),
                _ => continue,
            },
            _ => continue,
        };
        let place = places.of_type(&name);
        if let Some(member) = duplicate(members.into_iter()) {
            return Err(Defect::new(place, format!("gives {name} a second member {member:?}; rename one")));
        }
        check_tokens(item.to_token_stream(), &place)?;
    }
    check_setters(items, places)
}

/// Refuses a type with two methods of one name, in whatever blocks.
fn check_setters(items: &[Item], places: &Places) -> Result<(), Defect> {
    let mut seen = BTreeSet::new();
    for item in items {
        let Item::Impl(block) = item else { continue };
        let (None, syn::Type::Path(path)) = (&block.trait_, &*block.self_ty) else { continue };
        let Some(owner) = path.path.get_ident().map(ToString::to_string) else { continue };
        for item in &block.items {
            if let ImplItem::Fn(function) = item {
                let method = function.sig.ident.to_string();
                let reason = format!("gives {owner} a second method {method:?}; rename one");
                if !seen.insert((owner.clone(), method)) {
                    return Err(Defect::new(places.of_type(&owner), reason));
                }
            }
        }
    }
    Ok(())
}

fn check_method(function: &syn::ImplItemFn, places: &Places) -> Result<(), Defect> {
    let place = places.of_method(&function.sig.ident.to_string());
    let arguments = function.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(argument) => match &*argument.pat {
            Pat::Ident(pattern) => Some(pattern.ident.to_string()),
            _ => None,
        },
        FnArg::Receiver(_) => None,
    });
    if let Some(argument) = duplicate(arguments) {
        return Err(Defect::new(place, format!("gives two arguments {argument:?}; rename one parameter")));
    }
    check_tokens(function.to_token_stream(), &place)
}

/// Looks for the roots of paths, and for code that refuses values.
fn check_tokens(tokens: TokenStream, place: &str) -> Result<(), Defect> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => check_tokens(group.stream(), place)?,
            TokenTree::Ident(ident) => {
                let name = ident.to_string();
                if CLOSED.contains(&name.as_str()) || name.starts_with("NonZero") {
                    return Err(Defect::new(place, format!("gives a type that refuses values ({name})")));
                }
                let is_root = is_separator(&tokens, index + 1)
                    && !is_lifetime(&tokens, index)
                    && !follows_segment(&tokens, index);
                let is_name =
                    name.starts_with(|c: char| c.is_lowercase()) && syn::parse_str::<Ident>(&name).is_ok();
                if is_root && is_name && !ROOTS.contains(&name.as_str()) {
                    let reason = format!("needs the crate {name:?}, on which the client does not depend");
                    return Err(Defect::new(place, reason));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Returns true if `::` begins at `index`.
fn is_separator(tokens: &[TokenTree], index: usize) -> bool {
    let (Some(TokenTree::Punct(first)), Some(TokenTree::Punct(second))) =
        (tokens.get(index), tokens.get(index + 1))
    else {
        return false;
    };
    first.as_char() == ':' && first.spacing() == Spacing::Joint && second.as_char() == ':'
}

/// Returns true if the identifier at `index` is not the first segment of its path.
fn follows_segment(tokens: &[TokenTree], index: usize) -> bool {
    if index < 3 || !is_separator(tokens, index - 2) {
        return false;
    }
    match &tokens[index - 3] {
        TokenTree::Ident(ident) => {
            let is_name = syn::parse_str::<Ident>(&ident.to_string()).is_ok();
            (is_name || ident == "crate" || ident == "self" || ident == "super" || ident == "Self")
                && !is_lifetime(tokens, index - 3)
        }
        TokenTree::Punct(punct) => punct.as_char() == '>',
        _ => false,
    }
}

/// Returns true if the identifier at `index` names a lifetime.
fn is_lifetime(tokens: &[TokenTree], index: usize) -> bool {
    let before = index.checked_sub(1).map(|before| &tokens[before]);
    matches!(before, Some(TokenTree::Punct(punct)) if punct.as_char() == '\'')
}

fn duplicate(names: impl Iterator<Item = String>) -> Option<String> {
    let mut seen = BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(name.clone()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The audit of a client with this module of types and these methods, in which `Status` is open.
    fn audit(types: &str, methods: &str) -> Result<(), String> {
        let source = format!("pub mod types {{ {types} }} impl Client {{ {methods} }}");
        let spec = json!({
            "paths": { "/jobs": { "get": { "operationId": "listJobs" } } },
            "components": { "schemas": { "Job": {}, "Status": {} } },
        });
        let open = BTreeSet::from(["Status".to_owned()]);
        check(&syn::parse_file(&source).unwrap(), &open, &Places::new(&spec, &[]))
            .map_err(|defect| defect.to_string())
    }

    #[test]
    fn sound_client_passes() {
        let types = "pub struct Job { pub id: ::std::option::Option<types::Status>, pub a: ::serde_json::Value }\n\
                     pub enum Status { On } impl Job { pub fn with_id(self) -> Self { Self::default() } }";
        let method = "pub async fn list_jobs<'a>(&'a self, ids: &'a ::std::vec::Vec<types::Job>) { reqwest::get(ids); }";
        audit(types, method).unwrap();
    }

    #[test]
    fn defects_are_found_at_the_place_in_the_spec() {
        let job = " at .components.schemas.Job: ";
        for (types, methods, message) in [
            ("struct Job {} struct Job {}", "", format!("{job}gives a second type \"Job\"; rename one")),
            ("struct Job { a: u8, a: u8 }", "", format!("{job}gives Job a second member \"a\"; rename one")),
            (
                "struct Job {} impl Job { fn a() {} } impl Job { fn a() {} }",
                "",
                format!("{job}gives Job a second method \"a\"; rename one"),
            ),
            (
                "struct JobId { a: ::uuid::Uuid }",
                "",
                format!("{job}needs the crate \"uuid\", on which the client does not depend"),
            ),
            ("enum JobKind { A }", "", format!("{job}gives a type that is closed to new values")),
            (
                "#[serde(deny_unknown_fields)] struct Job {}",
                "",
                format!("{job}gives a type that refuses values (deny_unknown_fields)"),
            ),
            (
                "struct Job { a: ::std::num::NonZeroU64 }",
                "",
                format!("{job}gives a type that refuses values (NonZeroU64)"),
            ),
            (
                "",
                "async fn list_jobs(&self, a: u8, a: u8) {}",
                " at .paths[\"/jobs\"].get: gives two arguments \"a\"; rename one parameter".to_owned(),
            ),
            (
                "",
                "fn list_jobs() {} fn list_jobs() {}",
                " at .paths[\"/jobs\"].get: gives a second method \"list_jobs\"; choose another id"
                    .to_owned(),
            ),
            (
                "",
                "fn list_jobs() { futures::stream::iter(a) }",
                " at .paths[\"/jobs\"].get: needs the crate \"futures\", on which the client does not depend"
                    .to_owned(),
            ),
        ] {
            assert_eq!(audit(types, methods), Err(message), "{types} {methods}");
        }
    }
}
