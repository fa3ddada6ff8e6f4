//! Whole numbers, which the service may write with a fraction of zero.

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Number;

/// Beyond this a double does not hold every whole number.
const EXACT: f64 = 9_007_199_254_740_992.0;

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
