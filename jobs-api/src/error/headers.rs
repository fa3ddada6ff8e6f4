//! Times in the headers of a response.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// Returns the time at which the response was made, by the clock of the server.
pub(super) fn date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let text = headers.get(DATE)?.to_str().ok()?;
    DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc())
}

/// Returns `Retry-After`, in seconds or as a date that is compared with the response's own.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    text.parse().map(Duration::from_secs).ok().or_else(|| {
        let then = DateTime::parse_from_rfc2822(text).ok()?;
        let now = date(headers).unwrap_or_else(Utc::now);
        Some((then.to_utc() - now).to_std().unwrap_or_default())
    })
}
