//! Setters, and constructors where fields are required, on the types that requests are made of.
//!
//! The generated structs are non-exhaustive: outside the crate they cannot be built as literals. A new
//! property brings its setter with it.

use std::collections::{BTreeMap, BTreeSet};

use quote::format_ident;
use serde_json::Value;
use syn::{Attribute, Expr, Fields, FnArg, ImplItem, Item, Type, parse_quote};

use crate::document::{operations, resolve};
use crate::generator::HAND_WRITTEN;
use crate::names;
use crate::spec::Spec;
use crate::syntax::{collect_idents, is_required, methods_of, optional, wire_name};

/// Appends the setters to the `types` that the request bodies of the `client`'s operations consist of.
pub(crate) fn add(spec: &Spec, client: &[Item], types: &mut Vec<Item>) {
    let mut walk =
        Walk { json: &spec.json, structs: structs(types), writable: BTreeMap::new(), seen: BTreeSet::new() };
    for operation in operations(&spec.json) {
        let id = operation.json["operationId"].as_str().unwrap_or_default();
        let Some(body_type) = body_type(client, &names::value_name(id)) else { continue };
        for schema in body_schemas(&spec.json, &operation.json["requestBody"]) {
            walk.enter(&body_type, schema);
        }
    }
    let writable = walk.writable;
    let items = std::mem::take(types);
    for item in items {
        let methods = match &item {
            Item::Struct(item) => writable.get(&item.ident.to_string()).map(|fields| methods(item, fields)),
            _ => None,
        };
        let block = match (&item, methods) {
            (Item::Struct(item), Some(methods)) if !methods.is_empty() => {
                let ident = &item.ident;
                Some(parse_quote!(impl #ident { #(#methods)* }))
            }
            _ => None,
        };
        types.push(item);
        types.extend(block);
    }
}

/// The structs by name.
fn structs(types: &[Item]) -> BTreeMap<String, syn::ItemStruct> {
    let structs = types.iter().filter_map(|item| match item {
        Item::Struct(item) => Some((item.ident.to_string(), item.clone())),
        _ => None,
    });
    structs.collect()
}

/// The type of the argument `body` of the method `name`.
fn body_type(client: &[Item], name: &str) -> Option<Type> {
    let methods = methods_of(client, &parse_quote!(Client));
    let signature = &methods.iter().find(|method| method.sig.ident == name)?.sig;
    signature.inputs.iter().find_map(|input| match input {
        FnArg::Typed(argument) if matches!(&*argument.pat, syn::Pat::Ident(pat) if pat.ident == "body") => {
            Some((*argument.ty).clone())
        }
        _ => None,
    })
}

fn body_schemas<'a>(json: &'a Value, body: &'a Value) -> Vec<&'a Value> {
    let body = body["$ref"].as_str().and_then(|reference| resolve(json, reference)).unwrap_or(body);
    body["content"].as_object().into_iter().flatten().map(|(_, media_type)| &media_type["schema"]).collect()
}

/// A walk through types and their schemas side by side.
struct Walk<'a> {
    json: &'a Value,
    structs: BTreeMap<String, syn::ItemStruct>,
    /// The wire names of the writable members of each struct found.
    writable: BTreeMap<String, BTreeSet<String>>,
    seen: BTreeSet<(String, *const Value)>,
}

impl<'a> Walk<'a> {
    fn enter(&mut self, ty: &Type, schema: &'a Value) {
        let mut idents = Vec::new();
        collect_idents(ty, &mut idents);
        for ident in idents {
            let Some(item) = self.structs.get(&ident).cloned() else { continue };
            if self.seen.insert((ident.clone(), std::ptr::from_ref(schema))) {
                self.enter_struct(&ident, &item, schema);
            }
        }
    }

    fn enter_struct(&mut self, ident: &str, item: &syn::ItemStruct, schema: &'a Value) {
        if !matches!(item.fields, Fields::Named(_)) {
            // A newtype of a list or a map: what it holds is the schema's items.
            item.fields.iter().for_each(|field| self.enter(&field.ty, schema));
            return;
        }
        let mut properties = BTreeMap::new();
        collect_properties(self.json, schema, &mut properties);
        for field in &item.fields {
            let Some(wire_name) = wire_name(field) else { continue };
            let Some(property) = properties.get(wire_name.as_str()) else { continue };
            if property["readOnly"] != true {
                self.writable.entry(ident.to_owned()).or_default().insert(wire_name);
                self.enter(&field.ty, property);
            }
        }
    }
}

/// The properties of an object, its references followed and its compositions merged.
fn collect_properties<'a>(json: &'a Value, schema: &'a Value, properties: &mut BTreeMap<&'a str, &'a Value>) {
    if let Some(target) = schema["$ref"].as_str().and_then(|reference| resolve(json, reference)) {
        return collect_properties(json, target, properties);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        collect_properties(json, part, properties);
    }
    for inner in ["items", "additionalProperties"].into_iter().filter_map(|key| schema.get(key)) {
        collect_properties(json, inner, properties);
    }
    let own = schema["properties"].as_object().into_iter().flatten();
    properties.extend(own.map(|(name, property)| (name.as_str(), property)));
}

fn methods(item: &syn::ItemStruct, writable: &BTreeSet<String>) -> Vec<ImplItem> {
    let type_name = item.ident.to_string();
    let is_hand_written =
        |method: &str| HAND_WRITTEN.iter().any(|(of, name, _)| *of == type_name && *name == method);
    let mut methods = Vec::new();
    methods.extend(constructor(item).filter(|_| !is_hand_written("new")));
    for field in &item.fields {
        let (Some(ident), Some(wire_name)) = (&field.ident, wire_name(field)) else { continue };
        let ident_text = ident.to_string();
        let method = format_ident!("with_{}", ident_text.trim_end_matches('_'));
        if !writable.contains(&wire_name) || is_hand_written(&method.to_string()) {
            continue;
        }
        let first_line = format!("Sets `{wire_name}`.");
        let mut docs: Vec<Attribute> = vec![parse_quote!(#[doc = #first_line])];
        let description: Vec<Attribute> = field.attrs.iter().filter(|a| is_kept(a)).cloned().collect();
        if !description.is_empty() {
            docs.push(parse_quote!(#[doc = ""]));
        }
        docs.extend(description);
        let (ty, value): (&Type, Expr) = match optional(&field.ty) {
            Some(inner) => (inner, parse_quote!(::std::option::Option::Some(value.into()))),
            None => (&field.ty, parse_quote!(value.into())),
        };
        methods.push(parse_quote! {
            #(#docs)*
            #[must_use]
            pub fn #method(mut self, value: impl ::std::convert::Into<#ty>) -> Self {
                self.#ident = #value;
                self
            }
        });
    }
    methods
}

/// The constructor of a struct with required fields, which has no default.
fn constructor(item: &syn::ItemStruct) -> Option<ImplItem> {
    let derives_default = item.attrs.iter().any(|attribute| {
        let mut found = false;
        if attribute.path().is_ident("derive") {
            let _ = attribute.parse_nested_meta(|meta| {
                found |= meta.path.segments.last().is_some_and(|segment| segment.ident == "Default");
                Ok(())
            });
        }
        found
    });
    if derives_default {
        return None;
    }
    let (required, optional): (Vec<_>, Vec<_>) = item.fields.iter().partition(|field| is_required(field));
    let idents: Vec<_> = required.iter().filter_map(|field| field.ident.as_ref()).collect();
    let types: Vec<_> = required.iter().map(|field| &field.ty).collect();
    let rest: Vec<_> = optional.iter().filter_map(|field| field.ident.as_ref()).collect();
    Some(parse_quote! {
        /// Creates a value of the required members; the others are absent.
        pub fn new(#(#idents: impl ::std::convert::Into<#types>),*) -> Self {
            Self {
                #(#idents: #idents.into(),)*
                #(#rest: ::std::default::Default::default(),)*
            }
        }
    })
}

/// Returns true for the attributes of a field that its setter shares.
fn is_kept(attribute: &Attribute) -> bool {
    attribute.path().is_ident("doc") || attribute.path().is_ident("deprecated")
}
