//! The service's error codes.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

macro_rules! error_codes {
    ($($name:ident = $number:literal,)*) => {
        /// The service's name for an error.
        ///
        /// The names come from [IoT Hub error codes][page] and from the official clients. Any other name or
        /// number is kept as [`UnknownValue`](Self::UnknownValue).
        ///
        /// [page]: https://learn.microsoft.com/azure/iot-hub/troubleshoot-error-codes
        ///
        /// ```
        /// use jobs_api::ErrorCode;
        ///
        /// let code = ErrorCode::DeviceNotOnline;
        /// assert_eq!((code.as_str(), code.number()), ("DeviceNotOnline", Some(404103)));
        /// ```
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $(
                #[doc = concat!("`", stringify!($name), "`, ", stringify!($number))]
                $name,
            )*
            /// A name or number outside this list, verbatim.
            UnknownValue(String),
        }

        const KNOWN: &[(ErrorCode, &str, u32)] =
            &[$((ErrorCode::$name, stringify!($name), $number)),*];

        impl ErrorCode {
            /// Returns the name as the service writes it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => stringify!($name),)*
                    Self::UnknownValue(text) => text,
                }
            }

            /// Returns the six digits, whose first three are the HTTP status; `None` for an unknown name.
            pub fn number(&self) -> Option<u32> {
                match self {
                    $(Self::$name => Some($number),)*
                    Self::UnknownValue(text) => text.parse().ok(),
                }
            }
        }
    };
}

error_codes! {
    GenericBadRequest = 400000,
    InvalidProtocolVersion = 400001,
    InvalidOperation = 400003,
    ArgumentInvalid = 400004,
    ArgumentNull = 400005,
    IotHubFormatError = 400006,
    DeserializationError = 400012,
    RequestCanceled = 400021,
    EtagDoesNotMatch = 400023,
    RequestTimedOut = 400024,
    GenericUnauthorized = 401000,
    IotHubNotFound = 401001,
    IotHubUnauthorizedAccess = 401002,
    IotHubUnauthorized = 401003,
    GenericForbidden = 403000,
    IotHubSuspended = 403001,
    IotHubQuotaExceeded = 403002,
    JobQuotaExceeded = 403003,
    OperationNotAvailableInCurrentTier = 403010,
    DeviceDisabled = 403012,
    DeviceMaximumInflightMethodExceeded = 403800,
    GenericNotFound = 404000,
    DeviceNotFound = 404001,
    JobNotFound = 404002,
    ModuleNotFound = 404010,
    IotHubFailingOver = 404012,
    FeatureNotSupported = 404013,
    QueryStoreClusterNotFound = 404101,
    DeviceNotOnline = 404103,
    DeviceConnectionClosedRemotely = 404104,
    GenericMethodNotAllowed = 405000,
    OperationNotAllowedInCurrentState = 405102,
    RequestTimeout = 408000,
    GenericConflict = 409000,
    DeviceJobAlreadyExists = 409103,
    JobAlreadyExists = 409104,
    GenericPreconditionFailed = 412000,
    PreconditionFailed = 412001,
    JobRunPreconditionFailed = 412003,
    GenericRequestEntityTooLarge = 413000,
    MessageTooLarge = 413001,
    GenericUnsupportedMediaType = 415000,
    GenericTooManyRequests = 429000,
    ThrottlingException = 429001,
    ThrottleBacklogLimitExceeded = 429002,
    ThrottlingBacklogTimeout = 429003,
    ThrottlingMaxActiveJobCountExceeded = 429004,
    DeviceThrottlingLimitExceeded = 429005,
    ClientClosedRequest = 499000,
    ServerError = 500001,
    JobCancelled = 500002,
    GenericTimeout = 500008,
    GenericBadGateway = 502000,
    GenericServiceUnavailable = 503000,
    ServiceUnavailable = 503001,
    ServerBusy = 503005,
    IotHubRestoring = 503006,
    GatewayTimeout = 504101,
}

/// Numbers of only one source, for names that the other sources number differently.
const OTHER_NUMBERS: &[(u32, ErrorCode)] =
    &[(400020, ErrorCode::IotHubSuspended), (404102, ErrorCode::DeviceNotOnline)];

impl ErrorCode {
    /// Returns the code, unless the text is blank.
    pub(super) fn parse(text: &str) -> Option<Self> {
        (!text.trim().is_empty()).then(|| Self::from(text))
    }

    fn from_number(number: u32) -> Option<Self> {
        let known = KNOWN.iter().find(|(_, _, known)| *known == number).map(|(code, _, _)| code);
        let other = || OTHER_NUMBERS.iter().find(|(known, _)| *known == number).map(|(_, code)| code);
        known.or_else(other).cloned()
    }
}

/// Reads a name, ignoring case, or six digits.
impl From<&str> for ErrorCode {
    fn from(text: &str) -> Self {
        let text = text.trim();
        let named = KNOWN.iter().find(|(_, name, _)| name.eq_ignore_ascii_case(text));
        named
            .map(|(code, _, _)| code.clone())
            .or_else(|| Self::from_number(text.parse().ok()?))
            .unwrap_or_else(|| Self::UnknownValue(text.to_owned()))
    }
}

impl FromStr for ErrorCode {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::from(text))
    }
}

impl AsRef<str> for ErrorCode {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_by_name_and_number() {
        for (code, name, number) in KNOWN {
            assert_eq!(ErrorCode::from(name.to_lowercase().as_str()), *code);
            assert_eq!(ErrorCode::from(number.to_string().as_str()), *code);
            assert_eq!((code.as_str(), code.number()), (*name, Some(*number)));
        }
    }

    #[test]
    fn numbers_of_only_one_source_are_found() {
        assert_eq!(ErrorCode::from("400020"), ErrorCode::IotHubSuspended);
        assert_eq!(ErrorCode::from("404102"), ErrorCode::DeviceNotOnline);
    }

    #[test]
    fn unknown_codes_are_kept() {
        assert_eq!(ErrorCode::from("403011").number(), Some(403011));
        assert_eq!(ErrorCode::from("InvalidPolicyKey").to_string(), "InvalidPolicyKey");
        assert_eq!(ErrorCode::from("InvalidPolicyKey").number(), None);
    }
}
