use super::*;
use crate::error::Error;

fn error(status: u16, headers: &[(&'static str, &str)], body: &str) -> ServiceError {
    let headers =
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    let status = status.try_into().unwrap();
    ServiceError::new(FailedAttempt::example(status, headers, body), status)
}

fn line(error: ServiceError) -> String {
    Error::Service(Box::new(error)).to_string()
}

#[test]
fn error_is_one_line_with_operation_reason_and_hint() {
    let body = r#"{"Message":"ErrorCode:OperationNotAllowedInCurrentState;The job is\r\n in the state Running","ExceptionMessage":"Tracking ID:abc-G:7-TimeStamp:05/04/2022 15:53:00"}"#;
    assert_eq!(
        line(error(405, &[], body)),
        "create_scheduled_job (PUT /jobs/v2/reboot-43): 405 OperationNotAllowedInCurrentState (405102): \
         The job is in the state Running (tracking id abc-G:7, request id 00000000-0000-4000-8000-000000000000); \
         hint: a job that is running or has ended cannot be cancelled"
    );
}

#[test]
fn nested_error_is_part_of_the_line() {
    let body = r#"{"Message":"ErrorCode:ThrottlingMaxActiveJobCountExceeded;Error: 429 {\"Message\":\"ErrorCode:429004;full\",\"ExceptionMessage\":\"Tracking ID:inner\"}","ExceptionMessage":"Tracking ID:outer"}"#;
    let line = line(error(429, &[], body));
    let expected = "429 ThrottlingMaxActiveJobCountExceeded (429004): Error: 429 (429004, full, tracking id inner) (tracking id outer, ";
    assert!(line.contains(expected), "{line}");
}

#[test]
fn empty_body_still_makes_a_line() {
    let line = line(error(503, &[], ""));
    assert!(
        line.starts_with(
            "create_scheduled_job (PUT /jobs/v2/reboot-43): 503 Service Unavailable (request id "
        )
    );
}

#[test]
fn name_of_the_code_wins_over_its_number_then_the_body_over_the_header() {
    let code = |header: &str, body| error(409, &[("iothub-errorcode", header)], body).code().cloned();
    let exists = Some(ErrorCode::JOB_ALREADY_EXISTS);
    assert_eq!(code("JobAlreadyExists", r#"{"errorCode":409000}"#), exists);
    assert_eq!(code("JobAlreadyExists", "<p>oops"), exists);
    assert_eq!(code("", "ErrorCode:409104;x"), exists);
    assert_eq!(code("GenericConflict", "ErrorCode:JobAlreadyExists;x"), exists);
    assert_eq!(code("409000", "ErrorCode:409104;x"), exists);
    assert_eq!(error(500, &[], "<p>oops").code(), None);
    // Two sources number these two differently: the name decides.
    assert_eq!(code("JobQuotaExceeded", r#"{"errorCode":403001}"#), Some(ErrorCode::JOB_QUOTA_EXCEEDED));
    // A name that is not in the list is better than its number.
    let new = Some(ErrorCode::from("ConfigurationAlreadyExists"));
    assert_eq!(code("ConfigurationAlreadyExists", r#"{"errorCode":409301,"message":"taken"}"#), new);
    assert_eq!(code("409301", "ErrorCode:ConfigurationAlreadyExists;x"), new);
}

#[test]
fn message_without_visible_text_is_left_out() {
    for body in ["\0\u{1}", r#"{"Message":"ErrorCode:ArgumentInvalid; \u200b"}"#] {
        let text = line(error(400, &[], body));
        assert!(text.contains("(request id") && !text.contains(":  (") && !text.contains(": ("), "{text}");
    }
}

#[test]
fn skewed_clock_is_reported_with_a_401() {
    let date = (Utc::now() + TimeDelta::minutes(12) + TimeDelta::seconds(5)).to_rfc2822();
    let skewed = error(401, &[("date", &date)], "");
    assert_eq!(skewed.clock_skew().unwrap().num_minutes(), 12);
    let text = line(skewed);
    assert!(
        text.contains("; the clock of this machine is 12 minutes behind the hub's (request id "),
        "{text}"
    );
    let date = (Utc::now() - TimeDelta::minutes(4)).to_rfc2822();
    assert_eq!(error(401, &[("date", &date)], "").clock_skew(), None);
    let absurd = line(error(401, &[("date", "31 Dec 262142 23:59:59 GMT")], ""));
    assert!(absurd.contains(" days behind the hub's"), "{absurd}");
}

#[test]
fn retry_after_is_read_in_seconds_and_as_a_date() {
    let wait = |headers: &[_]| error(429, headers, "").retry_after();
    assert_eq!(wait(&[("retry-after", " 7 ")]), Some(Duration::from_secs(7)));
    let date = ("date", "Wed, 04 May 2022 15:53:00 GMT");
    let later = ("retry-after", "Wed, 04 May 2022 15:54:30 GMT");
    assert_eq!(wait(&[date, later]), Some(Duration::from_secs(90)));
    assert_eq!(wait(&[later]), Some(Duration::ZERO));
    for odd in ["", "-1", "soon", "1.5", "99999999999999999999999"] {
        assert_eq!(wait(&[("retry-after", odd)]), None, "{odd}");
    }
}

#[test]
fn wait_in_the_text_of_a_429_counts() {
    let text = "The request has been throttled. Wait 10 seconds and try again. Operation type: CRUD";
    let body = format!(r#"{{"Message":"ErrorCode:ThrottlingBacklogTimeout;{text}"}}"#);
    assert_eq!(error(429, &[], &body).retry_after(), Some(Duration::from_secs(10)));
    let nested = serde_json::json!({ "Message": format!("ErrorCode:ThrottlingException;Error: 429 {body}") });
    assert_eq!(error(429, &[], &nested.to_string()).retry_after(), Some(Duration::from_secs(10)));
    let both = |seconds| error(429, &[("retry-after", seconds)], &body).retry_after();
    assert_eq!([both("3"), both("30"), both("soon")], [10, 30, 10].map(|s| Some(Duration::from_secs(s))));
    assert_eq!(error(400, &[], &body).retry_after(), None);
}

#[test]
fn only_a_number_of_seconds_is_a_wait() {
    assert_eq!(stated_wait("Wait a bit. Wait 1 second."), Some(Duration::from_secs(1)));
    for text in [
        "",
        "Wait ",
        "Wait 10",
        "Wait 10 minutes",
        "Wait -1 seconds",
        "Wait +1 seconds",
        "Wait ١٠ seconds",
        "Wait 99999999999999999999999 seconds",
        "Wait  seconds",
    ] {
        assert_eq!(stated_wait(text), None, "{text}");
    }
    assert_eq!(stated_wait(&"Wait ".repeat(10_000)), None);
}
