//! Ids of jobs.

use std::fmt;

use super::validate::check_job_id;
use crate::error::Error;

/// Random characters of a unique id: 52 bits.
const SUFFIX_LENGTH: usize = 10;

/// The id of a job: 1 to 64 ASCII letters, digits and `-`.
///
/// Lower case suits every hub: newer ones reject an id with upper-case letters, older ones accept it.
///
/// ```
/// # async fn example(
/// #     client: jobs_api::Client,
/// #     request: jobs_api::types::JobRequest,
/// # ) -> Result<(), jobs_api::Error> {
/// use jobs_api::JobId;
///
/// let id = JobId::unique("reboot")?; // such as reboot-4f8k2m9x0c
/// client.create_scheduled_job(id.as_str(), &request).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct JobId(String);

impl JobId {
    /// Checks an id.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] if the service would not accept it.
    pub fn new(id: impl Into<String>) -> Result<Self, Error> {
        let id = id.into();
        check_job_id(&id)?;
        Ok(Self(id))
    }

    /// Creates an id of the prefix in lower case, `-` and ten random characters.
    ///
    /// Keep the id, if the call that creates the job may have to be repeated.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] if the prefix is not valid in an id, or too long for one with the other characters.
    pub fn unique(prefix: &str) -> Result<Self, Error> {
        let digit = || char::from_digit(fastrand::u32(..36), 36).unwrap_or('0');
        let suffix: String = std::iter::repeat_with(digit).take(SUFFIX_LENGTH).collect();
        Self::new(format!("{}-{suffix}", prefix.to_ascii_lowercase()))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> Self {
        id.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unique_ids_differ_and_are_valid() {
        let [one, other] = [JobId::unique("reboot").unwrap(), JobId::unique("reboot").unwrap()];
        assert_ne!(one, other);
        assert!(one.as_str().starts_with("reboot-") && one.as_str().len() == "reboot-".len() + SUFFIX_LENGTH);
        assert_eq!(JobId::unique(&"x".repeat(53)).unwrap().as_str().len(), 64);
        assert!(JobId::unique("Reboot-A").unwrap().as_str().starts_with("reboot-a-"));
        assert_eq!(JobId::new("Reboot-43").unwrap().as_str(), "Reboot-43");
    }

    #[test]
    fn invalid_prefix_is_an_error() {
        for prefix in ["a b", "é", &"x".repeat(54)] {
            assert!(JobId::unique(prefix).is_err(), "{prefix}");
        }
        assert!(JobId::new("query").is_err() && JobId::new("a").is_ok());
    }
}
