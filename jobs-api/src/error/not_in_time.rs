//! Calls whose turn does not come before their deadline.

use std::fmt;
use std::time::Duration;

/// The reason why a call was not sent: the client paces its calls, and the turn of this one does not come
/// before its [deadline](crate::RetryPolicy::with_deadline).
///
/// ```
/// # fn example(error: jobs_api::Error) {
/// if let jobs_api::Error::NotInTime(late) = error {
///     println!("{} calls wait before this one, for {:?}", late.waiting(), late.wait());
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct NotInTime {
    pub(crate) waiting: usize,
    pub(crate) rate: Option<f64>,
    pub(crate) wait: Option<Duration>,
    pub(crate) is_slot: bool,
}

impl NotInTime {
    /// Returns how many calls wait before this one.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Returns the rate of the calls, in calls a minute, if it is known.
    pub fn rate(&self) -> Option<f64> {
        self.rate
    }

    /// Returns how long the call would wait, if that is known.
    pub fn wait(&self) -> Option<Duration> {
        self.wait
    }

    /// Returns true if the call waits for a job to end, not for its turn at the rate.
    pub fn is_slot(&self) -> bool {
        self.is_slot
    }
}

impl fmt::Display for NotInTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not sent: ")?;
        match self.waiting {
            0 => f.write_str("no call waits before it")?,
            1 => f.write_str("1 call waits before it")?,
            waiting => write!(f, "{waiting} calls wait before it")?,
        }
        if self.is_slot {
            return f.write_str(" for a job to end, and none ended before the deadline");
        }
        if let Some(rate) = self.rate {
            write!(f, ", at {rate:.0} a minute")?;
        }
        match self.wait {
            Some(wait) => {
                write!(f, "; its turn would come in {:.1} s, after its deadline", wait.as_secs_f64())
            }
            None => f.write_str("; its turn did not come before its deadline"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_names_queue_rate_and_time() {
        let wait = Some(Duration::from_secs(248));
        let error = NotInTime { waiting: 412, rate: Some(100.0), wait, is_slot: false };
        assert_eq!(
            error.to_string(),
            "not sent: 412 calls wait before it, at 100 a minute; its turn would come in 248.0 s, after its \
             deadline"
        );
        let slot = NotInTime { waiting: 0, rate: None, wait: None, is_slot: true };
        assert!(slot.to_string().ends_with(" for a job to end, and none ended before the deadline"));
    }
}
