//! The five operations.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};
use hyper::{HeaderMap, Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::hub::{Hub, job_not_found};
use crate::job::Job;
use crate::query::{self, Page};
use crate::refusal::{Refusal, json_response, length_required};
use crate::submission;

/// The only `api-version` that this hub knows.
const API_VERSION: &str = "2021-04-12";

type Parameters = Query<HashMap<String, String>>;

pub(crate) fn router(hub: Arc<Hub>) -> Router {
    Router::new()
        .route("/jobs/v2/query", get(query_jobs))
        .route("/jobs/v2/{id}", put(create).get(read))
        .route("/jobs/v2/{id}/cancel", post(cancel))
        .route("/devices/query", post(query_devices))
        .fallback(async || Refusal::not_found("There is no such resource"))
        .method_not_allowed_fallback(async |method: Method| {
            Refusal::method_not_allowed(format!("The resource does not support {method}"))
        })
        .layer(from_fn_with_state(hub.clone(), admit))
        .layer(DefaultBodyLimit::disable())
        .with_state(hub)
}

/// Lets a request in that says how long it is, which version it speaks and who sends it.
async fn admit(
    State(hub): State<Arc<Hub>>,
    parameters: Result<Parameters, QueryRejection>,
    request: Request,
    next: Next,
) -> Response {
    let (headers, path) = (request.headers(), request.uri().path());
    let has_length = headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING);
    if matches!(*request.method(), Method::POST | Method::PUT) && !has_length {
        return length_required();
    }
    let Ok(parameters) = parameters else {
        return Refusal::bad_request("The query of the URL cannot be decoded").into_response();
    };
    if percent_decode_str(path).decode_utf8().is_err() {
        return Refusal::bad_request("The path of the URL cannot be decoded").into_response();
    }
    if let Err(refusal) = hub.access.check(headers, path, hub.now()) {
        return refusal.into_response();
    }
    match parameters.get("api-version").map(String::as_str) {
        Some(API_VERSION) => next.run(request).await,
        Some(other) => Refusal::invalid_protocol_version(format!("The api-version {other} is not supported"))
            .into_response(),
        None => {
            Refusal::invalid_protocol_version("The query parameter api-version is missing").into_response()
        }
    }
}

async fn create(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let definition = submission::read(&id, &body)?;
    hub.create(definition).map(ok)
}

async fn read(State(hub): State<Arc<Hub>>, Path(id): Path<String>) -> Result<Response, Refusal> {
    hub.state().job(&id).map(|job| ok(job.to_json())).ok_or_else(|| job_not_found(&id))
}

async fn cancel(State(hub): State<Arc<Hub>>, Path(id): Path<String>) -> Result<Response, Refusal> {
    hub.cancel(&id).map(ok)
}

async fn query_jobs(
    State(hub): State<Arc<Hub>>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let parameter = |name| parameters.get(name).map(String::as_str);
    let (job_type, status) = (parameter("jobType"), parameter("jobStatus"));
    let page = Page::read(&headers, format!("{job_type:?} {status:?}"))?;
    let state = hub.state();
    let (jobs, next) = page.cut(query::jobs(&state, job_type, status));
    Ok(paged("jobResponse", jobs.into_iter().map(Job::to_json).collect(), next))
}

async fn query_devices(
    State(hub): State<Arc<Hub>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let body: Value =
        serde_json::from_slice(&body).map_err(|error| Refusal::bad_request(error.to_string()))?;
    let query = body["query"].as_str().ok_or_else(|| Refusal::argument_invalid("query must be a string"))?;
    let page = Page::read(&headers, query.to_owned())?;
    let (rows, next) = page.cut(query::device_jobs(&hub.state(), query)?);
    Ok(paged("deviceJob", rows, next))
}

fn ok(body: Value) -> Response {
    json_response(StatusCode::OK, body.to_string())
}

fn paged(item_type: &'static str, items: Vec<Value>, next: Option<String>) -> Response {
    let mut response = ok(items.into());
    let headers = response.headers_mut();
    headers.insert("x-ms-item-type", HeaderValue::from_static(item_type));
    if let Some(token) = next.and_then(|token| HeaderValue::try_from(token).ok()) {
        headers.insert(HeaderName::from_static("x-ms-continuation"), token);
    }
    response
}
