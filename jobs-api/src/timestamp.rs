//! The service's dates, which are not always dates.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike as _, NaiveDateTime, SecondsFormat, SubsecRound as _, TimeZone, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// From this day on a date means "never": the service writes the last day that .NET knows, and time
/// zones and rounding have been seen to move it by a day.
const NEVER: (i32, u32, u32) = (9999, 12, 30);

/// A point in time as the service writes it.
///
/// It is read tolerantly: RFC 3339 with 0 to 9 fraction digits, with `Z` or an offset; without a zone
/// it is taken as UTC. Text that is not a date is kept as it came, so that one odd date never costs the
/// whole answer.
///
/// The service also writes dates that mean "never": the first year (`0001-01-01T00:00:00`) and the
/// last days it knows (9999-12-30 and later). For those, and for unreadable text,
/// [`to_utc`](Self::to_utc) gives `None`.
///
/// A timestamp is written in UTC with `Z` and at least three fraction digits.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(Reading);

#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Reading {
    Instant(DateTime<Utc>),
    Text(Box<str>),
}

impl Timestamp {
    /// Gives the instant in UTC; `None` when the service meant "never", or wrote something else.
    pub fn to_utc(&self) -> Option<DateTime<Utc>> {
        match &self.0 {
            Reading::Instant(instant) if !is_never(instant) => Some(*instant),
            _ => None,
        }
    }

    /// The same instant in whole milliseconds, rounded down: what the service's own clients send.
    pub(crate) fn in_milliseconds(&self) -> Self {
        match &self.0 {
            Reading::Instant(instant) => Self(Reading::Instant(instant.trunc_subsecs(3))),
            Reading::Text(_) => self.clone(),
        }
    }
}

fn is_never(instant: &DateTime<Utc>) -> bool {
    instant.year() <= 1 || (instant.year(), instant.month(), instant.day()) >= NEVER
}

impl<Tz: TimeZone> From<DateTime<Tz>> for Timestamp {
    fn from(instant: DateTime<Tz>) -> Self {
        Self(Reading::Instant(instant.to_utc()))
    }
}

impl From<&str> for Timestamp {
    fn from(text: &str) -> Self {
        let zoned = || DateTime::parse_from_rfc3339(text).map(|instant| instant.to_utc());
        let zoneless = || text.parse::<NaiveDateTime>().map(|instant| instant.and_utc());
        match zoned().or_else(|_| zoneless()) {
            Ok(instant) => Self(Reading::Instant(instant)),
            Err(_) => Self(Reading::Text(text.into())),
        }
    }
}

impl FromStr for Timestamp {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::from(text))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reading::Instant(instant) => {
                let whole = instant.trunc_subsecs(3) == *instant;
                let digits = if whole { SecondsFormat::Millis } else { SecondsFormat::AutoSi };
                f.pad(&instant.to_rfc3339_opts(digits, true))
            }
            Reading::Text(text) => f.pad(text),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::String(text) => Self::from(&*text),
            other => Self(Reading::Text(other.to_string().into())),
        })
    }
}

#[cfg(feature = "schemars")]
impl schemars::JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_services_forms_are_read_as_the_same_instant() {
        let expected = "2022-05-04T15:53:00.077Z";
        for text in [
            "2022-05-04T15:53:00.077Z",
            "2022-05-04T15:53:00.0770000Z",
            "2022-05-04T15:53:00.077000000Z",
            "2022-05-04T15:53:00.077+00:00",
            "2022-05-04T17:53:00.0770+02:00",
            "2022-05-04T15:53:00.077",
        ] {
            assert_eq!(Timestamp::from(text).to_string(), expected, "{text}");
        }
    }

    #[test]
    fn a_date_is_written_with_milliseconds_and_loses_no_digits() {
        for (read, written) in [
            ("2022-05-04T15:53:00Z", "2022-05-04T15:53:00.000Z"),
            ("2022-05-04T15:53:00", "2022-05-04T15:53:00.000Z"),
            ("2022-05-04T15:53:00.1Z", "2022-05-04T15:53:00.100Z"),
            ("2022-05-04T15:53:00.1234567Z", "2022-05-04T15:53:00.123456700Z"),
            ("2022-05-04T15:53:00.123456Z", "2022-05-04T15:53:00.123456Z"),
        ] {
            assert_eq!(Timestamp::from(read).to_string(), written);
        }
        let precise = Timestamp::from("2022-05-04T15:53:00.1239999Z");
        assert_eq!(precise.in_milliseconds().to_string(), "2022-05-04T15:53:00.123Z");
    }

    #[test]
    fn dates_that_mean_never_have_no_instant() {
        for text in [
            "0001-01-01T00:00:00",
            "0001-01-01T00:00:00Z",
            "9999-12-30T23:59:59Z",
            "9999-12-31T23:59:59.9999999Z",
            "9999-12-31T23:59:59.9999999-12:00",
        ] {
            assert_eq!(Timestamp::from(text).to_utc(), None, "{text}");
        }
        assert!(Timestamp::from("9999-12-29T23:59:59Z").to_utc().is_some());
        assert!(Timestamp::from("0002-01-01T00:00:00Z").to_utc().is_some());
    }

    #[test]
    fn what_is_no_text_costs_nothing_else() {
        let read: Vec<Timestamp> =
            serde_json::from_str(r#"[7, true, {"a": 1}, "2022-05-04T15:53:00Z"]"#).unwrap();
        assert_eq!(read.iter().filter_map(Timestamp::to_utc).count(), 1);
    }

    #[test]
    fn text_that_is_no_date_is_kept() {
        for text in ["", "soon", "2022-13-01T00:00:00Z", "2022-05-04", "\u{1F980}"] {
            let timestamp = Timestamp::from(text);
            assert_eq!(timestamp.to_utc(), None, "{text}");
            assert_eq!(serde_json::to_value(&timestamp).unwrap(), text);
        }
    }
}
