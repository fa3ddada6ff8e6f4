use super::*;

const ID: &str = "963c4c0c83a34b0b8c5ae1f9cd1ec3dd-G:7";

fn coded(code: &str, message: &str) -> ErrorBody {
    ErrorBody { code: Some(code.into()), message: message.into(), ..ErrorBody::default() }
}

fn tracked(inner: ErrorBody) -> ErrorBody {
    ErrorBody { tracking_id: Some(ID.into()), ..inner }
}

#[test]
fn message_with_code_and_tracking_is_parsed() {
    let body = format!(
        r#"{{"Message":"ErrorCode:JobNotFound;No job with id a","ExceptionMessage":"Tracking ID:{ID}-TimeStamp:05/04/2022 15:53:00"}}"#
    );
    let expected = tracked(coded("JobNotFound", "No job with id a"));
    assert_eq!(ErrorBody::parse(&body), expected);
}

#[test]
fn message_without_tracking_is_parsed() {
    let expected = coded("ArgumentInvalid", "startTime is odd; see there");
    for exception in ["", r#","ExceptionMessage":"""#, r#","ExceptionMessage":null"#] {
        let body =
            format!(r#"{{"Message":"ErrorCode:ArgumentInvalid;startTime is odd; see there"{exception}}}"#);
        assert_eq!(ErrorBody::parse(&body), expected);
    }
}

#[test]
fn json_error_is_parsed_in_every_position() {
    for (code, expected) in
        [("404103", "404103"), ("\"404103\"", "404103"), ("\"DeviceNotOnline\"", "DeviceNotOnline")]
    {
        let flat = format!(
            r#"{{"errorCode":{code},"trackingId":"{ID}","message":"The device is off","timestampUtc":"2022-05-04T15:53:00.1234567Z"}}"#
        );
        let escaped = serde_json::json!({ "Message": flat, "ExceptionMessage": "" }).to_string();
        let object = format!(r#"{{"Message":{flat},"ExceptionMessage":null}}"#);
        let expected = tracked(coded(expected, "The device is off"));
        for body in [flat, escaped, object] {
            assert_eq!(ErrorBody::parse(&body), expected, "{body}");
        }
    }
}

#[test]
fn nested_error_is_written_in_words() {
    let inner = r#"{"Message":"ErrorCode:PreconditionFailed;the etag must be *","ExceptionMessage":"Tracking ID:inner-TimeStamp:05/04/2022 15:53:00"}"#;
    let body = serde_json::json!({
        "Message": format!("ErrorCode:ArgumentInvalid;Error: BadRequest {inner}"),
        "ExceptionMessage": format!("Tracking ID:{ID}-TimeStamp:05/04/2022 15:53:01"),
    });
    let read = ErrorBody::parse(&body.to_string());
    let message = "Error: BadRequest (PreconditionFailed, the etag must be *, tracking id inner)";
    assert_eq!(read, tracked(coded("ArgumentInvalid", message)));
}

#[test]
fn semicolon_text_is_parsed_with_a_name_or_digits() {
    assert_eq!(ErrorBody::parse("ErrorCode:JobAlreadyExists;taken"), coded("JobAlreadyExists", "taken"));
    let numbered = coded("409104", "taken");
    for text in ["errorcode:409104; taken", "taken;ErrorCode:409104", "ErrorCode:409104 conflict;taken"] {
        assert_eq!(ErrorBody::parse(text), numbered, "{text}");
    }
}

#[test]
fn tracking_id_is_read_from_a_text_of_several_lines() {
    let text = format!("ErrorCode:JobQuotaExceeded;Error: 403\nMessage: full\nTracking ID: {ID}");
    let read = ErrorBody::parse(&text);
    assert_eq!((read.code, read.tracking_id.as_deref()), (Some("JobQuotaExceeded".into()), Some(ID)));
    assert!(read.message.starts_with("Error: 403\nMessage: full"), "{}", read.message);
}

#[test]
fn json_that_is_no_error_stays_in_the_message() {
    let quoted = r#"ErrorCode:ArgumentInvalid;invalid patch {"a":1} at line 3"#;
    assert_eq!(ErrorBody::parse(quoted).message, r#"invalid patch {"a":1} at line 3"#);
    let both = ErrorBody::parse(r#"{name} is wrong: {"Message":"ErrorCode:ArgumentNull;x"} (see there)"#);
    assert_eq!(both.message, "{name} is wrong: (ArgumentNull, x) (see there)");
    let foreign = r#"{"error":{"code":"X","message":"y"}}"#;
    assert_eq!(ErrorBody::parse(foreign).message, foreign);
}

#[test]
fn tracking_id_is_split_from_its_time_stamp() {
    let read =
        ErrorBody::parse(r#"{"errorCode":404002,"trackingId":"95ae23a6-G:5-TimeStamp:10/19/2022 16:47:22"}"#);
    assert_eq!(read.tracking_id.as_deref(), Some("95ae23a6-G:5"));
}

#[test]
fn tracking_id_of_a_newer_gateway_is_split_from_its_time() {
    let body = r#"{"Message":"ErrorCode:JobNotFound;none","ExceptionMessage":"Tracking ID:0AF9D3C5A1B24C6D8E7F001122334455-G2:-TimeStamp:2026-08-15T09:07:36.757669697Z"}"#;
    let read = ErrorBody::parse(body);
    assert_eq!(read.tracking_id.as_deref(), Some("0AF9D3C5A1B24C6D8E7F001122334455-G2:"));
    for odd in ["", "soon", "15/08/2026 09:07:36", "0001-01-01T00:00:00Z"] {
        let body = format!(r#"{{"Message":"a","ExceptionMessage":"Tracking ID:b-G2:-TimeStamp:{odd}"}}"#);
        assert_eq!(ErrorBody::parse(&body).tracking_id.as_deref(), Some("b-G2:"), "{odd}");
    }
}

#[test]
fn html_page_becomes_its_title() {
    let page =
        "<!DOCTYPE html><HTML><HEAD><Title>Length Required</TITLE></HEAD><BODY>\n<h2>Length Required</h2>";
    assert_eq!(ErrorBody::parse(page).message, "Length Required");
    for page in ["<h2>no title", "<title>no end", "</title><title>", "text with <title>a</title>"] {
        assert_eq!(ErrorBody::parse(page).message, page);
    }
}

#[test]
fn body_that_is_not_understood_becomes_the_message() {
    for body in
        ["", "[]", "{", "{\"Message\":", "null", "}{", "ErrorCode", "\u{1F980}ErrorCode:x", "{ErrorCode:1}"]
    {
        assert_eq!(ErrorBody::parse(body), ErrorBody { message: body.into(), ..ErrorBody::default() });
    }
    for body in [
        "{}",
        r#"{"Message":null,"errorCode":""}"#,
        r#"{"Message":[1],"errorCode":{}}"#,
        "<<>",
        "ErrorCode:;x",
    ] {
        assert_eq!(ErrorBody::parse(body).code, None);
    }
    assert_eq!(ErrorBody::parse(&r#"{"Message":"#.repeat(10_000)).code, None);
}
