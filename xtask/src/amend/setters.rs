//! Setters on the types that requests are made of.
//!
//! The generated structs are non-exhaustive: outside the crate they cannot be built as literals. A new
//! property brings its setter with it.

use quote::{format_ident, quote};
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
        let mut structs = types.iter().enumerate().filter_map(|(index, item)| match item {
            Item::Struct(item) => Some((index, item)),
            _ => None,
        });
        let Some((index, item)) = structs.find(|(_, item)| item.ident == name) else { continue };
        let (ident, methods) =
            (&item.ident, methods(item, &json["components"]["schemas"][&component]["properties"]));
        if !methods.is_empty() {
            let block = parse_quote!(impl #ident { #(#methods)* });
            types.insert(index + 1, block);
        }
    }
}

fn methods(item: &ItemStruct, properties: &Value) -> Vec<ImplItem> {
    let is_hand_written =
        |member: &str| HAND_WRITTEN.iter().any(|(owner, name, _)| item.ident == owner && *name == member);
    let mut methods = Vec::new();
    for field in &item.fields {
        let (Some(ident), Some(member), Some(ty)) = (&field.ident, wire_name(field), optional(&field.ty))
        else {
            continue;
        };
        let is_read_only = properties.get(&member).is_none_or(|property| property["readOnly"] == true);
        if is_read_only || is_hand_written(&member) {
            continue;
        }
        let method = format_ident!("with_{}", ident.to_string().trim_end_matches('_'));
        let first_line = format!("Sets `{member}`.");
        let docs: Vec<&Attribute> = field.attrs.iter().filter(|a| a.path().is_ident("doc")).collect();
        let gap = docs.first().map(|_| quote!(#[doc = ""]));
        methods.push(parse_quote! {
            #[doc = #first_line]
            #gap
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
