//! Misbehaving on request: what goes wrong, on which route, and how often.

use std::sync::Mutex;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::{StreamExt as _, stream};
use http_body_util::BodyExt as _;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};

use crate::hub::lock;

/// Which requests a fault is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Route {
    /// Every request.
    Any,
    /// `PUT /jobs/v2/{id}`
    Create,
    /// `GET /jobs/v2/{id}`
    Get,
    /// `POST /jobs/v2/{id}/cancel`
    Cancel,
    /// `GET /jobs/v2/query`
    QueryJobs,
    /// `POST /devices/query`
    QueryDevices,
}

impl Route {
    fn of(method: &Method, path: &str) -> Self {
        match (method.as_str(), path) {
            ("GET", "/jobs/v2/query") => Self::QueryJobs,
            ("POST", "/devices/query") => Self::QueryDevices,
            ("PUT", _) => Self::Create,
            ("POST", _) => Self::Cancel,
            _ => Self::Get,
        }
    }
}

/// Which of the requests that come by the route it happens to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum When {
    /// The next so many.
    Next(usize),
    /// Every so many-th, for ever.
    Every(usize),
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This answer in place of the hub's; the request is not carried out.
    Answer {
        /// The HTTP status.
        status: u16,
        /// Further headers.
        headers: Vec<(&'static str, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// The request is carried out, then answered with this status and an empty body.
    StatusAfter(u16),
    /// The connection ends before the request is carried out.
    ResetBefore,
    /// The request is carried out, then the connection ends without an answer.
    ResetAfter,
    /// The request is carried out, then the connection ends in the middle of the answer's body.
    ResetWithin,
    /// The request is carried out and answered after this time.
    Delay(Duration),
    /// The request is carried out; the answer's body is complete to HTTP but half of the JSON.
    HalfBody,
    /// The request is carried out; the answer's body never ends.
    EndlessBody,
    /// The request is carried out; the answer says that it is compressed, which it is not.
    MislabelledGzip,
    /// The request is carried out; the answer's `Content-Length` is larger than its body.
    WrongLength,
}

impl Fault {
    /// An answer of this status with an empty body.
    pub fn status(status: u16) -> Self {
        Self::Answer { status, headers: Vec::new(), body: Vec::new() }
    }

    /// A redirect to this URL.
    pub fn redirect(url: &str) -> Self {
        Self::status(307).with_header("location", url)
    }

    /// A refusal in the hub's usual shape.
    pub fn refusal(status: u16, name: &str) -> Self {
        let message = format!(r#"{{"Message":"ErrorCode:{name};on request","ExceptionMessage":""}}"#);
        Self::status(status).with_body(message)
    }

    /// Adds a header to an answer; other faults stay as they are.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name, value.into()));
        }
        self
    }

    /// Sets the body of an answer; other faults stay as they are.
    #[must_use]
    pub fn with_body(mut self, new: impl Into<Vec<u8>>) -> Self {
        if let Self::Answer { body, .. } = &mut self {
            *body = new.into();
        }
        self
    }
}

/// The faults that are to happen, in the order they were asked for.
#[derive(Debug, Default)]
pub(crate) struct Script(Mutex<Vec<Entry>>);

#[derive(Debug)]
struct Entry {
    route: Route,
    when: When,
    fault: Fault,
    /// How many requests came by the route so far.
    seen: usize,
}

impl Script {
    pub(crate) fn add(&self, route: Route, when: When, fault: Fault) {
        lock(&self.0).push(Entry { route, when, fault, seen: 0 });
    }

    /// What is to go wrong with this request, if anything.
    pub(crate) fn next(&self, method: &Method, path: &str) -> Option<Fault> {
        let route = Route::of(method, path);
        let mut entries = lock(&self.0);
        let mut by_route =
            entries.iter_mut().filter(|entry| entry.route == Route::Any || entry.route == route);
        let due = by_route.find_map(|entry| {
            entry.seen += 1;
            let is_due = match entry.when {
                When::Next(times) => entry.seen <= times,
                When::Every(nth) => entry.seen.is_multiple_of(nth),
            };
            is_due.then(|| entry.fault.clone())
        });
        entries.retain(|entry| !matches!(entry.when, When::Next(times) if entry.seen >= times));
        due
    }
}

/// The connection is to end.
#[derive(Debug)]
pub(crate) struct Reset;

impl std::fmt::Display for Reset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("reset on request")
    }
}

impl std::error::Error for Reset {}

impl Fault {
    /// What happens in place of carrying the request out, if this fault is of that kind.
    pub(crate) fn before(&self) -> Option<Result<Response, Reset>> {
        match self {
            Self::ResetBefore => Some(Err(Reset)),
            Self::Answer { status, headers, body } => {
                let mut response = Response::new(Body::from(body.clone()));
                *response.status_mut() = StatusCode::from_u16(*status).unwrap_or_default();
                for (name, value) in headers {
                    let value = HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("unusable"));
                    response.headers_mut().insert(HeaderName::from_static(name), value);
                }
                Some(Ok(response))
            }
            _ => None,
        }
    }

    /// What becomes of the answer to a request that was carried out.
    pub(crate) async fn after(&self, response: Response) -> Result<Response, Reset> {
        let (mut parts, body) = response.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let half = body.slice(..body.len() / 2);
        parts.headers.remove(CONTENT_LENGTH);
        let body = match self {
            Self::ResetAfter => return Err(Reset),
            Self::StatusAfter(status) => {
                parts.status = StatusCode::from_u16(*status).unwrap_or_default();
                Body::empty()
            }
            Self::ResetWithin => {
                parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
                cut_off(half)
            }
            Self::WrongLength => {
                parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len() + 10));
                cut_off(body)
            }
            Self::HalfBody => Body::from(half),
            Self::EndlessBody => {
                let block = Bytes::from_static(&[b' '; 4096]);
                Body::from_stream(stream::repeat(block).map(Ok::<_, Reset>))
            }
            Self::MislabelledGzip => {
                parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                Body::from(body)
            }
            Self::Delay(time) => {
                tokio::time::sleep(*time).await;
                Body::from(body)
            }
            Self::Answer { .. } | Self::ResetBefore => Body::from(body),
        };
        Ok(Response::from_parts(parts, body))
    }
}

/// A body after which the connection ends, whatever length was announced.
fn cut_off(start: Bytes) -> Body {
    Body::from_stream(stream::iter([Ok(start), Err(Reset)]))
}
