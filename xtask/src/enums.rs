//! Extensible enums: the values of the spec, and a variant for values that the service adds later.
//!
//! The generator's own enums are closed, so that one new status would make a whole response unreadable.
//! The enums among the spec's components are replaced by the ones written here.

use std::collections::BTreeMap;

use quote::format_ident;
use serde_json::Value;
use syn::{Ident, Item, parse_quote};

use crate::document::{Defect, Defects, SCHEMAS, descendant, schemas};
use crate::names::type_name;

/// The variant that holds a value the spec does not list.
const OPEN_VARIANT: &str = "UnknownValue";
/// What to do about a value without a variant.
const REMEDY: &str = "leave it out: unlisted values are kept too";

/// An enum of the service.
pub(crate) struct Enum {
    /// The component's name, which is the type's.
    pub(crate) ident: Ident,
    description: String,
    /// Each variant's name and the text that the service writes for it.
    variants: Vec<(Ident, String)>,
}

/// The enums among the component schemas of a document, by name.
pub(crate) fn read(json: &Value) -> Result<Vec<Enum>, Defects> {
    let (mut enums, mut defects) = (Vec::new(), Vec::new());
    for (name, schema) in schemas(json) {
        let Some(values) = schema.get("enum") else { continue };
        let place = descendant(SCHEMAS, &[name, "enum"]);
        match variants(values) {
            Err(reason) => defects.push(Defect::new(place, reason)),
            Ok(variants) => enums.push(Enum {
                ident: format_ident!("{}", type_name(name)),
                description: schema["description"].as_str().unwrap_or_default().to_owned(),
                variants,
            }),
        }
    }
    Defects::check(defects).map(|()| enums)
}

fn variants(values: &Value) -> Result<Vec<(Ident, String)>, String> {
    let values =
        values.as_array().filter(|values| !values.is_empty()).ok_or("must list at least one value")?;
    let mut used = BTreeMap::from([(OPEN_VARIANT.to_ascii_lowercase(), OPEN_VARIANT.to_owned())]);
    let variant = |value: &Value| {
        let text = value.as_str().ok_or_else(|| format!("holds {value}, which is not a string"))?;
        let name = variant_name(text);
        let keyword = format!("{name}_");
        let ident = syn::parse_str::<Ident>(&name)
            .or_else(|_| syn::parse_str(if name.is_empty() { "" } else { &keyword }))
            .map_err(|_| format!("holds {text:?}, which gives no name for a variant; {REMEDY}"))?;
        match used.insert(name.to_ascii_lowercase(), text.to_owned()) {
            None => Ok((ident, text.to_owned())),
            Some(other) => Err(format!("holds {text:?}, whose variant is that of {other:?}; {REMEDY}")),
        }
    };
    values.iter().map(variant).collect()
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

                /// Returns the value of this text in any case, `None` if the spec does not list it.
                pub fn from_known(text: &str) -> ::std::option::Option<Self> {
                    ::std::option::Option::Some(Self::from(text)).filter(Self::is_known)
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
        read(&json!({ "components": { "schemas": { "Status": schema } } }))
            .map_err(|defects| defects.to_string())
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
            (
                json!(["?"]),
                "holds \"?\", which gives no name for a variant; leave it out: unlisted values are kept too",
            ),
            (
                json!(["running", "Running"]),
                "holds \"Running\", whose variant is that of \"running\"; leave it out: unlisted values are kept too",
            ),
            (
                json!(["unknownValue"]),
                "holds \"unknownValue\", whose variant is that of \"UnknownValue\"; \
                 leave it out: unlisted values are kept too",
            ),
        ] {
            let error = read_with(json!({ "enum": values })).err();
            let expected = format!(" at .components.schemas.Status.enum: {message}");
            assert_eq!(error.as_deref(), Some(expected.as_str()), "{values}");
        }
    }
}
