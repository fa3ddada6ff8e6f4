//! Dates as the hub writes them.
//!
//! Every answer holds several, and a condition on a date formats it for each row, so the digits are
//! written one by one.

use chrono::{DateTime, Datelike as _, Timelike as _, Utc};

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Formats a date in JSON: seven fraction digits and `Z`.
pub(crate) fn timestamp(instant: DateTime<Utc>) -> String {
    let mut text = String::with_capacity("1970-01-01T00:00:00.0000000Z".len());
    push(&mut text, instant.year().unsigned_abs(), 4, "-");
    push(&mut text, instant.month(), 2, "-");
    push(&mut text, instant.day(), 2, "T");
    push_time(&mut text, instant, ".");
    push(&mut text, instant.timestamp_subsec_nanos() / 100, 7, "Z");
    text
}

/// Formats a date of the header `Date`.
pub(crate) fn http_date(instant: DateTime<Utc>) -> String {
    let mut text = String::with_capacity("Thu, 01 Jan 1970 00:00:00 GMT".len());
    text.push_str(DAYS[instant.weekday().num_days_from_monday() as usize]);
    text.push_str(", ");
    push(&mut text, instant.day(), 2, " ");
    text.push_str(MONTHS[instant.month0() as usize]);
    text.push(' ');
    push(&mut text, instant.year().unsigned_abs(), 4, " ");
    push_time(&mut text, instant, " GMT");
    text
}

fn push_time(text: &mut String, instant: DateTime<Utc>, end: &str) {
    push(text, instant.hour(), 2, ":");
    push(text, instant.minute(), 2, ":");
    push(text, instant.second(), 2, end);
}

/// Appends a number of so many digits, and what follows it.
fn push(text: &mut String, number: u32, width: u32, end: &str) {
    for place in (0..width).rev() {
        text.push(char::from(b'0' + (number / 10_u32.pow(place) % 10) as u8));
    }
    text.push_str(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamp_has_seven_fraction_digits() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.0000000Z"),
            ("2031-12-09T23:58:07.123456789Z", "2031-12-09T23:58:07.1234567Z"),
            ("2000-02-29T12:00:59.0000009+02:00", "2000-02-29T10:00:59.0000009Z"),
        ] {
            assert_eq!(timestamp(DateTime::parse_from_rfc3339(text).unwrap().to_utc()), expected);
        }
    }

    #[test]
    fn http_date_is_that_of_the_format() {
        for day in 0..800 {
            let instant = DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(day * 86_461);
            let expected = instant.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
            assert_eq!(http_date(instant), expected);
        }
    }
}
