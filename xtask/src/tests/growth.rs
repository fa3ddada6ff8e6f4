//! Growth of the spec, and a user of every type from before it.

use quote::{ToTokens as _, format_ident, quote};
use serde_json::{Value, json};
use syn::{Fields, FnArg, Ident, ImplItem, ImplItemFn, Item, ItemStruct, Type};

use crate::names::type_name;
use crate::syntax::{optional, types_module};

/// Adds what a later version of the service may add.
pub(super) fn grow(spec: &mut Value) {
    let schemas = &mut spec["components"]["schemas"];
    let additions = json!({
        "priority": { "type": "integer", "format": "int32" },
        "approvedTime": { "type": "string", "format": "date-time" },
        "labels": { "type": "array", "items": { "type": "string" } },
        "phase": { "$ref": "#/components/schemas/JobPhase" },
        "owner": { "$ref": "#/components/schemas/JobOwner" },
        "anything": {},
    });
    for schema in ["JobRequest", "JobResponse", "Twin", "DeviceJob"] {
        let properties = schemas[schema]["properties"].as_object_mut().unwrap();
        properties.extend(additions.as_object().unwrap().clone());
    }
    for (path, method) in [("/jobs/v2/{id}", "get"), ("/jobs/v2/{id}", "put"), ("/jobs/v2/query", "get")] {
        let operation = &mut spec["paths"][path][method];
        let mut parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        for place in ["query", "header"] {
            let name = format!("{place}-more");
            parameters.push(json!({ "name": name, "in": place, "schema": { "type": "string" } }));
        }
        operation["parameters"] = parameters.into();
    }
    let schemas = &mut spec["components"]["schemas"];
    schemas["JobOwner"] = json!({ "type": "object", "properties": { "name": { "type": "string" } } });
    schemas["JobPhase"] = json!({ "type": "string", "enum": ["first", "last"] });
    schemas["JobStatus"]["enum"].as_array_mut().unwrap().push(json!("notListed"));
}

/// Writes a user's crate that constructs, reads and matches every public type of `client`, and calls every operation.
pub(super) fn user_of(client: &str) -> String {
    let mut file = syn::parse_file(client).unwrap();
    let types = types_module(&mut file).unwrap();
    let functions = types.iter().enumerate().filter_map(|(index, item)| match item {
        Item::Struct(item) => Some(use_of_struct(item, index, &methods_of(types, &item.ident))),
        Item::Enum(item) => {
            let ident = &item.ident;
            let variants = item.variants.iter().filter(|variant| variant.fields.is_empty());
            let variants = variants.map(|variant| &variant.ident);
            let function = format_ident!("use_{index}");
            Some(quote! {
                pub fn #function(value: types::#ident) -> String {
                    let all: &[types::#ident] = types::#ident::KNOWN;
                    match value {
                        #(types::#ident::#variants => stringify!(#variants).to_owned(),)*
                        types::#ident::UnknownValue(text) => text,
                        other => format!("{other} {} {}", other.is_known(), all.len()),
                    }
                }
            })
        }
        _ => None,
    });
    let calls = calls_of(&syn::parse_file(client).unwrap());
    let source = quote! {
        use jobs_api::types;
        #(#functions)*
        #(#calls)*
    };
    prettyplease::unparse(&syn::parse2(source).unwrap())
}

/// Writes a function for each operation, which calls it with every argument that it may have.
fn calls_of(client: &syn::File) -> Vec<proc_macro2::TokenStream> {
    let calls = client.items.iter().find_map(|item| match item {
        Item::Mod(module) if module.ident == "calls" => Some(&module.content.as_ref().unwrap().1),
        _ => None,
    });
    let operations = methods_of(&client.items, &format_ident!("Operations")).into_iter();
    let functions = operations.map(|operation| {
        let name = &operation.sig.ident;
        let given: Vec<_> = operation.sig.inputs.iter().skip(1).collect();
        let names = given.iter().map(|argument| match argument {
            FnArg::Typed(argument) => &argument.pat,
            FnArg::Receiver(_) => panic!("{name} has two receivers"),
        });
        let call = format_ident!("{}", type_name(&name.to_string()));
        let setters =
            methods_of(calls.unwrap(), &call).into_iter().filter(|method| method.sig.inputs.len() == 2);
        let setters = setters.map(|setter| {
            let FnArg::Typed(value) = &setter.sig.inputs[1] else {
                panic!("{} has no value", setter.sig.ident)
            };
            let text = value.ty.to_token_stream().to_string().replace(' ', "").replace("'a", "'a ");
            let ty = text.split_once("Option<").unwrap().1.strip_suffix(">>").unwrap();
            let (setter, ty): (_, Type) = (&setter.sig.ident, syn::parse_str(ty).unwrap());
            quote!(.#setter(None::<#ty>))
        });
        quote! {
            pub async fn #name<'a>(api: &'a jobs_api::Operations, #(#given),*) -> bool {
                api.#name(#(#names),*)#(#setters)*.await.is_ok()
            }
        }
    });
    functions.collect()
}

fn use_of_struct(item: &ItemStruct, index: usize, methods: &[&ImplItemFn]) -> proc_macro2::TokenStream {
    let Fields::Named(fields) = &item.fields else { panic!("{} has no named fields", item.ident) };
    let ident = &item.ident;
    let names: Vec<_> = fields.named.iter().map(|field| field.ident.clone().unwrap()).collect();
    let setters = methods.iter().map(|method| {
        let setter = &method.sig.ident;
        let member = setter.to_string().replace("with_", "");
        let has_name = |ident: &Ident| ident.to_string().trim_end_matches('_') == member;
        let field = fields.named.iter().find(|field| has_name(field.ident.as_ref().unwrap())).unwrap();
        assert!(optional(&field.ty).is_some());
        let name = &field.ident;
        quote!(value = value.#setter(given.#name.unwrap());)
    });
    let function = format_ident!("use_{index}");
    quote! {
        pub fn #function(given: types::#ident) -> bool {
            let mut value = types::#ident::default();
            let types::#ident { #(#names,)* .. } = given.clone();
            #(let _ = (#names, &value.#names);)*
            #(#setters)*
            value == types::#ident::default()
        }
    }
}

/// The inherent methods of the type `ident`.
pub(super) fn methods_of<'a>(items: &'a [Item], ident: &Ident) -> Vec<&'a ImplItemFn> {
    let blocks = items.iter().filter_map(|item| match item {
        Item::Impl(block) if block.trait_.is_none() => match &*block.self_ty {
            Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == *ident) => {
                Some(&block.items)
            }
            _ => None,
        },
        _ => None,
    });
    let methods = blocks.flatten().filter_map(|item| match item {
        ImplItem::Fn(method) => Some(method),
        _ => None,
    });
    methods.collect()
}
