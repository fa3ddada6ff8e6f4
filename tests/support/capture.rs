//! Capture of `tracing` output, per thread.

use std::cell::RefCell;
use std::io::Write;
use std::sync::Once;

use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::prelude::*;

thread_local! {
    static CAPTURED: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Captures this thread's spans and events at every level until it is dropped.
pub(crate) struct Captured;

impl Captured {
    pub(crate) fn start() -> Self {
        // One subscriber for all threads: subscribers that come and go race for the callsites' caches.
        static SUBSCRIBER: Once = Once::new();
        SUBSCRIBER.call_once(|| {
            let is_capturing = dynamic_filter_fn(|_, _| CAPTURED.with_borrow(Option::is_some));
            let writes =
                layer().with_span_events(FmtSpan::FULL).with_ansi(false).with_writer(|| ThreadBuffer);
            tracing_subscriber::registry().with(writes.with_filter(is_capturing)).init();
        });
        CAPTURED.set(Some(Vec::new()));
        Self
    }

    pub(crate) fn text(&self) -> String {
        CAPTURED.with_borrow(|captured| String::from_utf8(captured.clone().unwrap()).unwrap())
    }
}

impl Drop for Captured {
    fn drop(&mut self) {
        CAPTURED.set(None);
    }
}

/// Writes to the capture of the current thread, if it has one.
struct ThreadBuffer;

impl Write for ThreadBuffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        CAPTURED.with_borrow_mut(|captured| {
            captured.iter_mut().for_each(|captured| captured.extend_from_slice(bytes))
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
