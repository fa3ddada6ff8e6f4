//! Values that an expression works with, borrowed from the document where possible.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

/// Value of an expression. The language's `undefined` is the absence of one.
#[derive(Clone, Debug)]
pub(crate) enum Operand<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    Number(f64),
    Text(Cow<'a, str>),
    /// An object or an array.
    Json(Cow<'a, Value>),
}

impl<'a> Operand<'a> {
    pub(crate) fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(*number as f64),
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn into_json(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => value.into(),
            Self::Integer(number) => number.into(),
            Self::Number(number) => number.into(),
            Self::Text(text) => text.into_owned().into(),
            Self::Json(value) => value.into_owned(),
        }
    }

    /// Compares two primitives of the same type; others do not compare.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Null, Self::Null) => Some(Ordering::Equal),
            (Self::Bool(left), Self::Bool(right)) => Some(left.cmp(right)),
            (Self::Text(left), Self::Text(right)) => Some(left.cmp(right)),
            (Self::Integer(left), Self::Integer(right)) => Some(left.cmp(right)),
            _ => self.as_f64()?.partial_cmp(&other.as_f64()?),
        }
    }
}

impl<'a> From<&'a Value> for Operand<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::String(text) => Self::text(text),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(number), _) => Self::Integer(number),
                (None, number) => Self::Number(number.unwrap_or(f64::NAN)),
            },
            Value::Object(_) | Value::Array(_) => Self::Json(Cow::Borrowed(value)),
        }
    }
}

/// The subject of an expression: a twin, a row of a job, or JSON.
pub(crate) trait Document {
    /// Returns the member at this path, whose first name is one of the collection's columns.
    fn member(&self, path: &[String]) -> Option<Operand<'_>>;
}

impl Document for Value {
    fn member(&self, path: &[String]) -> Option<Operand<'_>> {
        walk(self, path)
    }
}

/// Returns the member of `value` at this path.
pub(crate) fn walk<'a>(value: &'a Value, path: &[String]) -> Option<Operand<'a>> {
    path.iter().try_fold(value, |value, key| value.get(key)).map(Operand::from)
}
