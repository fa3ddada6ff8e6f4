//! Setters on the types that requests are made of.
//!
//! The generated structs are non-exhaustive: outside the crate they cannot be built as literals. A new
//! property brings its setter with it.

use std::collections::BTreeSet;

use quote::format_ident;
use serde_json::Value;
use syn::{Attribute, ImplItem, Item, ItemStruct, parse_quote};

use crate::names::type_name;
use crate::normalize::components_sent;
use crate::syntax::{optional, wire_name};

/// The members that the code written by hand sets, each with its method: there is one setter for each thing.
pub(crate) const HAND_WRITTEN: &[(&str, &str, &str)] = &[
    ("CloudToDeviceMethod", "connectTimeoutInSeconds", "CloudToDeviceMethod::with_connect_timeout"),
    ("CloudToDeviceMethod", "methodName", "CloudToDeviceMethod::new"),
    ("CloudToDeviceMethod", "payload", "CloudToDeviceMethod::with_payload"),
    ("CloudToDeviceMethod", "responseTimeoutInSeconds", "CloudToDeviceMethod::with_response_timeout"),
    ("JobRequest", "cloudToDeviceMethod", "JobRequest::device_method"),
    // The client writes the id under which the job is created.
    ("JobRequest", "jobId", "JobRequest::device_method"),
    ("JobRequest", "maxExecutionTimeInSeconds", "JobRequest::with_max_execution_time"),
    ("JobRequest", "queryCondition", "JobRequest::device_method"),
    ("JobRequest", "startTime", "JobRequest::with_start_time"),
    ("JobRequest", "type", "JobRequest::device_method"),
    ("JobRequest", "updateTwin", "JobRequest::twin_update"),
    ("Twin", "etag", "Twin::patch"),
    ("Twin", "properties", "Twin::with_desired"),
    ("Twin", "tags", "Twin::with_tags"),
    ("TwinProperties", "desired", "Twin::with_desired"),
];

/// Appends the setters to the `types` that the request bodies consist of.
pub(super) fn add(json: &Value, types: &mut Vec<Item>) {
    for component in components_sent(json) {
        let name = type_name(&component);
        let properties = json["components"]["schemas"][&component]["properties"].as_object();
        let writable = properties.into_iter().flatten().filter(|(_, property)| property["readOnly"] != true);
        let writable: BTreeSet<&str> = writable.map(|(name, _)| name.as_str()).collect();
        let found = types.iter().enumerate().find_map(|(index, item)| match item {
            Item::Struct(item) if item.ident == name => Some((index, item)),
            _ => None,
        });
        let Some((index, item)) = found.filter(|_| !writable.is_empty()) else { continue };
        let (ident, methods) = (&item.ident, methods(item, &writable));
        if !methods.is_empty() {
            let block = parse_quote!(impl #ident { #(#methods)* });
            types.insert(index + 1, block);
        }
    }
}

fn methods(item: &ItemStruct, writable: &BTreeSet<&str>) -> Vec<ImplItem> {
    let is_hand_written =
        |member: &str| HAND_WRITTEN.iter().any(|(owner, name, _)| item.ident == owner && *name == member);
    let mut methods = Vec::new();
    for field in &item.fields {
        let (Some(ident), Some(wire_name)) = (&field.ident, wire_name(field)) else { continue };
        let ident_text = ident.to_string();
        let method = format_ident!("with_{}", ident_text.trim_end_matches('_'));
        if !writable.contains(wire_name.as_str()) || is_hand_written(&wire_name) {
            continue;
        }
        let first_line = format!("Sets `{wire_name}`.");
        let mut docs: Vec<Attribute> = vec![parse_quote!(#[doc = #first_line])];
        let description: Vec<Attribute> = field.attrs.iter().filter(|a| is_kept(a)).cloned().collect();
        if !description.is_empty() {
            docs.push(parse_quote!(#[doc = ""]));
        }
        docs.extend(description);
        let Some(ty) = optional(&field.ty) else { continue };
        methods.push(parse_quote! {
            #(#docs)*
            #[must_use]
            pub fn #method(mut self, value: impl ::std::convert::Into<#ty>) -> Self {
                self.#ident = ::std::option::Option::Some(value.into());
                self
            }
        });
    }
    methods
}

/// Returns true for the attributes of a field that its setter shares.
fn is_kept(attribute: &Attribute) -> bool {
    attribute.path().is_ident("doc")
}
