//! Query conditions that are safe against injection.
//!
//! A condition is the part after WHERE of a query on devices: see [the query language][page]. Paths and
//! literals are quoted, so that a name with a quote in it stays a name. What the language cannot express is kept
//! until the text is built, which then fails.
//!
//! [page]: https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-query-language

mod attribute;
mod error;
mod expression;
mod literal;
#[cfg(test)]
mod tests;

pub use self::attribute::Attribute;
pub(crate) use self::attribute::chunk_device_ids;
pub use self::error::ConditionError;
pub use self::expression::Condition;
pub(crate) use self::expression::names_collection;
pub use self::literal::Literal;
