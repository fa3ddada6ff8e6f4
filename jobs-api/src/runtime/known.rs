//! Members whose values are read more strictly, or more tolerantly, than their types.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_ignored::Path;
use serde_json::Value;

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
pub(crate) fn escape<E: serde::de::Error>(error: E) -> E {
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
