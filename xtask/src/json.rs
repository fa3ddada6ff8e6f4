//! Strict reading of JSON: a duplicate key is an error, and other kinds of text are recognized.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::document::{Defect, child};

/// Parses `text`, which may begin with a byte order mark.
pub(crate) fn parse(text: &str) -> Result<Value, Defect> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let start = text.trim_start();
    if start.is_empty() {
        return Err(Defect::new("", "is empty"));
    }
    if start.starts_with('<') {
        return Err(Defect::new("", "is HTML or XML; save the document itself as JSON"));
    }
    if ["openapi:", "swagger:", "---", "#"].iter().any(|line| start.starts_with(line)) {
        return Err(Defect::new("", "is YAML; convert it to JSON"));
    }
    let duplicate = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict { place: String::new(), duplicate: &duplicate }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    value.map_err(|error| {
        duplicate.take().unwrap_or_else(|| {
            let place = format!("line {}, column {}", error.line(), error.column());
            Defect::new(place, format!("is not JSON: {error}"))
        })
    })
}

/// Reads the value at `place`, and records the first duplicate key.
struct Strict<'a> {
    place: String,
    duplicate: &'a RefCell<Option<Defect>>,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        loop {
            let place = format!("{}[{}]", self.place, values.len());
            match items.next_element_seed(Strict { place, duplicate: self.duplicate })? {
                Some(value) => values.push(value),
                None => return Ok(values.into()),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            let place = child(&self.place, &key);
            if values.contains_key(&key) {
                *self.duplicate.borrow_mut() = Some(Defect::new(place, "is there twice; keep one"));
                return Err(A::Error::custom("duplicate key"));
            }
            let value = members.next_value_seed(Strict { place, duplicate: self.duplicate })?;
            values.insert(key, value);
        }
        Ok(values.into())
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
