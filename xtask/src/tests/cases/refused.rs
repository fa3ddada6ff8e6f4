//! The changes that no client can express.

use serde_json::json;

use super::base::{by_id, job, reference, schema};
use super::case::Refused;

pub(super) const CASES: &[Refused] = &[
    Refused {
        name: "openapi 3.1",
        change: |spec| spec["openapi"] = json!("3.1.0"),
        message: " at .openapi: is 3.1.0; the generator takes OpenAPI 3.0.x",
    },
    Refused {
        name: "version with a line break",
        change: |spec| spec["info"]["version"] = json!("1\n2"),
        message: " at .info.version: must hold the api-version",
    },
    Refused {
        name: "keyword with a typing error",
        change: |spec| job(spec, "id")["nulable"] = json!(true),
        message: " at .components.schemas.Job.properties.id.nulable: is no keyword of OpenAPI 3.0; correct it, remove it or name it x-…",
    },
    Refused {
        name: "keyword of JSON Schema",
        change: |spec| job(spec, "id")["$defs"] = json!({ "a": {} }),
        message: " at .components.schemas.Job.properties.id[\"$defs\"]: is no keyword of OpenAPI 3.0",
    },
    Refused {
        name: "keyword beside a reference",
        change: |spec| job(spec, "counts")["required"] = json!(["done"]),
        message: " at .components.schemas.Job.properties.counts.required: is ignored beside $ref; move it to the target",
    },
    Refused {
        name: "reference to nothing",
        change: |spec| *job(spec, "counts") = reference("Count"),
        message: " at .components.schemas.Job.properties.counts[\"$ref\"]: leads nowhere: there is no \"#/components/schemas/Count\"",
    },
    Refused {
        name: "reference into a component",
        change: |spec| *job(spec, "counts") = reference("Job/properties/id"),
        message: " at .components.schemas.Job.properties.counts[\"$ref\"]: leads into a component; move what is at \
                  \"#/components/schemas/Job/properties/id\" to .components.schemas",
    },
    Refused {
        name: "paths that are no object",
        change: |spec| spec["paths"] = json!([]),
        message: " at .paths: is not OpenAPI 3.0: ",
    },
    Refused {
        name: "reference to another file",
        change: |spec| *job(spec, "counts") = json!({ "$ref": "counts.json" }),
        message: " at .components.schemas.Job.properties.counts[\"$ref\"]: is \"counts.json\"; only references within",
    },
    Refused {
        name: "schema composed of itself",
        change: |spec| *schema(spec, "Counts") = json!({ "allOf": [reference("Counts")] }),
        message: " at .components.schemas.Counts: refers to itself",
    },
    Refused {
        name: "oneOf",
        change: |spec| *job(spec, "counts") = json!({ "oneOf": [reference("Counts"), { "type": "string" }] }),
        message: " at .components.schemas.Job.properties.counts.oneOf: gives no type that reads every response; describe one object",
    },
    Refused {
        name: "anyOf",
        change: |spec| *job(spec, "counts") = json!({ "anyOf": [reference("Counts")] }),
        message: " at .components.schemas.Job.properties.counts.anyOf: gives no type",
    },
    Refused {
        name: "not",
        change: |spec| *job(spec, "counts") = json!({ "not": { "type": "string" } }),
        message: " at .components.schemas.Job.properties.counts.not: gives no type",
    },
    Refused {
        name: "discriminator",
        change: |spec| schema(spec, "Job")["discriminator"] = json!({ "propertyName": "id" }),
        message: " at .components.schemas.Job.discriminator: gives no type",
    },
    Refused {
        name: "list of types",
        change: |spec| job(spec, "id")["type"] = json!(["string", "null"]),
        message: " at .components.schemas.Job.properties.id.type: is [\"string\",\"null\"]; use one of string, number, integer, boolean, array, object, and \"nullable\": true",
    },
    Refused {
        name: "unknown type",
        change: |spec| job(spec, "id")["type"] = json!("file"),
        message: " at .components.schemas.Job.properties.id.type: is \"file\"; use one of string, number",
    },
    Refused {
        name: "allOf of two objects",
        change: |spec| {
            let other = json!({ "type": "object", "properties": { "more": { "type": "string" } } });
            *job(spec, "counts") = json!({ "allOf": [reference("Counts"), other] });
        },
        message: " at .components.schemas.Job.properties.counts.allOf: combines schemas; describe one object with",
    },
    Refused {
        name: "allOf beside members",
        change: |spec| schema(spec, "Job")["allOf"] = json!([reference("Counts")]),
        message: " at .components.schemas.Job.allOf: combines schemas; describe one object",
    },
    Refused {
        name: "malformed part",
        change: |spec| schema(spec, "Job")["required"] = json!(1),
        message: " at .components.schemas.Job: is not OpenAPI 3.0: ",
    },
    Refused {
        name: "no operationId",
        change: |spec| by_id(spec, "get")["operationId"] = json!(null),
        message: " at .paths[\"/jobs/{id}\"].get: has no operationId",
    },
    Refused {
        name: "operationId twice",
        change: |spec| by_id(spec, "get")["operationId"] = json!("createJob"),
        message: " at .paths[\"/jobs/{id}\"].put.operationId: \"create_job\" is in use at .paths[\"/jobs/{id}\"].get",
    },
    Refused {
        name: "operationId of the client",
        change: |spec| by_id(spec, "put")["operationId"] = json!("Client"),
        message: " at .paths[\"/jobs/{id}\"].put.operationId: \"Client\" gives a call the name of another type",
    },
    Refused {
        name: "operationId of what a call gives",
        change: |spec| by_id(spec, "put")["operationId"] = json!("reply"),
        message: " at .paths[\"/jobs/{id}\"].put.operationId: \"reply\" gives a call the name of another type",
    },
    Refused {
        name: "path parameter that is not declared",
        change: |spec| spec["paths"]["/jobs/{id}"]["parameters"] = json!([]),
        message: " at .paths[\"/jobs/{id}\"].get: the path names \"id\", but no path parameter declares it",
    },
    Refused {
        name: "path parameter that the path lacks",
        change: |spec| {
            by_id(spec, "get")["parameters"] =
                json!([{ "name": "part", "in": "path", "required": true, "schema": { "type": "string" } }]);
        },
        message: " at .paths[\"/jobs/{id}\"].get: declares the path parameter \"part\", which the path lacks",
    },
    Refused {
        name: "parameter twice in two places",
        change: |spec| {
            by_id(spec, "get")["parameters"] =
                json!([{ "name": "id", "in": "query", "schema": { "type": "string" } }]);
        },
        message: " at .paths[\"/jobs/{id}\"].get.parameters[0]: \"id\" is declared twice",
    },
    Refused {
        name: "parameters that give one argument",
        change: |spec| {
            by_id(spec, "get")["parameters"] = json!([
                { "name": "page-size", "in": "query", "schema": { "type": "string" } },
                { "name": "pageSize", "in": "query", "schema": { "type": "string" } },
            ]);
        },
        message: " at .paths[\"/jobs/{id}\"].get.parameters[1]: \"pageSize\" gives the same argument as \"page-size\"",
    },
    Refused {
        name: "parameter of the body's name",
        change: |spec| {
            by_id(spec, "put")["parameters"] =
                json!([{ "name": "body", "in": "query", "schema": { "type": "string" } }]);
        },
        message: " at .paths[\"/jobs/{id}\"].put.parameters[0]: \"body\" gives an argument that the client uses itself; leave it out",
    },
    Refused {
        name: "header that is a list",
        change: |spec| {
            let list = json!({ "type": "array", "items": { "type": "string" } });
            by_id(spec, "get")["parameters"] = json!([{ "name": "x-list", "in": "header", "schema": list }]);
        },
        message: " at .paths[\"/jobs/{id}\"].get.parameters[0]: needs the schema of a string, a number or a boolean",
    },
    Refused {
        name: "header with a space in its name",
        change: |spec| {
            by_id(spec, "get")["parameters"] =
                json!([{ "name": "x list", "in": "header", "schema": { "type": "string" } }]);
        },
        message: " at .paths[\"/jobs/{id}\"].get.parameters[0]: is no name of a header",
    },
    Refused {
        name: "cookie",
        change: |spec| {
            by_id(spec, "get")["parameters"] =
                json!([{ "name": "a", "in": "cookie", "schema": { "type": "string" } }]);
        },
        message: " at .paths[\"/jobs/{id}\"].get.parameters[0]: is in a place that is not supported",
    },
    Refused {
        name: "query list separated by commas",
        change: |spec| {
            let list = json!({ "type": "array", "items": { "type": "string" } });
            by_id(spec, "get")["parameters"] =
                json!([{ "name": "a", "in": "query", "explode": false, "schema": list }]);
        },
        message: " at .paths[\"/jobs/{id}\"].get.parameters[0]: needs the schema of a string, a number or a boolean",
    },
    Refused {
        name: "two media types of a response",
        change: |spec| {
            by_id(spec, "get")["responses"]["200"]["content"]["text/plain"] =
                json!({ "schema": { "type": "string" } });
        },
        message: " at .paths[\"/jobs/{id}\"].get.responses[\"200\"].content: names both application/json and text/plain; keep one",
    },
    Refused {
        name: "two media types of a request",
        change: |spec| by_id(spec, "put")["requestBody"]["content"]["text/plain"] = json!({}),
        message: " at .paths[\"/jobs/{id}\"].put.requestBody.content: names both application/json and text/plain",
    },
    Refused {
        name: "multipart",
        change: |spec| by_id(spec, "put")["requestBody"]["content"] = json!({ "multipart/form-data": {} }),
        message: " at .paths[\"/jobs/{id}\"].put.requestBody.content[\"multipart/form-data\"]: is not application/json, which alone the client sends and reads",
    },
    Refused {
        name: "merge patch",
        change: |spec| {
            by_id(spec, "put")["requestBody"]["content"] =
                json!({ "application/merge-patch+json": { "schema": reference("JobRequest") } });
        },
        message: " at .paths[\"/jobs/{id}\"].put.requestBody.content[\"application/merge-patch+json\"]: is not application/json, which alone",
    },
    Refused {
        name: "two bodies of success",
        change: |spec| {
            by_id(spec, "get")["responses"]["202"] = json!({ "description": "", "content": { "application/json": { "schema": reference("Counts") } } });
        },
        message: " at .paths[\"/jobs/{id}\"].get.responses[\"202\"]: has another body than 200, which the generator cannot express; give all codes",
    },
    Refused {
        name: "status that is none",
        change: |spec| by_id(spec, "get")["responses"]["20X"] = json!({ "description": "" }),
        message: " at .paths[\"/jobs/{id}\"].get",
    },
    Refused {
        name: "success without the body of another",
        change: |spec| by_id(spec, "get")["responses"]["204"] = json!({ "description": "" }),
        message: " at .paths[\"/jobs/{id}\"].get.responses[\"204\"]: has another body than 200, which the generator",
    },
    Refused {
        name: "success without the body of any kind of another",
        change: |spec| {
            let any = json!({ "description": "", "content": { "application/json": {} } });
            by_id(spec, "get")["responses"] = json!({ "200": any, "204": { "description": "" } });
        },
        message: " at .paths[\"/jobs/{id}\"].get.responses[\"204\"]: has another body than 200, which the generator",
    },
    Refused {
        name: "no code of a success",
        change: |spec| {
            let body = by_id(spec, "get")["responses"]["200"].take();
            by_id(spec, "get")["responses"] = json!({ "default": body });
        },
        message: " at .paths[\"/jobs/{id}\"].get.responses: names no code of a success, such as 200; add it",
    },
    Refused {
        name: "optional body",
        change: |spec| by_id(spec, "put")["requestBody"]["required"] = json!(false),
        message: " at .paths[\"/jobs/{id}\"].put.requestBody: is optional, which the generator cannot express; \
                  set \"required\": true to send a body always, or remove it to send none",
    },
    Refused {
        name: "bytes",
        change: |spec| by_id(spec, "put")["requestBody"]["content"] = json!({ "image/png": {} }),
        message: " at .paths[\"/jobs/{id}\"].put.requestBody.content[\"image/png\"]: is not application/json",
    },
    Refused {
        name: "response of text",
        change: |spec| by_id(spec, "get")["responses"]["200"]["content"] = json!({ "text/csv": {} }),
        message: " at .paths[\"/jobs/{id}\"].get.responses[\"200\"].content[\"text/csv\"]: is not application/json",
    },
    Refused {
        name: "null in an enum",
        change: |spec| {
            *job(spec, "kind") = json!({ "type": "string", "nullable": true, "enum": ["a", null] })
        },
        message: " at .components.schemas.Job.properties.kind.enum: holds null; remove it, and set \"nullable\": true where",
    },
    Refused {
        name: "component that is nullable",
        change: |spec| schema(spec, "Counts")["nullable"] = json!(true),
        message: " at .components.schemas.Counts.nullable: is set on a component; set it where the component is used",
    },
    Refused {
        name: "body of a GET",
        change: |spec| {
            by_id(spec, "get")["requestBody"] =
                json!({ "content": { "application/json": { "schema": {} } } });
        },
        message: " at .paths[\"/jobs/{id}\"].get.requestBody: a request of this method has no body; remove it",
    },
    Refused {
        name: "method that the HTTP client lacks",
        change: |spec| {
            let operation = by_id(spec, "delete").take();
            spec["paths"]["/jobs/{id}"] =
                json!({ "parameters": spec["paths"]["/jobs/{id}"]["parameters"], "trace": operation });
        },
        message: " at .paths[\"/jobs/{id}\"].trace: is a method that the client does not send; remove it",
    },
    Refused {
        name: "server with a path",
        change: |spec| spec["servers"] = json!([{ "url": "https://hub/api" }]),
        message: " at .servers[0].url: has a path, which no request would carry",
    },
    Refused {
        name: "path that is a reference",
        change: |spec| spec["paths"]["/other"] = json!({ "$ref": "#/paths/~1jobs" }),
        message: " at .paths[\"/other\"]: is a reference",
    },
    Refused {
        name: "path with a query",
        change: |spec| spec["paths"]["/jobs?a=b"] = json!({}),
        message: " at .paths[\"/jobs?a=b\"]: must begin with a slash, and hold no empty segment and no query",
    },
    Refused {
        name: "type of the name of text",
        change: |spec| *schema(spec, "String") = json!({ "type": "object", "properties": { "a": {} } }),
        message: " at .components.schemas.String: has a name that generated code uses for text; rename it",
    },
    Refused {
        name: "defects that are found at once",
        change: |spec| {
            job(spec, "id")["nulable"] = json!(true);
            job(spec, "created")["type"] = json!("date");
            *job(spec, "counts") = reference("Count");
            by_id(spec, "get")["operationId"] = json!("createJob");
            by_id(spec, "put")["requestBody"]["required"] = json!(false);
        },
        message: " at .components.schemas.Job.properties.counts[\"$ref\"]: leads nowhere: there is no \"#/components/schemas/Count\"\n \
                  at .components.schemas.Job.properties.created.type: is \"date\"; use one of string, number, integer, boolean, array, object, and \"nullable\": true beside it for null\n \
                  at .components.schemas.Job.properties.id.nulable: is no keyword of OpenAPI 3.0; correct it, remove it or name it x-…\n \
                  at .paths[\"/jobs/{id}\"].put.operationId: \"create_job\" is in use at .paths[\"/jobs/{id}\"].get; choose another\n \
                  at .paths[\"/jobs/{id}\"].put.requestBody: is optional",
    },
    Refused {
        name: "other name on a type of small letters",
        change: |spec| {
            *schema(spec, "count") = json!({ "type": "string", "x-other-names": ["a"] });
            *job(spec, "counts") = reference("count");
        },
        message: " at .components.schemas.count[\"x-other-names\"]: works only on the properties of a component",
    },
    Refused {
        name: "fields that collide",
        change: |spec| *job(spec, "Created") = json!({ "type": "string" }),
        message: " at .components.schemas.Job: gives a second Job.created; rename one",
    },
    Refused {
        name: "types that collide",
        change: |spec| *schema(spec, "job") = json!({ "type": "object", "properties": { "other": {} } }),
        message: " at .components.schemas",
    },
    Refused {
        name: "enum without values",
        change: |spec| schema(spec, "JobState")["enum"] = json!([]),
        message: " at .components.schemas.JobState.enum: must list at least one value",
    },
    Refused {
        name: "variants that collide",
        change: |spec| schema(spec, "JobState")["enum"] = json!(["done", "Done"]),
        message: " at .components.schemas.JobState.enum: holds \"Done\", whose variant is that of \"done\"; leave it out",
    },
    Refused {
        name: "enum and object that are written inline",
        change: |spec| {
            *job(spec, "kind") = json!({ "type": "string", "enum": ["a"] });
            *job(spec, "parts") = json!({ "type": "array", "items": { "properties": { "a": {} } } });
            let order =
                json!({ "name": "order", "in": "query", "schema": { "type": "string", "enum": ["up"] } });
            spec["paths"]["/jobs"]["get"]["parameters"].as_array_mut().unwrap().push(order);
        },
        message: " at .components.schemas.Job.properties.kind: is an enum or an object without a name; \
                  move it to .components.schemas, and refer to it\n \
                  at .components.schemas.Job.properties.parts.items: is an enum or an object without a name; \
                  move it to .components.schemas, and refer to it\n \
                  at .paths[\"/jobs\"].get.parameters[1].schema: is an enum or an object without a name",
    },
    Refused {
        name: "other names that are no list",
        change: |spec| job(spec, "created")["x-other-names"] = json!("createdAt"),
        message: " at .components.schemas.Job.properties.created[\"x-other-names\"]: must be a list of names",
    },
];
