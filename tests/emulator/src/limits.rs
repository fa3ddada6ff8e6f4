//! Numbers of the service, and the bounds that the emulator sets itself.

use std::time::Duration;

/// Longest job id, in characters.
pub(crate) const JOB_ID_LENGTH: usize = 64;
/// Longest query or query condition, in characters.
pub(crate) const QUERY_LENGTH: usize = 8_192;
/// Largest payload of a direct method, in bytes.
pub(crate) const METHOD_PAYLOAD_SIZE: usize = 128 * 1024;
/// Range of a method's response timeout, in seconds.
pub(crate) const RESPONSE_TIMEOUT_SECONDS: std::ops::RangeInclusive<i64> = 5..=300;
/// Response timeout of a method call that sets none.
pub(crate) const DEFAULT_RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
/// Range of a method's connect timeout, in seconds.
pub(crate) const CONNECT_TIMEOUT_SECONDS: std::ops::RangeInclusive<i64> = 0..=300;
/// Hours from now within which a job starts.
pub(crate) const START_HOURS: i64 = 168;
/// Time limit of a job that sets none, in seconds.
pub(crate) const DEFAULT_MAX_EXECUTION_SECONDS: i64 = 3_600;
/// Largest page, and the size of a page when none is requested.
pub(crate) const PAGE_SIZE: usize = 100;
/// Days after its end at which a job is forgotten.
pub(crate) const JOB_HISTORY_DAYS: i64 = 30;
/// Most devices of a hub in the free tier.
pub(crate) const FREE_TIER_DEVICES: usize = 500;

/// Most nested objects in tags, desired or reported properties.
pub(crate) const TWIN_DEPTH: usize = 10;
/// Longest key of a twin, in bytes.
pub(crate) const TWIN_KEY_SIZE: usize = 1024;
/// Longest string value of a twin, in bytes.
pub(crate) const TWIN_STRING_SIZE: usize = 4 * 1024;
/// Range of an integer in a twin.
pub(crate) const TWIN_INTEGERS: std::ops::RangeInclusive<i64> =
    -4_503_599_627_370_495..=4_503_599_627_370_495;
/// Largest tags of a twin, in bytes.
pub(crate) const TWIN_TAGS_SIZE: usize = 8 * 1024;
/// Largest desired or reported properties of a twin, in bytes.
pub(crate) const TWIN_PROPERTIES_SIZE: usize = 32 * 1024;

/// Largest clock difference at which a token is still accepted as begun.
pub(crate) const CLOCK_TOLERANCE_SECONDS: i64 = 5 * 60;

/// Burst of a meter, as the time in which its rate brings as much: assumed, since the documentation
/// speaks only of "the first minute or two".
pub(crate) const THROTTLE_BURST: Duration = Duration::from_secs(60);
/// Queue of a meter, as the longest wait in it: assumed, since the documentation gives no size.
pub(crate) const THROTTLE_QUEUE: Duration = Duration::from_secs(30);

/// Largest request body, in bytes. The largest legal job is a fifth of it.
pub(crate) const BODY_SIZE: usize = 1024 * 1024;
/// Largest head of a request, in bytes.
pub(crate) const HEAD_SIZE: usize = 64 * 1024;
/// Time within which a client completes the TLS handshake, or the first byte of a plain connection.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time within which a client sends the head of a request.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Time within which a client sends the body of a request.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Time without any progress after which a connection is closed.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(120);
/// Time for which a client may leave an answer unread before the connection is closed.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Most connections at a time; further ones wait to be accepted.
pub(crate) const CONNECTIONS: usize = 4_096;
/// Most concurrent streams of one HTTP/2 connection.
#[cfg(feature = "http2")]
pub(crate) const STREAMS: u32 = 256;

/// Most requests that are recorded unless the builder says otherwise: the newest are kept.
pub(crate) const RECORDED_REQUESTS: usize = 10_000;
/// Most rows or twins that are examined, and most events processed, under one hold of the lock.
pub(crate) const SLICE: usize = 2_048;
/// Most rows or twins that are examined for one page. A page that ends here may hold fewer items than
/// requested, and carries a continuation token.
pub(crate) const SCAN: usize = 200_000;
/// Most groups of one aggregate query.
pub(crate) const GROUPS: usize = 10_000;
/// Lag behind the hub's clock from which events wait for the device handlers of earlier events.
pub(crate) const LIVE_LAG_SECONDS: i64 = 1;
