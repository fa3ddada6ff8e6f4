//! Bodies of requests, within bounds.

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::HeaderMap;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_LENGTH;
use tokio::time::timeout;

use crate::limits::{BODY_SIZE, BODY_TIMEOUT};
use crate::service_error::ServiceError;

/// Reads a body, unless it is too large or too slow.
pub(super) async fn read_body(headers: &HeaderMap, body: Incoming) -> Result<Bytes, ServiceError> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > BODY_SIZE as u64) {
        return Err(too_large());
    }
    match timeout(BODY_TIMEOUT, Limited::new(body, BODY_SIZE).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(ServiceError::bad_request("The body ended early")),
        Err(_) => Err(ServiceError::request_timed_out("The body did not arrive in time")),
    }
}

fn too_large() -> ServiceError {
    ServiceError::entity_too_large(format!("The body is larger than {} KB", BODY_SIZE / 1024))
}
