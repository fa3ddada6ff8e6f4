use super::*;
use crate::runtime::attempt::BodyExtent;

fn error(status: u16, headers: &[(&'static str, &str)], body: &str) -> ServiceError {
    let headers =
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    let request = RequestInfo::example();
    let (body, status) = (body.as_bytes().to_vec().into(), status.try_into().unwrap());
    let extent = BodyExtent::Complete;
    ServiceError::new(request, &ReceivedResponse { status, headers, body, extent, redirected_to: None })
}

#[test]
fn error_is_one_line_with_operation_reason_and_hint() {
    let body = r#"{"Message":"ErrorCode:OperationNotAllowedInCurrentState;The job is\r\n in the state Running","ExceptionMessage":"Tracking ID:abc-G:7-TimeStamp:05/04/2022 15:53:00"}"#;
    assert_eq!(
        error(405, &[], body).to_string(),
        "create_scheduled_job (PUT /jobs/v2/reboot-43): 405 OperationNotAllowedInCurrentState (405102): \
         The job is in the state Running (tracking id abc-G:7, request id 00000000-0000-4000-8000-000000000000); \
         hint: a job that is running or has ended cannot be cancelled"
    );
}

#[test]
fn cause_is_part_of_the_line() {
    let body = r#"{"Message":"ErrorCode:ThrottlingMaxActiveJobCountExceeded;Error: 429 {\"Message\":\"ErrorCode:429004;full\",\"ExceptionMessage\":\"Tracking ID:inner\"}","ExceptionMessage":"Tracking ID:outer"}"#;
    let error = error(429, &[], body);
    assert!(error.to_string().contains(
        "429 ThrottlingMaxActiveJobCountExceeded (429004): Error: 429, caused by \
         ThrottlingMaxActiveJobCountExceeded (429004): full (tracking id inner) (tracking id outer, "
    ));
    assert_eq!(error.cause().unwrap().tracking_id(), Some("inner"));
}

#[test]
fn empty_body_still_makes_a_line() {
    let line = error(503, &[], "").to_string();
    assert!(
        line.starts_with(
            "create_scheduled_job (PUT /jobs/v2/reboot-43): 503 Service Unavailable (request id "
        )
    );
}

#[test]
fn code_that_fits_the_status_wins_then_a_name_then_the_body() {
    let body = r#"{"errorCode":500001}"#;
    let code = |status, headers: &[_], body| error(status, headers, body).code().cloned();
    let header = [("iothub-errorcode", "JobAlreadyExists")];
    assert_eq!(code(409, &header, body), Some(ErrorCode::JobAlreadyExists));
    assert_eq!(code(500, &header, body), Some(ErrorCode::ServerError));
    assert_eq!(code(418, &header, body), Some(ErrorCode::JobAlreadyExists));
    assert_eq!(code(409, &header, "<p>oops"), Some(ErrorCode::JobAlreadyExists));
    assert_eq!(code(500, &[], "<p>oops"), None);
    // Two sources number these two differently: the name decides.
    let quota = [("iothub-errorcode", "JobQuotaExceeded")];
    assert_eq!(code(403, &quota, r#"{"errorCode":403001}"#), Some(ErrorCode::JobQuotaExceeded));
    assert_eq!(code(403, &quota, "ErrorCode:IotHubSuspended;x"), Some(ErrorCode::IotHubSuspended));
    // A name that is not in the list is better than its number.
    let new = [("iothub-errorcode", "ConfigurationAlreadyExists")];
    let named = Some(ErrorCode::from("ConfigurationAlreadyExists"));
    assert_eq!(code(409, &new, r#"{"errorCode":409301,"message":"taken"}"#), named);
    assert_eq!(code(409, &new, "ErrorCode:409301;taken"), named);
    assert_eq!(code(409, &[("iothub-errorcode", "409301")], "ErrorCode:New;x"), Some(ErrorCode::from("New")));
    assert_eq!(code(404, &new, "ErrorCode:JobNotFound;x"), Some(ErrorCode::JobNotFound));
}

#[test]
fn message_without_visible_text_is_left_out() {
    for body in ["\0\u{1}", r#"{"Message":"ErrorCode:ArgumentInvalid; \u200b"}"#] {
        let text = error(400, &[], body).to_string();
        assert!(text.contains("(request id") && !text.contains(":  (") && !text.contains(": ("), "{text}");
    }
}

#[test]
fn skewed_clock_is_reported_with_a_401() {
    let date = (Utc::now() + TimeDelta::minutes(12) + TimeDelta::seconds(5)).to_rfc2822();
    let skewed = error(401, &[("date", &date)], "");
    assert_eq!(skewed.clock_skew().unwrap().num_minutes(), 12);
    assert!(
        skewed.to_string().contains("; the clock of this machine is 12 minutes behind the hub's; hint: ")
    );
    let date = (Utc::now() - TimeDelta::minutes(4)).to_rfc2822();
    assert_eq!(error(401, &[("date", &date)], "").clock_skew(), None);
    let absurd = error(401, &[("date", "31 Dec 262142 23:59:59 GMT")], "").to_string();
    assert!(absurd.contains(" days behind the hub's, too far for tokens to be signed by the hub's"));
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
fn wait_and_operation_type_in_the_text_of_a_429_count() {
    let text = "The request has been throttled. Wait 10 seconds and try again. Operation type: CRUD";
    let body = format!(r#"{{"Message":"ErrorCode:ThrottlingBacklogTimeout;{text}"}}"#);
    let throttled = error(429, &[], &body);
    assert_eq!(throttled.retry_after(), Some(Duration::from_secs(10)));
    assert_eq!(throttled.operation_type(), Some("CRUD"));
    let nested = serde_json::json!({ "Message": format!("ErrorCode:ThrottlingException;Error: 429 {body}") });
    assert_eq!(error(429, &[], &nested.to_string()).retry_after(), Some(Duration::from_secs(10)));
    let both = |seconds| error(429, &[("retry-after", seconds)], &body).retry_after();
    assert_eq!([both("3"), both("30"), both("soon")], [10, 30, 10].map(|s| Some(Duration::from_secs(s))));
    let refused = error(400, &[], &body);
    assert_eq!((refused.retry_after(), refused.operation_type()), (None, None));
}
