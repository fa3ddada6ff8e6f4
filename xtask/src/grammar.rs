//! The grammar of OpenAPI 3.0: which members each kind of object has, and what they hold.
//!
//! A walk by grammar tells the keyword `pattern` of a schema from a property of that name.

use serde_json::{Map, Value};

use crate::document::{Defect, child};

/// A kind of object of the document.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Document,
    Info,
    Server,
    PathItem,
    Operation,
    Parameter,
    RequestBody,
    MediaType,
    Response,
    Header,
    Components,
    Schema,
    SecurityScheme,
}

/// The value of a member.
#[derive(Clone, Copy)]
enum Content {
    /// A value that is not walked.
    Leaf,
    One(Kind),
    List(Kind),
    Map(Kind),
}

use Content::{Leaf, List, One};

impl Kind {
    fn members(self) -> &'static [(&'static str, Content)] {
        match self {
            Self::Document => &[
                ("openapi", Leaf),
                ("info", One(Self::Info)),
                ("servers", List(Self::Server)),
                ("paths", Content::Map(Self::PathItem)),
                ("components", One(Self::Components)),
                ("security", Leaf),
                ("tags", Leaf),
                ("externalDocs", Leaf),
            ],
            Self::Info => &[
                ("title", Leaf),
                ("description", Leaf),
                ("termsOfService", Leaf),
                ("contact", Leaf),
                ("license", Leaf),
                ("version", Leaf),
            ],
            Self::Server => &[("url", Leaf), ("description", Leaf), ("variables", Leaf)],
            Self::PathItem => &[
                ("summary", Leaf),
                ("description", Leaf),
                ("get", One(Self::Operation)),
                ("put", One(Self::Operation)),
                ("post", One(Self::Operation)),
                ("delete", One(Self::Operation)),
                ("options", One(Self::Operation)),
                ("head", One(Self::Operation)),
                ("patch", One(Self::Operation)),
                ("trace", One(Self::Operation)),
                ("servers", List(Self::Server)),
                ("parameters", List(Self::Parameter)),
            ],
            Self::Operation => &[
                ("tags", Leaf),
                ("summary", Leaf),
                ("description", Leaf),
                ("externalDocs", Leaf),
                ("operationId", Leaf),
                ("parameters", List(Self::Parameter)),
                ("requestBody", One(Self::RequestBody)),
                ("responses", Content::Map(Self::Response)),
                ("callbacks", Leaf),
                ("deprecated", Leaf),
                ("security", Leaf),
                ("servers", List(Self::Server)),
            ],
            Self::Parameter => &[
                ("name", Leaf),
                ("in", Leaf),
                ("description", Leaf),
                ("required", Leaf),
                ("deprecated", Leaf),
                ("allowEmptyValue", Leaf),
                ("style", Leaf),
                ("explode", Leaf),
                ("allowReserved", Leaf),
                ("schema", One(Self::Schema)),
                ("content", Content::Map(Self::MediaType)),
                ("example", Leaf),
                ("examples", Leaf),
            ],
            Self::RequestBody => {
                &[("description", Leaf), ("content", Content::Map(Self::MediaType)), ("required", Leaf)]
            }
            Self::MediaType => {
                &[("schema", One(Self::Schema)), ("example", Leaf), ("examples", Leaf), ("encoding", Leaf)]
            }
            Self::Response => &[
                ("description", Leaf),
                ("headers", Content::Map(Self::Header)),
                ("content", Content::Map(Self::MediaType)),
                ("links", Leaf),
            ],
            Self::Header => &[
                ("description", Leaf),
                ("required", Leaf),
                ("deprecated", Leaf),
                ("allowEmptyValue", Leaf),
                ("style", Leaf),
                ("explode", Leaf),
                ("allowReserved", Leaf),
                ("schema", One(Self::Schema)),
                ("content", Content::Map(Self::MediaType)),
                ("example", Leaf),
                ("examples", Leaf),
            ],
            Self::Components => &[
                ("schemas", Content::Map(Self::Schema)),
                ("responses", Content::Map(Self::Response)),
                ("parameters", Content::Map(Self::Parameter)),
                ("examples", Leaf),
                ("requestBodies", Content::Map(Self::RequestBody)),
                ("headers", Content::Map(Self::Header)),
                ("securitySchemes", Content::Map(Self::SecurityScheme)),
                ("links", Leaf),
                ("callbacks", Leaf),
            ],
            Self::Schema => &[
                ("title", Leaf),
                ("multipleOf", Leaf),
                ("maximum", Leaf),
                ("exclusiveMaximum", Leaf),
                ("minimum", Leaf),
                ("exclusiveMinimum", Leaf),
                ("maxLength", Leaf),
                ("minLength", Leaf),
                ("pattern", Leaf),
                ("maxItems", Leaf),
                ("minItems", Leaf),
                ("uniqueItems", Leaf),
                ("maxProperties", Leaf),
                ("minProperties", Leaf),
                ("required", Leaf),
                ("enum", Leaf),
                ("type", Leaf),
                ("allOf", List(Self::Schema)),
                ("oneOf", List(Self::Schema)),
                ("anyOf", List(Self::Schema)),
                ("not", One(Self::Schema)),
                ("items", One(Self::Schema)),
                ("properties", Content::Map(Self::Schema)),
                ("additionalProperties", One(Self::Schema)),
                ("description", Leaf),
                ("format", Leaf),
                ("default", Leaf),
                ("nullable", Leaf),
                ("discriminator", Leaf),
                ("readOnly", Leaf),
                ("writeOnly", Leaf),
                ("xml", Leaf),
                ("externalDocs", Leaf),
                ("example", Leaf),
                ("deprecated", Leaf),
            ],
            Self::SecurityScheme => &[
                ("type", Leaf),
                ("description", Leaf),
                ("name", Leaf),
                ("in", Leaf),
                ("scheme", Leaf),
                ("bearerFormat", Leaf),
                ("flows", Leaf),
                ("openIdConnectUrl", Leaf),
            ],
        }
    }

    /// The members that an object of this kind may have.
    pub(crate) fn keywords(self) -> impl Iterator<Item = &'static str> {
        self.members().iter().map(|(name, _)| *name)
    }

    /// The kind of the object that the member `key` holds or leads to.
    fn content(self, key: &str) -> Content {
        self.members().iter().find(|(name, _)| *name == key).map_or(Leaf, |(_, content)| *content)
    }
}

/// Calls `inspect` for every object below `value`, which is of this `kind`, outermost first.
pub(crate) fn walk<'a>(
    value: &'a Value,
    place: &str,
    kind: Kind,
    inspect: &mut impl FnMut(&str, Kind, &'a Map<String, Value>) -> Result<(), Defect>,
) -> Result<(), Defect> {
    let Some(members) = value.as_object() else { return Ok(()) };
    inspect(place, kind, members)?;
    for (key, member) in members {
        let place = child(place, key);
        match (kind.content(key), member) {
            (One(kind), member) => walk(member, &place, kind, inspect)?,
            (List(kind), Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    walk(item, &format!("{place}[{index}]"), kind, inspect)?;
                }
            }
            (Content::Map(kind), Value::Object(entries)) => {
                for (name, entry) in entries {
                    walk(entry, &child(&place, name), kind, inspect)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Calls `change` for every object below `value`, which is of this `kind`, innermost first.
pub(crate) fn walk_mut(
    value: &mut Value,
    place: &str,
    kind: Kind,
    change: &mut impl FnMut(&str, Kind, &mut Map<String, Value>) -> Result<(), Defect>,
) -> Result<(), Defect> {
    let Some(members) = value.as_object_mut() else { return Ok(()) };
    for (key, member) in members.iter_mut() {
        let place = child(place, key);
        match (kind.content(key), member) {
            (One(kind), member) => walk_mut(member, &place, kind, change)?,
            (List(kind), Value::Array(items)) => {
                for (index, item) in items.iter_mut().enumerate() {
                    walk_mut(item, &format!("{place}[{index}]"), kind, change)?;
                }
            }
            (Content::Map(kind), Value::Object(entries)) => {
                for (name, entry) in entries {
                    walk_mut(entry, &child(&place, name), kind, change)?;
                }
            }
            _ => {}
        }
    }
    change(place, kind, members)
}
