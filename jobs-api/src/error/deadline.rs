//! Calls that cannot be sent before their deadline.

use std::fmt;
use std::time::Duration;

/// What a call would wait for longer than its [deadline](crate::RetryPolicy::with_deadline), so that it was not
/// sent.
///
/// ```
/// # fn example(error: jobs_api::Error) {
/// use jobs_api::{DeadlineExceeded, Error};
///
/// if let Error::DeadlineExceeded { reason: DeadlineExceeded::RateLimit { wait, .. }, .. } = error {
///     println!("call again in {wait:?}");
/// }
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum DeadlineExceeded {
    /// The rate limit, or the end of a pause after throttling. The same call may be made after `wait`; a longer
    /// deadline lets it wait by itself.
    #[non_exhaustive]
    RateLimit {
        /// How long the call would wait.
        wait: Duration,
        /// The rate limit in calls a minute, if it is known.
        rate: Option<f64>,
    },
    /// The end of a job, which frees a slot: see
    /// [`with_slot_deadline`](crate::RetryPolicy::with_slot_deadline).
    Slot,
    /// The end of an outage: the hub answers no call. See [`with_breaker`](crate::RetryPolicy::with_breaker).
    Outage,
}

impl fmt::Display for DeadlineExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot => f.write_str("no job ended before its deadline"),
            Self::Outage => f.write_str("the hub answered no other call before its deadline"),
            Self::RateLimit { wait, rate } => {
                let rate = rate.map(|rate| format!(" of {rate:.0} calls a minute")).unwrap_or_default();
                let wait = wait.as_secs_f64();
                write!(f, "it would wait {wait:.1} s for the rate limit{rate}, longer than its deadline")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_names_what_the_call_waits_for() {
        let limited = DeadlineExceeded::RateLimit { wait: Duration::from_secs(248), rate: Some(100.0) };
        assert_eq!(
            limited.to_string(),
            "it would wait 248.0 s for the rate limit of 100 calls a minute, longer than its deadline"
        );
        assert_eq!(DeadlineExceeded::Slot.to_string(), "no job ended before its deadline");
        assert!(DeadlineExceeded::Outage.to_string().contains("the hub answered no other call"));
    }
}
