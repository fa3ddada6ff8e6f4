//! The public items of a client, read from its syntax tree.

use std::collections::{BTreeMap, BTreeSet};

use quote::ToTokens as _;
use syn::{
    Attribute, Fields, FnArg, ImplItem, ImplItemFn, Item, ItemEnum, ItemStruct, ReturnType, Visibility,
};

use super::operation::wire_facts;
use crate::syntax::{doc_text, has_serde_flag, is_required, methods_of, type_of_variant, wire_name};

/// A public item.
#[derive(Default)]
pub(crate) struct PublicItem {
    /// Facts that the compiler checks: a change breaks users.
    pub(super) code: BTreeMap<&'static str, String>,
    /// Facts of the wire: a change compiles, and behaves differently.
    pub(super) wire: BTreeMap<&'static str, String>,
    pub(super) docs: String,
    pub(super) is_deprecated: bool,
    /// The type or the method that the item belongs to.
    pub(super) owner: Owner,
}

/// The owner of an item, which has a place in the spec.
#[derive(Clone, Default)]
pub(crate) enum Owner {
    #[default]
    Client,
    Type(String),
    Method(String),
}

/// The public items of a client by name, such as `JobResponse.status` and `JobStatus::Paused`.
pub(crate) struct Surface {
    pub(super) items: BTreeMap<String, PublicItem>,
}

impl Surface {
    /// Reads the items of a client's source.
    pub(crate) fn read(source: &str) -> syn::Result<Self> {
        let file = syn::parse_file(source)?;
        let mut surface = Self { items: BTreeMap::new() };
        for method in methods_of(&file.items, &syn::parse_quote!(Client)) {
            surface.add_operation(method);
        }
        for item in &file.items {
            match item {
                Item::Mod(module) if module.ident == "types" => {
                    surface.add_types(
                        module.content.as_ref().map(|(_, items)| items.as_slice()).unwrap_or_default(),
                    );
                }
                Item::Impl(block) if block.trait_.is_some() => surface.add_api_version(&block.items),
                _ => {}
            }
        }
        Ok(surface)
    }

    fn add_api_version(&mut self, items: &[ImplItem]) {
        for item in items {
            if let ImplItem::Fn(function) = item
                && function.sig.ident == "api_version"
            {
                let wire = BTreeMap::from([(
                    "api-version",
                    function.block.stmts.first().to_token_stream().to_string(),
                )]);
                self.items.insert("api-version".to_owned(), PublicItem { wire, ..PublicItem::default() });
            }
        }
    }

    fn add_operation(&mut self, method: &ImplItemFn) {
        if method.sig.asyncness.is_none() || !is_public(&method.vis) {
            return;
        }
        let name = method.sig.ident.to_string();
        let item = PublicItem {
            code: signature(method),
            wire: wire_facts(method),
            docs: docs(&method.attrs),
            is_deprecated: is_deprecated(&method.attrs),
            owner: Owner::Method(name.clone()),
        };
        self.items.insert(name, item);
    }

    fn add_types(&mut self, items: &[Item]) {
        for item in items {
            match item {
                Item::Struct(item) if is_public(&item.vis) => self.add_struct(item),
                Item::Enum(item) if is_public(&item.vis) => self.add_enum(item),
                _ => continue,
            }
            let (Item::Struct(ItemStruct { ident, .. }) | Item::Enum(ItemEnum { ident, .. })) = item else {
                continue;
            };
            for method in methods_of(items, ident).into_iter().filter(|method| is_public(&method.vis)) {
                let member = PublicItem {
                    code: signature(method),
                    docs: docs(&method.attrs),
                    is_deprecated: is_deprecated(&method.attrs),
                    owner: Owner::Type(ident.to_string()),
                    ..PublicItem::default()
                };
                self.items.insert(format!("{ident}::{}", method.sig.ident), member);
            }
        }
    }

    fn add_struct(&mut self, item: &ItemStruct) {
        let kind = match &item.fields {
            Fields::Named(_) => "struct".to_owned(),
            fields => format!(
                "struct of {}",
                fields.iter().map(|field| type_text(&field.ty)).collect::<Vec<_>>().join(", ")
            ),
        };
        self.add_type(&item.ident.to_string(), &kind, &item.attrs);
        for field in item.fields.iter().filter(|field| field.ident.is_some()) {
            let Some(ident) = &field.ident else { continue };
            let mut wire = BTreeMap::new();
            if !has_serde_flag(field, "flatten") {
                wire.extend(wire_name(field).map(|name| ("name", name)));
            }
            let presence = if is_required(field) { "always" } else { "may be absent" };
            wire.insert("presence", presence.to_owned());
            let member = PublicItem {
                code: BTreeMap::from([("type", type_text(&field.ty))]),
                wire,
                docs: docs(&field.attrs),
                is_deprecated: is_deprecated(&field.attrs),
                owner: Owner::Type(item.ident.to_string()),
            };
            self.items.insert(format!("{}.{ident}", item.ident), member);
        }
    }

    fn add_enum(&mut self, item: &ItemEnum) {
        self.add_type(&item.ident.to_string(), "enum", &item.attrs);
        for variant in &item.variants {
            // The docs of a variant are the text of its value.
            let text = docs(&variant.attrs);
            let wire = match &variant.fields {
                Fields::Unit => BTreeMap::from([("value", text)]),
                _ => BTreeMap::new(),
            };
            let member = PublicItem {
                code: BTreeMap::from([("type", type_of_variant(variant))]),
                wire,
                owner: Owner::Type(item.ident.to_string()),
                ..PublicItem::default()
            };
            self.items.insert(format!("{}::{}", item.ident, variant.ident), member);
        }
    }

    fn add_type(&mut self, name: &str, kind: &str, attributes: &[Attribute]) {
        let owner = Owner::Type(name.to_owned());
        for derived in derives(attributes) {
            self.items.insert(
                format!("{name}: {derived}"),
                PublicItem { owner: owner.clone(), ..PublicItem::default() },
            );
        }
        let is_closed = !attributes.iter().any(|attribute| attribute.path().is_ident("non_exhaustive"));
        let code = BTreeMap::from([
            ("kind", kind.to_owned()),
            ("growth", if is_closed { "closed" } else { "open" }.to_owned()),
        ]);
        let item = PublicItem {
            code,
            docs: docs(attributes),
            is_deprecated: is_deprecated(attributes),
            owner,
            ..PublicItem::default()
        };
        self.items.insert(name.to_owned(), item);
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// The types of the arguments, whose names do not matter to callers, and the result.
fn signature(method: &ImplItemFn) -> BTreeMap<&'static str, String> {
    let arguments = method.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(argument) => Some(type_text(&argument.ty)),
        FnArg::Receiver(_) => None,
    });
    let result = match &method.sig.output {
        ReturnType::Default => "()".to_owned(),
        ReturnType::Type(_, ty) => type_text(ty),
    };
    BTreeMap::from([("arguments", arguments.collect::<Vec<_>>().join(", ")), ("result", result)])
}

/// A type as a reader writes it: without the roots of paths, lifetimes and spaces.
fn type_text(ty: &impl quote::ToTokens) -> String {
    let text = ty.to_token_stream().to_string();
    let mut short = text.replace(' ', "").replace("&'a", "&").replace("::std::", "std::");
    for root in [
        "std::option::",
        "std::string::",
        "std::vec::",
        "std::boxed::",
        "std::collections::",
        "std::convert::",
        "std::result::",
        "::serde_json::",
        "crate::runtime::",
        "crate::generated::",
        "types::",
        "crate::",
    ] {
        short = short.replace(root, "");
    }
    short.replace("impl", "impl ").replace(',', ", ").replace(", >", ">")
}

fn docs(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(doc_text);
    lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("\n").trim().to_owned()
}

fn is_deprecated(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident("deprecated"))
}

/// The derived traits that a user may rely on.
fn derives(attributes: &[Attribute]) -> BTreeSet<String> {
    let mut derived = BTreeSet::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("derive")) {
        let _ = attribute.parse_nested_meta(|meta| {
            derived.extend(meta.path.segments.last().map(|segment| segment.ident.to_string()));
            Ok(())
        });
    }
    derived
}
