//! Lists whose rows depend on the request.

use serde_json::{Value, json};

use crate::render::render;
use crate::spec::Spec;

/// Renders a client of one operation, whose rows may be of another kind too.
fn rendered(schema: Value, other: Value) -> Result<String, String> {
    let spec = json!({
        "openapi": "3.0.3",
        "info": { "title": "hub", "version": "1" },
        "paths": { "/query": { "post": {
            "operationId": "query_jobs",
            "summary": "Query jobs",
            "x-other-rows": [other],
            "responses": { "200": {
                "description": "",
                "content": { "application/json": { "schema": schema } },
            } },
        } } },
        "components": { "schemas": {
            "Job": { "type": "object", "properties": { "id": { "type": "string" } } },
            "Count": { "type": "object", "properties": { "count": { "type": "integer", "format": "int64" } } },
            "Name": { "type": "string" },
        } },
    });
    let rendered = Spec::parse(&spec.to_string()).and_then(|spec| render(&spec));
    rendered.map(|client| client.source).map_err(|defect| defect.to_string())
}

fn jobs() -> Value {
    json!({ "type": "array", "items": { "$ref": "#/components/schemas/Job" } })
}

fn counts() -> Value {
    json!({
        "operationId": "count_jobs",
        "summary": "Count <jobs>",
        "description": "In one row.",
        "items": { "$ref": "#/components/schemas/Count" },
    })
}

#[test]
fn operation_has_a_method_for_each_kind_of_row() {
    let source = rendered(jobs(), counts()).unwrap();
    let (first, second) = source.split_once("/// Count ").unwrap();
    assert!(!second.starts_with("<jobs>"), "the summary is escaped");
    assert!(first.contains("fn query_jobs") && first.contains("Rows<types::Job>"), "{first}");
    assert!(second.contains("fn count_jobs") && second.contains("Rows<types::Count>"), "{second}");
    assert!(second.contains("operation_id: \"count_jobs\"") && second.contains("{}/query"), "{second}");
    assert!(
        second.contains("/// In one row.\n    ///\n    /// Sends a `POST` request to `/query`"),
        "{second}"
    );
}

#[test]
fn other_rows_without_a_list_of_components_are_refused() {
    let with = |key: &str, value: Value| {
        let mut other = counts();
        other[key] = value;
        other
    };
    let job = json!({ "$ref": "#/components/schemas/Job" });
    for (schema, other, reason) in [
        (jobs(), with("operationId", json!(null)), "has no operationId"),
        (jobs(), with("items", json!({ "type": "string" })), "needs items that refer to an object"),
        (
            jobs(),
            with("items", json!({ "$ref": "#/components/schemas/Name" })),
            "needs items that refer to an object",
        ),
        (job, counts(), "belongs to an operation that returns no list"),
    ] {
        let error = rendered(schema, other).unwrap_err();
        assert!(error.starts_with(" at .paths[\"/query\"].post[\"x-other-rows\"][0]: "), "{error}");
        assert!(error.contains(reason), "{error}");
    }
    let taken = rendered(jobs(), with("operationId", json!("query_jobs"))).unwrap_err();
    assert!(taken.contains("gives a second query_jobs; rename one"), "{taken}");
}
