//! An answer that reports success, yet cannot be read.

use std::fmt;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::place::place;
use super::{Origin, one_line, start_of};
use crate::exchange::{Answer, Extent};

/// How much of the body a message repeats, in characters.
const SHOWN_BODY: usize = 120;

/// An answer with the status of success and a body that is not what the operation promises.
#[derive(Debug)]
pub struct UnreadableAnswer {
    origin: Origin,
    status: StatusCode,
    headers: HeaderMap,
    body: String,
    extent: Extent,
    place: String,
    cause: Option<serde_json::Error>,
}

impl UnreadableAnswer {
    pub(super) fn new(origin: Origin, answer: Answer, cause: Option<serde_json::Error>) -> Self {
        let place = cause.as_ref().map(|cause| place(&answer.body, cause.line(), cause.column()));
        Self {
            origin,
            status: answer.status,
            headers: answer.headers,
            body: start_of(&answer.body),
            extent: answer.extent,
            place: place.unwrap_or_default(),
            cause,
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers of the answer.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body as it came: at most its first 64 KiB, bytes that are not UTF-8 replaced.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The `Request-Id` that the request was sent with.
    pub fn request_id(&self) -> String {
        self.origin.request_id.to_string()
    }

    /// The member at which reading stopped, such as `[3].deviceJobStatistics.failedCount`; empty when
    /// it is the body as a whole.
    pub fn place(&self) -> &str {
        &self.place
    }

    pub(super) fn cause(&self) -> Option<&serde_json::Error> {
        self.cause.as_ref()
    }
}

impl fmt::Display for UnreadableAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, status, extent, place, body, cause, .. } = self;
        write!(f, "{origin}: the answer, whose status is {}, cannot be read: ", status.as_u16())?;
        match (extent, cause) {
            (Extent::OverLimit(limit), _) => write!(f, "it is larger than {limit} bytes")?,
            (_, Some(cause)) => {
                write!(f, "line {}, column {}", cause.line(), cause.column())?;
                if !place.is_empty() {
                    write!(f, ", at {}", one_line(place))?;
                }
                let start: String = body.chars().take(SHOWN_BODY).collect();
                write!(f, "; it begins with {start:?}")?;
            }
            (_, None) => f.write_str("it is not what the operation promises")?,
        }
        write!(f, " (request id {})", origin.request_id)
    }
}
