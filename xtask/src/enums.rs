//! Extensible enums: the values of the spec, and room for the values the service adds later.
//!
//! The generator's own enums are closed, so that one new status would make a whole answer
//! unreadable. Those of the spec's components are therefore replaced by the ones written here.

use std::collections::BTreeMap;

use quote::format_ident;
use serde_json::Value;
use syn::{Ident, Item, parse_quote};

use crate::spec::{Spec, SpecError, within};

/// The variant that holds a value the spec does not list.
const OPEN_VARIANT: &str = "UnknownValue";

/// An enum of the service.
pub(crate) struct Enum {
    /// The component's name, which is the type's.
    pub(crate) ident: Ident,
    description: String,
    /// Each variant's name and the text the service writes for it.
    variants: Vec<(Ident, String)>,
}

/// The enums among the spec's component schemas, by name.
///
/// One that is written in line, without a name, would become a closed type: it is refused.
pub(crate) fn read(spec: &Spec) -> Result<Vec<Enum>, SpecError> {
    let mut enums = Vec::new();
    let schemas = spec.json["components"]["schemas"].as_object().into_iter().flatten();
    for (name, schema) in schemas {
        let place = within(".components.schemas", name);
        if let Some(values) = schema.get("enum") {
            // The generator knows a type by its name in Pascal case only.
            let is_type_name = name.starts_with(|c: char| c.is_ascii_uppercase())
                && name.chars().all(|c| c.is_ascii_alphanumeric());
            let ident = syn::parse_str(name).ok().filter(|_| is_type_name).ok_or_else(|| {
                SpecError::new(&spec.file, &place, "an enum needs a name in Pascal case, such as JobStatus")
            })?;
            let variants = variants(spec, &within(&place, "enum"), values)?;
            let description = schema["description"].as_str().unwrap_or_default().to_owned();
            enums.push(Enum { ident, description, variants });
        } else {
            refuse_inline(spec, &place, schema)?;
        }
    }
    refuse_inline(spec, ".paths", &spec.json["paths"])?;
    for section in ["parameters", "responses", "requestBodies", "headers"] {
        refuse_inline(spec, &within(".components", section), &spec.json["components"][section])?;
    }
    Ok(enums)
}

fn refuse_inline(spec: &Spec, place: &str, part: &Value) -> Result<(), SpecError> {
    match part {
        Value::Object(members) => {
            if members.get("enum").is_some_and(Value::is_array) {
                let reason =
                    "an enum without a name would be closed to new values; move it to .components.schemas";
                return Err(SpecError::new(&spec.file, within(place, "enum"), reason));
            }
            members.iter().try_for_each(|(key, member)| refuse_inline(spec, &within(place, key), member))
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| refuse_inline(spec, &format!("{place}[{index}]"), item)),
        _ => Ok(()),
    }
}

fn variants(spec: &Spec, place: &str, values: &Value) -> Result<Vec<(Ident, String)>, SpecError> {
    let refuse = |reason: String| SpecError::new(&spec.file, place, reason);
    let values = values.as_array().filter(|values| !values.is_empty());
    let values = values.ok_or_else(|| refuse("must list at least one value".into()))?;
    let mut taken = BTreeMap::from([(OPEN_VARIANT.to_ascii_lowercase(), OPEN_VARIANT.to_owned())]);
    values
        .iter()
        .map(|value| {
            let text = value.as_str().ok_or_else(|| refuse(format!("holds {value}, which is no string")))?;
            let name = variant_name(text);
            let ident = syn::parse_str::<Ident>(&name)
                .map_err(|_| refuse(format!("holds {text:?}, which gives no name for a variant")))?;
            match taken.insert(name.to_ascii_lowercase(), text.to_owned()) {
                None => Ok((ident, text.to_owned())),
                Some(other) => Err(refuse(format!("holds {text:?}, whose variant is taken by {other:?}"))),
            }
        })
        .collect()
}

/// `scheduleDeviceMethod` becomes `ScheduleDeviceMethod`, `self-signed` becomes `SelfSigned`.
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
    /// The type and all that is implemented for it.
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
            /// Values are read without regard to case. One that this list lacks is kept as it came.
            #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
            #[non_exhaustive]
            pub enum #ident {
                #(#[doc = #docs] #names,)*
                /// A value that the spec does not list, as the service wrote it.
                #open(::std::string::String),
            }

            impl #ident {
                /// The text that the service writes for this value.
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
    use std::path::Path;

    use serde_json::json;

    use super::*;

    fn read_with(schema: Value) -> Result<Vec<Enum>, String> {
        let spec = json!({
            "openapi": "3.0.3",
            "info": { "title": "hub", "version": "1" },
            "paths": {},
            "components": { "schemas": { "Status": schema } },
        });
        let spec = Spec::parse(&spec.to_string(), Path::new("spec.json")).unwrap();
        read(&spec).map_err(|error| error.to_string())
    }

    #[test]
    fn variants_are_named_after_the_values() {
        let names =
            ["scheduleDeviceMethod", "Connected", "none", "self-signed", "3des", "état"].map(variant_name);
        assert_eq!(names, ["ScheduleDeviceMethod", "Connected", "None", "SelfSigned", "Value3des", "État"]);
    }

    #[test]
    fn values_that_give_no_variant_are_refused() {
        for (values, message) in [
            (json!([]), "must list at least one value"),
            (json!(["running", null]), "holds null, which is no string"),
            (json!(["?"]), "holds \"?\", which gives no name for a variant"),
            (json!(["running", "Running"]), "holds \"Running\", whose variant is taken by \"running\""),
            (json!(["unknownValue"]), "holds \"unknownValue\", whose variant is taken by \"UnknownValue\""),
        ] {
            let error = read_with(json!({ "enum": values })).err();
            let expected = format!("spec.json at .components.schemas.Status.enum: {message}");
            assert_eq!(error.as_deref(), Some(expected.as_str()), "{values}");
        }
    }

    #[test]
    fn an_enum_needs_the_name_of_a_type() {
        let spec = json!({
            "openapi": "3.0.3",
            "info": { "title": "hub", "version": "1" },
            "paths": {},
            "components": { "schemas": { "jobState": { "type": "string", "enum": ["on"] } } },
        });
        let spec = Spec::parse(&spec.to_string(), Path::new("spec.json")).unwrap();
        let error = read(&spec).err().unwrap().to_string();
        assert!(
            error.starts_with(
                "spec.json at .components.schemas.jobState: an enum needs a name in Pascal case"
            )
        );
    }

    #[test]
    fn an_enum_without_a_name_is_refused() {
        let error = read_with(json!({ "properties": { "status": { "enum": ["on"] } } })).err().unwrap();
        assert!(
            error.starts_with(
                "spec.json at .components.schemas.Status.properties.status.enum: an enum without"
            )
        );
    }
}
