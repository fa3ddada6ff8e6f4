//! The numbers of the service, each written once: checks and messages are made from them. Documentation repeats them.
//!
//! Sources: [Schedule jobs][jobs], [Query language][query], [Direct methods][methods], [Device twins][twins],
//! [Quotas and throttling][quotas], [Shared access signatures][sas].
//!
//! [jobs]: https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-jobs
//! [query]: https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-query-language
//! [methods]: https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-direct-methods
//! [twins]: https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-device-twins
//! [quotas]: https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling
//! [sas]: https://learn.microsoft.com/azure/iot-hub/authenticate-authorize-sas

use std::ops::RangeInclusive;

use chrono::TimeDelta;

/// Characters in a job id.
pub(crate) const JOB_ID_LENGTH: RangeInclusive<usize> = 1..=64;
/// Characters in a query condition.
pub(crate) const CONDITION_LENGTH: usize = 8192;
/// Characters in a whole query.
pub(crate) const QUERY_LENGTH: usize = 8192;
/// Bytes of JSON in a direct method's payload.
pub(crate) const PAYLOAD_SIZE: usize = 128 * 1024;
/// Seconds that a device may take to answer a direct method.
pub(crate) const RESPONSE_TIMEOUT: RangeInclusive<i32> = 5..=300;
/// Seconds that a device has to answer a direct method that names no time.
pub(crate) const DEFAULT_RESPONSE_TIMEOUT: i32 = 30;
/// Seconds that a direct method may wait for a device to connect.
pub(crate) const CONNECT_TIMEOUT: RangeInclusive<i32> = 0..=300;
/// Seconds that a direct method which names no time waits for a device to connect.
pub(crate) const DEFAULT_CONNECT_TIMEOUT: i32 = 0;
/// Seconds after which a job ends that names no time: `azure-iot-sdk-java`, issue 1591.
pub(crate) const DEFAULT_EXECUTION_TIME: i64 = 3600;
/// Objects nested within a twin's collection.
pub(crate) const TWIN_DEPTH: usize = 10;
/// How far ahead of the hub's clock a job may start. Seen on a hub in 2026, not documented:
/// `mwalser/terraform-provider-iothub: CONCEPT.md`.
pub(crate) const LATEST_START: TimeDelta = TimeDelta::hours(168);
/// Characters in the id of a device: `Twin.deviceId` in the service's Swagger document.
pub(crate) const DEVICE_ID_LENGTH: RangeInclusive<usize> = 1..=128;
/// Characters in the id of a device besides ASCII letters and digits.
pub(crate) const DEVICE_ID_PUNCTUATION: &str = "-:.+%_#*?!(),=@;$'";
/// The header with the token of the next page.
pub(crate) const CONTINUATION: &str = "x-ms-continuation";
/// Items on a page of a query.
pub(crate) const PAGE_SIZE: RangeInclusive<u8> = 1..=100;
macro_rules! job_slots {
    ($s1:literal, $s2:literal, $s3:literal) => {
        /// Jobs that run or are scheduled at the same time: on free and S1, on S2, on S3.
        pub(crate) const JOB_SLOTS: [usize; 3] = [$s1, $s2, $s3];
        /// The same, for messages.
        pub(crate) const CONCURRENT_JOBS: &str =
            concat!($s1, " on free and S1, ", $s2, " on S2, ", $s3, " on S3");
    };
}
job_slots!(1, 5, 10);
/// Operations on jobs in a minute for each unit: on free, S1 and S2; on S3.
pub(crate) const JOB_OPERATIONS: [u32; 2] = [100, 5000];
/// Devices that jobs update or call in a second: on free and S1; on S2, at least that and one for each unit;
/// on S3, for each unit.
pub(crate) const DEVICE_OPERATIONS: [u32; 3] = [10, 10, 50];
/// Queries in a minute for each unit: on free, S1 and S2; on S3.
pub(crate) const QUERIES: [u32; 2] = [20, 1000];
/// Permissions that a shared access policy needs for jobs.
pub(crate) const PERMISSIONS: &str = "RegistryRead, RegistryWrite and ServiceConnect";
/// Role that an identity of Microsoft Entra ID needs for jobs.
pub(crate) const ROLE: &str = "IoT Hub Data Contributor";

/// Returns true if the text has the form of a device id.
pub(crate) fn is_device_id(text: &str) -> bool {
    let is_character = |c: char| c.is_ascii_alphanumeric() || DEVICE_ID_PUNCTUATION.contains(c);
    DEVICE_ID_LENGTH.contains(&text.len()) && text.chars().all(is_character)
}

/// Returns true if the text has the form of a job id.
pub(crate) fn is_job_id(text: &str) -> bool {
    JOB_ID_LENGTH.contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}
