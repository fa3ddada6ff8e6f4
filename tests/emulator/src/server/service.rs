//! The way of one request.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use hyper::body::{Bytes, Incoming};
use hyper::header::{DATE, HeaderValue};
use hyper::http::request::Parts;
use tokio::time::Instant;

use super::body::read_body;
use crate::api::{Refusal, admit, carry_out, throttle};
use crate::control;
use crate::dates::http_date;
use crate::fault::Fault;
use crate::hub::Hub;
use crate::operation::{Operation, RouteError};
use crate::request::{RecordNumber, Request};
use crate::response::{Reset, Response, with_service_headers};
use crate::service_error::ServiceError;

/// Answers the requests of all connections.
#[derive(Clone)]
pub(super) struct Service {
    hub: Arc<Hub>,
    /// Whether the operations of the hub are not served, as on a connection that should have used TLS.
    is_control_only: bool,
}

impl Service {
    pub(super) fn new(hub: Arc<Hub>) -> Self {
        Self { hub, is_control_only: false }
    }

    /// Returns the service without the operations of the hub.
    pub(super) fn control_only(self) -> Self {
        Self { is_control_only: true, ..self }
    }

    /// Answers a request, or ends its connection.
    pub(super) async fn answer(
        self,
        request: hyper::Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<Response, Reset> {
        let start = Instant::now();
        let (head, body) = request.into_parts();
        let mut response = if head.uri.path().starts_with(control::PREFIX) {
            self.control(&head, body, peer).await
        } else if self.is_control_only {
            let error =
                ServiceError::bad_request("The hub is served over TLS: use https, or start with --http");
            error.to_response(&self.hub.settings.behavior, self.hub.now())
        } else {
            self.misbehave(&head, body).await?
        };
        let now = self.hub.now();
        if let Ok(date) = HeaderValue::try_from(http_date(now)) {
            response.headers_mut().insert(DATE, date);
        }
        tracing::debug!(
            method = %head.method,
            path = head.uri.path(),
            status = response.status().as_u16(),
            milliseconds = start.elapsed().as_millis() as u64,
            "request"
        );
        Ok(response)
    }

    async fn control(&self, head: &Parts, body: Incoming, peer: SocketAddr) -> Response {
        if let Some(refusal) = control::refuse(peer.ip(), head, self.hub.settings.control_key.as_deref()) {
            return refusal;
        }
        match read_body(&head.headers, body).await {
            Ok(body) => control::handle(&self.hub, head, &body).await,
            Err(error) => error.to_response(&self.hub.settings.behavior, self.hub.now()),
        }
    }

    /// Lets the fault happen that is due for the request, if there is one.
    async fn misbehave(&self, head: &Parts, body: Incoming) -> Result<Response, Reset> {
        let operation = Operation::of(&head.method, head.uri.path());
        let named = operation.as_ref().ok();
        let fault = self.hub.faults.next(named.map(Operation::route), named.and_then(Operation::job_id));
        let mut record = None;
        let answer = match fault.as_ref().and_then(Fault::before) {
            Some(answer) => {
                if self.hub.recorder.is_on() {
                    record = self.record(head, read_body(&head.headers, body).await.unwrap_or_default());
                }
                answer
            }
            None => {
                let response = with_service_headers(self.serve(head, operation, body, &mut record).await);
                match fault {
                    Some(fault) => fault.after(response).await,
                    None => Ok(response),
                }
            }
        };
        if let (Some(number), Ok(response)) = (record, &answer) {
            self.hub.recorder.update(number, |request| request.status = Some(response.status().as_u16()));
        }
        answer
    }

    async fn serve(
        &self,
        head: &Parts,
        operation: Result<Operation, RouteError>,
        body: Incoming,
        record: &mut Option<RecordNumber>,
    ) -> Response {
        let hub = &self.hub;
        // The body is read only of a caller who may do what it asks for.
        let operation = match admit(hub, operation, head) {
            Ok(operation) => operation,
            Err(refusal) => {
                *record = self.record(head, Bytes::new());
                return refusal.to_response(hub);
            }
        };
        match self.carry_out(head, operation, body, record).await {
            Ok(response) => response,
            Err(error) => Refusal::from(error).to_response(hub),
        }
    }

    async fn carry_out(
        &self,
        head: &Parts,
        operation: Operation,
        body: Incoming,
        record: &mut Option<RecordNumber>,
    ) -> Result<Response, ServiceError> {
        let body = read_body(&head.headers, body).await?;
        *record = self.record(head, body.clone());
        throttle(&self.hub, &operation, *record).await?;
        let answer = AssertUnwindSafe(carry_out(&self.hub, operation, head, &body)).catch_unwind().await;
        answer.unwrap_or_else(|panic| {
            self.hub.keep_panic(panic);
            Err(ServiceError::server_error("The emulator panicked"))
        })
    }

    /// Records a request, and returns the number of the record if requests are recorded.
    fn record(&self, head: &Parts, body: Bytes) -> Option<RecordNumber> {
        let recorder = &self.hub.recorder;
        recorder.is_on().then(|| {
            recorder.record(Request {
                method: head.method.clone(),
                path: head.uri.path().to_owned(),
                query: head.uri.query().unwrap_or_default().to_owned(),
                headers: head.headers.clone(),
                body: body.into(),
                metering: None,
                status: None,
            })
        })
    }
}
