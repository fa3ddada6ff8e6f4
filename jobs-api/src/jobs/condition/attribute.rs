//! Paths and their comparisons with values.

use super::error::ConditionError;
use super::expression::Condition;
use super::literal::Literal;
use crate::limits::CONDITION_LENGTH;

/// Words of the query language that a name must not be mistaken for.
const KEYWORDS: &str = "all and as asc avg by count desc devices false from group in is_defined max min nin not null \
                        or select sum top true undefined where";

/// A path to compare, such as a tag.
///
/// ```
/// use jobs_api::Condition;
///
/// let upstairs = Condition::tag("place.floor").ge(3);
/// let saving = Condition::desired("mode").is_in(["eco", "off"]);
/// let fans = Condition::reported("2nd fan").is_defined();
/// assert_eq!(upstairs.to_string(), "tags.place.floor >= 3");
/// assert_eq!(saving.to_string(), "properties.desired.mode IN ['eco', 'off']");
/// assert_eq!(fans.to_string(), "IS_DEFINED(properties.reported.[[2nd fan]])");
/// ```
#[derive(Clone, Debug)]
#[must_use = "a path is not a condition until it is compared"]
pub struct Attribute {
    path: String,
    problem: Option<ConditionError>,
}

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident => $operator:literal,)*) => {
        impl Attribute {
            $($(#[$doc])*
            pub fn $name(self, value: impl Into<Literal>) -> Condition {
                let text = format!(concat!("{} ", $operator, " {}"), self.path, value.into().0);
                Condition::single(text, self.problem)
            })*
        }
    };
}

comparisons! {
    /// Selects the devices on which it equals the value.
    eq => "=",
    /// Selects the devices on which it differs from the value.
    ne => "!=",
    /// Selects the devices on which it is less than the value.
    lt => "<",
    /// Selects the devices on which it is at most the value.
    le => "<=",
    /// Selects the devices on which it is greater than the value.
    gt => ">",
    /// Selects the devices on which it is at least the value.
    ge => ">=",
}

impl Attribute {
    fn within(root: &str, path: &str) -> Self {
        let is_quotable = |part: &str| !part.is_empty() && !part.contains("]]") && !part.ends_with(']');
        if !path.split('.').all(is_quotable) {
            return Self { path: "?".into(), problem: Some(ConditionError::Path(path.into())) };
        }
        let parts = path.split('.').map(|part| match part {
            _ if is_plain(part) => format!(".{part}"),
            _ => format!(".[[{part}]]"),
        });
        Self::named(format!("{root}{}", parts.collect::<String>()))
    }

    fn named(path: String) -> Self {
        Self { path, problem: None }
    }

    /// Selects the devices on which it is one of the values.
    pub fn is_in<I: IntoIterator<Item: Into<Literal>>>(self, values: I) -> Condition {
        self.list("IN", values)
    }

    /// Selects the devices on which it is none of the values.
    pub fn is_not_in<I: IntoIterator<Item: Into<Literal>>>(self, values: I) -> Condition {
        self.list("NIN", values)
    }

    /// Selects the devices on which it is defined, null included.
    pub fn is_defined(self) -> Condition {
        Condition::single(format!("IS_DEFINED({})", self.path), self.problem)
    }

    fn list<I: IntoIterator<Item: Into<Literal>>>(self, operator: &str, values: I) -> Condition {
        let values: Vec<String> = values.into_iter().map(|value| value.into().0).collect();
        let problem = self.problem.or(values.is_empty().then_some(ConditionError::EmptyList));
        Condition::single(format!("{} {operator} [{}]", self.path, values.join(", ")), problem)
    }
}

/// The starts of a condition.
impl Condition {
    /// Selects the devices with these ids.
    pub fn device_ids<I: IntoIterator<Item: AsRef<str>>>(ids: I) -> Self {
        let literals = ids.into_iter().map(|id| Literal::from(id.as_ref()));
        Self::device_id().is_in(literals)
    }

    /// Splits a list of device ids into the fewest conditions of at most 8,192 characters. Each needs its
    /// own job.
    ///
    /// [`JobRequest::for_devices`](crate::types::JobRequest::for_devices) does this for a batch, with one report.
    pub fn split_device_ids<I: IntoIterator<Item: AsRef<str>>>(ids: I) -> Vec<Self> {
        let ids: Vec<I::Item> = ids.into_iter().collect();
        chunk_device_ids(&ids).map(Self::device_ids).collect()
    }

    /// Refers to the id of the device.
    pub fn device_id() -> Attribute {
        Attribute::named("deviceId".into())
    }

    /// Refers to the id of the module, in conditions on modules.
    pub fn module_id() -> Attribute {
        Attribute::named("moduleId".into())
    }

    /// Refers to a tag by its path, such as `place.room`.
    pub fn tag(path: &str) -> Attribute {
        Attribute::within("tags", path)
    }

    /// Refers to a desired property by its path.
    pub fn desired(path: &str) -> Attribute {
        Attribute::within("properties.desired", path)
    }

    /// Refers to a reported property by its path.
    pub fn reported(path: &str) -> Attribute {
        Attribute::within("properties.reported", path)
    }
}

/// Returns true if a name needs no brackets.
fn is_plain(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !KEYWORDS.split(' ').any(|word| word.eq_ignore_ascii_case(name))
}

/// Splits a list of device ids into the fewest parts of which each fits into a condition. An id that is longer is a part
/// of its own.
pub(crate) fn chunk_device_ids<S: AsRef<str>>(ids: &[S]) -> impl Iterator<Item = &[S]> {
    let length = |id: &S| ", ".len() + Literal::from(id.as_ref()).0.chars().count();
    let own = "deviceId IN []".len() - ", ".len();
    let mut total = own;
    ids.chunk_by(move |last, next| {
        total += length(last);
        let fits = total + length(next) <= CONDITION_LENGTH;
        if !fits {
            total = own;
        }
        fits
    })
}
