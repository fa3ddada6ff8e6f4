//! Ids of requests.
//!
//! The client's spans, its errors and the hub's logs name a request by the same id. It must be unique and need not be
//! secret, so that the client makes it without a crate for UUIDs.

use std::fmt;

/// The id that a request carries in its header `Request-Id`: a random UUID of version 4.
///
/// It is unique enough to find a request in logs, and not meant to be unpredictable.
///
/// ```
/// # fn example(error: jobs_api::Error) {
/// if let Some(attempt) = error.attempt() {
///     println!("for the support: {}", attempt.request_id());
/// }
/// # }
/// ```
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct RequestId([u8; 16]);

impl RequestId {
    pub(crate) fn random() -> Self {
        Self::from_bits(fastrand::u128(..))
    }

    /// Sets the version (4) and the variant of RFC 9562.
    pub(crate) const fn from_bits(bits: u128) -> Self {
        Self((bits & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62).to_be_bytes())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("{:032x}", u128::from_be_bytes(self.0));
        for hyphen in [8, 13, 18, 23] {
            text.insert(hyphen, '-');
        }
        f.write_str(&text)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_id_is_a_uuid_of_version_4() {
        assert_eq!(RequestId::from_bits(0).to_string(), "00000000-0000-4000-8000-000000000000");
        assert_eq!(RequestId::from_bits(u128::MAX).to_string(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        let bits = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef;
        assert_eq!(RequestId::from_bits(bits).to_string(), "01234567-89ab-4def-8123-456789abcdef");
    }

    #[test]
    fn request_ids_differ() {
        assert_ne!(RequestId::random(), RequestId::random());
    }
}
