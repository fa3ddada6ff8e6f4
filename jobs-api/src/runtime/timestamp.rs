//! The dates of the service, which may mean "never" or be no dates.
//!
//! One date that cannot be read would cost the whole job it is in. Every value is therefore kept, as an instant or as
//! the text that it came as, and a program asks whether it is an instant.

use std::fmt;

use chrono::{DateTime, Datelike as _, NaiveDateTime, SecondsFormat, SubsecRound as _, TimeZone, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The first day that means "never". The service writes the last day that .NET knows; time zones and
/// rounding move it by up to a day.
const NEVER: (i32, u32, u32) = (9999, 12, 30);

/// A point in time as the service writes it.
///
/// Reads RFC 3339 with 0 to 9 fraction digits, with `Z` or an offset; a date without a zone is in UTC.
/// Text that is not a date is kept verbatim, so that one odd date does not make a whole response
/// unreadable. Writes UTC with `Z` and at least three fraction digits.
///
/// Some dates of the service mean "never": the first year (`0001-01-01T00:00:00`) and the last days that
/// .NET knows (9999-12-30 and later). Those are kept verbatim too. For them, and for text,
/// [`to_utc`](Self::to_utc) returns `None`.
///
/// ```
/// use jobs_api::Timestamp;
///
/// let timestamp = Timestamp::from("2022-05-04T17:53:00.0770000+02:00");
/// assert_eq!(timestamp.to_string(), "2022-05-04T15:53:00.077Z");
/// assert_eq!(Timestamp::from("0001-01-01T00:00:00").to_utc(), None);
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schemars", schemars(inline, description = "", extend("format" = "date-time")))]
pub struct Timestamp(#[cfg_attr(feature = "schemars", schemars(with = "String"))] Repr);

#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Repr {
    Instant(DateTime<Utc>),
    Text(Box<str>),
}

impl Timestamp {
    /// Returns the instant in UTC; `None` if the service meant "never" or wrote no date.
    pub fn to_utc(&self) -> Option<DateTime<Utc>> {
        match &self.0 {
            Repr::Instant(instant) if !is_never(instant) => Some(*instant),
            _ => None,
        }
    }

    /// Returns the instant rounded down to milliseconds, the precision of the official clients.
    pub(crate) fn truncate_to_millis(&self) -> Self {
        match &self.0 {
            Repr::Instant(instant) => Self(Repr::Instant(instant.trunc_subsecs(3))),
            Repr::Text(_) => self.clone(),
        }
    }
}

fn is_never(instant: &DateTime<Utc>) -> bool {
    instant.year() <= 1 || (instant.year(), instant.month(), instant.day()) >= NEVER
}

impl<Tz: TimeZone> From<DateTime<Tz>> for Timestamp {
    fn from(instant: DateTime<Tz>) -> Self {
        Self(Repr::Instant(instant.to_utc()))
    }
}

impl From<&str> for Timestamp {
    fn from(text: &str) -> Self {
        let zoned = || DateTime::parse_from_rfc3339(text).map(|instant| instant.to_utc());
        let zoneless = || text.parse::<NaiveDateTime>().map(|instant| instant.and_utc());
        match zoned().or_else(|_| zoneless()) {
            Ok(instant) if !is_never(&instant) => Self(Repr::Instant(instant)),
            _ => Self(Repr::Text(text.into())),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Instant(instant) => {
                let whole = instant.trunc_subsecs(3) == *instant;
                let digits = if whole { SecondsFormat::Millis } else { SecondsFormat::AutoSi };
                f.pad(&instant.to_rfc3339_opts(digits, true))
            }
            Repr::Text(text) => f.pad(text),
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
            other => Self(Repr::Text(other.to_string().into())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_the_service_read_as_the_same_instant() {
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
    fn date_is_written_with_milliseconds_and_keeps_its_digits() {
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
        assert_eq!(precise.truncate_to_millis().to_string(), "2022-05-04T15:53:00.123Z");
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
            assert_eq!(Timestamp::from(text).to_string(), text, "written as it came");
        }
        assert_eq!(Timestamp::from(DateTime::<Utc>::MAX_UTC).to_utc(), None);
        assert!(Timestamp::from("9999-12-29T23:59:59Z").to_utc().is_some());
        assert!(Timestamp::from("0002-01-01T00:00:00Z").to_utc().is_some());
    }

    #[test]
    fn value_that_is_not_text_leaves_other_dates_readable() {
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
