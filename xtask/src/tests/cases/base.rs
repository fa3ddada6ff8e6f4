//! The document that the cases change: four operations on jobs.

use serde_json::{Value, json};

pub(super) fn document() -> Value {
    let id = json!({ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } });
    let job = json!({ "description": "The job.", "content": { "application/json": { "schema": reference("Job") } } });
    let jobs = json!({ "type": "array", "items": reference("Job") });
    let body =
        json!({ "required": true, "content": { "application/json": { "schema": reference("JobRequest") } } });
    let state = json!({ "name": "state", "in": "query", "schema": reference("JobState") });
    json!({
        "openapi": "3.0.3",
        "info": { "title": "jobs", "version": "2021-04-12" },
        "paths": {
            "/jobs": {
                "get": {
                    "operationId": "list_jobs",
                    "parameters": [state],
                    "responses": { "200": { "description": "", "content": { "application/json": { "schema": jobs } } } },
                },
            },
            "/jobs/{id}": {
                "parameters": [id],
                "get": { "operationId": "get_job", "summary": "Read a job", "responses": { "200": job } },
                "put": { "operationId": "create_job", "requestBody": body, "responses": { "200": job } },
                "delete": { "operationId": "delete_job", "responses": { "204": { "description": "Gone." } } },
            },
        },
        "components": { "schemas": {
            "Job": {
                "description": "A job.",
                "type": "object",
                "properties": {
                    "id": { "description": "The id.", "type": "string" },
                    "state": { "description": "The state.", "allOf": [reference("JobState")] },
                    "created": { "type": "string", "format": "date-time" },
                    "tags": { "type": "array", "items": { "type": "string" }, "x-other-names": ["tagList"] },
                    "counts": reference("Counts"),
                },
            },
            "JobRequest": {
                "type": "object",
                "properties": {
                    "id": { "type": "string" },
                    "start": { "type": "string", "format": "date-time" },
                    "labels": { "type": "array", "items": { "type": "string" } },
                    "limit": { "type": "integer", "format": "int64" },
                },
            },
            "JobState": { "type": "string", "enum": ["queued", "running", "done"] },
            "Counts": { "type": "object", "properties": { "done": { "type": "integer", "format": "int32" } } },
        } },
    })
}

pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// The schema `name` of a document.
pub(super) fn schema<'a>(document: &'a mut Value, name: &str) -> &'a mut Value {
    &mut document["components"]["schemas"][name]
}

/// The property `property` of the schema `Job`.
pub(super) fn job<'a>(document: &'a mut Value, property: &str) -> &'a mut Value {
    &mut schema(document, "Job")["properties"][property]
}

/// The operation that sends this method to `/jobs/{id}`.
pub(super) fn by_id<'a>(document: &'a mut Value, method: &str) -> &'a mut Value {
    &mut document["paths"]["/jobs/{id}"][method]
}
