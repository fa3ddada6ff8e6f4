//! Capture of `tracing` output, per thread: text, and spans as OpenTelemetry gets them.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::Write;
use std::sync::Once;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use tracing_opentelemetry::MetricsLayer;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::prelude::*;

use super::meter::meter_provider;

thread_local! {
    static CAPTURED: RefCell<Option<(Vec<u8>, Vec<SpanData>)>> = const { RefCell::new(None) };
}

/// Captures this thread's spans and events at every level until it is dropped.
pub(crate) struct Captured;

impl Captured {
    pub(crate) fn start() -> Self {
        subscribe();
        CAPTURED.set(Some(Default::default()));
        Self
    }

    pub(crate) fn text(&self) -> String {
        CAPTURED.with_borrow(|captured| {
            let (text, _) = captured.as_ref().unwrap();
            String::from_utf8(text.clone()).unwrap()
        })
    }

    /// Returns the spans that have ended, in the order of their ends. Each attribute appears once.
    pub(crate) fn spans(&self) -> Vec<SpanData> {
        let spans = CAPTURED.with_borrow(|captured| captured.as_ref().unwrap().1.clone());
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
        let text = layer().with_span_events(FmtSpan::FULL).with_ansi(false).with_writer(|| ThreadBuffer);
        let tracer =
            SdkTracerProvider::builder().with_simple_exporter(ThreadBuffer).build().tracer("behaviour");
        let spans = tracing_opentelemetry::layer().with_tracer(tracer);
        tracing_subscriber::registry()
            .with(text.with_filter(dynamic_filter_fn(|_, _| is_capturing())))
            .with(spans.with_filter(dynamic_filter_fn(|_, _| is_capturing())))
            .with(MetricsLayer::new(meter_provider().clone()))
            .init();
    });
}

fn is_capturing() -> bool {
    CAPTURED.with_borrow(Option::is_some)
}

/// Adds to the capture of the current thread, if it has one.
#[derive(Debug)]
struct ThreadBuffer;

impl Write for ThreadBuffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        CAPTURED.with_borrow_mut(|captured| {
            captured.iter_mut().for_each(|(text, _)| text.extend_from_slice(bytes));
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl SpanExporter for ThreadBuffer {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        CAPTURED.with_borrow_mut(|captured| {
            captured.iter_mut().for_each(|(_, spans)| spans.extend_from_slice(&batch));
        });
        Ok(())
    }
}
