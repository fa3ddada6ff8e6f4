//! The lines of the listing: one for each item, sorted by name. Of what a derive writes only the trait is seen.

use std::collections::{BTreeMap, BTreeSet};

use quote::ToTokens;
use syn::parse::Parse;
use syn::punctuated::Punctuated;
use syn::visit_mut::VisitMut as _;
use syn::{
    Attribute, FnArg, Generics, ImplItem, Item, ItemImpl, ItemStruct, Meta, Path, Receiver, Signature, Token,
};

use super::modules::{Modules, Paths, is_public};

/// Returns the lines for all that users of the crate can name.
pub(crate) fn list(modules: &Modules) -> Vec<String> {
    let exports = modules.exports(&[]);
    let mut listing = Listing { lines: BTreeSet::new(), traits: BTreeMap::new() };
    for (path, name) in exports.iter().filter(|(path, _)| path[0] != "crate") {
        listing.line(name, &format!("use {}", path.join("::")), &[]);
    }
    for (path, module) in &modules.0 {
        let paths = Paths { modules, exports: &exports, module: path };
        for item in &module.items {
            listing.add(item.clone(), paths);
        }
    }
    let traits = listing.traits.into_iter().map(|((owner, marks), traits)| {
        format!("{owner}: impl {}{marks}", Vec::from_iter(traits).join(", "))
    });
    listing.lines.extend(traits);
    Vec::from_iter(listing.lines)
}

struct Listing {
    lines: BTreeSet<String>,
    /// The traits by their type and the marks that they share: all of them are one line.
    traits: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Listing {
    fn line(&mut self, name: &str, text: &str, attributes: &[Attribute]) {
        self.lines.insert(format!("{name}: {}{}", text.trim_end(), marks(attributes)));
    }

    fn add(&mut self, mut item: Item, mut paths: Paths<'_>) {
        let name = paths.export(&item);
        if name.is_none() && !matches!(item, Item::Impl(_)) {
            return;
        }
        paths.visit_item_mut(&mut item);
        match (&item, name) {
            (Item::Impl(block), _) => self.add_impl(block),
            (Item::Struct(item), Some(name)) => {
                self.add_struct(&format!("{name}{}", text(&item.generics.split_for_impl().1)), item);
            }
            (Item::Enum(item), Some(name)) => {
                self.line(name, "enum", &item.attrs);
                self.add_derived(name, &item.attrs);
                for mut variant in item.variants.clone() {
                    variant.fields.iter_mut().for_each(|field| field.attrs.clear());
                    let name = format!("{name}::{}", variant.ident);
                    self.line(&name, &format!("variant {}", text(&variant.fields)), &variant.attrs);
                }
            }
            (Item::Fn(item), Some(name)) => self.line(name, &signature(&item.sig), &item.attrs),
            (Item::Type(item), Some(name)) => {
                let name = format!("{name}{}", text(&item.generics.split_for_impl().1));
                self.line(&name, &format!("type {}", text(&item.ty)), &item.attrs);
            }
            (Item::Use(_), _) => {}
            (_, Some(name)) => panic!("{name} is of a kind that the listing leaves out"),
            _ => {}
        }
    }

    fn add_struct(&mut self, name: &str, item: &ItemStruct) {
        let has_private = item.fields.iter().any(|field| !is_public(&field.vis));
        self.line(name, if has_private { "struct { .. }" } else { "struct" }, &item.attrs);
        self.add_derived(name, &item.attrs);
        for (index, field) in item.fields.iter().enumerate().filter(|(_, field)| is_public(&field.vis)) {
            let field_name = field.ident.as_ref().map_or(index.to_string(), ToString::to_string);
            self.line(&format!("{name}.{field_name}"), &text(&field.ty), &field.attrs);
        }
    }

    fn add_derived(&mut self, owner: &str, attributes: &[Attribute]) {
        for attribute in attributes {
            let mut marks = String::new();
            let mut metas = vec![attribute.meta.clone()];
            if attribute.path().is_ident("cfg_attr") {
                metas = parse_list(&attribute.meta);
                marks = format!(" #[cfg({})]", text(&metas.remove(0)));
            }
            for derive in metas.iter().filter(|meta| meta.path().is_ident("derive")) {
                let names = parse_list::<Path>(derive).into_iter().map(|path| trait_name(&path));
                self.traits.entry((owner.to_owned(), marks.clone())).or_default().extend(names);
            }
        }
    }

    fn add_impl(&mut self, block: &ItemImpl) {
        let owner = text(&block.self_ty);
        let marks = bounds(&block.generics) + &marks(&block.attrs);
        if let Some((path, _)) = &block.trait_ {
            let types = block.items.iter().filter_map(|item| match item {
                ImplItem::Type(item) => Some(format!("{} = {}", item.ident, text(&item.ty))),
                _ => None,
            });
            let types = Vec::from_iter(types).join(", ");
            let types = if types.is_empty() { types } else { format!(" ({types})") };
            // What is not exported still has its path from the root.
            if !format!("{owner} {}", text(path)).contains("crate::") {
                self.traits.entry((owner, marks)).or_default().insert(trait_name(path) + &types);
            }
        } else if !owner.contains("crate::") {
            for item in &block.items {
                match item {
                    ImplItem::Fn(item) if is_public(&item.vis) => {
                        let name = format!("{owner}::{}", item.sig.ident);
                        self.line(&name, &(signature(&item.sig) + &marks), &item.attrs);
                    }
                    ImplItem::Const(item) if is_public(&item.vis) => {
                        let name = format!("{owner}::{}", item.ident);
                        self.line(&name, &format!("const {}{marks}", text(&item.ty)), &item.attrs);
                    }
                    _ => {}
                }
            }
        }
    }
}

/// Returns the types of the arguments, whose names do not matter to callers, and of the result.
fn signature(signature: &Signature) -> String {
    let inputs = signature.inputs.iter().map(|input| match input {
        FnArg::Typed(argument) => text(&argument.ty),
        FnArg::Receiver(receiver) => text(&Receiver { mutability: None, ..receiver.clone() }),
    });
    let inputs = Vec::from_iter(inputs).join(", ");
    let asyncness = text(&signature.asyncness);
    let Signature { generics, output, .. } = signature;
    let bounds = generics.where_clause.as_ref().map_or(String::new(), |clause| format!(" {}", text(clause)));
    format!("{asyncness} fn{}({inputs}) {}{bounds}", text(generics), text(output)).trim().to_owned()
}

/// Returns the bounds of the parameters of a block.
fn bounds(generics: &Generics) -> String {
    let bounded = generics.type_params().filter(|parameter| !parameter.bounds.is_empty()).map(text);
    let predicates = generics.where_clause.iter().flat_map(|clause| &clause.predicates).map(text);
    let bounds = Vec::from_iter(bounded.chain(predicates)).join(", ");
    if bounds.is_empty() { bounds } else { format!(" if {bounds}") }
}

/// Returns the name of a trait as derives have it: without its path, and without lifetimes.
fn trait_name(path: &Path) -> String {
    text(path.segments.last().unwrap()).replace("<'de>", "")
}

/// Returns the attributes that users notice.
fn marks(attributes: &[Attribute]) -> String {
    let marks = attributes.iter().filter_map(|attribute| match attribute.path() {
        path if path.is_ident("cfg") => Some(text(&attribute.meta)),
        path if ["deprecated", "must_use", "non_exhaustive"].iter().any(|name| path.is_ident(name)) => {
            Some(text(path))
        }
        _ => None,
    });
    marks.map(|mark| format!(" #[{mark}]")).collect()
}

fn parse_list<T: Parse>(meta: &Meta) -> Vec<T> {
    let list = meta.require_list().unwrap();
    Vec::from_iter(list.parse_args_with(Punctuated::<T, Token![,]>::parse_terminated).unwrap())
}

/// Returns the code in one line.
fn text(code: &impl ToTokens) -> String {
    let mut text = code.to_token_stream().to_string();
    for mark in ["& ", "? ", "< ", " <", " >", " ::", ":: ", " :", " ,", " ("] {
        text = text.replace(mark, mark.trim());
    }
    for (from, to) in [(",>", ">"), (", }", " }"), ("->(", "-> ("), ("=(", "= ("), (",(", ", (")] {
        text = text.replace(from, to);
    }
    text.trim_end_matches(',').to_owned()
}
