//! The changes that give a client.

use serde_json::{Value, json};

use super::base::{by_id, job, reference, schema};
use super::case::{Accepted, CASE};

/// A response with a body of this media type.
fn response(media_type: &str, schema: &Value) -> Value {
    json!({ "description": "", "content": { media_type: { "schema": schema } } })
}

pub(super) const CASES: &[Accepted] = &[
    // Changes with which a user's code no longer compiles.
    Accepted {
        name: "property_gone",
        change: |spec| {
            schema(spec, "Job")["properties"].as_object_mut().unwrap().remove("id");
        },
        severe: &["breaking Job.id is gone .components.schemas.Job"],
        breaks: "let _ = types::Job::default().id;",
        ..CASE
    },
    Accepted {
        name: "property_of_another_type",
        change: |spec| *job(spec, "id") = json!({ "description": "The id.", "type": "integer" }),
        severe: &["breaking Job.id is Option<i64> instead of Option<String> .components.schemas.Job"],
        breaks: "let _: Option<String> = types::Job::default().id;",
        ..CASE
    },
    Accepted {
        name: "integer_widened",
        change: |spec| schema(spec, "Counts")["properties"]["done"]["format"] = json!("int64"),
        severe: &["breaking Counts.done is Option<i64> instead of Option<i32> .components.schemas.Counts"],
        breaks: "let _: Option<i32> = types::Counts::default().done;",
        ..CASE
    },
    Accepted {
        name: "request_property_gone",
        change: |spec| {
            schema(spec, "JobRequest")["properties"].as_object_mut().unwrap().remove("limit");
        },
        severe: &["breaking JobRequest.limit is gone .components.schemas.JobRequest"],
        breaks: "let _ = types::JobRequest::default().with_limit(1);",
        ..CASE
    },
    Accepted {
        name: "request_property_read_only",
        change: |spec| schema(spec, "JobRequest")["properties"]["limit"]["readOnly"] = json!(true),
        severe: &["breaking JobRequest::with_limit is gone .components.schemas.JobRequest"],
        breaks: "let _ = types::JobRequest::default().with_limit(1);",
        ..CASE
    },
    Accepted {
        name: "value_gone",
        change: |spec| schema(spec, "JobState")["enum"] = json!(["queued", "running"]),
        severe: &["breaking JobState::Done is gone .components.schemas.JobState"],
        breaks: "let _ = types::JobState::Done;",
        ..CASE
    },
    Accepted {
        name: "type_renamed",
        change: |spec| {
            let counts = schema(spec, "Counts").take();
            spec["components"]["schemas"].as_object_mut().unwrap().remove("Counts");
            *schema(spec, "Totals") = counts;
            *job(spec, "counts") = reference("Totals");
        },
        severe: &[
            "breaking Counts is gone .components.schemas",
            "breaking Job.counts is Option<Totals> instead of Option<Counts> .components.schemas.Job",
        ],
        mild: &["additive Totals .components.schemas.Totals"],
        breaks: "let _ = types::Counts::default();",
        ..CASE
    },
    Accepted {
        name: "operation_gone",
        change: |spec| {
            spec["paths"]["/jobs/{id}"].as_object_mut().unwrap().remove("delete");
        },
        severe: &["breaking delete_job is gone .paths"],
        breaks: "let _ = client.delete_job(\"a\").await;",
        ..CASE
    },
    Accepted {
        name: "required_argument_added",
        change: |spec| {
            by_id(spec, "get")["parameters"] =
                json!([{ "name": "full", "in": "query", "required": true, "schema": { "type": "boolean" } }]);
        },
        severe: &[
            "breaking get_job is (&str, bool) -> Job instead of (&str) -> Job .paths[\"/jobs/{id}\"].get",
        ],
        breaks: "let _ = client.get_job(\"a\").await;",
        ..CASE
    },
    Accepted {
        name: "result_of_another_type",
        change: |spec| {
            by_id(spec, "get")["responses"]["200"] = response("application/json", &reference("Counts"))
        },
        severe: &["breaking get_job is (&str) -> Counts instead of (&str) -> Job .paths[\"/jobs/{id}\"].get"],
        breaks: "let _: Reply<types::Job> = client.get_job(\"a\").await.unwrap();",
        ..CASE
    },
    Accepted {
        name: "query_renamed",
        change: |spec| spec["paths"]["/jobs"]["get"]["parameters"][0]["name"] = json!("jobState"),
        severe: &[
            "breaking list_jobs::with_state is gone .paths[\"/jobs\"].get",
            "behaviour list_jobs is GET /jobs application/json jobState 200 on the wire instead of \
             GET /jobs application/json state 200 .paths[\"/jobs\"].get",
        ],
        breaks: "let _ = client.list_jobs().with_state(&types::JobState::Done);",
        ..CASE
    },
    // Changes that compile, and differ on the wire.
    Accepted {
        name: "path_changed",
        change: |spec| {
            let item = spec["paths"]["/jobs/{id}"].take();
            spec["paths"].as_object_mut().unwrap().remove("/jobs/{id}");
            spec["paths"]["/jobs/v3/{id}"] = item;
        },
        severe: &[
            "behaviour create_job is PUT /jobs/v3/{} application/json 200 on the wire instead of PUT /jobs/{} application/json 200 \
             .paths[\"/jobs/v3/{id}\"].put",
            "behaviour delete_job is DELETE /jobs/v3/{} 204 on the wire instead of DELETE /jobs/{} 204 \
             .paths[\"/jobs/v3/{id}\"].delete",
            "behaviour get_job is GET /jobs/v3/{} application/json 200 on the wire instead of GET /jobs/{} application/json 200 \
             .paths[\"/jobs/v3/{id}\"].get",
        ],
        ..CASE
    },
    Accepted {
        name: "request_property_required",
        change: |spec| schema(spec, "JobRequest")["required"] = json!(["id"]),
        holds: &["/// Required."],
        severe: &[
            "behaviour JobRequest.id is required: requests without it are refused .components.schemas.JobRequest",
        ],
        ..CASE
    },
    Accepted {
        name: "method_changed",
        change: |spec| {
            let operation = by_id(spec, "put").take();
            spec["paths"]["/jobs/{id}"].as_object_mut().unwrap().remove("put");
            *by_id(spec, "post") = operation;
        },
        severe: &["behaviour create_job is POST /jobs/{} application/json 200 on the wire instead of \
             PUT /jobs/{} application/json 200 .paths[\"/jobs/{id}\"].post"],
        ..CASE
    },
    Accepted {
        name: "version_changed",
        change: |spec| spec["info"]["version"] = json!("2024-03-31"),
        severe: &[
            "behaviour api-version is \"2024-03-31\" on the wire instead of \"2021-04-12\" .info.version",
        ],
        ..CASE
    },
    Accepted {
        name: "value_respelled",
        change: |spec| schema(spec, "JobState")["enum"] = json!(["queued", "running", "DONE"]),
        severe: &["breaking JobState::Done is gone .components.schemas.JobState"],
        mild: &["additive JobState::DONE .components.schemas.JobState"],
        breaks: "let _ = types::JobState::Done;",
        ..CASE
    },
    Accepted {
        name: "value_respaced",
        change: |spec| schema(spec, "JobState")["enum"] = json!(["queued", "running", "-done"]),
        severe: &[
            "behaviour JobState::Done is `-done` on the wire instead of `done` .components.schemas.JobState",
        ],
        ..CASE
    },
    Accepted {
        name: "property_respelled",
        change: |spec| {
            let property = job(spec, "created").take();
            schema(spec, "Job")["properties"].as_object_mut().unwrap().remove("created");
            *job(spec, "Created") = property;
        },
        severe: &[
            "behaviour Job.created is \"Created\" on the wire instead of \"created\" .components.schemas.Job",
        ],
        ..CASE
    },
    Accepted {
        name: "values_reordered",
        change: |spec| schema(spec, "JobState")["enum"] = json!(["running", "paused", "queued", "done"]),
        severe: &["behaviour JobState has its values in another order, which `Ord` and `KNOWN` follow \
             .components.schemas.JobState"],
        mild: &["additive JobState::Paused .components.schemas.JobState"],
        ..CASE
    },
    Accepted {
        name: "other_name_gone",
        change: |spec| drop(job(spec, "tags").as_object_mut().unwrap().remove("x-other-names")),
        severe: &["behaviour Job is  on the wire instead of read by tags tagList .components.schemas.Job"],
        ..CASE
    },
    Accepted {
        name: "other_name_added",
        change: |spec| job(spec, "tags")["x-other-names"] = json!(["tagList", "labels"]),
        mild: &["additive Job is read by tags tagList labels on the wire instead of read by tags tagList \
             .components.schemas.Job"],
        ..CASE
    },
    // Other media types and codes.
    Accepted {
        name: "response_media_types",
        change: |spec| {
            let job = reference("Job");
            spec["paths"]["/same"]["get"] = json!({ "operationId": "read_same", "responses": {
                "200": response("application/json; charset=utf-8", &job), "201": response("application/json", &job),
            } });
            spec["paths"]["/any"]["get"] = json!({ "operationId": "read_any", "responses": { "2XX": { "description": "", "content": { "application/json": {} } } } });
        },
        holds: &["201u16 => crate::runtime::read_value"],
        severe: &["untyped read_any is any JSON: the schema names no type .paths[\"/any\"].get"],
        mild: &["additive read_same .paths[\"/same\"].get"],
        ..CASE
    },
    Accepted {
        name: "errors_of_types",
        change: |spec| {
            let responses = &mut by_id(spec, "get")["responses"];
            responses["default"] = response("application/json", &reference("Counts"));
            responses["404"] = response("application/problem+json", &json!({ "type": "object" }));
            responses["304"] = json!({ "description": "" });
        },
        holds: &["400u16..=499u16", "500u16..=599u16"],
        lacks: &["304u16"],
        ..CASE
    },
    // Additions.
    Accepted {
        name: "optional_arguments_added",
        change: |spec| {
            // Names of methods that the generator's own client has.
            spec["paths"]["/posts"]["get"] =
                json!({ "operationId": "post", "responses": { "204": { "description": "" } } });
            spec["paths"]["/new"]["get"] =
                json!({ "operationId": "new", "responses": { "204": { "description": "" } } });
            by_id(spec, "get")["parameters"] = json!([
                { "name": "full", "in": "query", "schema": { "type": "boolean" } },
                { "name": "If-None-Match", "in": "header", "description": "An etag.", "schema": { "type": "string" } },
            ]);
        },
        holds: &["/// An etag.", "pub fn with_if_none_match"],
        mild: &[
            "additive get_job::with_full .paths[\"/jobs/{id}\"].get",
            "additive get_job::with_if_none_match .paths[\"/jobs/{id}\"].get",
        ],
        ..CASE
    },
    Accepted {
        name: "additions",
        change: |spec| {
            *job(spec, "progress") = json!({ "type": "integer", "format": "int32" });
            schema(spec, "Job")["required"] = json!(["progress"]);
            schema(spec, "JobRequest")["properties"]["urgent"] = json!({ "type": "boolean" });
            schema(spec, "JobState")["enum"].as_array_mut().unwrap().push(json!("paused"));
            *schema(spec, "Phase") =
                json!({ "type": "object", "properties": { "name": { "type": "string" } } });
        },
        // Older hubs leave it out.
        holds: &["pub progress: ::std::option::Option<i32>"],
        severe: &["unused Phase is neither sent nor returned .components.schemas.Phase"],
        mild: &[
            "additive Job.progress .components.schemas.Job",
            "additive JobRequest.urgent .components.schemas.JobRequest",
            "additive JobState::Paused .components.schemas.JobState",
            "additive Phase .components.schemas.Phase",
        ],
        ..CASE
    },
    Accepted {
        name: "descriptions",
        change: |spec| {
            job(spec, "id")["description"] = json!(
                "A Vec<T> of [Foo], `a<b>`, see https://a.b.\r\n\r\n    let x = 1;\rEnd */ /* \u{202e}"
            );
            by_id(spec, "get")["description"] = json!("```\nlet broken\n```\n/starts with a slash");
            schema(spec, "Job")["description"] = json!("/slash `open");
            schema(spec, "JobState")["description"] = json!("<b> [JobState]\n\n\tcode");
            schema(spec, "Counts")["title"] = json!("The <numbers>");
        },
        holds: &["/// The \\<numbers>", "A Vec\\<T> of [Foo], `a<b>`, see https://a.b."],
        mild: &["docs Job.id is described differently .components.schemas.Job"],
        ..CASE
    },
    Accepted {
        name: "deprecations",
        change: |spec| {
            by_id(spec, "delete")["deprecated"] = json!(true);
            schema(spec, "JobRequest")["properties"]["limit"]["deprecated"] = json!(true);
            job(spec, "state")["deprecated"] = json!(true);
            schema(spec, "Counts")["deprecated"] = json!(true);
        },
        mild: &[
            "additive delete_job is deprecated .paths[\"/jobs/{id}\"].delete",
            "additive JobRequest.limit is deprecated .components.schemas.JobRequest",
            "additive Job.state is deprecated .components.schemas.Job",
            "additive Counts is deprecated .components.schemas.Counts",
        ],
        ..CASE
    },
    Accepted {
        name: "open_enums",
        change: |spec| {
            let (text, values) =
                (json!({ "type": "string" }), json!({ "type": "string", "enum": ["a", "b"] }));
            *schema(spec, "Phase") = json!({ "description": "A phase.", "anyOf": [text, values] });
            *job(spec, "phase") = reference("Phase");
            *schema(spec, "Order") = json!({ "anyOf": [values, text] });
            *job(spec, "order") = reference("Order");
            *job(spec, "wrapped") = json!({ "anyOf": [text, reference("Phase")] });
        },
        holds: &[
            "pub phase: ::std::option::Option<types::Phase>",
            "pub order: ::std::option::Option<types::Order>",
            "pub wrapped: ::std::option::Option<types::Phase>",
        ],
        ..CASE
    },
    // Documents that are made safe.
    Accepted {
        name: "constraints",
        change: |spec| {
            let extra = json!({ "minLength": 1, "maxLength": 64, "pattern": "^[`a-z]+$", "default": "a", "format": "uuid" });
            job(spec, "id").as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            schema(spec, "Counts")["properties"]["done"]["minimum"] = json!(1);
            schema(spec, "Counts")["properties"]["done"]["exclusiveMaximum"] = json!(true);
            schema(spec, "Counts")["additionalProperties"] = json!(false);
            job(spec, "tags")["uniqueItems"] = json!(true);
            job(spec, "tags")["items"]["pattern"] = json!("^a$");
            job(spec, "created")["maxLength"] = json!(30);
            by_id(spec, "get");
            spec["paths"]["/jobs/{id}"]["parameters"][0]["schema"]["maxLength"] = json!(64);
            spec["paths"]["/jobs/{id}"]["parameters"][0]["schema"]["format"] = json!("uuid");
        },
        holds: &[
            "Limits: `default` `a`, `format` `uuid`, `maxLength` `64`, `minLength` `1`, `pattern` `` ^[`a-z]+$ ``.",
            "Limits: `additionalProperties` `false`.",
            "Limits: `uniqueItems` `true`, each item: `pattern` `^a$`.",
            "- `id`: Limits: `format` `uuid`, `maxLength` `64`.",
            "pub created: ::std::option::Option<crate::runtime::Timestamp>",
        ],
        lacks: &[
            "uuid::",
            "NonZero",
            "#[serde(deny_unknown_fields)] pub struct Counts",
            "::std::convert::TryFrom",
        ],
        ..CASE
    },
    Accepted {
        name: "formats",
        change: |spec| {
            for (index, format) in
                ["uuid", "date", "ip", "ipv4", "ipv6", "byte", "password"].into_iter().enumerate()
            {
                *job(spec, &format!("text{index}")) = json!({ "type": "string", "format": format });
            }
            *job(spec, "small") = json!({ "type": "integer", "format": "uint8", "minimum": 1 });
            *job(spec, "share") = json!({ "type": "number", "format": "float" });
        },
        holds: &[
            "pub text1: ::std::option::Option<::std::string::String>",
            "pub small: ::std::option::Option<i64>",
        ],
        lacks: &["chrono", "NonZero"],
        ..CASE
    },
    Accepted {
        name: "extensions",
        change: |spec| {
            job(spec, "id")["x-rust-type"] = json!({ "crate": "uuid", "version": "*", "path": "uuid::Uuid" });
            job(spec, "created")["x-nullable"] = json!(true);
            job(spec, "created")["x-other-names"] = json!(["createdAt"]);
            let name = json!({ "type": "string", "x-other-names": ["fullName"] });
            *schema(spec, "owner-of-job") = json!({ "type": "object", "properties": { "name": name } });
            *job(spec, "owner") = reference("owner-of-job");
            spec["paths"]["/jobs"]["get"]["x-dropshot-pagination"] = json!({ "required": [] });
            by_id(spec, "get")["x-dropshot-websocket"] = json!({});
        },
        holds: &[
            "pub created: ::std::option::Option<crate::runtime::Timestamp>",
            "(\"created\", &[\"createdAt\"])",
            "(\"name\", &[\"fullName\"])",
        ],
        lacks: &["uuid::", "futures"],
        ..CASE
    },
    Accepted {
        name: "api_versions",
        change: |spec| {
            let version = json!({ "name": "api-version", "in": "query", "required": true, "schema": { "type": "string" } });
            spec["components"]["parameters"]["Version"] = version.clone();
            spec["paths"]["/jobs"]["get"]["parameters"].as_array_mut().unwrap().push(version);
            by_id(spec, "get")["parameters"] = json!([{ "$ref": "#/components/parameters/Version" }]);
            by_id(spec, "put")["parameters"] =
                json!([{ "name": "Api-Version", "in": "header", "schema": { "type": "string" } }]);
            spec["paths"]["/jobs/{id}"]["parameters"]
                .as_array_mut()
                .unwrap()
                .push(json!({ "name": "API-VERSION", "in": "query", "schema": { "type": "string" } }));
        },
        lacks: &["api_version:"],
        ..CASE
    },
    Accepted {
        name: "own_headers",
        change: |spec| {
            by_id(spec, "put")["parameters"] = json!([
                { "name": "Authorization", "in": "header", "required": true, "schema": { "type": "string" } },
                { "name": "content-type", "in": "header", "schema": { "type": "string" } },
            ]);
        },
        lacks: &["authorization:", "content_type:"],
        ..CASE
    },
    Accepted {
        name: "nullable_enums",
        change: |spec| {
            *schema(spec, "Phase") = json!({ "type": "string", "enum": ["b"] });
            *job(spec, "described") =
                json!({ "description": "A phase.", "nullable": true, "allOf": [reference("Phase")] });
            schema(spec, "Job")["required"] = json!(["described"]);
        },
        holds: &["pub described: ::std::option::Option<types::Phase>"],
        ..CASE
    },
    Accepted {
        name: "closed_numbers",
        change: |spec| {
            *job(spec, "level") = json!({ "type": "integer", "enum": [1, 2] });
            *job(spec, "flag") = json!({ "type": "boolean", "enum": [true] });
        },
        holds: &["Limits: `enum` `[1,2]`.", "pub level: ::std::option::Option<i64>"],
        ..CASE
    },
    Accepted {
        name: "component_names",
        change: |spec| {
            *schema(spec, "job-phase") = json!({ "type": "string", "enum": ["a", "b"] });
            *job(spec, "phase") = reference("job-phase");
            *schema(spec, "Level") = json!({ "type": "integer" });
            *job(spec, "level") = reference("Level");
            for name in ["Option", "Error", "Client", "Vec", "Result"] {
                *schema(spec, name) = json!({ "type": "object", "properties": { "a": { "type": "string" }, "b": { "type": "array", "items": {} } } });
                *job(spec, &format!("of{name}")) = reference(name);
            }
        },
        holds: &["pub phase: ::std::option::Option<types::JobPhase>"],
        severe: &[
            "untyped Client.b is any JSON: the schema names no type .components.schemas.Client",
            "untyped Error.b is any JSON: the schema names no type .components.schemas.Error",
            "untyped Option.b is any JSON: the schema names no type .components.schemas.Option",
            "untyped Result.b is any JSON: the schema names no type .components.schemas.Result",
            "untyped Vec.b is any JSON: the schema names no type .components.schemas.Vec",
        ],
        ..CASE
    },
    Accepted {
        name: "keywords",
        change: |spec| {
            for name in ["type", "self", "match", "$metadata", "2nd", "a b", "with_a", "value"] {
                *job(spec, name) = json!({ "type": "string" });
                schema(spec, "JobRequest")["properties"][name] = json!({ "type": "string" });
            }
            schema(spec, "JobState")["enum"] = json!(["queued", "running", "done", "self", "3d", "a b"]);
        },
        mild: &[
            "additive Job.type_ .components.schemas.Job",
            "additive JobState::Value3d .components.schemas.JobState",
        ],
        ..CASE
    },
    Accepted {
        name: "described_references",
        change: |spec| {
            *job(spec, "wrapped") =
                json!({ "allOf": [reference("Counts")], "nullable": true, "description": "y" });
            *job(spec, "counts") = json!({ "$ref": "#/components/schemas/Counts", "description": "Beside." });
        },
        holds: &["pub wrapped: ::std::option::Option<Counts>", "/// Beside."],
        ..CASE
    },
    Accepted {
        name: "nulls",
        change: |spec| {
            *job(spec, "must") = json!({ "type": "array", "items": { "type": "string" } });
            *job(spec, "when") = json!({ "type": "string", "format": "date-time", "nullable": true });
            *job(spec, "map") = json!({ "type": "object", "additionalProperties": { "type": "string" } });
            schema(spec, "Job")["required"] = json!(["must", "when"]);
        },
        holds: &[
            "#[serde(deserialize_with = \"null_as_empty\")] pub must: ::std::vec::Vec<::std::string::String>",
            "pub when: ::std::option::Option<crate::runtime::Timestamp>",
            "#[serde(deserialize_with = \"null_as_empty\")] pub tags:",
            "pub labels: ::std::option::Option<::std::vec::Vec<::std::string::String>>",
        ],
        ..CASE
    },
    Accepted {
        name: "shapes",
        change: |spec| {
            *job(spec, "parent") = reference("Job");
            *schema(spec, "Ids") = json!({ "type": "array", "items": { "type": "string" } });
            *schema(spec, "Id") = json!({ "type": "string", "pattern": "^a$" });
            *schema(spec, "When") = json!({ "type": "string", "format": "date-time" });
            *schema(spec, "Alias") = reference("Counts");
            *schema(spec, "Table") = json!({
                "type": "object",
                "properties": { "a": { "type": "string" } },
                "additionalProperties": { "type": "integer" },
            });
            for name in ["Ids", "Id", "When", "Alias", "Table"] {
                *job(spec, &format!("of{name}")) = reference(name);
                schema(spec, "JobRequest")["properties"][format!("of{name}")] = reference(name);
            }
            *schema(spec, "Titled") =
                json!({ "title": "Job", "type": "object", "properties": { "a": { "type": "number" } } });
            *job(spec, "title") = reference("Titled");
            *job(spec, "bare") = json!({ "type": "array" });
            schema(spec, "Job")["example"] = json!({ "id": 1 });
        },
        holds: &[
            "pub parent: ::std::option::Option<::std::boxed::Box<Job>>",
            "pub title: ::std::option::Option<Titled>",
        ],
        severe: &["untyped Job.bare is any JSON: the schema names no type .components.schemas.Job"],
        ..CASE
    },
    Accepted {
        name: "untyped",
        change: |spec| {
            *job(spec, "anything") = json!({});
            *job(spec, "object") = json!({ "type": "object" });
            *job(spec, "id") = json!({ "description": "The id." });
        },
        severe: &[
            "breaking Job.id is Option<Value> instead of Option<String> .components.schemas.Job",
            "untyped Job.anything is any JSON: the schema names no type .components.schemas.Job",
            "untyped Job.id is any JSON: the schema names no type .components.schemas.Job",
            "untyped Job.object is a map of any JSON: the schema declares no members .components.schemas.Job",
        ],
        breaks: "let _: Option<String> = types::Job::default().id;",
        ..CASE
    },
    Accepted {
        name: "shared_components",
        change: |spec| {
            let body = by_id(spec, "put")["requestBody"].take();
            let response = by_id(spec, "put")["responses"]["200"].take();
            spec["components"]["requestBodies"]["Body"] = body;
            spec["components"]["responses"]["Answer"] = response;
            spec["components"]["headers"]["Next"] = json!({ "schema": { "type": "string" } });
            spec["components"]["responses"]["Answer"]["headers"] =
                json!({ "next": { "$ref": "#/components/headers/Next" } });
            by_id(spec, "put")["requestBody"] = json!({ "$ref": "#/components/requestBodies/Body" });
            by_id(spec, "put")["responses"]["200"] = json!({ "$ref": "#/components/responses/Answer" });
        },
        ..CASE
    },
];
