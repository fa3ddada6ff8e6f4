//! Query conditions that nothing can be injected into.
//!
//! A condition is what stands after WHERE in a query on devices: see [the query language][page]. Paths
//! and literals are quoted here, so that a name with a quote in it stays a name.
//!
//! [page]: https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-query-language

mod attribute;
mod literal;

use std::fmt;

pub use self::attribute::Attribute;
pub use self::literal::Literal;
use crate::limits::CONDITION_LENGTH;

/// A condition that selects devices.
///
/// ```
/// use jobs_api::Condition;
///
/// let condition = Condition::tag("building").eq("43")
///     .and(Condition::reported("firmware.version").lt(7).or(Condition::reported("firmware").is_defined().not()));
/// assert_eq!(
///     condition.to_string(),
///     "tags.building = '43' AND (properties.reported.firmware.version < 7 \
///      OR NOT IS_DEFINED(properties.reported.firmware))"
/// );
/// ```
///
/// Give a request the text that [`build`](Self::build) makes, which refuses what the language cannot say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Condition {
    text: String,
    binding: Binding,
    problem: Option<ConditionError>,
}

/// How tightly the outermost operator holds a condition together.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Binding {
    Or,
    And,
    Not,
    Single,
}

/// Why a condition cannot be used.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConditionError {
    /// It has more than 8,192 characters.
    TooLong {
        /// How many it has.
        length: usize,
    },
    /// A path has an empty part, or one with `]]` in it, which cannot be quoted.
    Path(String),
    /// A list of values is empty, which the language does not have.
    EmptyList,
    /// `*` stands within another condition, which the language does not have.
    AllWithin,
}

impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { length } => write!(
                f,
                "the condition has {length} characters, and 8,192 are allowed; split it into several jobs, \
                 a list of devices with `Condition::split_device_ids`"
            ),
            Self::Path(path) => {
                write!(f, "the path {path:?} cannot be written: it has an empty part or `]]` in it")
            }
            Self::EmptyList => f.write_str("a list of values must not be empty"),
            Self::AllWithin => f.write_str("`*` stands alone: it cannot be part of another condition"),
        }
    }
}

impl std::error::Error for ConditionError {}

impl Condition {
    /// Selects every device: `*`.
    pub fn all() -> Self {
        Self::single("*".into())
    }

    /// Selects the devices of these ids.
    pub fn device_ids<I: IntoIterator<Item: AsRef<str>>>(ids: I) -> Self {
        let literals = ids.into_iter().map(|id| Literal::from(id.as_ref()));
        Self::device_id().is_in(literals)
    }

    /// As few conditions as it takes to select the devices of these ids, each within the 8,192
    /// characters that a condition may have. A job is needed for each.
    pub fn split_device_ids<I: IntoIterator<Item: AsRef<str>>>(ids: I) -> Vec<Self> {
        let empty = "deviceId IN []".len();
        let mut parts: Vec<(Vec<Literal>, usize)> = Vec::new();
        for id in ids {
            let literal = Literal::from(id.as_ref());
            let length = literal.0.chars().count() + ", ".len();
            match parts.last_mut() {
                Some((literals, total)) if *total + length <= CONDITION_LENGTH => {
                    literals.push(literal);
                    *total += length;
                }
                _ => parts.push((vec![literal], empty + length)),
            }
        }
        parts.into_iter().map(|(literals, _)| Self::device_id().is_in(literals)).collect()
    }

    /// The id of the device.
    pub fn device_id() -> Attribute {
        Attribute(Ok("deviceId".into()))
    }

    /// The id of the module, in conditions on modules.
    pub fn module_id() -> Attribute {
        Attribute(Ok("moduleId".into()))
    }

    /// A tag; its parts are separated by dots, as in `place.room`.
    pub fn tag(path: &str) -> Attribute {
        Attribute::within("tags", path)
    }

    /// A desired property; its parts are separated by dots.
    pub fn desired(path: &str) -> Attribute {
        Attribute::within("properties.desired", path)
    }

    /// A reported property; its parts are separated by dots.
    pub fn reported(path: &str) -> Attribute {
        Attribute::within("properties.reported", path)
    }

    /// Selects what both conditions select.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.join("AND", Binding::And, other)
    }

    /// Selects what either condition selects.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.join("OR", Binding::Or, other)
    }

    /// Selects what this condition does not select.
    #[allow(clippy::should_implement_trait, reason = "a condition is built, not negated as a number is")]
    #[must_use]
    pub fn not(self) -> Self {
        let problem = self.problem_within();
        Self { text: format!("NOT {}", self.within(Binding::Not)), binding: Binding::Not, problem }
    }

    /// The text, as a request takes it.
    ///
    /// # Errors
    ///
    /// The condition is longer than 8,192 characters, or has a part that cannot be written.
    pub fn build(self) -> Result<String, ConditionError> {
        let length = self.text.chars().count();
        match self.problem {
            Some(problem) => Err(problem),
            None if length > CONDITION_LENGTH => Err(ConditionError::TooLong { length }),
            None => Ok(self.text),
        }
    }

    fn single(text: String) -> Self {
        Self { text, binding: Binding::Single, problem: None }
    }

    fn join(self, operator: &str, binding: Binding, other: Self) -> Self {
        let problem = self.problem_within().or(other.problem_within());
        // A long chain grows one text.
        let mut text = self.within(binding);
        for part in [" ", operator, " ", &other.within(binding)] {
            text.push_str(part);
        }
        Self { text, binding, problem }
    }

    /// The text as part of a condition that holds together like this.
    fn within(self, binding: Binding) -> String {
        if self.binding < binding { format!("({})", self.text) } else { self.text }
    }

    fn problem_within(&self) -> Option<ConditionError> {
        let is_all = self.text == "*";
        self.problem.clone().or(is_all.then_some(ConditionError::AllWithin))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<Condition> for String {
    type Error = ConditionError;

    fn try_from(condition: Condition) -> Result<Self, ConditionError> {
        condition.build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parentheses_stand_where_they_are_needed() {
        let a = || Condition::tag("a").eq(1);
        let b = || Condition::tag("b").ne("x");
        assert_eq!(a().and(b()).or(a()).to_string(), "tags.a = 1 AND tags.b != 'x' OR tags.a = 1");
        assert_eq!(a().or(b()).and(a()).to_string(), "(tags.a = 1 OR tags.b != 'x') AND tags.a = 1");
        assert_eq!(a().or(b()).not().to_string(), "NOT (tags.a = 1 OR tags.b != 'x')");
        assert_eq!(a().not().and(b()).to_string(), "NOT tags.a = 1 AND tags.b != 'x'");
        assert_eq!(a().not().not().to_string(), "NOT NOT tags.a = 1");
    }

    #[test]
    fn odd_and_reserved_names_stand_in_brackets() {
        for (path, text) in [
            ("building", "tags.building"),
            ("place.room", "tags.place.room"),
            ("group", "tags.[[group]]"),
            ("a.SELECT.b", "tags.a.[[SELECT]].b"),
            ("with-hyphen", "tags.[[with-hyphen]]"),
            ("1st", "tags.[[1st]]"),
            ("größe", "tags.[[größe]]"),
            ("a' OR 1", "tags.[[a' OR 1]]"),
        ] {
            assert_eq!(Condition::tag(path).is_defined().to_string(), format!("IS_DEFINED({text})"));
        }
        for path in ["", ".", "a..b", "a.", "x]] = 1 OR tags.[[y", "x]"] {
            assert_eq!(Condition::desired(path).eq(1).build(), Err(ConditionError::Path(path.into())));
        }
    }

    #[test]
    fn literals_have_one_way_to_be_read() {
        let text = |literal: Literal| literal.0;
        assert_eq!(text("it's \"A\\B\"\n\u{1F980}".into()), "'it\\u0027s \"A\\\\B\"\\u000A\u{1F980}'");
        assert_eq!(
            [text(true.into()), text((-7).into()), text(u64::MAX.into())],
            ["true", "-7", "18446744073709551615"]
        );
        assert_eq!(Literal::number(1.5).map(text), Some("1.5".into()));
        assert_eq!((Literal::number(f64::NAN), Literal::number(f64::INFINITY)), (None, None));
        assert_eq!(text(Literal::null()), "null");
    }

    #[test]
    fn what_the_language_lacks_is_refused() {
        assert_eq!(Condition::all().build().unwrap(), "*");
        assert_eq!(Condition::all().and(Condition::tag("a").eq(1)).build(), Err(ConditionError::AllWithin));
        assert_eq!(Condition::device_ids(["a"; 0]).build(), Err(ConditionError::EmptyList));
        assert_eq!(Condition::tag("a").is_not_in([1; 0]).not().build(), Err(ConditionError::EmptyList));
    }

    #[test]
    fn a_long_list_is_split_into_as_few_conditions_as_it_takes() {
        let ids: Vec<String> = (0..4000).map(|n| format!("device-{n:04}")).collect();
        let whole = Condition::device_ids(&ids).build().unwrap_err();
        assert!(whole.to_string().contains("Condition::split_device_ids"), "{whole}");
        let parts: Vec<String> =
            Condition::split_device_ids(&ids).into_iter().map(|part| part.build().unwrap()).collect();
        assert_eq!(parts.iter().map(|part| part.matches("'device-").count()).sum::<usize>(), 4000);
        assert_eq!(parts.len(), 8);
        assert!(Condition::split_device_ids(["a"; 0]).is_empty());
    }
}
