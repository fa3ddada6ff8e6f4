//! Lists whose rows depend on the request: one method for each kind of row.
//!
//! OpenAPI has one operation for a path and a method. The extension `x-other-rows` of an operation lists
//! further ones, which send the same request and read rows of another component.

use proc_macro2::TokenTree;
use quote::{ToTokens as _, quote};
use serde_json::Value;
use syn::{ImplItem, ImplItemFn, Item, ReturnType, parse_quote};

use super::rows::argument;
use super::tokens::rewrite;
use crate::document::{Defect, OTHER_ROWS, SCHEMAS, child};
use crate::names::{type_name, value_name};
use crate::normalize::Method;
use crate::syntax::doc_text;

/// Starts the part of a method's doc comment that the generator writes.
const GENERATED_DOC: &str = "Sends a `";

/// Adds the methods of other rows to the client, each after the method whose request it sends.
pub(super) fn add(json: &Value, methods: &[Method], client: &mut syn::File) -> Result<(), Defect> {
    for method in methods {
        for (index, rows) in method.other_rows.iter().enumerate() {
            let place = format!("{}[{index}]", child(&method.place, OTHER_ROWS));
            let refuse = |reason: &str| Err(Defect::new(&place, reason));
            let Some(id) = rows["operationId"].as_str() else { return refuse("has no operationId") };
            let component = rows["items"]["$ref"].as_str().and_then(|target| target.rsplit('/').next());
            let Some(component) = component.filter(|name| is_object(json, name)) else {
                return refuse(&format!("needs items that refer to an object of {SCHEMAS}"));
            };
            if add_after(client, &method.name, rows, &value_name(id), &type_name(component)).is_none() {
                return refuse("belongs to an operation that returns no list of components");
            }
        }
    }
    Ok(())
}

fn is_object(json: &Value, component: &str) -> bool {
    json["components"]["schemas"][component]["properties"].is_object()
}

fn add_after(client: &mut syn::File, method: &str, rows: &Value, name: &str, row: &str) -> Option<()> {
    client.items.iter_mut().find_map(|item| {
        let Item::Impl(block) = item else { return None };
        let is_method =
            |item: &ImplItem| matches!(item, ImplItem::Fn(function) if function.sig.ident == method);
        let position = block.items.iter().position(is_method)?;
        let ImplItem::Fn(function) = &block.items[position] else { return None };
        let other = with_rows(function.clone(), rows, name, row)?;
        block.items.insert(position + 1, ImplItem::Fn(other));
        Some(())
    })
}

/// Makes the method one of another name, row and description.
fn with_rows(mut function: ImplItemFn, rows: &Value, name: &str, row: &str) -> Option<ImplItemFn> {
    let id = format!("{:?}", function.sig.ident.to_string());
    function.sig.ident = syn::parse_str(name).ok()?;
    let ReturnType::Type(_, output) = &mut function.sig.output else { return None };
    let value = argument(output, "Result").and_then(|ty| argument(ty, "ResponseValue"))?;
    let row: syn::Ident = syn::parse_str(row).ok()?;
    *argument(value, "Rows")? = parse_quote!(types::#row);
    // Hooks and errors get the id.
    let block = rewrite(function.block.to_token_stream(), &|tokens| match tokens {
        [TokenTree::Literal(text), ..] if text.to_string() == id => Some((1, quote!(#name))),
        _ => None,
    });
    function.block = syn::parse2(block).ok()?;
    let docs: Vec<String> = function.attrs.iter().filter_map(|attribute| doc_text(&attribute.meta)).collect();
    let docs = docs.join("\n");
    let generated = docs.find(GENERATED_DOC).map_or("", |start| &docs[start..]);
    let own = ["summary", "description"].map(|key| rows[key].as_str().unwrap_or_default());
    let docs = [own[0], own[1], generated].join("\n\n");
    function.attrs.retain(|attribute| doc_text(&attribute.meta).is_none());
    function.attrs.insert(0, parse_quote!(#[doc = #docs]));
    Some(function)
}
