//! Faults in JSON.

use std::time::Duration;

use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};
use serde_json::{Map, Value, json};

use super::answer::members;
use crate::fault::{Entry, Fault, FaultTarget, Route, When};

const ROUTES: [(&str, Route); 10] = [
    ("any", Route::Any),
    ("create", Route::Create),
    ("get", Route::Get),
    ("cancel", Route::Cancel),
    ("queryJobs", Route::QueryJobs),
    ("queryDevices", Route::QueryDevices),
    ("importExportJobs", Route::ImportExportJobs),
    ("getTwin", Route::GetTwin),
    ("updateTwin", Route::UpdateTwin),
    ("invokeMethod", Route::InvokeMethod),
];

/// Faults without settings of their own.
const PLAIN: [(&str, Fault); 7] = [
    ("resetBefore", Fault::ResetBefore),
    ("resetAfter", Fault::ResetAfter),
    ("resetWithin", Fault::ResetWithin),
    ("halfBody", Fault::HalfBody),
    ("endlessBody", Fault::EndlessBody),
    ("mislabelledGzip", Fault::MislabelledGzip),
    ("wrongLength", Fault::WrongLength),
];

/// Parses `{"route": …, "jobId": …, "when": …, "fault": …}`; the error is meant for the caller.
pub(super) fn parse_fault(body: &Value) -> Result<(FaultTarget, When, Fault), String> {
    let body = members(body, &["route", "jobId", "when", "fault"])?;
    let name = body.get("route").map_or(Ok("any"), |route| route.as_str().ok_or("route must be a string"))?;
    let route = ROUTES.iter().find(|(known, _)| *known == name).map(|(_, route)| *route);
    let route = route.ok_or_else(|| format!("route must be one of {}", names(&ROUTES)))?;
    let target = match body.get("jobId") {
        None => route.into(),
        Some(id) => route.of_job(id.as_str().ok_or("jobId must be a string")?),
    };
    let when = body.get("when").map_or(Ok(When::Next(1)), parse_when)?;
    Ok((target, when, parse_kind(body.get("fault").ok_or("fault is missing")?)?))
}

fn parse_when(when: &Value) -> Result<When, String> {
    let error = || "when must be {\"next\": n}, {\"every\": n} or {\"nth\": n} with n from 1".to_owned();
    let (kind, count) = single(when).ok_or_else(error)?;
    let count = count.as_u64().and_then(|count| usize::try_from(count).ok()).filter(|count| *count > 0);
    let count = count.ok_or_else(error)?;
    match kind {
        "next" => Ok(When::Next(count)),
        "every" => Ok(When::Every(count)),
        "nth" => Ok(When::Nth(count)),
        _ => Err(error()),
    }
}

fn parse_kind(fault: &Value) -> Result<Fault, String> {
    let error = || {
        format!(
            "fault must be one of {} or one of {{\"answer\": …}}, {{\"statusAfter\": n}}, {{\"delayMs\": n}}",
            names(&PLAIN)
        )
    };
    if let Some(name) = fault.as_str() {
        let plain = PLAIN.iter().find(|(known, _)| *known == name);
        return plain.map(|(_, fault)| fault.clone()).ok_or_else(error);
    }
    match single(fault).ok_or_else(error)? {
        ("answer", answer) => parse_answer(answer),
        ("statusAfter", status) => parse_status(status).map(Fault::StatusAfter),
        ("delayMs", delay) => {
            let delay = delay.as_u64().ok_or("delayMs must be a whole number")?;
            Ok(Fault::Delay(Duration::from_millis(delay)))
        }
        _ => Err(error()),
    }
}

fn parse_answer(answer: &Value) -> Result<Fault, String> {
    let answer = members(answer, &["status", "headers", "body", "code"])?;
    let status = parse_status(answer.get("status").ok_or("answer.status is missing")?)?;
    let mut fault = match (answer.get("body"), answer.get("code")) {
        (Some(Value::String(text)), None) => Fault::status(status).with_body(text.as_str()),
        (Some(json), None) => Fault::status(status).with_body(json.to_string()),
        (None, Some(code)) => Fault::refusal(status, parse_code(code)?),
        (None, None) => Fault::status(status),
        _ => return Err("answer must not have both a body and a code".into()),
    };
    if let (Some(given), Fault::Answer { headers, .. }) = (answer.get("headers"), &mut fault) {
        let given = given.as_object().ok_or("answer.headers must be an object")?;
        for (name, value) in given {
            headers.push(parse_header(name, value)?);
        }
    }
    Ok(fault)
}

fn parse_code(code: &Value) -> Result<&str, String> {
    let is_name = |code: &&str| !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    code.as_str().filter(is_name).ok_or_else(|| "answer.code must be a name of letters and digits".into())
}

fn parse_header(name: &str, value: &Value) -> Result<(HeaderName, HeaderValue), String> {
    let name = HeaderName::try_from(name).map_err(|_| format!("{name:?} is not the name of a header"))?;
    if name == CONTENT_LENGTH || name == TRANSFER_ENCODING {
        return Err(format!("{name} belongs to the body: see the fault wrongLength"));
    }
    let value = value.as_str().and_then(|value| HeaderValue::try_from(value).ok());
    let value =
        value.ok_or_else(|| format!("the value of {name} must be a string without control characters"))?;
    Ok((name, value))
}

fn parse_status(status: &Value) -> Result<u16, String> {
    let number = status.as_u64().and_then(|status| u16::try_from(status).ok());
    number
        .filter(|status| (200..=999).contains(status))
        .ok_or_else(|| "a status must be within [200; 999]".into())
}

/// Describes an injected fault.
pub(super) fn to_json(entry: &Entry) -> Value {
    let Entry { target, when, fault, seen } = entry;
    let route = ROUTES.iter().find(|(_, route)| *route == target.route).map(|(name, _)| *name);
    let when = match when {
        When::Next(count) => json!({ "next": count }),
        When::Every(count) => json!({ "every": count }),
        When::Nth(count) => json!({ "nth": count }),
    };
    let fault = match fault {
        Fault::Answer { status, headers, body } => {
            let headers: Map<String, Value> =
                headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect();
            json!({ "answer": { "status": status, "headers": headers, "body": text(body) } })
        }
        Fault::StatusAfter(status) => json!({ "statusAfter": status }),
        Fault::Delay(time) => json!({ "delayMs": time.as_millis() as u64 }),
        plain => {
            let same = |known: &Fault| std::mem::discriminant(known) == std::mem::discriminant(plain);
            json!(PLAIN.iter().find(|(_, known)| same(known)).map(|(name, _)| *name))
        }
    };
    let mut json = json!({ "route": route, "when": when, "fault": fault, "seen": seen });
    if let Some(id) = &target.job_id {
        json["jobId"] = json!(id);
    }
    json
}

fn text(bytes: &[u8]) -> Value {
    String::from_utf8_lossy(bytes).into()
}

/// Returns the only member of an object.
fn single(value: &Value) -> Option<(&str, &Value)> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    members.iter().next().map(|(key, value)| (key.as_str(), value))
}

fn names<T>(list: &[(&str, T)]) -> String {
    list.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_and_described_alike() {
        for (body, expected) in [
            (
                json!({ "fault": "resetAfter" }),
                json!({ "route": "any", "when": { "next": 1 }, "fault": "resetAfter", "seen": 0 }),
            ),
            (
                json!({ "route": "create", "jobId": "a", "when": { "nth": 3 }, "fault": { "statusAfter": 504 } }),
                json!({ "route": "create", "jobId": "a", "when": { "nth": 3 }, "fault": { "statusAfter": 504 }, "seen": 0 }),
            ),
            (
                json!({ "when": { "every": 2 }, "fault": { "answer": { "status": 503, "headers": { "Retry-After": "2" } } } }),
                json!({ "route": "any", "when": { "every": 2 },
                        "fault": { "answer": { "status": 503, "headers": { "retry-after": "2" }, "body": "" } }, "seen": 0 }),
            ),
        ] {
            let (target, when, fault) = parse_fault(&body).unwrap();
            assert_eq!(to_json(&Entry { target, when, fault, seen: 0 }), expected);
        }
    }

    #[test]
    fn mistake_is_refused_with_a_reason() {
        for (body, reason) in [
            (json!([]), "must be an object"),
            (json!({}), "fault is missing"),
            (json!({ "fault": "reset" }), "fault must be one of resetBefore"),
            (json!({ "fault": "resetAfter", "rout": 1 }), "unknown member \"rout\""),
            (json!({ "fault": "resetAfter", "route": "delete" }), "route must be one of any, create"),
            (json!({ "fault": "resetAfter", "when": { "next": 0 } }), "when must be"),
            (json!({ "fault": { "answer": { "status": 99 } } }), "within [200; 999]"),
            (
                json!({ "fault": { "answer": { "status": 500, "headers": { "a b": "" } } } }),
                "not the name of a header",
            ),
            (
                json!({ "fault": { "answer": { "status": 500, "headers": { "a": "b\r\nc: d" } } } }),
                "without control characters",
            ),
            (
                json!({ "fault": { "answer": { "status": 500, "headers": { "Content-Length": "7" } } } }),
                "content-length belongs to the body",
            ),
            (json!({ "fault": { "answer": { "status": 500, "code": "a b" } } }), "letters and digits"),
            (json!({ "fault": { "answer": { "status": 500, "code": "a", "body": "b" } } }), "not have both"),
        ] {
            let error = parse_fault(&body).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
