//! Responses that report success but cannot be used.

use std::fmt;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::de::Error as _;

use super::json_path::json_path;
use super::text::{body_text, one_line};
use crate::auth::AccessToken;
use crate::runtime::RequestId;
use crate::runtime::attempt::{BodyExtent, ReceivedResponse, RequestInfo};

/// Characters of the body that a message repeats.
const SHOWN_BODY: usize = 120;
/// Bytes of a cause beyond which its beginning is kept: it may quote a text of the body.
const KEPT_CAUSE: usize = 1000;

/// A response with the status of success whose body is not the one that the operation promises.
#[derive(Debug)]
pub struct UnreadableResponse {
    pub(super) request: RequestInfo,
    status: StatusCode,
    headers: HeaderMap,
    body: String,
    extent: BodyExtent,
    defect: Option<Defect>,
}

/// The position at which reading stopped, and the reason.
#[derive(Debug)]
struct Defect {
    line: usize,
    column: usize,
    path: String,
    cause: serde_json::Error,
}

impl UnreadableResponse {
    pub(super) fn new(request: RequestInfo, response: ReceivedResponse) -> Self {
        Self {
            request,
            status: response.status,
            headers: response.headers,
            body: body_text(&response.body),
            extent: response.extent,
            defect: None,
        }
    }

    /// Reports that reading `body` stopped for this `cause`. The cause and the path may quote the body, so
    /// both are redacted.
    pub(super) fn with_cause(self, body: &Bytes, cause: serde_json::Error, token: &AccessToken) -> Self {
        let (line, column) = (cause.line(), cause.column());
        let path = json_path(body, line, column);
        let path = token.redact_text(&path).unwrap_or(path);
        let text = cause.to_string();
        let cause = match token.redact_text(&text) {
            Some(redacted) => serde_json::Error::custom(one_line(&redacted)),
            None if text.len() > KEPT_CAUSE => serde_json::Error::custom(one_line(&text)),
            None => cause,
        };
        Self { defect: Some(Defect { line, column, path, cause }), ..self }
    }

    /// Returns the HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the headers of the response.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the body: at most its first 64 KiB, bytes that are not UTF-8 replaced.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// Returns the number of the attempt, from 1.
    pub fn attempt(&self) -> u32 {
        self.request.attempt
    }

    /// Returns the `Request-Id` that the request carried.
    pub fn request_id(&self) -> RequestId {
        self.request.request_id
    }

    /// Returns the path of the member at which reading stopped, such as
    /// `[3].deviceJobStatistics.failedCount`; empty for the body as a whole.
    pub fn path(&self) -> &str {
        self.defect.as_ref().map_or("", |defect| &defect.path)
    }
}

impl fmt::Display for UnreadableResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { request, status, extent, body, defect, .. } = self;
        write!(f, "{request}: the response, whose status is {}, cannot be read: ", status.as_u16())?;
        match (extent, defect) {
            (BodyExtent::OverLimit(limit), _) => write!(f, "it is larger than {limit} bytes")?,
            // Not a position of the text, but what the text says.
            (_, Some(Defect { line: 0, .. })) => f.write_str(
                "it does not answer this request; hint: check the endpoint, and any proxy or cache before the hub",
            )?,
            (_, Some(Defect { line, column, path, .. })) => {
                write!(f, "line {line}, column {column}")?;
                if !path.is_empty() {
                    write!(f, ", at {}", one_line(path))?;
                }
                let start: String = body.chars().take(SHOWN_BODY).collect();
                write!(f, "; it begins with {start:?}")?;
            }
            (_, None) => f.write_str("the operation promises another one")?,
        }
        write!(f, " ({})", request.ids())
    }
}

impl std::error::Error for UnreadableResponse {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.defect.as_ref().map(|defect| &defect.cause as _)
    }
}
