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
/// The label of a tracking id in a text.
const TRACKING_ID: &str = "Tracking ID:";

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

    /// Returns this error and its causes, from the outermost.
    pub(super) fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |body| body.cause.as_deref())
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

    /// Parses `ErrorCode:<name or six digits>;<text>`, whose text may contain another error as JSON, or the
    /// tracking id on a line of its own.
    fn from_message(text: &str) -> Self {
        let mut body = Self::default();
        let mut fields: Vec<&str> = text.split(';').collect();
        let codes = fields.iter().map(|field| strip_prefix_ignore_case(field.trim(), "ErrorCode:"));
        if let Some((index, code)) = codes.enumerate().find_map(|(index, code)| Some((index, code?))) {
            body.set_code(code);
            fields.remove(index);
        }
        let text = fields.join(";").trim().to_owned();
        let tracking = text.lines().find(|line| strip_prefix_ignore_case(line, TRACKING_ID).is_some());
        (body.tracking_id, body.timestamp) = tracking.map(parse_tracking).unwrap_or_default();
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

/// Parses `[Tracking ID:]<id>[-TimeStamp:<time>]`; the time is `MM/dd/yyyy HH:mm:ss` in UTC, or RFC 3339.
fn parse_tracking(text: &str) -> (Option<String>, Option<Timestamp>) {
    let rest = strip_prefix_ignore_case(text, TRACKING_ID).unwrap_or(text);
    let (id, timestamp) = rest.split_once("-TimeStamp:").unwrap_or((rest, ""));
    let id = Some(id.trim().to_owned()).filter(|id| !id.is_empty());
    let timestamp = match chrono::NaiveDateTime::parse_from_str(timestamp.trim(), "%m/%d/%Y %H:%M:%S") {
        Ok(timestamp) => timestamp.and_utc().into(),
        Err(_) => Timestamp::from(timestamp.trim()),
    };
    (id, Some(timestamp).filter(|timestamp| timestamp.to_utc().is_some()))
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
mod tests;
