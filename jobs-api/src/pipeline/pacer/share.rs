//! The share of a known rate that other programs leave.

/// Calls after a reduction until the share that was too much is reached again.
const PLATEAU: f64 = 60.0;
/// The part of the share that remains after a rejection: one that comes soon after another, any other, and
/// one now and then, since calls do not arrive as evenly as they are sent.
const REDUCTIONS: [f64; 3] = [0.7, 0.9, 0.95];
/// Calls within which a rejection says that the share is far too large.
const SOON: u32 = 12;
/// Calls after which a rejection says little.
const RARE: u32 = 60;
/// The smallest share: a rival that leaves less is not waited for, but met with longer holds.
const LEAST: f64 = 0.02;

/// A share of a rate, by additive increase and multiplicative decrease along a cubic curve: after a
/// rejection it rises fast, stays long just below the share that was rejected, then looks beyond.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    rejected: f64,
    reduction: f64,
    accepted: u32,
}

impl Share {
    /// The whole rate.
    pub(super) const WHOLE: Self = Self { rejected: 1.0, reduction: 1.0, accepted: 0 };

    /// Returns the share, between 0 and 1.
    pub(super) fn value(&self) -> f64 {
        let distance = f64::from(self.accepted) / PLATEAU - 1.0;
        let value = self.rejected * (1.0 + (1.0 - self.reduction) * distance.powi(3));
        if self.reduction < 1.0 { value.clamp(LEAST, 1.0) } else { self.rejected }
    }

    /// Returns the share around which the hub rejects.
    pub(super) fn rejected(&self) -> f64 {
        self.rejected
    }

    /// Notes a call that was paced and accepted.
    pub(super) fn record_accepted(&mut self) {
        self.accepted = self.accepted.saturating_add(1);
        if self.value() >= 1.0 {
            *self = Self { accepted: self.accepted, ..Self::WHOLE };
        }
    }

    /// Notes a rejection.
    pub(super) fn record_rejected(&mut self) {
        let reduction = match self.accepted {
            accepted if accepted >= RARE => REDUCTIONS[2],
            accepted if accepted < SOON && self.reduction < 1.0 => REDUCTIONS[0],
            _ => REDUCTIONS[1],
        };
        let value = self.value();
        // The share that is left shrinks: the plateau lies below the one that was rejected.
        let rejected = if value < self.rejected { value * (1.0 + reduction) / 2.0 } else { value };
        *self = Self { rejected, reduction, accepted: 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_falls_at_a_rejection_and_returns_to_the_whole() {
        let mut share = Share::WHOLE;
        assert_eq!(share.value(), 1.0);
        share.record_rejected();
        assert!((share.value() - 0.9).abs() < 1e-9);
        share.record_rejected();
        assert!((share.value() - 0.5355).abs() < 1e-9, "soon after the first: {}", share.value());
        let mut previous = share.value();
        for _ in 0..130 {
            share.record_accepted();
            assert!(share.value() >= previous);
            previous = share.value();
        }
        assert_eq!(share.value(), 1.0);
    }

    #[test]
    fn share_is_never_nothing() {
        let mut share = Share::WHOLE;
        (0..1000).for_each(|_| share.record_rejected());
        assert_eq!(share.value(), LEAST);
    }
}
