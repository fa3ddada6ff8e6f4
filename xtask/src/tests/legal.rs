//! Legal documents, whose keywords are accepted whether or not they mean anything to a client.

use serde_json::{Value, json};

use crate::render::render;
use crate::spec::Spec;

/// Returns the number of types of the client.
fn types(document: &Value) -> Result<usize, String> {
    let rendered = Spec::parse(&document.to_string()).and_then(|spec| render(&spec));
    rendered.map(|rendered| rendered.types).map_err(|defect| defect.to_string())
}

#[test]
fn every_keyword_is_accepted() {
    let document = json!({
        "openapi": "3.0.1",
        "info": { "title": "t", "version": "1", "description": "d", "termsOfService": "https://a.b", "contact": { "name": "n", "email": "a@b.c", "url": "https://a.b", "x-c": 1 }, "license": { "name": "MIT", "url": "https://a.b" }, "x-i": {} },
        "servers": [{ "url": "https://{h}", "description": "d", "variables": { "h": { "default": "a", "enum": ["a", "b"], "description": "d" } } }],
        "tags": [{ "name": "a", "description": "d", "externalDocs": { "url": "https://a.b" } }],
        "externalDocs": { "url": "https://a.b", "description": "d" },
        "security": [{ "k": [] }, {}],
        "x-ms-paths": { "/a": {} },
        "paths": { "/a/{p}": {
            "summary": "s", "description": "d", "x-p": 1,
            "parameters": [{ "name": "p", "in": "path", "required": true, "style": "simple", "explode": false, "example": "a", "description": "d", "deprecated": false, "schema": { "type": "string" } }],
            "get": {
                "tags": ["a"], "summary": "s", "description": "d", "operationId": "a_get", "deprecated": true, "externalDocs": { "url": "https://a.b" },
                "callbacks": { "c": { "{$request.body#/url}": { "post": { "responses": { "200": { "description": "" } } } } } },
                "security": [], "servers": [{ "url": "https://b" }],
                "parameters": [
                    { "name": "q", "in": "query", "style": "form", "explode": true, "allowReserved": true, "allowEmptyValue": true, "examples": { "e": { "summary": "s", "value": 1 } }, "schema": { "type": "integer", "format": "int32", "minimum": 1 } },
                    { "name": "x-h", "in": "header", "schema": { "type": "boolean", "default": false } },
                ],
                "responses": {
                    "200": { "description": "d", "headers": { "x-h": { "description": "d", "required": true, "deprecated": false, "style": "simple", "explode": false, "example": 1, "schema": { "type": "integer" } } },
                        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/All" }, "example": { "a": 1 }, "examples": { "e": { "value": { "b": 2 }, "externalValue": "https://a.b" } }, "encoding": {} } },
                        "links": { "l": { "operationId": "a_get", "parameters": { "p": "$response.body#/id" }, "description": "d" } } },
                    "404": { "description": "no", "content": { "application/problem+json": { "schema": { "type": "object", "properties": { "a": {} } } }, "text/html": {} } },
                    "default": { "description": "e", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Err" } } } },
                },
            },
        } },
        "components": {
            "schemas": {
                "All": { "type": "object", "title": "T", "required": ["s"], "minProperties": 1, "maxProperties": 9, "additionalProperties": { "type": "string", "maxLength": 3 }, "xml": { "name": "a" }, "externalDocs": { "url": "https://a.b" }, "example": null, "properties": {
                    "s": { "type": "string", "minLength": 0, "maxLength": 3, "pattern": "a", "format": "password", "writeOnly": true, "default": "", "example": "x" },
                    "n": { "type": "number", "minimum": 0, "exclusiveMinimum": false, "maximum": 1.5, "exclusiveMaximum": true, "multipleOf": 0.5 },
                    "i": { "type": "integer", "multipleOf": 2, "format": "unixtime" },
                    "b": { "type": "boolean", "default": true, "nullable": true },
                    "l": { "type": "array", "items": {}, "uniqueItems": false, "maxItems": 4 },
                    "m": { "minLength": 1, "description": "any" },
                    "e": { "$ref": "#/components/schemas/E" },
                    "d": { "type": "string", "format": "date-time-rfc1123" },
                    "o": { "type": "object" }, "z": { "type": "object", "additionalProperties": {} },
                    "odd": { "type": "integer", "maxLength": 3 },
                } },
                "E": { "type": "string", "enum": ["a", "b"], "x-ms-enum": { "name": "E", "modelAsString": true } },
                "Detail": { "type": "object", "properties": { "code": { "type": "string" }, "details": { "type": "array", "items": { "$ref": "#/components/schemas/Err" } } } },
                "Err": { "type": "object", "properties": { "error": { "$ref": "#/components/schemas/Detail" } } },
            },
            "securitySchemes": { "k": { "type": "apiKey", "name": "a", "in": "query", "description": "d" }, "h": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" }, "o": { "type": "openIdConnect", "openIdConnectUrl": "https://a.b" }, "f": { "type": "oauth2", "flows": { "implicit": { "authorizationUrl": "https://a.b", "refreshUrl": "https://a.b", "scopes": { "a": "b" } } } } },
            "examples": { "e": { "value": 1 } }, "links": {}, "callbacks": {}, "headers": {}, "responses": {}, "parameters": {}, "requestBodies": {},
        },
    });
    assert_eq!(types(&document), Ok(4));
}

#[test]
fn document_without_components_is_accepted() {
    let document = json!({ "openapi": "3.0.0", "info": { "title": "t", "version": "1" }, "paths": { "/a": { "get": { "operationId": "a", "responses": { "200": { "description": "", "content": { "application/json": { "schema": { "type": "string" } } } } } } } } });
    assert_eq!(types(&document), Ok(0));
}
