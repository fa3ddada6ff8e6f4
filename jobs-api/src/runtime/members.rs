//! Members whose values are read more strictly, or more tolerantly, than their types.
//!
//! A response comes from the hub, which writes some values in more than one form: each form is read. A request that is
//! read comes from a person: a member that no type knows is most likely misspelt, and a job without it would do
//! something else on each of its devices.

use serde::de::{Deserialize, Deserializer, Error};
use serde_ignored::Path;
use serde_json::{Number, Value};

/// Beyond this a double does not hold every whole number.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// Characters of an unknown name that an error shows.
const SHOWN_NAME: usize = 100;
/// Characters of an error that are shown.
const SHOWN_ERROR: usize = 400;

/// Reads the member `name` of a request, and refuses members within it that its type does not know: a person
/// may have misspelt them. The same types are read tolerantly in responses.
pub(crate) fn read_known<'de, D, T>(name: &str, deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let mut unknown = None;
    let value = serde_ignored::deserialize(deserializer, |path| {
        unknown.get_or_insert_with(|| steps(&path));
    })?;
    match unknown {
        Some(steps) => Err(D::Error::custom(format_args!("unknown field `{name}{steps}`"))),
        None => Ok(value),
    }
}

/// Returns a path as it continues the name of a member: `.properties.desired`.
fn steps(path: &Path<'_>) -> String {
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, index } => format!("{}[{index}]", steps(parent)),
        Path::Map { parent, key } => {
            let name: String = key.escape_debug().take(SHOWN_NAME).collect();
            format!("{}.{name}", steps(parent))
        }
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            steps(parent)
        }
    }
}

/// Returns an error whose text is short and has no control characters: it may quote what a person wrote.
pub(crate) fn escape<E: Error>(error: E) -> E {
    let text = error.to_string();
    let is_odd = |c: char| c.is_control() || !c.is_ascii() && c.escape_debug().len() > 1;
    if text.len() <= SHOWN_ERROR && !text.contains(is_odd) {
        return error;
    }
    let shown = text.chars().take(SHOWN_ERROR);
    let escaped = shown.map(|c| if is_odd(c) { c.escape_debug().to_string() } else { c.to_string() });
    E::custom(escaped.collect::<String>())
}

/// Reads a text, which the service may write as a number.
pub(crate) fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    })
}

/// Reads an optional whole number by its value: `1.0` is 1.
pub(crate) fn read_whole_number<'de, T: TryFrom<i64>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let Some(number) = Option::<Number>::deserialize(deserializer)? else { return Ok(None) };
    let whole = number.as_i64().or_else(|| truncate(number.as_f64()?));
    match whole.and_then(|whole| T::try_from(whole).ok()) {
        Some(value) => Ok(Some(value)),
        None => Err(D::Error::custom(format_args!("{number} is no whole number, or out of range"))),
    }
}

/// Returns a number without its fraction, if that is zero.
fn truncate(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Option<i32>, serde_json::Error> {
        read_whole_number(&mut serde_json::Deserializer::from_str(json))
    }

    #[test]
    fn whole_number_is_read_by_its_value() {
        for (json, number) in [("1", Some(1)), ("1.0", Some(1)), ("-2e1", Some(-20)), ("null", None)] {
            assert_eq!(read(json).unwrap(), number, "{json}");
        }
    }

    #[test]
    fn other_values_are_errors() {
        for json in ["1.5", "1e300", "3000000000", "3e9", "-9223372036854775809", "\"1\"", "[]", "true"] {
            assert!(read(json).is_err(), "{json}");
        }
    }
}
