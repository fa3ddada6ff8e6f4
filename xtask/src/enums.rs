//! Extensible enums: the values of the spec, and a variant for values that the service adds later.
//!
//! The generator's own enums are closed, so that one new status would make a whole response unreadable.
//! The enums among the spec's components are replaced by the ones written here.

use std::collections::BTreeMap;

use quote::format_ident;
use serde_json::Value;
use syn::{Ident, Item, parse_quote};

use crate::document::{Defect, SCHEMAS, descendant, schemas};
use crate::names::type_name;
use crate::spec::Spec;

/// The variant that holds a value the spec does not list.
const OPEN_VARIANT: &str = "UnknownValue";

/// An enum of the service.
pub(crate) struct Enum {
    /// The component's name, which is the type's.
    pub(crate) ident: Ident,
    description: String,
    /// Each variant's name and the text that the service writes for it.
    variants: Vec<(Ident, String)>,
}

/// The enums among the spec's component schemas, by name.
pub(crate) fn read(spec: &Spec) -> Result<Vec<Enum>, Defect> {
    let enums = schemas(&spec.json).filter_map(|(name, schema)| Some((name, schema, schema.get("enum")?)));
    enums
        .map(|(name, schema, values)| {
            let ident = format_ident!("{}", type_name(name));
            let variants = variants(&descendant(SCHEMAS, &[name, "enum"]), values)?;
            let description = schema["description"].as_str().unwrap_or_default().to_owned();
            Ok(Enum { ident, description, variants })
        })
        .collect()
}

fn variants(place: &str, values: &Value) -> Result<Vec<(Ident, String)>, Defect> {
    let refuse = |reason: String| Defect::new(place, reason);
    let values = values.as_array().filter(|values| !values.is_empty());
    let values = values.ok_or_else(|| refuse("must list at least one value".into()))?;
    let mut used = BTreeMap::from([(OPEN_VARIANT.to_ascii_lowercase(), OPEN_VARIANT.to_owned())]);
    values
        .iter()
        .map(|value| {
            let text =
                value.as_str().ok_or_else(|| refuse(format!("holds {value}, which is not a string")))?;
            let name = variant_name(text);
            let keyword = format!("{name}_");
            let ident = syn::parse_str::<Ident>(&name)
                .or_else(|_| syn::parse_str(if name.is_empty() { "" } else { &keyword }))
                .map_err(|_| refuse(format!("holds {text:?}, which gives no name for a variant")))?;
            match used.insert(name.to_ascii_lowercase(), text.to_owned()) {
                None => Ok((ident, text.to_owned())),
                Some(other) => Err(refuse(format!("holds {text:?}, whose variant is that of {other:?}"))),
            }
        })
        .collect()
}

/// Names a variant: `scheduleDeviceMethod` gives `ScheduleDeviceMethod`, `self-signed` gives `SelfSigned`.
fn variant_name(value: &str) -> String {
    let words = value.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let capitalized = words.flat_map(|word| {
        let mut letters = word.chars();
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters)
    });
    let name: String = capitalized.collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("Value{name}") } else { name }
}

impl Enum {
    /// The type and its implementations.
    pub(crate) fn to_items(&self) -> Vec<Item> {
        let Self { ident, description, variants } = self;
        let name = ident.to_string();
        let open = format_ident!("{OPEN_VARIANT}");
        let names: Vec<&Ident> = variants.iter().map(|(name, _)| name).collect();
        let texts: Vec<&str> = variants.iter().map(|(_, text)| text.as_str()).collect();
        let docs = texts.iter().map(|text| format!(" `{text}`"));
        let doc = format!(" {description}");
        let file: syn::File = parse_quote! {
            #[doc = #doc]
            ///
            /// Values are read case-insensitively. An unlisted value is kept unchanged.
            #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
            #[non_exhaustive]
            pub enum #ident {
                #(#[doc = #docs] #names,)*
                /// An unlisted value, as the service wrote it.
                #open(::std::string::String),
            }

            impl #ident {
                /// Every value that the spec lists, in its order.
                pub const KNOWN: &'static [Self] = &[#(Self::#names),*];

                /// Returns true if the spec lists this value.
                pub fn is_known(&self) -> bool {
                    !::std::matches!(self, Self::#open(_))
                }

                /// Returns the text that the service writes for this value.
                pub fn as_str(&self) -> &str {
                    match self {
                        #(Self::#names => #texts,)*
                        Self::#open(text) => text,
                    }
                }
            }

            impl ::std::convert::AsRef<str> for #ident {
                fn as_ref(&self) -> &str {
                    self.as_str()
                }
            }

            impl ::std::fmt::Display for #ident {
                fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                    f.pad(self.as_str())
                }
            }

            impl ::std::convert::From<&str> for #ident {
                fn from(text: &str) -> Self {
                    #(if text.eq_ignore_ascii_case(#texts) {
                        return Self::#names;
                    })*
                    Self::#open(text.to_owned())
                }
            }

            impl ::std::str::FromStr for #ident {
                type Err = ::std::convert::Infallible;

                fn from_str(text: &str) -> ::std::result::Result<Self, Self::Err> {
                    Ok(Self::from(text))
                }
            }

            impl ::serde::Serialize for #ident {
                fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> ::std::result::Result<S::Ok, S::Error> {
                    serializer.serialize_str(self.as_str())
                }
            }

            impl<'de> ::serde::Deserialize<'de> for #ident {
                fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<Self, D::Error> {
                    <::std::borrow::Cow<'de, str> as ::serde::Deserialize>::deserialize(deserializer)
                        .map(|text| Self::from(&*text))
                }
            }

            #[cfg(feature = "schemars")]
            impl ::schemars::JsonSchema for #ident {
                fn schema_name() -> ::std::borrow::Cow<'static, str> {
                    #name.into()
                }

                fn json_schema(_: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                    ::schemars::json_schema!({
                        "description": #description,
                        "type": "string",
                        "examples": [#(#texts),*],
                    })
                }
            }
        };
        file.items
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_with(schema: Value) -> Result<Vec<Enum>, String> {
        let spec = json!({
            "openapi": "3.0.3",
            "info": { "title": "hub", "version": "1" },
            "paths": {},
            "components": { "schemas": { "Status": schema } },
        });
        let spec = Spec::parse(&spec.to_string()).unwrap();
        read(&spec).map_err(|defect| defect.to_string())
    }

    #[test]
    fn variants_are_named_after_their_values() {
        let names =
            ["scheduleDeviceMethod", "Connected", "none", "self-signed", "3des", "état"].map(variant_name);
        assert_eq!(names, ["ScheduleDeviceMethod", "Connected", "None", "SelfSigned", "Value3des", "État"]);
    }

    #[test]
    fn values_without_variant_name_are_refused() {
        for (values, message) in [
            (json!([]), "must list at least one value"),
            (json!(["running", 1]), "holds 1, which is not a string"),
            (json!(["?"]), "holds \"?\", which gives no name for a variant"),
            (json!(["running", "Running"]), "holds \"Running\", whose variant is that of \"running\""),
            (json!(["unknownValue"]), "holds \"unknownValue\", whose variant is that of \"UnknownValue\""),
        ] {
            let error = read_with(json!({ "enum": values })).err();
            let expected = format!(" at .components.schemas.Status.enum: {message}");
            assert_eq!(error.as_deref(), Some(expected.as_str()), "{values}");
        }
    }
}
