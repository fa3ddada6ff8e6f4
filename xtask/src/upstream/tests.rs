use serde_json::{Value, json};

use super::*;
use crate::workspace::repository;

/// A published document of our own making, with the shapes of the genuine one.
fn published() -> Value {
    let text = fs::read_to_string(repository().join("xtask/fixtures/published.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The report of a comparison with a changed document.
fn report(change: impl FnOnce(&mut Value)) -> Outcome {
    let mut document = published();
    change(&mut document);
    let ours = read(&repository().join(SPEC), Path::new(SPEC)).unwrap();
    let deviations = deviations::read(&repository()).unwrap();
    compare(&facts::read(&document).unwrap(), &ours, &deviations)
}

fn lines(outcome: &Outcome) -> Vec<&str> {
    match outcome {
        Outcome::Success(_) => Vec::new(),
        Outcome::Difference(text) => text.lines().filter(|line| !line.contains("facts published")).collect(),
    }
}

#[test]
fn intended_deviations_explain_every_difference() {
    let outcome = report(|_| {});
    assert!(
        matches!(&outcome, Outcome::Success(text) if text.ends_with("nothing else differs")),
        "{outcome:?}"
    );
}

#[test]
fn differences_that_are_not_intended_are_listed() {
    let outcome = report(|document| {
        let definitions = &mut document["definitions"];
        definitions["JobResponse"]["properties"]["progress"] = json!({ "type": "integer" });
        definitions["JobRequest"]["properties"]["startTime"]["format"] = json!("date");
        definitions["JobRequest"]["required"] = json!(["type"]);
        definitions["JobRequest"]["properties"]["queryCondition"]["maxLength"] = json!(100);
        definitions["Twin"]["properties"].as_object_mut().unwrap().remove("deviceScope");
        definitions["JobResponse"]["properties"]["status"]["enum"]
            .as_array_mut()
            .unwrap()
            .push(json!("notListed"));
        document["paths"]["/jobs/v2/{id}"]["patch"] =
            json!({ "operationId": "Jobs_Update", "responses": {} });
        document["paths"]["/jobs/v2/{id}/cancel"]["post"]["parameters"]
            .as_array_mut()
            .unwrap()
            .push(json!({ "name": "force", "in": "query", "type": "boolean", "required": true }));
        document["info"]["version"] = json!("2024-03-31");
    });
    let ours = read(&repository().join(SPEC), Path::new(SPEC)).unwrap();
    let (values, version) = (&ours["JobResponse.status"], &ours["api-version"]);
    let status = format!("changed    JobResponse.status: {values}, notListed → {values}");
    let version = format!("changed    api-version: 2024-03-31 → {version}");
    assert_eq!(
        lines(&outcome),
        [
            "new        JobRequest.queryCondition maxLength: 100",
            "changed    JobRequest.startTime: string date → string date-time",
            "new        JobRequest.type required: yes",
            "new        JobResponse.progress: integer",
            status.as_str(),
            "new        PATCH /jobs/v2/{id}: Jobs_Update",
            "new        POST /jobs/v2/{id}/cancel query force: boolean required",
            "gone       Twin.deviceScope: string",
            version.as_str(),
        ]
    );
}

#[test]
fn deviations_that_no_longer_apply_are_listed() {
    let outcome = report(|document| {
        document["definitions"]["JobResponse"]["properties"]["deviceId"] = json!({ "type": "string" });
        document["paths"]["/jobs/v2/query"]["get"]["responses"]["200"]["schema"] =
            json!({ "type": "array", "items": { "$ref": "#/definitions/JobResponse" } });
    });
    assert_eq!(
        lines(&outcome),
        [
            "obsolete   `GET /jobs/v2/query`: no difference GET /jobs/v2/query 200: QueryResult → [JobResponse]",
            "obsolete   `JobResponse.deviceId`, `.parentJobId`: no difference JobResponse.deviceId: none → string",
        ]
    );
}

#[test]
fn both_dialects_give_the_same_facts() {
    let swagger = published();
    let openapi = swagger::convert(&swagger);
    assert!(openapi["paths"]["/jobs/v2/{id}"]["put"]["requestBody"]["required"] == true);
    assert_eq!(facts::read(&swagger).unwrap(), facts::read(&openapi).unwrap());
}

#[test]
fn unreadable_document_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("published.json");
    let error = || run(&repository(), &file).unwrap_err().to_string();
    assert!(error().contains("published.json: cannot be read: "), "{}", error());
    for (text, message) in [
        ("swagger: '2.0'", ": is YAML; convert it to JSON"),
        ("{}", ": is neither Swagger 2.0 nor OpenAPI 3"),
        (r#"{"a": 1, "a": 2}"#, " at .a: is there twice; keep one"),
    ] {
        fs::write(&file, text).unwrap();
        assert!(error().ends_with(&format!("published.json{message}")), "{}", error());
    }
}
