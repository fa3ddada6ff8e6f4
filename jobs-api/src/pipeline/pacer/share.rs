//! The share of a known rate that other programs leave.

/// Calls after a reduction until the share that was too much is reached again.
const PLATEAU: f64 = 60.0;
/// The part of the share that remains after a rejection: one that comes soon after another, any other, and
/// one now and then, since calls do not arrive as evenly as they are sent.
const REDUCTIONS: [f64; 3] = [0.7, 0.9, 0.95];
/// Calls within which a rejection says that the share is far too large, and too few to measure what is left.
const SOON: u32 = 12;
/// Calls after which a rejection says little.
const RARE: u32 = 60;
/// The smallest share: a rival that leaves less is not waited for, but met with longer holds.
const LEAST: f64 = 0.02;

/// A share of a rate, by additive increase and multiplicative decrease along a cubic curve: after a
/// rejection it rises fast, stays long around the share that is left, then looks beyond.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    /// The share around which the hub rejects.
    rejected: f64,
    reduction: f64,
    /// Calls accepted since the last rejection.
    accepted: u32,
    /// Calls that the whole rate allows in the time of these. `None` before the first rejection: a full
    /// bucket may have hidden a rival.
    allowed: Option<f64>,
}

impl Share {
    /// The whole rate.
    pub(super) const WHOLE: Self = Self { rejected: 1.0, reduction: 1.0, accepted: 0, allowed: None };

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
        let time = 1.0 / self.value();
        self.allowed = self.allowed.map(|allowed| allowed + time);
        self.accepted = self.accepted.saturating_add(1);
        if self.value() >= 1.0 {
            *self = Self { accepted: self.accepted, allowed: self.allowed, ..Self::WHOLE };
        }
    }

    /// Notes a rejection. Returns the share that is left, if enough calls have measured it.
    pub(super) fn record_rejected(&mut self) -> Option<f64> {
        let reduction = match self.accepted {
            accepted if accepted >= RARE => REDUCTIONS[2],
            accepted if accepted < SOON && self.reduction < 1.0 => REDUCTIONS[0],
            _ => REDUCTIONS[1],
        };
        let value = self.value();
        let rejected = match self.allowed {
            // The hub's bucket was empty at both rejections: what it accepted between them has filled it. The
            // rejected call took its time, too.
            Some(allowed) if self.accepted >= SOON => {
                (f64::from(self.accepted) / (allowed + 1.0 / value)).min(value)
            }
            // The share that is left shrinks: the plateau lies below the one that was rejected.
            _ if value < self.rejected => value * (1.0 + reduction) / 2.0,
            _ => value,
        };
        let is_measured = self.allowed.is_some() && self.accepted >= RARE;
        *self = Self { rejected, reduction, accepted: 0, allowed: Some(0.0) };
        is_measured.then_some(rejected)
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
        (0..1000).for_each(|_| assert_eq!(share.record_rejected(), None));
        assert_eq!(share.value(), LEAST);
    }

    #[test]
    fn share_rises_along_a_cubic_curve() {
        let mut share = Share::WHOLE;
        share.record_rejected();
        (0..30).for_each(|_| share.record_accepted());
        assert!((share.value() - 0.9875).abs() < 1e-9, "half of the way: {}", share.value());
    }

    #[test]
    fn share_that_a_rival_leaves_is_measured() {
        for left in [0.3, 0.5, 0.7] {
            let (mut share, mut tokens, mut rejections) = (Share::WHOLE, 10.0, 0);
            let mut measured = None;
            for _ in 0..2000 {
                tokens = f64::min(tokens + left / share.value(), 10.0);
                if tokens >= 1.0 {
                    tokens -= 1.0;
                    share.record_accepted();
                } else {
                    rejections += 1;
                    measured = share.record_rejected().or(measured);
                }
            }
            let measured = measured.unwrap();
            assert!((measured / left - 1.0).abs() < 0.03, "{measured} for {left}");
            assert!(rejections <= 40, "{rejections} of 2000 with {left}");
        }
    }

    #[test]
    fn first_rejection_measures_nothing() {
        let mut share = Share::WHOLE;
        (0..200).for_each(|_| share.record_accepted());
        assert_eq!(share.record_rejected(), None);
        (0..200).for_each(|_| share.record_accepted());
        assert!(share.record_rejected().is_some_and(|left| (0.97..1.0).contains(&left)));
    }
}
