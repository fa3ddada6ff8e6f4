//! Values, quoted for conditions.

/// A value in a condition. Comparisons take anything that converts into one.
///
/// ```
/// use jobs_api::{Condition, Literal};
///
/// let owned = Condition::tag("owner").eq("O'Neil");
/// assert_eq!(owned.to_string(), r"tags.owner = 'O\u0027Neil'");
/// assert_eq!(Condition::tag("floor").ne(Literal::null()).to_string(), "tags.floor != null");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Literal(pub(crate) String);

impl Literal {
    /// Returns null.
    pub fn null() -> Self {
        Self("null".into())
    }

    /// Returns a number; `None` if it is not finite, which the language cannot express.
    pub fn number(number: f64) -> Option<Self> {
        number.is_finite().then(|| Self(format!("{number}")))
    }
}

/// Writes a string between single quotes. Sources disagree on the escape of a quote, so it is written as
/// `\u0027`, on which they agree; so are control characters.
impl From<&str> for Literal {
    fn from(text: &str) -> Self {
        let mut quoted = String::with_capacity(text.len() + 2);
        quoted.push('\'');
        for c in text.chars() {
            match c {
                '\\' => quoted.push_str("\\\\"),
                '\'' => quoted.push_str("\\u0027"),
                c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
                c => quoted.push(c),
            }
        }
        quoted.push('\'');
        Self(quoted)
    }
}

impl From<String> for Literal {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&String> for Literal {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

macro_rules! plain_literals {
    ($($type:ty),*) => {
        $(impl From<$type> for Literal {
            fn from(value: $type) -> Self {
                Self(value.to_string())
            }
        })*
    };
}

plain_literals!(bool, i8, i16, i32, i64, u8, u16, u32, u64);
