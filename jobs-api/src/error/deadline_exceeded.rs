//! Calls that cannot be sent before their deadline.

use std::fmt;
use std::time::Duration;

/// The reason why a call was not sent: it would wait longer than its
/// [deadline](crate::RetryPolicy::with_deadline).
///
/// ```
/// # fn example(error: jobs_api::Error) {
/// if let jobs_api::Error::DeadlineExceeded(reason) = error {
///     println!("the rate limit is {:?} calls a minute: wait {:?}", reason.rate(), reason.wait());
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct DeadlineExceeded {
    pub(crate) rate: Option<f64>,
    pub(crate) wait: Option<Duration>,
    pub(crate) is_slot: bool,
    /// The operation and the job's id, if they are known.
    pub(crate) target: Option<String>,
}

impl DeadlineExceeded {
    /// Returns the rate limit in calls a minute, if the call would wait for it.
    pub fn rate(&self) -> Option<f64> {
        self.rate
    }

    /// Returns how long the call would wait for the rate limit, or for the end of a pause after throttling.
    pub fn wait(&self) -> Option<Duration> {
        self.wait
    }

    /// Returns true if the call waited for a job to end.
    pub fn is_slot(&self) -> bool {
        self.is_slot
    }

    /// Returns true if the call waited for the hub to answer any call: an outage.
    pub fn is_outage(&self) -> bool {
        self.wait.is_none() && !self.is_slot
    }
}

impl fmt::Display for DeadlineExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Some(target) => write!(f, "{target} was not sent: ")?,
            None => f.write_str("not sent: ")?,
        }
        match self.wait {
            _ if self.is_slot => f.write_str("no job ended before its deadline"),
            None => f.write_str("the hub answered no other call before its deadline"),
            Some(wait) => {
                write!(f, "it would wait {:.1} s for the rate limit", wait.as_secs_f64())?;
                if let Some(rate) = self.rate {
                    write!(f, " of {rate:.0} calls a minute")?;
                }
                f.write_str(", longer than its deadline")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_names_what_the_call_waits_for() {
        let error = |rate, wait, is_slot| DeadlineExceeded { rate, wait, is_slot, target: None }.to_string();
        let wait = Some(Duration::from_secs(248));
        assert_eq!(
            error(Some(100.0), wait, false),
            "not sent: it would wait 248.0 s for the rate limit of 100 calls a minute, longer than its deadline"
        );
        assert_eq!(error(None, None, true), "not sent: no job ended before its deadline");
        assert!(error(None, None, false).contains("the hub answered no other call"));
    }
}
