//! Conditions and their operators.

use std::fmt;

use super::error::ConditionError;
use crate::limits::CONDITION_LENGTH;

/// The start of a text that stands for a condition that cannot be used.
pub(crate) const UNUSABLE: char = '\0';

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
/// A request takes a condition as it is, and creating the job fails if the language cannot express it;
/// [`build`](Self::build) returns the text, or that error.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Condition {
    text: String,
    precedence: Precedence,
    problem: Option<ConditionError>,
}

/// The precedence of the outermost operator of a condition.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Precedence {
    Or,
    And,
    Not,
    Single,
}

impl Condition {
    /// Selects every device: `*`.
    pub fn all() -> Self {
        Self::single("*".into())
    }

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
        let problem = self.nested_problem();
        Self {
            text: format!("NOT {}", self.parenthesize(Precedence::Not)),
            precedence: Precedence::Not,
            problem,
        }
    }

    /// Selects modules instead of devices, for a direct method on each: `FROM devices.modules WHERE …`. The
    /// result cannot be part of another condition.
    ///
    /// The service accepts this form, but does not document it.
    #[must_use]
    pub fn on_modules(self) -> Self {
        let problem = self.nested_problem();
        Self::single(format!("FROM devices.modules WHERE {}", self.text)).with_problem(problem)
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

    pub(super) fn single(text: String) -> Self {
        Self { text, precedence: Precedence::Single, problem: None }
    }

    /// Notes why the condition cannot be used, unless an earlier problem is known.
    pub(super) fn with_problem(mut self, problem: Option<ConditionError>) -> Self {
        self.problem = self.problem.or(problem);
        self
    }

    fn join(self, operator: &str, precedence: Precedence, other: Self) -> Self {
        let problem = self.nested_problem().or(other.nested_problem());
        // Appends to one text, so that a long chain takes linear time.
        let mut text = self.parenthesize(precedence);
        for part in [" ", operator, " ", &other.parenthesize(precedence)] {
            text.push_str(part);
        }
        Self { text, precedence, problem }
    }

    /// Returns the text as an operand of an operator of this precedence.
    fn parenthesize(self, precedence: Precedence) -> String {
        if self.precedence < precedence { format!("({})", self.text) } else { self.text }
    }

    fn nested_problem(&self) -> Option<ConditionError> {
        let problem = match self.text.as_str() {
            "*" => Some(ConditionError::NestedAll),
            text if names_collection(text) => Some(ConditionError::NestedModules),
            _ => None,
        };
        self.problem.clone().or(problem)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Returns the text for a request, like the conversion of the condition itself.
impl From<&Condition> for String {
    fn from(condition: &Condition) -> Self {
        condition.clone().into()
    }
}

/// Returns the text for a request. A condition that cannot be used becomes a text that creating the job
/// refuses, with the reason: a null character, which no condition has, and the reason.
impl From<Condition> for String {
    fn from(condition: Condition) -> Self {
        condition.build().unwrap_or_else(|problem| format!("{UNUSABLE}{problem}"))
    }
}
