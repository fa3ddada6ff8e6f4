//! A clock under the test's control.

use std::time::Duration;

/// Bounds every wait; far longer than any of them takes.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Tokio's clock under the test's control, for tests that start with the clock paused.
///
/// While this value lives, Tokio does not advance the paused clock when all tasks wait for the network.
pub(crate) struct FrozenClock {
    /// Dropping it ends the blocking task.
    _alive: std::sync::mpsc::Sender<()>,
}

impl FrozenClock {
    pub(crate) fn new() -> Self {
        let (_alive, closed) = std::sync::mpsc::channel();
        // Tokio advances a paused clock only while no blocking task is running.
        tokio::task::spawn_blocking(move || closed.recv());
        Self { _alive }
    }

    /// Lets tasks run until `condition` holds and all of them wait for the clock again.
    pub(crate) async fn run_until(&self, condition: impl Fn() -> bool) {
        let start = std::time::Instant::now();
        while !condition() {
            assert!(start.elapsed() < TEST_TIMEOUT, "the condition was not met in time");
            self.let_tasks_run().await;
        }
        self.advance(Duration::ZERO).await;
    }

    /// Advances the clock and lets the tasks run whose timers have fired.
    pub(crate) async fn advance(&self, time: Duration) {
        tokio::time::advance(time).await;
        for _ in 0..20 {
            self.let_tasks_run().await;
        }
    }

    /// Advances the clock second by second until `condition` holds.
    pub(crate) async fn advance_until(&self, condition: impl Fn() -> bool) {
        let start = std::time::Instant::now();
        while !condition() {
            assert!(start.elapsed() < TEST_TIMEOUT, "the condition was not met in time");
            self.advance(Duration::from_secs(1)).await;
        }
    }

    async fn let_tasks_run(&self) {
        std::thread::sleep(Duration::from_millis(1));
        tokio::task::yield_now().await;
    }
}
