//! The five operations.

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use serde_json::Value;

use super::admission::parameter;
use super::job_list::list_jobs;
use super::page::PageRequest;
use super::row_query::select_rows;
use super::twin_query::select_twins;
use crate::hub::Hub;
use crate::jobs::{job_not_found, parse_job_request};
use crate::operation::Operation;
use crate::query::{Collection, Statement};
use crate::response::{Response, json_response};
use crate::service_error::ServiceError;

/// Carries out an admitted operation.
pub(crate) async fn carry_out(
    hub: &Hub,
    operation: Operation,
    head: &Parts,
    body: &Bytes,
) -> Result<Response, ServiceError> {
    match operation {
        Operation::Create(id) => {
            let request = parse_job_request(&id, body)?;
            hub.change(|schedule, now| schedule.create(request, now)).map(ok)
        }
        Operation::Get(id) => {
            let json = hub.schedule().job(&id).map(|job| job.to_json());
            json.map(ok).ok_or_else(|| job_not_found(&id))
        }
        Operation::Cancel(id) => hub.change(|schedule, now| schedule.cancel(&id, now)).map(ok),
        Operation::QueryJobs => {
            let [job_type, status] = ["jobType", "jobStatus"].map(|name| parameter(head, name).flatten());
            let page = PageRequest::parse(&head.headers, &format!("{job_type:?} {status:?}"))?;
            let jobs = list_jobs(hub, &page, job_type.as_deref(), status.as_deref())?;
            Ok(page.to_response(jobs))
        }
        Operation::QueryDevices => query_devices(hub, head, body).await,
    }
}

async fn query_devices(hub: &Hub, head: &Parts, body: &Bytes) -> Result<Response, ServiceError> {
    let body: Value =
        serde_json::from_slice(body).map_err(|error| ServiceError::bad_request(error.to_string()))?;
    let text =
        body["query"].as_str().ok_or_else(|| ServiceError::argument_invalid("query must be a string"))?;
    let statement = Statement::parse(text).map_err(ServiceError::argument_invalid)?;
    let page = PageRequest::parse(&head.headers, text)?;
    let rows = match statement.collection {
        Collection::Jobs => select_rows(hub, &statement, &page).await?,
        Collection::Devices | Collection::Modules => select_twins(hub, &statement, &page).await?,
    };
    Ok(page.to_response(rows))
}

fn ok(body: Value) -> Response {
    json_response(StatusCode::OK, body.to_string())
}
