//! The public items of a client, each as a line of text, read from its syntax tree.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Attribute, Expr, Fields, FnArg, ImplItem, ImplItemFn, Item, ItemEnum, ItemImpl, ItemStruct, Lit, PatType,
    ReturnType, Stmt, Type, Visibility,
};

use crate::syntax::{derives, doc_text, has_serde_flag, optional, wire_name};

/// A public item.
#[derive(Default)]
pub(crate) struct PublicItem {
    /// What the compiler checks: a change breaks users.
    pub(super) code: String,
    /// What is sent and read: a change compiles, and behaves differently.
    pub(super) wire: String,
    pub(super) docs: String,
}

impl PublicItem {
    fn new(code: String, wire: String, attributes: &[Attribute]) -> Self {
        Self { code, wire, docs: docs(attributes) }
    }

    pub(super) fn is_type(&self) -> bool {
        self.code.starts_with("a struct") || self.code == "an enum"
    }
}

/// The public items of a client by name, such as `JobResponse.status` and `JobStatus::Paused`.
#[derive(Default)]
pub(crate) struct Surface {
    pub(super) items: BTreeMap<String, PublicItem>,
    /// The variants of each enum, in the order of `KNOWN` and `Ord`.
    pub(super) variants: BTreeMap<String, Vec<String>>,
}

impl Surface {
    /// Reads the items of a client's source.
    pub(crate) fn read(source: &str) -> Result<Self, String> {
        let client = syn::parse_file(source).map_err(|error| error.to_string())?;
        Self::of(&client).map_err(|item| format!("it has two {item}"))
    }

    /// Reads the items of a client; the error is the name of one that is there twice.
    pub(crate) fn of(client: &syn::File) -> Result<Self, String> {
        let mut found = Vec::new();
        let mut readers = Vec::new();
        for item in &client.items {
            match item {
                Item::Mod(module) if module.ident == "types" => {
                    for item in module.content.iter().flat_map(|(_, items)| items) {
                        add_type(item, &mut found, &mut readers);
                    }
                }
                Item::Impl(block) if block.trait_.is_none() => {
                    add_operations(block, &client.items, &mut found)
                }
                Item::Impl(block) => add_api_version(block, &mut found),
                _ => {}
            }
        }
        let mut surface = Self::default();
        for (name, item) in found {
            if let Some((owner, variant)) = name.split_once("::").filter(|_| item.code.is_empty()) {
                surface.variants.entry(owner.to_owned()).or_default().push(variant.to_owned());
            }
            if surface.items.insert(name.clone(), item).is_some() {
                return Err(name);
            }
        }
        for (owner, names) in readers {
            surface.items.entry(owner).and_modify(|item| item.wire = names);
        }
        Ok(surface)
    }

    /// Returns true if an operation or a member is of the type `name`.
    pub(super) fn names_type(&self, name: &str) -> bool {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let mut others = self.items.iter().filter(|(item, _)| item.split(['.', ':']).next() != Some(name));
        others.any(|(_, item)| item.code.split(|c| !is_word(c)).any(|word| word == name))
    }

    /// The text of a value that the service writes for a variant; none of other items.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.items.get(name)?.wire.strip_prefix('`')?.strip_suffix('`')
    }
}

type Found = Vec<(String, PublicItem)>;

fn add_api_version(block: &ItemImpl, found: &mut Found) {
    for method in methods(block).filter(|method| method.sig.ident == "api_version") {
        if let Some(Stmt::Expr(Expr::Lit(version), _)) = method.block.stmts.first() {
            let wire = version.to_token_stream().to_string();
            found.push(("api-version".to_owned(), PublicItem { wire, ..PublicItem::default() }));
        }
    }
}

/// Adds the operations that the methods of a block send, and the optional arguments of each.
fn add_operations(block: &ItemImpl, items: &[Item], found: &mut Found) {
    let blocks = items.iter().filter_map(|item| match item {
        Item::Impl(block) => Some(block),
        _ => None,
    });
    let documented: Vec<&ImplItemFn> = blocks.flat_map(methods).collect();
    for method in all_methods(block).filter(|method| method.sig.asyncness.is_some()) {
        let sender = method.sig.ident.to_string();
        let name = sender.trim_start_matches("send_");
        let mut words = Vec::new();
        collect_words(method.block.to_token_stream(), &mut words);
        words.retain(|word| word != name && word != "api-version");
        let (given, absent): (Vec<_>, Vec<_>) =
            arguments(method).partition(|argument| optional(&argument.ty).is_none());
        let value = result(method).replace("Result<ResponseValue<", "").replace(">, Error<ByteStream>>", "");
        let code = format!("({}) -> {value}", type_texts(given.iter().map(|argument| &*argument.ty)));
        let documented = documented.iter().find(|method| method.sig.ident == name);
        let attributes = documented.map(|method| &*method.attrs).unwrap_or_default();
        let item = PublicItem::new(code, words.join(" "), attributes);
        found.push((name.to_owned(), item));
        found.extend(absent.iter().map(|argument| {
            let code = type_text(&argument.ty);
            let item = PublicItem { code, ..PublicItem::default() };
            (format!("{name}::with_{}", argument.pat.to_token_stream()), item)
        }));
    }
}

/// The public methods of a block.
fn methods(block: &ItemImpl) -> impl Iterator<Item = &ImplItemFn> {
    let is_public =
        |method: &&ImplItemFn| matches!(method.vis, Visibility::Public(_)) || block.trait_.is_some();
    all_methods(block).filter(is_public)
}

fn all_methods(block: &ItemImpl) -> impl Iterator<Item = &ImplItemFn> {
    block.items.iter().filter_map(|item| match item {
        ImplItem::Fn(method) => Some(method),
        _ => None,
    })
}

fn arguments(method: &ImplItemFn) -> impl Iterator<Item = &PatType> {
    method.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(argument) => Some(argument),
        FnArg::Receiver(_) => None,
    })
}

fn result(method: &ImplItemFn) -> String {
    match &method.sig.output {
        ReturnType::Default => "()".to_owned(),
        ReturnType::Type(_, ty) => type_text(ty),
    }
}

/// Collects what an operation sends and reads: method, path, names, media types, and codes of success.
fn collect_words(tokens: TokenStream, words: &mut Vec<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => collect_words(group.stream(), words),
            TokenTree::Ident(name) => {
                let arguments = tokens.get(index + 1).map(ToString::to_string);
                if arguments.is_some_and(|text| text == "(url)") {
                    words.insert(0, name.to_string().to_uppercase());
                }
            }
            TokenTree::Literal(literal) => match syn::parse2(literal.to_token_stream()) {
                Ok(Lit::Str(text)) => words.push(text.value().trim_start_matches("{}").to_owned()),
                Ok(Lit::Int(code)) if code.suffix() == "u16" && code.base10_digits() < "300" => {
                    words.push(code.base10_digits().to_owned());
                }
                _ => {}
            },
            TokenTree::Punct(_) => {}
        }
    }
}

/// Adds a type or its methods; to `readers` the names by which a type reads its members.
fn add_type(item: &Item, found: &mut Found, readers: &mut Vec<(String, String)>) {
    match item {
        Item::Struct(item) => add_struct(item, found),
        Item::Enum(item) => add_enum(item, found),
        Item::Impl(block) if block.trait_.is_none() => {
            let owner = type_text(&block.self_ty);
            found.extend(methods(block).map(|method| {
                let item = PublicItem::new(signature(method), String::new(), &method.attrs);
                (format!("{owner}::{}", method.sig.ident), item)
            }));
        }
        Item::Impl(block) => {
            for method in methods(block).filter(|method| method.sig.ident == "deserialize") {
                let mut names = Vec::new();
                collect_words(method.block.stmts.last().to_token_stream(), &mut names);
                found.push((format!("{}: Deserialize", type_text(&block.self_ty)), PublicItem::default()));
                if !names.is_empty() {
                    readers.push((type_text(&block.self_ty), format!("read by {}", names.join(" "))));
                }
            }
        }
        _ => {}
    }
}

fn add_struct(item: &ItemStruct, found: &mut Found) {
    let code = match &item.fields {
        Fields::Named(_) => "a struct".to_owned(),
        fields => format!("a struct of {}", type_texts(fields.iter().map(|field| &field.ty))),
    };
    add_head(&item.ident.to_string(), code, &item.attrs, found);
    for field in &item.fields {
        let Some(ident) = &field.ident else { continue };
        let own_name = format!("{:?}", wire_name(field).unwrap_or_default());
        let name = if has_serde_flag(field, "flatten") { "flat".to_owned() } else { own_name };
        let member = PublicItem::new(type_text(&field.ty), name, &field.attrs);
        found.push((format!("{}.{ident}", item.ident), member));
    }
}

fn add_enum(item: &ItemEnum, found: &mut Found) {
    add_head(&item.ident.to_string(), "an enum".to_owned(), &item.attrs, found);
    for variant in &item.variants {
        let code = type_texts(variant.fields.iter().map(|field| &field.ty));
        // The docs of a variant are the text of its value.
        let wire = if variant.fields.is_empty() { docs(&variant.attrs) } else { String::new() };
        let member = PublicItem { code, wire, ..PublicItem::default() };
        found.push((format!("{}::{}", item.ident, variant.ident), member));
    }
}

fn add_head(name: &str, code: String, attributes: &[Attribute], found: &mut Found) {
    found.push((name.to_owned(), PublicItem::new(code, String::new(), attributes)));
    let derived = derives(attributes).into_iter();
    found.extend(derived.map(|derived| (format!("{name}: {derived}"), PublicItem::default())));
}

/// The types of the arguments, whose names do not matter to callers, and the result.
fn signature(method: &ImplItemFn) -> String {
    format!("({}) -> {}", type_texts(arguments(method).map(|argument| &*argument.ty)), result(method))
}

fn type_texts<'a>(types: impl Iterator<Item = &'a Type>) -> String {
    types.map(type_text).collect::<Vec<_>>().join(", ")
}

/// A type as a reader writes it: without the roots of paths, lifetimes and spaces.
fn type_text(ty: &Type) -> String {
    let text = ty.to_token_stream().to_string().replace(' ', "").replace("&'a", "&");
    // Of each path the last segment is left.
    let mut short = String::new();
    for part in text.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_' && c != ':') {
        short.push_str(part.rsplit("::").next().unwrap_or_default());
    }
    short.replace("impl", "impl ").replace(',', ", ").replace(", >", ">")
}

fn docs(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| doc_text(&attribute.meta));
    lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("\n").trim().to_owned()
}
