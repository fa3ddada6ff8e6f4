//! Outages: while a hub only fails, one probe is due at a time.
//!
//! Retries of many calls would keep a hub down that has just come up. The breaker therefore counts the failures of all
//! calls of a client, and from some number on lets one call through at a time, with growing pauses. The first answer
//! that is no such failure, even a refusal, ends the outage.

use std::time::Duration;

use tokio::time::Instant;

/// The first pause between two probes; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// When an outage is assumed, and how rarely it is probed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct BreakerSettings {
    /// Failures in a row of all calls of the client; 0 for never.
    pub(crate) failures: u32,
    pub(crate) longest_pause: Duration,
}

/// Delays calls while the hub answers none. It fails none: each waits until its own deadline.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    /// The time of the next probe, and the pause after it.
    next: Option<(Instant, Duration)>,
}

impl Breaker {
    pub(super) fn is_open(&self) -> bool {
        self.next.is_some()
    }

    /// Takes the probe that is due; the next one is due by the clock, whatever becomes of this one. Returns the time of
    /// the next probe otherwise.
    pub(super) fn take_probe(&mut self, settings: &BreakerSettings, now: Instant) -> Result<(), Instant> {
        let Some((probe, pause)) = &mut self.next else { return Ok(()) };
        if *probe > now {
            return Err(*probe);
        }
        // Clients do not probe together.
        *probe = now + pause.mul_f64(1.0 - fastrand::f64() / 4.0);
        *pause = (*pause * 2).min(settings.longest_pause);
        Ok(())
    }

    /// Records a failure, or another answer. Returns true if an outage begins with it, and false if one ends.
    pub(super) fn record(
        &mut self,
        is_failure: bool,
        settings: &BreakerSettings,
        now: Instant,
    ) -> Option<bool> {
        if !is_failure {
            self.failures = 0;
            return self.next.take().map(|_| false);
        }
        self.failures = self.failures.saturating_add(1);
        let begins = !self.is_open() && settings.failures > 0 && self.failures >= settings.failures;
        begins.then(|| {
            let pause = FIRST_PAUSE.min(settings.longest_pause);
            self.next = Some((now + pause, pause));
            true
        })
    }
}
