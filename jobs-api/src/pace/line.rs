//! A line of calls that are served at a rate.

/// The kind of a call: changes go before reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Class {
    /// Creates or cancels a job, or does what is not known.
    Change,
    /// Reads or lists.
    Read,
}

/// A line in which each call takes a place, a number. The clock counts the calls that could have been sent so far:
/// a call may be sent once the clock has reached its place. This is the generic cell rate algorithm, in calls
/// instead of seconds, so that a rate that changes moves all places.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Line {
    pub(super) clock: f64,
    /// The next place, if the clock is not beyond it.
    tail: f64,
}

impl Line {
    /// Lets the time pass in which this many calls could have been sent; `None` for any number.
    pub(super) fn advance(&mut self, calls: Option<f64>) {
        self.clock = calls.map_or(self.clock.max(self.tail), |calls| self.clock + calls);
        // Time that no call has used is lost.
        self.tail = self.tail.max(self.clock);
    }

    pub(super) fn take(&mut self) -> f64 {
        self.tail += 1.0;
        self.tail - 1.0
    }

    /// Returns the place of a call that was rejected: the first, at a distance of whole places from all others, which
    /// move back by one.
    pub(super) fn return_to(&mut self) -> f64 {
        self.clock -= 1.0;
        self.tail + (self.clock - self.tail).ceil()
    }

    /// Takes the place of the next call that waits, which moves back by one with all behind it.
    pub(super) fn overtake(&mut self) -> f64 {
        if self.backlog() <= 0.0 {
            return self.take();
        }
        self.clock -= 1.0;
        self.tail + (self.clock - self.tail).floor() + 1.0
    }

    /// Returns the place to the line, if no other was taken since.
    pub(super) fn give_back(&mut self, place: f64) {
        if self.tail == place + 1.0 {
            self.tail = place.max(self.clock);
        }
    }

    /// Returns how many calls are ahead of the next place.
    pub(super) fn backlog(&self) -> f64 {
        self.tail - self.clock
    }
}
