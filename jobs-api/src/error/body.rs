//! Parsing of error bodies.
//!
//! The hub and the proxies before it write many shapes: JSON with a text in `Message`, the same text as
//! JSON within that string, as an object or at the top level, a text with semicolons, HTML, nothing.
//! Parsing never fails; a body that is not understood becomes the message.

use serde_json::{Map, Value};

use super::code::ErrorCode;
use crate::runtime::Timestamp;

/// Opening braces of a message at which a nested error is looked for.
const TRIED_BRACES: usize = 16;

/// The content of an error body.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct ErrorBody {
    pub(super) code: Option<ErrorCode>,
    /// The code was a number; two sources number errors differently.
    pub(super) is_numbered: bool,
    pub(super) message: String,
    pub(super) tracking_id: Option<String>,
    pub(super) timestamp: Option<Timestamp>,
    /// The error of a service behind the hub.
    pub(super) cause: Option<Box<ErrorBody>>,
}

impl ErrorBody {
    pub(super) fn parse(body: &str) -> Self {
        let body = body.trim();
        if let Ok(Value::Object(object)) = serde_json::from_str(body) {
            let read = Self::from_object(&object);
            return if read.is_understood() { read } else { Self { message: body.to_owned(), ..read } };
        }
        if body.starts_with('<') { Self::from_message(&html_text(body)) } else { Self::from_message(body) }
    }

    /// Returns true if anything was understood.
    fn is_understood(&self) -> bool {
        self.code.is_some() || self.tracking_id.is_some() || !self.message.is_empty()
    }

    /// Parses `{Message, ExceptionMessage}` or `{errorCode, trackingId, message, timestampUtc}`.
    fn from_object(object: &Map<String, Value>) -> Self {
        let member =
            |name: &str| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v);
        let text = |name| member(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let mut body = match member("message") {
            Some(Value::Object(inner)) => Self::from_object(inner),
            Some(Value::String(inner)) => Self::parse(inner),
            _ => Self::default(),
        };
        if body.code.is_none() {
            match member("errorCode") {
                Some(Value::Number(number)) => body.set_code(&number.to_string()),
                Some(Value::String(name)) => body.set_code(name),
                _ => {}
            }
        }
        for note in [text("exceptionMessage"), text("trackingId")].into_iter().flatten() {
            let (tracking_id, timestamp) = parse_tracking(note);
            body.tracking_id = body.tracking_id.or(tracking_id);
            body.timestamp = body.timestamp.or(timestamp);
        }
        body.timestamp = text("timestampUtc").map(Timestamp::from).or(body.timestamp);
        body
    }

    /// Parses `ErrorCode:<name or six digits>;<text>`, whose text may contain another error as JSON.
    fn from_message(text: &str) -> Self {
        let mut body = Self::default();
        let mut fields: Vec<&str> = text.split(';').collect();
        let coded =
            fields.iter().position(|field| strip_prefix_ignore_case(field.trim(), "ErrorCode:").is_some());
        let text = match coded {
            Some(index) => {
                let field = fields.remove(index).trim();
                body.set_code(strip_prefix_ignore_case(field, "ErrorCode:").unwrap_or_default());
                fields.join(";").trim().to_owned()
            }
            None => text.to_owned(),
        };
        match split_nested(&text) {
            Some((message, cause)) => Self { message, cause: Some(Box::new(cause)), ..body },
            None => Self { message: text, ..body },
        }
    }

    fn set_code(&mut self, text: &str) {
        let text = text.trim();
        let digits = text.get(..6).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        self.is_numbered = digits.is_some();
        self.code = ErrorCode::parse(digits.unwrap_or(text));
    }
}

/// Splits a message into the text and the error that it contains as JSON.
fn split_nested(text: &str) -> Option<(String, ErrorBody)> {
    text.match_indices('{').take(TRIED_BRACES).find_map(|(start, _)| {
        let (before, json) = text.split_at(start);
        let mut values = serde_json::Deserializer::from_str(json).into_iter::<Map<String, Value>>();
        let cause = ErrorBody::from_object(&values.next()?.ok()?);
        let after = json.get(values.byte_offset()..).unwrap_or_default();
        cause.is_understood().then(|| (format!("{}{}", before.trim(), after.trim_end()), cause))
    })
}

/// Parses `[Tracking ID:]<id>[-TimeStamp:<MM/dd/yyyy HH:mm:ss>]`, in UTC.
fn parse_tracking(text: &str) -> (Option<String>, Option<Timestamp>) {
    let rest = strip_prefix_ignore_case(text, "Tracking ID:").unwrap_or(text);
    let (id, timestamp) = rest.split_once("-TimeStamp:").unwrap_or((rest, ""));
    let id = Some(id.trim().to_owned()).filter(|id| !id.is_empty());
    let timestamp = chrono::NaiveDateTime::parse_from_str(timestamp.trim(), "%m/%d/%Y %H:%M:%S");
    (id, timestamp.ok().map(|timestamp| timestamp.and_utc().into()))
}

fn strip_prefix_ignore_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Returns the words of a page without its tags, styles and scripts.
fn html_text(page: &str) -> String {
    let mut words = Vec::new();
    let mut hidden = false;
    for part in page.split('<') {
        let (tag, text) = part.split_once('>').unwrap_or(("", part));
        match tag.split_whitespace().next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "style" | "script" => hidden = true,
            "/style" | "/script" => hidden = false,
            _ => {}
        }
        if !hidden {
            words.extend(text.split_whitespace());
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "963c4c0c83a34b0b8c5ae1f9cd1ec3dd-G:7";

    fn coded(code: ErrorCode, message: &str) -> ErrorBody {
        ErrorBody { code: Some(code), message: message.into(), ..ErrorBody::default() }
    }

    fn tracked(inner: ErrorBody, timestamp: &str) -> ErrorBody {
        ErrorBody { tracking_id: Some(ID.into()), timestamp: Some(timestamp.into()), ..inner }
    }

    #[test]
    fn message_with_code_and_tracking_is_parsed() {
        let body = format!(
            r#"{{"Message":"ErrorCode:JobNotFound;No job with id a","ExceptionMessage":"Tracking ID:{ID}-TimeStamp:05/04/2022 15:53:00"}}"#
        );
        let expected = tracked(coded(ErrorCode::JobNotFound, "No job with id a"), "2022-05-04T15:53:00Z");
        assert_eq!(ErrorBody::parse(&body), expected);
    }

    #[test]
    fn message_without_tracking_is_parsed() {
        let expected = coded(ErrorCode::ArgumentInvalid, "startTime is odd; see there");
        for exception in ["", r#","ExceptionMessage":"""#, r#","ExceptionMessage":null"#] {
            let body = format!(
                r#"{{"Message":"ErrorCode:ArgumentInvalid;startTime is odd; see there"{exception}}}"#
            );
            assert_eq!(ErrorBody::parse(&body), expected);
        }
    }

    #[test]
    fn json_error_is_parsed_in_every_position() {
        for code in ["404103", "\"404103\"", "\"DeviceNotOnline\""] {
            let flat = format!(
                r#"{{"errorCode":{code},"trackingId":"{ID}","message":"The device is off","timestampUtc":"2022-05-04T15:53:00.1234567Z"}}"#
            );
            let escaped = serde_json::json!({ "Message": flat, "ExceptionMessage": "" }).to_string();
            let object = format!(r#"{{"Message":{flat},"ExceptionMessage":null}}"#);
            let expected = tracked(
                coded(ErrorCode::DeviceNotOnline, "The device is off"),
                "2022-05-04T15:53:00.1234567Z",
            );
            for body in [flat, escaped, object] {
                let read = ErrorBody { is_numbered: false, ..ErrorBody::parse(&body) };
                assert_eq!(read, expected, "{body}");
            }
        }
    }

    #[test]
    fn nested_error_becomes_the_cause() {
        let inner = r#"{"Message":"ErrorCode:PreconditionFailed;the etag must be *","ExceptionMessage":"Tracking ID:inner-TimeStamp:05/04/2022 15:53:00"}"#;
        let body = serde_json::json!({
            "Message": format!("ErrorCode:ArgumentInvalid;Error: BadRequest {inner}"),
            "ExceptionMessage": format!("Tracking ID:{ID}-TimeStamp:05/04/2022 15:53:01"),
        });
        let read = ErrorBody::parse(&body.to_string());
        let cause = read.cause.clone().unwrap();
        assert_eq!(read.code, Some(ErrorCode::ArgumentInvalid));
        assert_eq!(read.message, "Error: BadRequest");
        assert_eq!(read.tracking_id.as_deref(), Some(ID));
        assert_eq!(cause.code, Some(ErrorCode::PreconditionFailed));
        assert_eq!(cause.message, "the etag must be *");
        assert_eq!(cause.tracking_id.as_deref(), Some("inner"));
    }

    #[test]
    fn semicolon_text_is_parsed_with_a_name_or_digits() {
        let expected = coded(ErrorCode::JobAlreadyExists, "taken");
        assert_eq!(ErrorBody::parse("ErrorCode:JobAlreadyExists;taken"), expected);
        let numbered = ErrorBody { is_numbered: true, ..expected };
        for text in ["errorcode:409104; taken", "taken;ErrorCode:409104", "ErrorCode:409104 conflict;taken"] {
            assert_eq!(ErrorBody::parse(text), numbered, "{text}");
        }
    }

    #[test]
    fn json_that_is_no_error_stays_in_the_message() {
        let quoted = r#"ErrorCode:ArgumentInvalid;invalid patch {"a":1} at line 3"#;
        assert_eq!(ErrorBody::parse(quoted).message, r#"invalid patch {"a":1} at line 3"#);
        let both = ErrorBody::parse(r#"{name} is wrong: {"Message":"ErrorCode:ArgumentNull;x"} (see there)"#);
        assert_eq!(both.message, "{name} is wrong: (see there)");
        assert_eq!(both.cause.unwrap().code, Some(ErrorCode::ArgumentNull));
        let foreign = r#"{"error":{"code":"X","message":"y"}}"#;
        assert_eq!(ErrorBody::parse(foreign).message, foreign);
    }

    #[test]
    fn tracking_id_is_split_from_its_time_stamp() {
        let read = ErrorBody::parse(
            r#"{"errorCode":404002,"trackingId":"95ae23a6-G:5-TimeStamp:10/19/2022 16:47:22"}"#,
        );
        assert_eq!(read.tracking_id.as_deref(), Some("95ae23a6-G:5"));
        assert_eq!(read.timestamp, Some("2022-10-19T16:47:22Z".into()));
    }

    #[test]
    fn html_page_becomes_its_words() {
        let page = "<!DOCTYPE html><HTML><style>p { color: red }</style><BODY>\n<h2>Length Required</h2>\n<p>HTTP Error 411.</p></BODY>";
        assert_eq!(ErrorBody::parse(page).message, "Length Required HTTP Error 411.");
    }

    #[test]
    fn body_that_is_not_understood_becomes_the_message() {
        for body in [
            "",
            "[]",
            "{",
            "{\"Message\":",
            "null",
            "}{",
            "ErrorCode",
            "\u{1F980}ErrorCode:x",
            "{ErrorCode:1}",
        ] {
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
}
