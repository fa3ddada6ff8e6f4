//! An answer that reports success, yet cannot be read.

use std::fmt;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::de::Error as _;

use super::place::place;
use super::{one_line, start_of};
use crate::auth::text_without_tokens;
use crate::exchange::{Answer, Extent, Origin};

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
    broken: Option<Broken>,
}

/// Where and why reading stopped.
#[derive(Debug)]
struct Broken {
    line: usize,
    column: usize,
    place: String,
    cause: serde_json::Error,
}

impl UnreadableAnswer {
    pub(super) fn new(origin: Origin, answer: Answer) -> Self {
        Self {
            origin,
            status: answer.status,
            headers: answer.headers,
            body: start_of(&answer.body),
            extent: answer.extent,
            broken: None,
        }
    }

    /// Reading `body`, the answer's as it came, stopped for this `cause`.
    pub(super) fn broken_off(origin: Origin, answer: Answer, body: &Bytes, cause: serde_json::Error) -> Self {
        let (line, column) = (cause.line(), cause.column());
        // The reader's message may quote what it stopped at.
        let cause = text_without_tokens(&cause.to_string()).map_or(cause, serde_json::Error::custom);
        let broken = Broken { line, column, place: place(body, line, column), cause };
        Self { broken: Some(broken), ..Self::new(origin, answer) }
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

    /// Which attempt at the operation this was the answer to, from 1.
    pub fn attempt(&self) -> u32 {
        self.origin.attempt
    }

    /// The `Request-Id` that the request was sent with.
    pub fn request_id(&self) -> String {
        self.origin.request_id.to_string()
    }

    /// The member at which reading stopped, such as `[3].deviceJobStatistics.failedCount`; empty when
    /// it is the body as a whole.
    pub fn place(&self) -> &str {
        self.broken.as_ref().map_or("", |broken| &broken.place)
    }

    pub(super) fn cause(&self) -> Option<&serde_json::Error> {
        self.broken.as_ref().map(|broken| &broken.cause)
    }
}

impl fmt::Display for UnreadableAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, status, extent, body, broken, .. } = self;
        write!(f, "{origin}: the answer, whose status is {}, cannot be read: ", status.as_u16())?;
        match (extent, broken) {
            (Extent::OverLimit(limit), _) => write!(f, "it is larger than {limit} bytes")?,
            (_, Some(Broken { line, column, place, .. })) => {
                write!(f, "line {line}, column {column}")?;
                if !place.is_empty() {
                    write!(f, ", at {}", one_line(place))?;
                }
                let start: String = body.chars().take(SHOWN_BODY).collect();
                write!(f, "; it begins with {start:?}")?;
            }
            (_, None) => f.write_str("it is not what the operation promises")?,
        }
        write!(f, " ({})", origin.ids())
    }
}
