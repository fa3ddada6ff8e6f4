//! Virtual time over real sockets.
//!
//! Tokio advances a paused clock whenever every task waits, even if a socket has become readable in the
//! same moment. A [`StillClock`] therefore keeps the runtime busy after any activity until a few passes
//! over tasks and sockets have found nothing to do. A local socket delivers bytes at once, so that the
//! order of events depends on the seed alone.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::sync::Notify;
use tokio::task::yield_now;

/// Passes without activity after which nothing is under way: from one observed task to the next, bytes
/// pass at most the two tasks of a connection that are not observed.
const QUIET_PASSES: u32 = 4;

/// Keeps the paused clock still while anything happens between client and hub.
#[derive(Clone, Default)]
pub(super) struct StillClock(Arc<Inner>);

#[derive(Default)]
struct Inner {
    is_active: AtomicBool,
    is_waiting: AtomicBool,
    activity: Notify,
}

impl StillClock {
    /// Starts to keep the clock of the current runtime still.
    pub(super) fn start() -> Self {
        let clock = Self::default();
        tokio::spawn(clock.clone().run());
        clock
    }

    /// Counts each poll of `future` as activity.
    pub(super) fn observe<F: Future>(&self, future: F) -> Observed<F> {
        Observed { clock: self.clone(), future: Box::pin(future) }
    }

    async fn run(self) {
        let Inner { is_active, is_waiting, activity } = &*self.0;
        loop {
            let mut quiet_passes = 0;
            while quiet_passes < QUIET_PASSES {
                yield_now().await;
                quiet_passes = if is_active.swap(false, Ordering::Relaxed) { 0 } else { quiet_passes + 1 };
            }
            is_waiting.store(true, Ordering::Relaxed);
            activity.notified().await;
        }
    }

    fn report_activity(&self) {
        self.0.is_active.store(true, Ordering::Relaxed);
        if self.0.is_waiting.swap(false, Ordering::Relaxed) {
            self.0.activity.notify_one();
        }
    }
}

/// A future whose polls are activity.
pub(super) struct Observed<F> {
    clock: StillClock,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Observed<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.clock.report_activity();
        self.future.as_mut().poll(context)
    }
}
