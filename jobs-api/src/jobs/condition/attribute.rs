//! Paths, and their comparison with values.

use super::{Condition, ConditionError, Literal};

/// Words of the query language that a name must not be taken for, in lower case.
const KEYWORDS: [&str; 24] = [
    "all",
    "and",
    "as",
    "asc",
    "avg",
    "by",
    "count",
    "desc",
    "devices",
    "false",
    "from",
    "group",
    "in",
    "is_defined",
    "max",
    "min",
    "nin",
    "not",
    "null",
    "or",
    "select",
    "sum",
    "true",
    "where",
];

/// A path that a condition compares.
#[derive(Clone, Debug)]
#[must_use = "a path is no condition until it is compared"]
pub struct Attribute(pub(super) Result<String, ConditionError>);

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident => $operator:literal,)*) => {
        impl Attribute {
            $($(#[$doc])*
            pub fn $name(self, value: impl Into<Literal>) -> Condition {
                self.condition(|path| format!(concat!("{} ", $operator, " {}"), path, value.into().0))
            })*
        }
    };
}

comparisons! {
    /// Selects the devices where it equals the value.
    eq => "=",
    /// Selects the devices where it differs from the value.
    ne => "!=",
    /// Selects the devices where it is less than the value.
    lt => "<",
    /// Selects the devices where it is at most the value.
    le => "<=",
    /// Selects the devices where it is greater than the value.
    gt => ">",
    /// Selects the devices where it is at least the value.
    ge => ">=",
}

impl Attribute {
    pub(super) fn within(root: &str, path: &str) -> Self {
        let parts = path.split('.').map(|part| match part {
            _ if part.is_empty() || part.contains("]]") || part.ends_with(']') => {
                Err(ConditionError::Path(path.into()))
            }
            _ if is_plain(part) => Ok(format!(".{part}")),
            _ => Ok(format!(".[[{part}]]")),
        });
        Self(parts.collect::<Result<String, _>>().map(|path| format!("{root}{path}")))
    }

    /// Selects the devices where it is one of the values.
    pub fn is_in<I: IntoIterator<Item: Into<Literal>>>(self, values: I) -> Condition {
        self.list("IN", values)
    }

    /// Selects the devices where it is none of the values.
    pub fn is_not_in<I: IntoIterator<Item: Into<Literal>>>(self, values: I) -> Condition {
        self.list("NIN", values)
    }

    /// Selects the devices that have it, even if it is null.
    pub fn is_defined(self) -> Condition {
        self.condition(|path| format!("IS_DEFINED({path})"))
    }

    fn list<I: IntoIterator<Item: Into<Literal>>>(self, operator: &str, values: I) -> Condition {
        let values: Vec<String> = values.into_iter().map(|value| value.into().0).collect();
        let mut condition = self.condition(|path| format!("{path} {operator} [{}]", values.join(", ")));
        if values.is_empty() {
            condition.problem.get_or_insert(ConditionError::EmptyList);
        }
        condition
    }

    fn condition(self, text: impl FnOnce(&str) -> String) -> Condition {
        match self.0 {
            Ok(path) => Condition::single(text(&path)),
            Err(problem) => Condition { problem: Some(problem), ..Condition::single(text("?")) },
        }
    }
}

/// Whether a name can be written without brackets.
fn is_plain(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !KEYWORDS.contains(&name.to_ascii_lowercase().as_str())
}
