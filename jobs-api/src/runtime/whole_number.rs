//! Whole numbers, which the service may write with a fraction of zero.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, Visitor};

/// Reads an optional whole number by its value: `1.0` is 1.
pub(crate) fn read_whole_number<'de, T: TryFrom<i64>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_option(WholeNumber(PhantomData))
}

struct WholeNumber<T>(PhantomData<T>);

impl<'de, T: TryFrom<i64>> Visitor<'de> for WholeNumber<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_i64(self)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        T::try_from(number).map(Some).map_err(|_| E::custom(format_args!("{number} is out of range")))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        let signed =
            i64::try_from(number).map_err(|_| E::custom(format_args!("{number} is out of range")))?;
        self.visit_i64(signed)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        // Beyond this a double does not hold every whole number.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if number.fract() != 0.0 || number.abs() > EXACT {
            return Err(E::custom(format_args!("{number} is no whole number")));
        }
        self.visit_i64(number as i64)
    }
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
