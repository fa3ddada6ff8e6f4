//! Conditions and their operators.

use std::fmt;

use super::error::ConditionError;
use crate::limits::CONDITION_LENGTH;

/// Returns true if the text of a condition names the collection that it selects from, as one on modules does.
pub(crate) fn names_collection(condition: &str) -> bool {
    let first_word = condition.split_once(char::is_whitespace).map(|(word, _)| word);
    first_word.is_some_and(|word| word.eq_ignore_ascii_case("FROM"))
}

/// A condition that selects devices.
///
/// ```
/// use jobs_api::Condition;
///
/// let outdated = Condition::reported("firmware.version").lt(7);
/// let unknown = Condition::reported("firmware").is_defined().not();
/// let condition = Condition::tag("building").eq("43").and(outdated.or(unknown));
/// assert_eq!(
///     condition.to_string(),
///     "tags.building = '43' AND (properties.reported.firmware.version < 7 \
///      OR NOT IS_DEFINED(properties.reported.firmware))"
/// );
/// ```
///
/// [`build`](Self::build) returns the text for a request, or the reason why the language cannot express it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Condition {
    text: String,
    precedence: Precedence,
    /// The first part that the language cannot express.
    problem: Option<ConditionError>,
}

/// The precedence of the outermost operator of a condition.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Precedence {
    /// The weakest: an operand of every other operator needs parentheses.
    Or,
    And,
    Not,
    Single,
}

impl Condition {
    /// Selects the devices that both conditions select.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.join("AND", Precedence::And, other)
    }

    /// Selects the devices that either condition selects.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.join("OR", Precedence::Or, other)
    }

    /// Selects the devices that this condition does not select.
    #[allow(clippy::should_implement_trait, reason = "the name follows `and` and `or`")]
    #[must_use]
    pub fn not(self) -> Self {
        let operand = self.into_operand(Precedence::Not);
        Self { text: format!("NOT {}", operand.text), precedence: Precedence::Not, ..operand }
    }

    /// Returns the text for a request.
    ///
    /// # Errors
    ///
    /// The condition is longer than 8,192 characters, or has a part that the language cannot express.
    pub fn build(self) -> Result<String, ConditionError> {
        let length = self.text.chars().count();
        match self.problem {
            Some(problem) => Err(problem),
            None if length > CONDITION_LENGTH => Err(ConditionError::TooLong { length }),
            None => Ok(self.text),
        }
    }

    /// Returns the text for a request that selects modules instead of devices, for a direct method on each:
    /// `FROM devices.modules WHERE …`.
    ///
    /// The service accepts this form, but does not document it.
    ///
    /// # Errors
    ///
    /// Those of [`build`](Self::build).
    pub fn build_on_modules(self) -> Result<String, ConditionError> {
        Self { text: format!("FROM devices.modules WHERE {}", self.text), ..self }.build()
    }

    pub(super) fn single(text: String, problem: Option<ConditionError>) -> Self {
        Self { text, precedence: Precedence::Single, problem }
    }

    fn join(self, operator: &str, precedence: Precedence, other: Self) -> Self {
        let (mut joined, other) = (self.into_operand(precedence), other.into_operand(precedence));
        // Appends to one text, so that a long chain takes linear time.
        joined.text.extend([" ", operator, " ", &other.text]);
        Self { text: joined.text, precedence, problem: joined.problem.or(other.problem) }
    }

    /// Adds parentheses unless it is an operand of an operator of this precedence as it is.
    fn into_operand(mut self, precedence: Precedence) -> Self {
        if self.precedence < precedence {
            self.text = format!("({})", self.text);
        }
        self
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
