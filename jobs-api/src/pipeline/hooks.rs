//! The hooks of the generated client: headers on each request, a bounded and recorded response.
//!
//! Each attempt has a generated client with an [`Attempt`] inside. The record outlives the generated
//! code's own errors, which forget the status of a response whose body they cannot read.
//!
//! The generated code calls `pre` before it sends a request, and `exec` in order to send it. `exec` reads the body too,
//! and hands on a response that is complete: the time limit of an attempt then includes the body, the size limit holds
//! before memory is taken, and the part that was read of an interrupted body is kept for the error.
//!
//! `exec` can fail with an error of reqwest only, which no other crate can make. An attempt that ran out of time
//! therefore fails with the error of an invented 504, and `is_late` in the record says that no hub has sent it.

use std::mem;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, select};
use progenitor_client::{ClientHooks, ClientInfo, Error, OperationInfo};
use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use reqwest::{Method, Request, Response, ResponseBuilderExt as _, StatusCode, Url};
use tokio::time::sleep;
use tracing::{Instrument as _, Span};

use super::telemetry::{attempt_span, record_request, record_response};
use crate::generated::Client;
use crate::runtime::Attempt;
use crate::runtime::attempt::{BodyExtent, Exchange, ReceivedResponse, RequestInfo, Settings};

/// The generated code sends a header of this name; the service reads a query parameter.
const API_VERSION: &str = "api-version";
/// Headers that the client, or its HTTP client, sets.
pub(crate) const RESERVED_HEADERS: [&str; 11] = [
    "accept",
    API_VERSION,
    "authorization",
    "content-length",
    "content-type",
    "host",
    "request-id",
    "transfer-encoding",
    "user-agent",
    "x-ms-continuation",
    "x-ms-max-item-count",
];
/// The headers of a request that has none of the user's.
const SENT_HEADERS: usize = 8;
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const PRODUCT: HeaderValue = HeaderValue::from_static(concat!("jobs-api/", env!("CARGO_PKG_VERSION")));

impl ClientHooks<Attempt> for Client {
    async fn pre<E>(&self, request: &mut Request, info: &OperationInfo) -> Result<(), Error<E>> {
        let Settings { authorization, request_id, number, timeout, .. } = self.inner().settings();
        request.url_mut().query_pairs_mut().append_pair(API_VERSION, Self::api_version());
        let span = attempt_span(request, *request_id, *number);
        add_own_headers(request.headers_mut(), self.inner().settings(), &span);
        let expects_body = matches!(*request.method(), Method::POST | Method::PUT);
        let has_body = request.body().is_some();
        let headers = request.headers_mut();
        // Room at once for those below and those of the HTTP client.
        headers.reserve(SENT_HEADERS);
        headers.remove(API_VERSION);
        headers.insert(AUTHORIZATION, authorization.clone());
        headers.insert(USER_AGENT, PRODUCT);
        headers.insert(REQUEST_ID, HeaderValue::try_from(request_id.to_string())?);
        if has_body {
            // The official clients name the charset; a media type other than JSON is the operation's own.
            if headers.get(CONTENT_TYPE).is_none_or(|media_type| media_type == "application/json") {
                headers.insert(CONTENT_TYPE, JSON);
            }
        } else if expects_body {
            // The hub's front end answers 411 to a POST without a length.
            headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
        }
        record_request(&span, request);
        let request = RequestInfo {
            operation: info.operation_id,
            method: request.method().clone(),
            path: request.url().path().to_owned(),
            request_id: *request_id,
            attempt: *number,
            timeout: *timeout,
            is_outcome_unknown: false,
        };
        // A user's closure may run several operations: the record is that of the last one.
        *self.inner().exchange() =
            Exchange { request: Some(request), span: Some(span), ..Exchange::default() };
        Ok(())
    }

    async fn exec(&self, request: Request, _: &OperationInfo) -> reqwest::Result<Response> {
        let span = self.inner().exchange().span.clone().unwrap_or_else(Span::none);
        let timeout = self.inner().settings().timeout;
        // A timer of no length ends a moment later, when the request is sent.
        if !timeout.is_zero() {
            let exchange = pin!(send(self, request, &span));
            let limit = pin!(sleep(timeout));
            if let Either::Right((response, _)) = select(limit, exchange.instrument(span.clone())).await {
                return response;
            }
        }
        self.inner().exchange().is_late = true;
        // The error of a status is the only one of this type that can be made here.
        let mut late = http::Response::new("");
        *late.status_mut() = StatusCode::GATEWAY_TIMEOUT;
        Response::from(late).error_for_status()
    }
}

/// Sends the request, reads the response, and records it.
fn send<'a>(
    api: &'a Client,
    request: Request,
    span: &'a Span,
) -> impl Future<Output = reqwest::Result<Response>> + 'a {
    let (attempt, requested) = (api.inner(), request.url().clone());
    attempt.exchange().is_sent = true;
    // Handed over now, so that the future below does not hold the request.
    let response = api.client().execute(request);
    async move {
        let mut response = response.await?;
        record_head(attempt, &mut response, &requested);
        let body = read_body(attempt, &mut response).await?;
        record_response(span, response.status(), body.len());
        let mut read = http::Response::builder().url(requested).body(body).unwrap_or_default();
        *read.status_mut() = response.status();
        Ok(read.into())
    }
}

/// Records a response before its body is read: an interrupted one keeps its status and headers.
fn record_head(attempt: &Attempt, response: &mut Response, requested: &Url) {
    let redirected_to = (response.url() != requested).then(|| response.url().authority().to_owned());
    attempt.exchange().response = Some(ReceivedResponse {
        status: response.status(),
        headers: mem::take(response.headers_mut()),
        body: Bytes::new(),
        extent: BodyExtent::Interrupted,
        redirected_to,
    });
}

/// Adds the headers of the user, except those that the client or its HTTP client sets.
fn add_own_headers(headers: &mut HeaderMap, settings: &Settings, span: &Span) {
    let mut own = HeaderMap::clone(&settings.headers);
    if let Some(on_request) = &settings.on_request {
        span.in_scope(|| on_request(&mut own));
        RESERVED_HEADERS.iter().for_each(|name| drop(own.remove(*name)));
    }
    headers.extend(own);
}

/// Reads the body up to the limit of the attempt, and records it.
async fn read_body(attempt: &Attempt, response: &mut Response) -> reqwest::Result<Bytes> {
    let limit = attempt.settings().body_limit;
    let mut body = PartialBody { attempt, bytes: Bytes::new() };
    while let Some(chunk) = response.chunk().await? {
        if !body.add(chunk, limit) {
            body.record(BodyExtent::OverLimit(limit));
            return Ok(Bytes::new());
        }
    }
    Ok(body.record(BodyExtent::Complete))
}

/// The part of a body that was read. Dropped, as at a timeout, it is recorded as interrupted.
struct PartialBody<'a> {
    attempt: &'a Attempt,
    bytes: Bytes,
}

impl PartialBody<'_> {
    /// Adds a chunk, or as much of it as the limit allows. Returns true if it was all.
    fn add(&mut self, chunk: Bytes, limit: usize) -> bool {
        let room = limit - self.bytes.len();
        let added = chunk.slice(..chunk.len().min(room));
        if self.bytes.is_empty() {
            // The only one of most bodies: it is not copied.
            self.bytes = added;
        } else {
            let mut bytes = BytesMut::from(mem::take(&mut self.bytes));
            bytes.extend_from_slice(&added);
            self.bytes = bytes.freeze();
        }
        chunk.len() <= room
    }

    /// Records the body, and returns it.
    fn record(&mut self, extent: BodyExtent) -> Bytes {
        let body = mem::take(&mut self.bytes);
        if let Some(response) = &mut self.attempt.exchange().response
            && response.extent == BodyExtent::Interrupted
        {
            (response.body, response.extent) = (body.clone(), extent);
        }
        body
    }
}

impl Drop for PartialBody<'_> {
    fn drop(&mut self) {
        self.record(BodyExtent::Interrupted);
    }
}
