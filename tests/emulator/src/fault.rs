//! Injected faults: what goes wrong, for which requests, and how often.

use std::time::Duration;

use futures_util::stream;
use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderName, HeaderValue};
use serde_json::json;

use crate::mutex::Mutex;
use crate::response::{Body, Reset, Response, cut_off, full, streamed};

/// Requests that a fault is for, by their operation.
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
    /// `GET /jobs`
    ImportExportJobs,
    /// `GET /twins/{id}`
    GetTwin,
    /// `PATCH /twins/{id}`
    UpdateTwin,
    /// `POST /twins/{id}/methods`
    InvokeMethod,
}

impl Route {
    /// Narrows the route to requests about one job.
    pub fn of_job(self, id: impl Into<String>) -> FaultTarget {
        FaultTarget { route: self, job_id: Some(id.into()) }
    }
}

/// Requests that a fault is for: by their operation, and perhaps by the job they are about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FaultTarget {
    pub(crate) route: Route,
    pub(crate) job_id: Option<String>,
}

impl From<Route> for FaultTarget {
    fn from(route: Route) -> Self {
        Self { route, job_id: None }
    }
}

/// How often a fault happens to the requests of its target.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum When {
    /// To the next so many.
    Next(usize),
    /// To every so many-th, for ever.
    Every(usize),
    /// To the so many-th from now, once.
    Nth(usize),
}

/// A fault of the hub or of the network.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use jobs_emulator::{Emulator, Fault, Route, When};
///
/// let emulator = Emulator::start().await;
/// // The hub throttles one request in three.
/// let throttled = Fault::refusal(429, "ThrottlingException").with_header("retry-after", "1");
/// emulator.inject(Route::Any, When::Every(3), throttled);
/// // The response to the next request that creates job-1 is lost, after the job was created.
/// emulator.inject(Route::Create.of_job("job-1"), When::Next(1), Fault::ResetAfter);
/// # }
/// ```
#[derive(Clone, Debug)]
pub enum Fault {
    /// This answer in place of the hub's; the request is not carried out.
    Answer {
        /// The HTTP status.
        status: u16,
        /// Further headers.
        headers: Vec<(HeaderName, HeaderValue)>,
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
    /// The request is carried out; the answer claims to be compressed, which it is not.
    MislabelledGzip,
    /// The request is carried out; the answer's `Content-Length` is larger than its body.
    WrongLength,
}

impl Fault {
    /// Answers with this status and an empty body.
    pub fn status(status: u16) -> Self {
        Self::Answer { status, headers: Vec::new(), body: Vec::new() }
    }

    /// Redirects to another URL, with the status 307.
    pub fn redirect(url: &str) -> Self {
        Self::status(307).with_header("location", url)
    }

    /// Answers with an error in the hub's usual shape, with its name in the header `iothub-errorcode` too.
    ///
    /// # Panics
    ///
    /// The name cannot be the value of a header.
    pub fn refusal(status: u16, name: &str) -> Self {
        let body = json!({ "Message": format!("ErrorCode:{name};on request"), "ExceptionMessage": "" });
        Self::status(status).with_body(body.to_string()).with_header("iothub-errorcode", name)
    }

    /// Adds a header to an answer; other faults stay as they are.
    ///
    /// # Panics
    ///
    /// The name is not one of a header in lower case, or the value has a control character.
    #[must_use]
    #[allow(clippy::expect_used, reason = "a test with a header that cannot be sent is over")]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            let value = HeaderValue::try_from(value.into()).expect("the value of a header");
            headers.push((HeaderName::from_static(name), value));
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

    /// Returns what happens in place of carrying the request out, if this fault is of that kind.
    pub(crate) fn before(&self) -> Option<Result<Response, Reset>> {
        match self {
            Self::ResetBefore => Some(Err(Reset)),
            Self::Answer { status, headers, body } => {
                let mut response = Response::new(full(body.clone()));
                *response.status_mut() = StatusCode::from_u16(*status).unwrap_or_default();
                response.headers_mut().extend(headers.iter().cloned());
                Some(Ok(response))
            }
            _ => None,
        }
    }

    /// Returns what becomes of the answer to a request that was carried out.
    pub(crate) async fn after(&self, response: Response) -> Result<Response, Reset> {
        let (mut parts, body) = response.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let half = body.slice(..body.len() / 2);
        parts.headers.remove(CONTENT_LENGTH);
        let body: Body = match self {
            Self::ResetAfter => return Err(Reset),
            Self::StatusAfter(status) => {
                parts.status = StatusCode::from_u16(*status).unwrap_or_default();
                full("")
            }
            Self::ResetWithin => {
                parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
                cut_off(half)
            }
            Self::WrongLength => {
                parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len() + 10));
                cut_off(body)
            }
            Self::HalfBody => full(half),
            Self::EndlessBody => {
                let block = Bytes::from_static(&[b' '; 4096]);
                streamed(stream::repeat_with(move || Ok(block.clone())))
            }
            Self::MislabelledGzip => {
                parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                full(body)
            }
            Self::Delay(time) => {
                tokio::time::sleep(*time).await;
                full(body)
            }
            Self::Answer { .. } | Self::ResetBefore => full(body),
        };
        Ok(Response::from_parts(parts, body))
    }
}

/// The faults to come, in the order in which they were injected.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Entry>>);

/// An injected fault.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) target: FaultTarget,
    pub(crate) when: When,
    pub(crate) fault: Fault,
    /// How many requests of the target have come.
    pub(crate) seen: usize,
}

impl Faults {
    pub(crate) fn add(&self, target: FaultTarget, when: When, fault: Fault) {
        self.0.lock().push(Entry { target, when, fault, seen: 0 });
    }

    pub(crate) fn list(&self) -> Vec<Entry> {
        self.0.lock().clone()
    }

    pub(crate) fn clear(&self) {
        self.0.lock().clear();
    }

    /// Returns the fault that happens to this request, if any: the first that is due.
    ///
    /// `route` is `None` for a request that is none of the hub's operations.
    pub(crate) fn next(&self, route: Option<Route>, job_id: Option<&str>) -> Option<Fault> {
        let mut entries = self.0.lock();
        let is_for = |target: &FaultTarget| {
            (target.route == Route::Any || Some(target.route) == route)
                && target.job_id.as_deref().is_none_or(|id| job_id == Some(id))
        };
        let mut matching = entries.iter_mut().filter(|entry| is_for(&entry.target));
        let due = matching.find_map(|entry| {
            entry.seen += 1;
            let is_due = match entry.when {
                When::Next(times) => entry.seen <= times,
                When::Every(nth) => nth > 0 && entry.seen.is_multiple_of(nth),
                When::Nth(nth) => entry.seen == nth,
            };
            is_due.then(|| entry.fault.clone())
        });
        entries.retain(
            |entry| !matches!(entry.when, When::Next(times) | When::Nth(times) if entry.seen >= times),
        );
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statuses(faults: &Faults, job_ids: &[&str]) -> Vec<Option<u16>> {
        let next = |id: &&str| match faults.next(Some(Route::Get), Some(id))? {
            Fault::Answer { status, .. } => Some(status),
            _ => None,
        };
        job_ids.iter().map(next).collect()
    }

    #[test]
    fn faults_happen_by_count_and_job() {
        let faults = Faults::default();
        faults.add(Route::Get.of_job("b"), When::Nth(2), Fault::status(502));
        faults.add(Route::Any.into(), When::Next(2), Fault::status(500));
        faults.add(Route::Create.into(), When::Next(9), Fault::status(501));
        faults.add(Route::Get.into(), When::Every(2), Fault::status(503));
        let expected = [Some(500), Some(500), Some(502), None, Some(503), None];
        assert_eq!(statuses(&faults, &["a", "b", "b", "b", "a", "a"]), expected);
        assert_eq!(faults.list().len(), 2);
        faults.clear();
        assert_eq!(statuses(&faults, &["a", "b"]), [None, None]);
    }
}
