//! Capture of `tracing` output, per thread: text, the lines of the compact set-up, events as JSON, and spans as
//! OpenTelemetry gets them.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::Write;
use std::sync::Once;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use serde_json::Value;
use tokio::time::Instant;
use tracing_opentelemetry::MetricsLayer;
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, Targets, dynamic_filter_fn, filter_fn};
use tracing_subscriber::fmt::format::{FmtSpan, Writer};
use tracing_subscriber::fmt::layer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::prelude::*;

use super::meter::meter_provider;

thread_local! {
    static CAPTURED: RefCell<Option<Capture>> = const { RefCell::new(None) };
}

struct Capture {
    start: Instant,
    text: Vec<u8>,
    diary: Vec<u8>,
    json: Vec<u8>,
    spans: Vec<SpanData>,
}

/// Captures this thread's spans and events at every level until it is dropped.
pub(crate) struct Captured;

impl Captured {
    pub(crate) fn start() -> Self {
        subscribe();
        let [text, diary, json] = [const { Vec::new() }; 3];
        CAPTURED.set(Some(Capture { start: Instant::now(), text, diary, json, spans: Vec::new() }));
        Self
    }

    pub(crate) fn text(&self) -> String {
        let text = CAPTURED.with_borrow(|captured| captured.as_ref().unwrap().text.clone());
        String::from_utf8(text).unwrap()
    }

    /// Returns what the compact set-up of the documentation prints, with the time since the start by Tokio's clock.
    pub(crate) fn diary(&self) -> String {
        let diary = CAPTURED.with_borrow(|captured| captured.as_ref().unwrap().diary.clone());
        String::from_utf8(diary).unwrap()
    }

    /// Returns the events of a log in JSON, of INFO and above.
    pub(crate) fn events(&self) -> Vec<Value> {
        let json = CAPTURED.with_borrow(|captured| captured.as_ref().unwrap().json.clone());
        json.split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    /// Returns the spans that have ended, in the order of their ends. Each attribute appears once.
    pub(crate) fn spans(&self) -> Vec<SpanData> {
        let spans = CAPTURED.with_borrow(|captured| captured.as_ref().unwrap().spans.clone());
        for span in &spans {
            let names: HashSet<_> = span.attributes.iter().map(|attribute| &attribute.key).collect();
            assert_eq!(names.len(), span.attributes.len(), "{:?}", span.attributes);
        }
        spans
    }
}

impl Drop for Captured {
    fn drop(&mut self) {
        CAPTURED.set(None);
    }
}

/// Sets one subscriber for all threads: subscribers that come and go race for the callsites' caches.
pub(crate) fn subscribe() {
    static SUBSCRIBER: Once = Once::new();
    SUBSCRIBER.call_once(|| {
        let text = layer()
            .with_span_events(FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(|| Buffer(|captured| &mut captured.text));
        let diary = layer()
            .with_ansi(false)
            .with_timer(Elapsed)
            .with_writer(|| Buffer(|captured| &mut captured.diary));
        let json = layer().json().with_writer(|| Buffer(|captured| &mut captured.json));
        let levels = Targets::new().with_target("jobs_api", LevelFilter::INFO);
        let events = filter_fn(|of| of.is_event()).with_max_level_hint(LevelFilter::INFO);
        let tracer = SdkTracerProvider::builder().with_simple_exporter(Exporter).build().tracer("behaviour");
        let spans = tracing_opentelemetry::layer().with_tracer(tracer);
        tracing_subscriber::registry()
            .with(text.with_filter(dynamic_filter_fn(|_, _| is_capturing())))
            .with(json.with_filter(levels.clone().and(dynamic_filter_fn(|_, _| is_capturing()))))
            .with(diary.with_filter(levels.and(events).and(dynamic_filter_fn(|_, _| is_capturing()))))
            .with(spans.with_filter(dynamic_filter_fn(|_, _| is_capturing())))
            .with(MetricsLayer::new(meter_provider().clone()))
            .init();
    });
}

fn is_capturing() -> bool {
    CAPTURED.with_borrow(Option::is_some)
}

/// The time since the start of the capture, as hours, minutes and seconds.
struct Elapsed;

impl FormatTime for Elapsed {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        let start = CAPTURED.with_borrow(|captured| captured.as_ref().map(|captured| captured.start));
        let seconds = start.map(|start| start.elapsed().as_secs()).unwrap_or_default();
        write!(writer, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

/// Adds to a text of the current thread's capture, if it has one.
struct Buffer(fn(&mut Capture) -> &mut Vec<u8>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        CAPTURED.with_borrow_mut(|captured| {
            captured.iter_mut().for_each(|captured| (self.0)(captured).extend_from_slice(bytes));
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Adds spans to the capture of the current thread, if it has one.
#[derive(Debug)]
struct Exporter;

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        CAPTURED.with_borrow_mut(|captured| {
            captured.iter_mut().for_each(|captured| captured.spans.extend_from_slice(&batch));
        });
        Ok(())
    }
}
