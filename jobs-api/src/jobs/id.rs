//! Ids of jobs.

use super::validate::check_job_id;
use crate::error::Error;

/// Random characters of a unique id: 52 bits.
const SUFFIX_LENGTH: usize = 10;

/// Creates an id for a job: the prefix in lower case, `-` and ten random characters.
///
/// Lower case suits every hub: newer ones reject an id with upper-case letters, older ones accept it. Keep the id, if
/// the call that creates the job may have to be repeated.
///
/// ```
/// # async fn example(
/// #     client: jobs_api::Client,
/// #     request: jobs_api::types::JobRequest,
/// # ) -> Result<(), jobs_api::Error> {
/// let id = jobs_api::unique_job_id("reboot")?; // such as reboot-4f8k2m9x0c
/// client.create_scheduled_job(&id, &request).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`Error::InvalidRequest`] if the prefix is not valid in an id, or too long for one with the other characters.
pub fn unique_job_id(prefix: &str) -> Result<String, Error> {
    let digit = || char::from_digit(fastrand::u32(..36), 36).unwrap_or('0');
    let suffix: String = std::iter::repeat_with(digit).take(SUFFIX_LENGTH).collect();
    let id = format!("{}-{suffix}", prefix.to_ascii_lowercase());
    check_job_id(&id).map(|()| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unique_ids_differ_and_are_valid() {
        let [one, other] = [unique_job_id("reboot").unwrap(), unique_job_id("reboot").unwrap()];
        assert_ne!(one, other);
        assert!(one.starts_with("reboot-") && one.len() == "reboot-".len() + SUFFIX_LENGTH);
        assert_eq!(unique_job_id(&"x".repeat(53)).unwrap().len(), 64);
        assert!(unique_job_id("Reboot-A").unwrap().starts_with("reboot-a-"));
    }

    #[test]
    fn invalid_prefix_is_an_error() {
        for prefix in ["a b", "é", &"x".repeat(54)] {
            assert!(unique_job_id(prefix).is_err(), "{prefix}");
        }
    }
}
