//! The seam between the generated client and this crate: what every request carries, and what every
//! answer leaves behind.
//!
//! A generated client is made anew for each attempt, with an [`Attempt`] inside. The hooks put the
//! attempt's token and id on the request, read the answer within bounds, and keep it with the
//! attempt: the generated code's own errors forget the status of a body that they cannot read.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use progenitor_client::{ClientHooks, ClientInfo, Error, OperationInfo};
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, USER_AGENT};
use reqwest::{Method, Request, Response};
use tracing::Span;
use uuid::Uuid;

use crate::auth::{Authorization, CredentialError, without_tokens};
use crate::exchange::{Answer, Extent, Origin, Record, redacted};
use crate::generated::Client;
use crate::telemetry;

/// A header of this name is sent by the generated code; the service wants a query parameter.
const API_VERSION: &str = "api-version";
const REQUEST_ID: &str = "request-id";
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const PRODUCT: HeaderValue = HeaderValue::from_static(concat!("jobs-api/", env!("CARGO_PKG_VERSION")));

/// One request and its answer, as the hooks see them.
///
/// It lives inside the generated client that [`Client::call`](crate::Client::call) hands out.
#[derive(Clone)]
pub struct Attempt(Arc<Shared>);

struct Shared {
    token: Authorization,
    authorization: HeaderValue,
    request_id: Uuid,
    /// Which attempt at the operation it is, from 1.
    number: u32,
    timeout: Duration,
    body_limit: usize,
    span: Span,
    record: Mutex<Record>,
}

impl Attempt {
    pub(crate) fn new(
        token: Authorization,
        number: u32,
        timeout: Duration,
        body_limit: usize,
        span: Span,
    ) -> Result<Self, CredentialError> {
        let mut authorization =
            HeaderValue::from_str(token.expose()).map_err(|_| CredentialError::NotAHeader)?;
        authorization.set_sensitive(true);
        let (request_id, record) = (Uuid::new_v4(), Mutex::default());
        let shared = Shared { token, authorization, request_id, number, timeout, body_limit, span, record };
        Ok(Self(Arc::new(shared)))
    }

    pub(crate) fn token(&self) -> &Authorization {
        &self.0.token
    }

    pub(crate) fn span(&self) -> &Span {
        &self.0.span
    }

    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        self.0.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the body of `response` up to the limit; what is beyond it is not read.
    async fn read(&self, mut response: Response) -> reqwest::Result<Bytes> {
        let mut body = Vec::new();
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Ok(self.keep(body, Extent::Whole)),
                Err(error) => {
                    self.keep(body, Extent::Broken);
                    return Err(error);
                }
            };
            let room = self.0.body_limit - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                self.keep(body, Extent::OverLimit(self.0.body_limit));
                return Ok(Bytes::new());
            }
        }
    }

    /// Keeps a body for the error that it may become, without the tokens that it may echo.
    ///
    /// What is read on has only this attempt's token taken out: a job's payload may hold signatures.
    fn keep(&self, body: Vec<u8>, extent: Extent) -> Bytes {
        let body = self.0.token.redact(body.into());
        if let Some(answer) = &mut self.record().answer {
            answer.body = without_tokens(body.clone());
            answer.extent = extent;
        }
        body
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("request_id", &self.0.request_id).finish_non_exhaustive()
    }
}

impl ClientHooks<Attempt> for Client {
    async fn pre<E>(&self, request: &mut Request, info: &OperationInfo) -> Result<(), Error<E>> {
        let Shared { authorization, request_id, number, timeout, span, .. } = &*self.inner().0;
        request.url_mut().query_pairs_mut().append_pair(API_VERSION, Self::api_version());
        *request.timeout_mut() = Some(*timeout);
        let expects_body = matches!(*request.method(), Method::POST | Method::PUT);
        let has_body = request.body().is_some();
        let headers = request.headers_mut();
        headers.remove(API_VERSION);
        headers.insert(AUTHORIZATION, authorization.clone());
        headers.insert(USER_AGENT, PRODUCT);
        headers.insert(REQUEST_ID, HeaderValue::try_from(request_id.to_string())?);
        if has_body {
            headers.insert(CONTENT_TYPE, JSON);
        } else if expects_body {
            // The hub's front end answers 411 to a POST that does not say how long it is.
            headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
        }
        telemetry::sending(span, info.operation_id, request, request_id);
        self.inner().record().request = Some(Origin {
            operation: info.operation_id,
            method: request.method().clone(),
            path: request.url().path().to_owned(),
            request_id: *request_id,
            attempt: *number,
        });
        Ok(())
    }

    async fn exec(&self, request: Request, _: &OperationInfo) -> reqwest::Result<Response> {
        let asked = request.url().clone();
        let response = self.client().execute(request).await?;
        let redirected_to = (*response.url() != asked).then(|| response.url().authority().to_owned());
        let (status, headers) = (response.status(), response.headers().clone());
        self.inner().record().answer = Some(Answer {
            status,
            headers: redacted(&headers, &self.inner().0.token),
            body: Bytes::new(),
            extent: Extent::Broken,
            redirected_to,
        });
        let mut read = http::Response::new(self.inner().read(response).await?);
        *read.status_mut() = status;
        *read.headers_mut() = headers;
        Ok(read.into())
    }
}
