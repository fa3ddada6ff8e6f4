//! The calls between two rejections.

use std::time::Duration;

use tokio::time::Instant;

/// Counts calls since the last rejection, or since the start. The answer to a call that was sent before says
/// nothing new: a rejection has many calls in flight behind it.
#[derive(Debug)]
pub(super) struct Epoch {
    number: u64,
    /// Calls without an answer.
    in_flight: usize,
    accepted: u32,
    sent: u32,
    /// Calls sent before, which were accepted since.
    late: u32,
    /// The time at which the call was sent that was rejected last.
    since: Instant,
}

/// The number of a call in its epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Serial {
    epoch: u64,
    /// Calls sent before it in its epoch.
    pub(super) number: u32,
}

impl Epoch {
    pub(super) fn new(now: Instant) -> Self {
        Self { number: 0, in_flight: 0, accepted: 0, sent: 0, late: 0, since: now }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(super) fn accepted(&self) -> u32 {
        self.accepted
    }

    /// Returns the time from the start of the epoch until a call was sent.
    pub(super) fn elapsed(&self, sent: Instant) -> Duration {
        sent.saturating_duration_since(self.since)
    }

    /// Notes a call that is sent.
    pub(super) fn send(&mut self) -> Serial {
        let serial = Serial { epoch: self.number, number: self.sent };
        self.in_flight += 1;
        self.sent = self.sent.saturating_add(1);
        serial
    }

    /// Notes that a call has ended. Returns true if it was sent in this epoch.
    pub(super) fn record_end(&mut self, serial: Serial) -> bool {
        let is_current = serial.epoch == self.number;
        self.in_flight = self.in_flight.saturating_sub(usize::from(is_current));
        is_current
    }

    /// Notes that a call of this epoch was accepted.
    pub(super) fn record_accepted(&mut self) {
        self.accepted = self.accepted.saturating_add(1);
    }

    /// Notes that a call of an earlier epoch was accepted.
    pub(super) fn record_late(&mut self) {
        self.late = self.late.saturating_add(1);
    }

    /// Ends the epoch with the rejection of a call that was sent at this time. Returns how many calls the hub
    /// accepted before it, by which its bucket was filled since the previous rejection.
    pub(super) fn end(&mut self, serial: Serial, sent: Instant) -> u32 {
        let accepted = serial.number.saturating_add(self.late);
        *self = Self { number: self.number + 1, ..Self::new(sent) };
        accepted
    }

    /// Forgets what was counted, after an idle time.
    pub(super) fn forget(&mut self, now: Instant) {
        *self = Self { number: self.number, in_flight: self.in_flight, ..Self::new(now) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn rejection_starts_an_epoch_without_calls() {
        let start = Instant::now();
        let mut epoch = Epoch::new(start);
        let serials = [epoch.send(), epoch.send(), epoch.send(), epoch.send()];
        assert!(epoch.record_end(serials[0]));
        epoch.record_accepted();
        assert_eq!((epoch.in_flight(), epoch.accepted()), (3, 1));
        assert!(epoch.record_end(serials[2]));
        assert_eq!(epoch.end(serials[2], start + SECOND), 2, "two calls were sent before it");
        assert_eq!((epoch.in_flight(), epoch.accepted()), (0, 0));
        assert_eq!((epoch.elapsed(start + 3 * SECOND), epoch.elapsed(start)), (2 * SECOND, Duration::ZERO));
        // Calls of before are counted by the hub alone.
        assert!(!epoch.record_end(serials[3]));
        epoch.record_late();
        let next = epoch.send();
        assert_eq!((next.number, epoch.in_flight()), (0, 1));
        assert!(epoch.record_end(next));
        assert_eq!(epoch.end(next, start + 4 * SECOND), 1);
    }

    #[test]
    fn idle_time_leaves_calls_in_flight() {
        let start = Instant::now();
        let mut epoch = Epoch::new(start);
        let serial = epoch.send();
        epoch.record_accepted();
        epoch.forget(start + SECOND);
        assert_eq!((epoch.in_flight(), epoch.accepted()), (1, 0));
        assert_eq!(epoch.elapsed(start + SECOND), Duration::ZERO);
        assert!(epoch.record_end(serial));
        assert_eq!(epoch.in_flight(), 0);
    }
}
