//! Path parameters of requests.
//!
//! A value is one segment of the path, whatever its characters: a job id must not lead to another resource.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use progenitor_client::Error;

/// Everything but the characters that RFC 3986 never reserves.
pub(crate) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Encodes a value as one segment of a path.
///
/// # Errors
///
/// Refuses an empty value, `.` and `..`: the URL parser would drop the segment or its parent, and the
/// request would reach another resource.
#[allow(clippy::result_large_err, reason = "the error type of the generated methods that call this")]
pub(crate) fn encode_segment<E>(value: &str) -> Result<String, Error<E>> {
    match value {
        "" | "." | ".." => Err(Error::InvalidRequest(format!(
            "a path parameter must not be {value:?}: it is part of a path"
        ))),
        value => Ok(utf8_percent_encode(value, RESERVED).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_stays_within_its_segment() {
        for value in ["reboot-43", "a/b", "..\\devices", "a?b#c", "%2e%2e", "é \u{202E}", "...", ".a"] {
            let segment = encode_segment::<()>(value).unwrap();
            let url = reqwest::Url::parse(&format!("https://h/jobs/v2/{segment}/cancel")).unwrap();
            let segments: Vec<&str> = url.path_segments().unwrap().collect();
            assert_eq!(segments.len(), 4, "{url}");
            let decoded = percent_encoding::percent_decode_str(segments[2]).decode_utf8().unwrap();
            assert_eq!(decoded, value);
        }
    }

    #[test]
    fn value_that_would_move_the_path_is_an_error() {
        for value in ["", ".", ".."] {
            assert!(matches!(encode_segment::<()>(value), Err(Error::InvalidRequest(_))), "{value:?}");
        }
    }
}
