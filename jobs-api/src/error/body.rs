//! Parsing of error bodies.
//!
//! The hub and the proxies before it write many shapes:
//!
//! | shape | understood |
//! |---|---|
//! | `{"Message": "ErrorCode:JobNotFound;text", "ExceptionMessage": "Tracking ID:…-TimeStamp:…"}` | code, message, id |
//! | `{"errorCode": 404002, "message": "text", "trackingId": "…"}` | the same |
//! | either of them as JSON within `Message`, as a text or as an object | the same |
//! | either of them as JSON within the text of a message: a service behind the hub | part of the message |
//! | `ErrorCode:JobNotFound;text` without JSON, on one or more lines | code, message, id on a line of its own |
//! | HTML of a proxy | its title |
//! | anything else, such as the `ArgumentInvalid;BadRequest` of a query that cannot be parsed | the message |
//!
//! The case of names does not count. Parsing never fails; a body that is not understood becomes the message.

use serde_json::{Map, Value};

/// Opening braces of a message at which a nested error is looked for.
const TRIED_BRACES: usize = 16;
/// The label of a code in a text.
const CODE: &str = "ErrorCode:";
/// The label of a tracking id in a text.
const TRACKING_ID: &str = "Tracking ID:";

/// The content of an error body.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct ErrorBody {
    /// The name or the six digits of the code.
    pub(super) code: Option<String>,
    pub(super) message: String,
    pub(super) tracking_id: Option<String>,
}

impl ErrorBody {
    pub(super) fn parse(body: &str) -> Self {
        let body = body.trim();
        match serde_json::from_str(body) {
            Ok(Value::Object(object)) => Self::from_object(&object)
                .unwrap_or_else(|| Self { message: body.to_owned(), ..Self::default() }),
            _ => Self::from_text(html_title(body).unwrap_or(body)),
        }
    }

    /// Parses `{Message, ExceptionMessage}` or `{errorCode, trackingId, message, timestampUtc}`. Returns `None` if
    /// nothing is understood.
    fn from_object(object: &Map<String, Value>) -> Option<Self> {
        let member =
            |name: &str| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v);
        let mut body = match member("message") {
            Some(Value::Object(inner)) => Self::from_object(inner).unwrap_or_default(),
            Some(Value::String(inner)) => Self::parse(inner),
            _ => Self::default(),
        };
        body.code = body.code.or_else(|| match member("errorCode")? {
            Value::Number(number) => parse_code(&number.to_string()),
            Value::String(name) => parse_code(name),
            _ => None,
        });
        let notes = ["exceptionMessage", "trackingId"].into_iter().filter_map(|name| member(name)?.as_str());
        body.tracking_id = body.tracking_id.or_else(|| notes.into_iter().find_map(parse_tracking_id));
        (body != Self::default()).then_some(body)
    }

    /// Parses `ErrorCode:<name or six digits>;<text>`, whose text may contain another error as JSON, or the
    /// tracking id on a line of its own.
    fn from_text(text: &str) -> Self {
        let mut fields: Vec<&str> = text.split(';').collect();
        let labelled = fields.iter().position(|field| strip_label(field, CODE).is_some());
        let code = labelled.and_then(|index| parse_code(strip_label(fields.remove(index), CODE)?));
        let text = fields.join(";");
        let tracking_id = text.lines().find_map(|line| strip_label(line, TRACKING_ID));
        Self {
            code,
            message: rewrite_nested(text.trim()),
            tracking_id: tracking_id.and_then(parse_tracking_id),
        }
    }

    /// Returns the error in parentheses.
    fn into_text(self) -> String {
        let tracking_id = self.tracking_id.map(|id| format!("tracking id {id}"));
        let parts: Vec<String> = [self.code, Some(self.message), tracking_id].into_iter().flatten().collect();
        format!("({})", parts.join(", "))
    }
}

/// Writes the error of a service behind the hub, which a message may contain as JSON, in plain words.
fn rewrite_nested(message: &str) -> String {
    let mut starts = message.match_indices('{').take(TRIED_BRACES);
    let rewritten = starts.find_map(|(start, _)| {
        let (before, json) = message.split_at(start);
        let mut values = serde_json::Deserializer::from_str(json).into_iter::<Map<String, Value>>();
        let cause = ErrorBody::from_object(&values.next()?.ok()?)?.into_text();
        let after = json.get(values.byte_offset()..).unwrap_or_default();
        Some(format!("{before}{cause}{after}"))
    });
    rewritten.unwrap_or_else(|| message.to_owned())
}

/// Returns the six digits at the beginning of a text, or else the text.
fn parse_code(text: &str) -> Option<String> {
    let text = text.trim();
    let digits = text.get(..6).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    Some(digits.unwrap_or(text).to_owned()).filter(|code| !code.is_empty())
}

/// Returns the id of `[Tracking ID:]<id>[-TimeStamp:<time>]`.
fn parse_tracking_id(text: &str) -> Option<String> {
    let text = strip_label(text, TRACKING_ID).unwrap_or(text);
    let id = text.split("-TimeStamp:").next()?.trim();
    Some(id.to_owned()).filter(|id| !id.is_empty())
}

/// Returns the text after a label, whose case does not count; `None` without the label.
fn strip_label<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let (start, rest) = text.trim().split_at_checked(label.len())?;
    start.eq_ignore_ascii_case(label).then_some(rest)
}

/// Returns the title of an HTML page, such as one of a proxy.
fn html_title(body: &str) -> Option<&str> {
    let lower_case = body.to_ascii_lowercase();
    let (start, end) = (lower_case.find("<title>")?, lower_case.find("</title>")?);
    body.get(start + "<title>".len()..end).filter(|_| body.starts_with('<'))
}

#[cfg(test)]
mod tests;
