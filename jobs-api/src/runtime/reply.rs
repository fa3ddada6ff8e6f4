//! The outcome of one attempt at an operation, as a generated method hands it to the pipeline: a [`Reply`] or a
//! [`Failure`], without a type of the generator's library in its signature.
//!
//! An error of reading names the member that cannot be read, since a line and a column say little about a response of
//! one line. Tracking the path of each member costs an allocation for each, so that a response is read plainly first;
//! only one that cannot be read is read once more, with its paths.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use http::StatusCode;
use progenitor_client::{ByteStream, Error, ResponseValue};
use serde::de::{DeserializeOwned, Error as _};

/// Bytes of a path that an error shows: a device may have chosen its end.
const SHOWN_PATH: usize = 100;

/// The sending of a call.
pub type Sending<'a, T> = Pin<Box<dyn Future<Output = Result<Reply<T>, Failure>> + Send + 'a>>;

/// The success of one attempt at an operation, which [`Client::call`](crate::Client::call) makes a
/// [`Response`](crate::Response).
#[derive(Debug)]
pub struct Reply<T>(pub(crate) ResponseValue<T>);

impl<T> Reply<T> {
    /// Returns the HTTP status.
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// Returns the value that was read.
    pub fn value(&self) -> &T {
        &self.0
    }
}

/// The failure of one attempt at an operation, of which [`Client::call`](crate::Client::call) makes an
/// [`Error`](crate::Error) or another attempt.
pub struct Failure(pub(crate) Box<Error<ByteStream>>);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &*self.0 {
            Error::CommunicationError(_) | Error::ResponseBodyError(_) => "no whole response was received",
            Error::InvalidRequest(_) => "the request could not be made",
            _ => "the response is none that the operation promises",
        })
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failure({:?})", self.to_string())
    }
}

impl std::error::Error for Failure {}

/// Makes the outcome of a generated method that of a call.
pub(crate) fn reply<T>(outcome: Result<ResponseValue<T>, Error<ByteStream>>) -> Result<Reply<T>, Failure> {
    outcome.map(Reply).map_err(|error| Failure(Box::new(error)))
}

/// Reads a response of one value.
pub(crate) async fn read_value<T: DeserializeOwned, E>(
    response: reqwest::Response,
) -> Result<ResponseValue<T>, Error<E>> {
    ResponseValue::from_response(response).await.map_err(|error| match error {
        Error::InvalidResponsePayload(json, error) => {
            let error = add_path::<T>(&json, error);
            Error::InvalidResponsePayload(json, error)
        }
        error => error,
    })
}

/// Returns the error of reading a `T` with the path of the member in it; unchanged if the value as a whole is unreadable.
pub(super) fn add_path<T: DeserializeOwned>(json: &[u8], error: serde_json::Error) -> serde_json::Error {
    let mut json = serde_json::Deserializer::from_slice(json);
    let Err(located) = serde_path_to_error::deserialize::<_, T>(&mut json) else { return error };
    if located.path().iter().next().is_none() {
        return error;
    }
    let path = located.path().to_string();
    let shown = truncate(&path, SHOWN_PATH);
    let rest = if shown == path { "" } else { "…" };
    serde_json::Error::custom(format_args!("{shown}{rest}: {error}"))
}

/// Returns the beginning of a text, at most this many bytes.
pub(super) fn truncate(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Job {
        #[serde(rename = "deviceJobStatistics")]
        _statistics: Option<Statistics>,
    }

    #[derive(Debug, Deserialize)]
    struct Statistics {
        #[serde(rename = "failedCount")]
        _failed_count: Option<i32>,
    }

    fn error(json: &str) -> String {
        let error = serde_json::from_str::<Vec<Job>>(json).unwrap_err();
        add_path::<Vec<Job>>(json.as_bytes(), error).to_string()
    }

    #[test]
    fn error_names_the_member_that_cannot_be_read() {
        let wrong = r#"[{}, {"jobId": "a,{[\"", "deviceJobStatistics": {"failedCount": "many"}}]"#;
        let expected = "[1].deviceJobStatistics.failedCount: invalid type: string \"many\", expected i32 at line 1 column ";
        assert!(error(wrong).starts_with(expected), "{}", error(wrong));
        assert!(
            error("[{\n \"deviceJobStatistics\":\n 7}]").starts_with("[0].deviceJobStatistics: invalid type")
        );
        assert!(error("[{}, 7]").starts_with("[1]: invalid type"), "{}", error("[{}, 7]"));
    }

    #[test]
    fn error_of_a_whole_value_names_no_member() {
        for json in ["", "oops", "{", "7", "<html>", "[] 7"] {
            let plain = serde_json::from_str::<Vec<Job>>(json).unwrap_err();
            assert_eq!(error(json), plain.to_string(), "{json}");
        }
    }
}
