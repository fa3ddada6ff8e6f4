//! Checks before an operation is carried out, in the order of the service.

use hyper::Method;
use hyper::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;

use crate::behavior::Throttled;
use crate::hub::Hub;
use crate::operation::{Operation, RouteError};
use crate::request::{Metering, RecordNumber};
use crate::response::{Response, length_required};
use crate::service_error::ServiceError;
use crate::throttle::Admission;

/// The versions that clients in use send.
const API_VERSIONS: [&str; 13] = [
    "2018-06-30",
    "2018-08-30-preview",
    "2019-03-30",
    "2019-07-01-preview",
    "2019-10-01",
    "2020-03-01",
    "2020-03-13",
    "2020-05-31-preview",
    "2020-09-30",
    "2021-04-12",
    "2021-11-30",
    "2023-06-30",
    "2024-03-31",
];

/// Refusal of a request.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The front end's page for a body without a stated length.
    LengthRequired,
    Error(ServiceError),
}

impl Refusal {
    pub(crate) fn to_response(&self, hub: &Hub) -> Response {
        match self {
            Self::LengthRequired => length_required(),
            Self::Error(error) => error.to_response(&hub.settings.behavior, hub.now()),
        }
    }
}

impl From<ServiceError> for Refusal {
    fn from(error: ServiceError) -> Self {
        Self::Error(error)
    }
}

/// Admits a request that names an operation, its version, and a caller who may do it.
///
/// Nothing here reads the body.
pub(crate) fn admit(
    hub: &Hub,
    operation: Result<Operation, RouteError>,
    head: &Parts,
) -> Result<Operation, Refusal> {
    let (headers, path) = (&head.headers, head.uri.path());
    let has_length = headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING);
    if matches!(head.method, Method::POST | Method::PUT) && !has_length {
        return Err(Refusal::LengthRequired);
    }
    let Some(version) = parameter(head, "api-version") else {
        return Err(ServiceError::bad_request("The query of the URL cannot be decoded").into());
    };
    if operation == Err(RouteError::UndecodablePath) {
        return Err(ServiceError::bad_request("The path of the URL cannot be decoded").into());
    }
    let principal = hub.authorizer.authenticate(headers, path)?;
    check_api_version(version.as_deref(), hub.settings.strict_api_version.as_deref())?;
    let operation = operation.map_err(|error| match error {
        RouteError::MethodNotAllowed => {
            ServiceError::method_not_allowed(format!("The resource does not support {}", head.method))
        }
        _ => ServiceError::not_found("There is no such resource"),
    })?;
    if !principal.may(operation.permission()) {
        return Err(ServiceError::unauthorized(format!(
            "Principal {} is not authorized for {} on {path} due to no assigned permissions",
            principal.name, head.method
        ))
        .into());
    }
    if operation.is_of_jobs() && !hub.settings.tier.has_jobs() {
        return Err(ServiceError::not_in_this_tier("Jobs are not available in the basic tier").into());
    }
    Ok(operation)
}

fn check_api_version(version: Option<&str>, strict: Option<&str>) -> Result<(), ServiceError> {
    let Some(version) = version else {
        return Err(ServiceError::invalid_protocol_version("The query parameter api-version is missing"));
    };
    let is_accepted = match strict {
        Some(strict) => version == strict,
        None => API_VERSIONS.contains(&version),
    };
    match is_accepted {
        true => Ok(()),
        false => {
            Err(ServiceError::invalid_protocol_version(format!("The api-version {version} is not supported")))
        }
    }
}

/// Counts an operation, records how, and waits for its turn if it is queued.
pub(crate) async fn throttle(
    hub: &Hub,
    operation: &Operation,
    record: Option<RecordNumber>,
) -> Result<(), ServiceError> {
    let Some(metered) = operation.metered() else { return Ok(()) };
    let wait = hub.clock.wait();
    let Some(admission) = hub.meters.admit(metered, hub.now()) else { return Ok(()) };
    if let Some(number) = record {
        hub.recorder.update(number, |request| request.metering = Some(metering(admission)));
    }
    match admission {
        Admission::Immediate => Ok(()),
        Admission::Queued(until) => {
            wait.until(until).await;
            Ok(())
        }
        Admission::Rejected => {
            let kind = metered.name();
            let reason = format!(
                "The request has been throttled. Wait 10 seconds and try again. Operation type: {kind}"
            );
            Err(match hub.settings.behavior.throttled {
                Throttled::BacklogTimeout => ServiceError::backlog_timeout(reason),
                Throttled::Exception => ServiceError::throttled(reason),
            })
        }
    }
}

fn metering(admission: Admission) -> Metering {
    match admission {
        Admission::Immediate => Metering::Immediate,
        Admission::Queued(_) => Metering::Queued,
        Admission::Rejected => Metering::Rejected,
    }
}

/// Returns a parameter of the URL's query: `Some(None)` without it, `None` if the query is undecodable.
pub(super) fn parameter(head: &Parts, name: &str) -> Option<Option<String>> {
    let mut found = None;
    for pair in head.uri.query().unwrap_or_default().split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (key, value) = (decode(key)?, decode(value)?);
        if key == name {
            found = Some(value);
        }
    }
    Some(found)
}

fn decode(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().ok().map(|text| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_clients_in_use_are_accepted() {
        for version in ["2018-06-30", "2020-09-30", "2021-04-12", "2024-03-31"] {
            assert_eq!(check_api_version(Some(version), None), Ok(()));
        }
        for version in [None, Some(""), Some("2016-11-14"), Some("2021-04-13")] {
            assert!(check_api_version(version, None).is_err());
        }
        assert_eq!(check_api_version(Some("2030-01-01"), Some("2030-01-01")), Ok(()));
        assert!(check_api_version(Some("2021-04-12"), Some("2030-01-01")).is_err());
    }
}
