//! The hooks of the generated client: headers on each request, a bounded and recorded response.
//!
//! Each attempt has a generated client with an [`Attempt`] inside. The record outlives the generated
//! code's own errors, which forget the status of a response whose body they cannot read.

use std::mem;

use bytes::{Bytes, BytesMut};
use progenitor_client::{ClientHooks, ClientInfo, Error, OperationInfo};
use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use reqwest::{Method, Request, Response, ResponseBuilderExt as _};
use tracing::{Instrument as _, Span};

use super::telemetry::attempt::{attempt_span, record_request, record_response};
use crate::generated::Client;
use crate::runtime::Attempt;
use crate::runtime::attempt::{BodyExtent, ReceivedResponse, RequestInfo, Settings};

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
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const PRODUCT: HeaderValue = HeaderValue::from_static(concat!("jobs-api/", env!("CARGO_PKG_VERSION")));

impl ClientHooks<Attempt> for Client {
    async fn pre<E>(&self, request: &mut Request, info: &OperationInfo) -> Result<(), Error<E>> {
        let Settings { authorization, request_id, number, timeout, .. } = self.inner().settings();
        request.url_mut().query_pairs_mut().append_pair(API_VERSION, Self::api_version());
        *request.timeout_mut() = Some(*timeout);
        let span = attempt_span(request, *request_id, *number);
        add_own_headers(request.headers_mut(), self.inner().settings(), &span);
        let expects_body = matches!(*request.method(), Method::POST | Method::PUT);
        let has_body = request.body().is_some();
        let headers = request.headers_mut();
        headers.remove(API_VERSION);
        headers.insert(AUTHORIZATION, authorization.clone());
        headers.insert(USER_AGENT, PRODUCT);
        headers.insert(REQUEST_ID, HeaderValue::from_bytes(&request_id.text())?);
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
        let mut exchange = self.inner().exchange();
        exchange.request = Some(RequestInfo {
            operation: info.operation_id,
            method: request.method().clone(),
            path: request.url().path().to_owned(),
            request_id: *request_id,
            attempt: *number,
        });
        exchange.span = Some(span);
        Ok(())
    }

    async fn exec(&self, request: Request, _: &OperationInfo) -> reqwest::Result<Response> {
        let requested = request.url().clone();
        let span = self.inner().exchange().span.clone().unwrap_or_else(Span::none);
        let mut response = self.client().execute(request).instrument(span.clone()).await?;
        let redirected_to = (*response.url() != requested).then(|| response.url().authority().to_owned());
        let (status, headers) = (response.status(), mem::take(response.headers_mut()));
        // Recorded before the body is read: an interrupted response keeps its status and headers.
        self.inner().exchange().response = Some(ReceivedResponse {
            status,
            headers: headers.clone(),
            body: Bytes::new(),
            extent: BodyExtent::Interrupted,
            redirected_to,
        });
        let read = read_body(self.inner(), &mut response).instrument(span.clone());
        let body = read.await?;
        record_response(&span, status, body.len());
        let (mut parts, ()) =
            http::Response::builder().url(requested).body(()).unwrap_or_default().into_parts();
        (parts.status, parts.headers) = (status, headers);
        Ok(http::Response::from_parts(parts, body).into())
    }
}

/// Adds the headers of the user, except those that the client or its HTTP client sets.
fn add_own_headers(headers: &mut HeaderMap, settings: &Settings, span: &Span) {
    let Some(on_request) = &settings.on_request else {
        headers.extend(settings.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        return;
    };
    let mut own = HeaderMap::clone(&settings.headers);
    span.in_scope(|| on_request(&mut own));
    for name in RESERVED_HEADERS {
        own.remove(name);
    }
    headers.extend(own);
}

/// Reads the body up to the limit of the attempt, and records it.
async fn read_body(attempt: &Attempt, response: &mut Response) -> reqwest::Result<Bytes> {
    let limit = attempt.settings().body_limit;
    let record = |body: Bytes, extent| {
        if let Some(response) = &mut attempt.exchange().response {
            (response.body, response.extent) = (body, extent);
        }
    };
    // A body of one chunk, as most are, is not copied.
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    loop {
        let chunk = match response.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => {
                let body = if rest.is_empty() { first } else { rest.freeze() };
                record(body.clone(), BodyExtent::Complete);
                return Ok(body);
            }
            Err(error) => {
                record(if rest.is_empty() { first } else { rest.freeze() }, BodyExtent::Interrupted);
                return Err(error);
            }
        };
        if first.is_empty() && rest.is_empty() && chunk.len() <= limit {
            first = chunk;
            continue;
        }
        if rest.is_empty() {
            rest.extend_from_slice(&first);
        }
        let room = limit - rest.len();
        rest.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            record(rest.freeze(), BodyExtent::OverLimit(limit));
            return Ok(Bytes::new());
        }
    }
}
