//! Walking an OpenAPI document as JSON, and naming places in it.

use std::fmt;

use serde_json::Value;

/// The methods under which a path item holds operations.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// The extension of a property that lists the other names under which it is read.
pub(crate) const OTHER_NAMES: &str = "x-other-names";

/// What the docs say of a member without which the service refuses a request, or which it always writes.
pub(crate) const REQUIRED: &str = "Required.";

/// What the docs say of what the service discourages.
pub(crate) const DEPRECATED: &str = "Deprecated.";

/// The place of the component schemas.
pub(crate) const SCHEMAS: &str = ".components.schemas";

/// The start of a reference to one of them.
pub(crate) const SCHEMA_REFERENCE: &str = "#/components/schemas/";

/// A defect of the document: where it is, in the notation of `jq`, and the reason.
#[derive(Debug)]
pub(crate) struct Defect {
    pub(crate) place: String,
    pub(crate) reason: String,
}

impl Defect {
    pub(crate) fn new(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { place: place.into(), reason: reason.into() }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, " at {}", self.place)?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// The defects of a document that were found independently of each other, one a line.
#[derive(Debug)]
pub(crate) struct Defects(Vec<Defect>);

impl Defects {
    /// Returns an error if there are any.
    pub(crate) fn check(found: impl IntoIterator<Item = Defect>) -> Result<(), Self> {
        let defects: Vec<Defect> = found.into_iter().collect();
        if defects.is_empty() { Ok(()) } else { Err(Self(defects)) }
    }
}

impl From<Defect> for Defects {
    fn from(defect: Defect) -> Self {
        Self(vec![defect])
    }
}

impl fmt::Display for Defects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Defect::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// The place of the member `key` of the object at `place`.
pub(crate) fn child(place: &str, key: &str) -> String {
    let is_word = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_word { format!("{place}.{key}") } else { format!("{place}[{key:?}]") }
}

/// The place of the member that `keys` lead to from `place`.
pub(crate) fn descendant(place: &str, keys: &[&str]) -> String {
    keys.iter().fold(place.to_owned(), |place, key| child(&place, key))
}

/// The members of an object, or the items of a list, with their places and keys.
pub(crate) fn members<'a>(part: &'a Value, place: &str) -> Vec<(String, &'a str, &'a Value)> {
    match part {
        Value::Object(members) => {
            members.iter().map(|(key, member)| (child(place, key), key.as_str(), member)).collect()
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.map(|(index, item)| (format!("{place}[{index}]"), "", item)).collect()
        }
        _ => Vec::new(),
    }
}

/// An operation as the document writes it.
pub(crate) struct Operation<'a> {
    pub(crate) place: String,
    pub(crate) path: &'a str,
    pub(crate) method: &'static str,
    pub(crate) json: &'a Value,
    /// The parameters shared by all operations of the path; null if there are none.
    pub(crate) shared_parameters: &'a Value,
}

impl<'a> Operation<'a> {
    /// The parameters with their places: those of the path, then those of the operation.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (String, &'a Value)> {
        let shared = self.shared_parameters.as_array().into_iter().flatten().enumerate();
        let own = self.json["parameters"].as_array().into_iter().flatten().enumerate();
        let shared_place = descendant(".paths", &[self.path, "parameters"]);
        let own_place = child(&self.place, "parameters");
        let shared = shared.map(move |(index, parameter)| (format!("{shared_place}[{index}]"), parameter));
        shared.chain(own.map(move |(index, parameter)| (format!("{own_place}[{index}]"), parameter)))
    }
}

/// Every operation of the document.
pub(crate) fn operations(json: &Value) -> impl Iterator<Item = Operation<'_>> {
    let paths = json["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        METHODS.into_iter().filter_map(move |method| {
            Some(Operation {
                place: descendant(".paths", &[path, method]),
                path,
                method,
                json: item.get(method)?,
                shared_parameters: &item["parameters"],
            })
        })
    })
}

/// Every component schema with its name.
pub(crate) fn schemas(json: &Value) -> impl Iterator<Item = (&String, &Value)> {
    json["components"]["schemas"].as_object().into_iter().flatten()
}

/// The place of a schema, and the pointer that leads to it.
#[derive(Clone)]
pub(crate) struct Located {
    pub(crate) place: String,
    pub(crate) pointer: String,
}

/// Every schema of the document, outer ones before those within.
///
/// The walk tells the keyword `pattern` of a schema from a property of that name.
pub(crate) fn locate_schemas(json: &Value) -> Vec<Located> {
    let mut found = Vec::new();
    search(json, Located { place: String::new(), pointer: String::new() }, Part::Other, &mut found);
    found
}

/// A part of the document, by where schemas are in it.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Other,
    Schema,
    /// A list or a map of schemas.
    Schemas,
}

impl Part {
    /// What the member `key` is; none if no schema can be in it.
    fn of_member(self, key: &str) -> Option<Self> {
        match (self, key) {
            (Self::Other, "example" | "examples") => None,
            (Self::Other, "schema") | (Self::Schemas, _) => Some(Self::Schema),
            (Self::Other, "schemas") => Some(Self::Schemas),
            (Self::Other, _) => Some(Self::Other),
            (Self::Schema, "items" | "additionalProperties" | "not") => Some(Self::Schema),
            (Self::Schema, "properties" | "allOf" | "anyOf" | "oneOf") => Some(Self::Schemas),
            (Self::Schema, _) => None,
        }
    }
}

fn search(json: &Value, at: Located, part: Part, found: &mut Vec<Located>) {
    let Located { place, pointer } = at.clone();
    if part == Part::Schema && json.is_object() {
        found.push(at);
    }
    for (index, (place, key, member)) in members(json, &place).into_iter().enumerate() {
        let Some(part) = part.of_member(key) else { continue };
        let step =
            if json.is_array() { index.to_string() } else { key.replace('~', "~0").replace('/', "~1") };
        search(member, Located { place, pointer: format!("{pointer}/{step}") }, part, found);
    }
}

/// The target of every `$ref` within `part`.
pub(crate) fn references(part: &Value) -> Vec<&str> {
    match part {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str);
            own.into_iter().chain(members.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// The part of the document that `reference` points to, such as `#/components/schemas/Job`.
pub(crate) fn resolve<'a>(json: &'a Value, reference: &str) -> Option<&'a Value> {
    json.pointer(reference.strip_prefix('#')?)
}

/// The target of `part` if it is a reference, at last; or `part` itself.
pub(crate) fn follow<'a>(json: &'a Value, part: &'a Value) -> &'a Value {
    match part["$ref"].as_str().and_then(|reference| resolve(json, reference)) {
        Some(target) => follow(json, target),
        None => part,
    }
}
