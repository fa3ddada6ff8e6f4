//! Strict reading of JSON: a duplicate key is an error, and other kinds of text are recognized.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::document::{Defect, child};

/// Parses `text`, which may begin with a byte order mark.
pub(crate) fn parse(text: &str) -> Result<Value, Defect> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_start();
    if text.is_empty() {
        return Err(Defect::new("", "is empty"));
    }
    if text.starts_with('<') {
        return Err(Defect::new("", "is HTML or XML; save the document itself as JSON"));
    }
    if ["openapi:", "swagger:", "---", "#"].iter().any(|line| text.starts_with(line)) {
        return Err(Defect::new("", "is YAML; convert it to JSON"));
    }
    let value = serde_json::from_str(text).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        Defect::new(place, format!("is not JSON: {error}"))
    })?;
    check_keys(text, "")?;
    Ok(value)
}

/// Refuses the first duplicate key at or below `place`, where `text` is.
fn check_keys(text: &str, place: &str) -> Result<(), Defect> {
    if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(text) {
        let mut items = items.iter().enumerate();
        return items.try_for_each(|(index, item)| check_keys(item.get(), &format!("{place}[{index}]")));
    }
    let Ok(Members(members)) = serde_json::from_str(text) else { return Ok(()) };
    let mut keys = BTreeSet::new();
    for (key, member) in &members {
        let place = child(place, key);
        if !keys.insert(key) {
            return Err(Defect::new(place, "is there twice; keep one"));
        }
        check_keys(member.get(), &place)?;
    }
    Ok(())
}

/// The members of an object as they are written.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members(Vec::new()))
    }
}

impl<'de> Visitor<'de> for Members<'de> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Self, A::Error> {
        while let Some(member) = members.next_entry()? {
            self.0.push(member);
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn marks_and_line_ends_are_accepted() {
        let value = parse("\u{feff}{\r\n\"a\": [1, -2, 0.5, true, null, \"b\"]\r\n}\r\n").unwrap();
        assert_eq!(value, json!({ "a": [1, -2, 0.5, true, null, "b"] }));
    }

    #[test]
    fn duplicate_key_is_refused_at_its_place() {
        let text = r#"{"a": [{"b-c": 1, "d": 2, "b-c": 3}]}"#;
        assert_eq!(refusal(text), " at .a[0][\"b-c\"]: is there twice; keep one");
    }

    #[test]
    fn other_kinds_of_text_are_recognized() {
        assert_eq!(refusal(" \n"), ": is empty");
        assert_eq!(refusal("\u{feff}"), ": is empty");
        assert!(refusal("<!doctype html>").starts_with(": is HTML or XML"));
        assert!(refusal("openapi: 3.0.3\n").starts_with(": is YAML"));
        assert!(refusal("{\n  \"openapi\": oops").starts_with(" at line 2, column 14: is not JSON: "));
        assert!(refusal("{} {}").contains("trailing characters"));
        assert!(refusal(&"[".repeat(100_000)).contains("recursion limit"));
    }
}
