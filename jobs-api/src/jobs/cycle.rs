//! Cycles of continuation tokens: a listing whose tokens repeat would never end, and look like a large one.

/// Detects a cycle in a sequence of tokens, in constant memory (Brent's algorithm): each token is compared
/// with one earlier token, which is replaced whenever the count reaches a power of two.
#[derive(Clone, Debug, Default)]
pub(super) struct CycleDetector {
    checkpoint: Option<String>,
    count: u64,
}

impl CycleDetector {
    /// Adds a token. Returns true if the sequence is known to repeat.
    pub(super) fn has_repeated(&mut self, token: &str) -> bool {
        if self.checkpoint.as_deref() == Some(token) {
            return true;
        }
        self.count += 1;
        if self.count.is_power_of_two() {
            self.checkpoint = Some(token.to_owned());
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cycle_of_tokens_is_detected() {
        for start in 0..5 {
            for length in 1..20 {
                let token =
                    |n: usize| format!("{}", if n < start { n } else { start + (n - start) % length });
                let mut detector = CycleDetector::default();
                assert!((0..200).any(|n| detector.has_repeated(&token(n))), "{start} {length}");
            }
        }
    }

    #[test]
    fn distinct_tokens_are_no_cycle() {
        let mut detector = CycleDetector::default();
        assert!(!(0..10_000).any(|n| detector.has_repeated(&n.to_string())));
    }
}
