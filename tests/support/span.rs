//! Spans as OpenTelemetry gets them.

use opentelemetry::trace::{Event, SpanId, Status};
use opentelemetry_sdk::trace::SpanData;

/// Returns the value of an attribute.
pub(crate) fn attribute(span: &SpanData, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == name);
    found.map(|attribute| attribute.value.to_string())
}

/// Asserts that attributes have these values, or are absent.
#[track_caller]
pub(crate) fn assert_attributes(span: &SpanData, expected: &[(&str, Option<&str>)]) {
    for (name, value) in expected {
        assert_eq!(attribute(span, name).as_deref(), *value, "{name} of {}", span.name);
    }
}

/// Returns the spans below `parent`, in the order of their ends.
pub(crate) fn children(spans: &[SpanData], parent: SpanId) -> Vec<&SpanData> {
    spans.iter().filter(|span| span.parent_span_id == parent).collect()
}

/// Returns the only span of this name.
#[track_caller]
pub(crate) fn find_span<'a>(spans: &'a [SpanData], name: &str) -> &'a SpanData {
    let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "{name} in {:?}", names(spans));
    found[0]
}

/// Returns the names of spans.
pub(crate) fn names(spans: &[SpanData]) -> Vec<&str> {
    spans.iter().map(|span| &*span.name).collect()
}

/// Returns the levels and the texts of the failures that a span reports.
pub(crate) fn failures(span: &SpanData) -> Vec<(String, String)> {
    let value = |event: &Event, name| {
        let found = event.attributes.iter().find(|attribute| attribute.key.as_str() == name);
        found.map(|attribute| attribute.value.to_string()).unwrap_or_default()
    };
    let failures = span.events.iter().map(|event| (value(event, "level"), value(event, "error")));
    failures.filter(|(_, error)| !error.is_empty()).collect()
}

/// Returns the description of a failed span's status.
pub(crate) fn description(span: &SpanData) -> Option<&str> {
    match &span.status {
        Status::Error { description } => Some(description),
        _ => None,
    }
}

/// Returns the attributes of each event of a span that has this message, as `name=value`.
pub(crate) fn events(span: &SpanData, message: &str) -> Vec<Vec<String>> {
    let attributes = |event: &Event| {
        event.attributes.iter().map(|attribute| format!("{}={}", attribute.key, attribute.value)).collect()
    };
    span.events.iter().filter(|event| event.name == message).map(attributes).collect()
}
