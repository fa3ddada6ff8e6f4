//! The operations.

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use serde_json::{Value, json};

use super::admission::parameter;
use super::job_list::list_jobs;
use super::method::invoke_method;
use super::page::PageRequest;
use super::row_query::select_rows;
use super::twin::{read_twin, update_twin};
use super::twin_query::select_twins;
use crate::behavior::UnknownJob;
use crate::hub::Hub;
use crate::jobs::{job_not_found, parse_job_request};
use crate::operation::Operation;
use crate::query::{Collection, Statement};
use crate::response::{Response, json_response};
use crate::service_error::{ServiceError, unreadable_query};

/// Carries out an admitted operation.
pub(crate) async fn carry_out(
    hub: &Hub,
    operation: Operation,
    head: &Parts,
    body: &Bytes,
) -> Result<Response, ServiceError> {
    match operation {
        Operation::Create(id) => {
            let request = parse_job_request(&id, body, hub.settings.behavior.job_ids, hub.now())?;
            hub.change(|schedule, now| schedule.create(request, now)).map(ok)
        }
        Operation::Get(id) => read_job(hub, &id).map(ok),
        Operation::Cancel(id) => hub.change(|schedule, now| schedule.cancel(&id, now)).map(ok),
        Operation::QueryJobs => {
            let [job_type, status] = ["jobType", "jobStatus"].map(|name| parameter(head, name).flatten());
            let page = PageRequest::parse(&head.headers, &format!("{job_type:?} {status:?}"))?;
            let jobs = list_jobs(hub, &page, job_type.as_deref(), status.as_deref())?;
            Ok(page.to_response(jobs))
        }
        Operation::QueryDevices => query_devices(hub, head, body).await,
        // There are none: they belong to the registry.
        Operation::ImportExportJobs => Ok(ok(json!([]))),
        Operation::GetTwin(id) => read_twin(hub, &id).map(ok),
        Operation::UpdateTwin(id) => update_twin(hub, &id, &head.headers, &parse(body)?).map(ok),
        Operation::InvokeMethod(id) => invoke_method(hub, &id, parse(body)?).await.map(ok),
    }
}

fn parse(body: &Bytes) -> Result<Value, ServiceError> {
    serde_json::from_slice(body).map_err(|error| ServiceError::bad_request(error.to_string()))
}

fn read_job(hub: &Hub, id: &str) -> Result<Value, ServiceError> {
    if let Some(json) = hub.schedule().read(id, hub.now()) {
        return Ok(json);
    }
    match hub.settings.behavior.unknown_job {
        UnknownJob::Bare => Ok(json!({ "type": "unknown", "status": "unknown" })),
        UnknownJob::WithId => Ok(json!({ "jobId": id, "type": "unknown", "status": "unknown" })),
        UnknownJob::NotFound => Err(job_not_found(id)),
    }
}

async fn query_devices(hub: &Hub, head: &Parts, body: &Bytes) -> Result<Response, ServiceError> {
    let body = parse(body)?;
    let text =
        body["query"].as_str().ok_or_else(|| ServiceError::argument_invalid("query must be a string"))?;
    let statement = match Statement::parse(text) {
        Ok(statement) => statement,
        Err(reason) => {
            tracing::debug!(reason, "the query cannot be parsed");
            return Ok(unreadable_query());
        }
    };
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
