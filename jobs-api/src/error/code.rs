//! The service's error codes.

use std::borrow::Cow;
use std::fmt;

/// The service's name for an error, or its six digits if the name is not known.
///
/// The constants are those that calls on jobs meet, with the names of [IoT Hub error codes][page]. Any other name or
/// number is kept verbatim, so that a code of a newer service can be compared by its text. The first three digits
/// of a number are the HTTP status.
///
/// Prefer the predicates of [`Error`](crate::Error): they know which codes mean the same.
///
/// [page]: https://learn.microsoft.com/azure/iot-hub/troubleshoot-error-codes
///
/// ```
/// use jobs_api::ErrorCode;
///
/// let code = ErrorCode::from("404103");
/// assert_eq!(code, ErrorCode::DEVICE_NOT_ONLINE);
/// assert_eq!((code.as_str(), code.number()), ("DeviceNotOnline", Some(404103)));
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ErrorCode(Cow<'static, str>);

macro_rules! error_codes {
    ($($constant:ident = $name:literal, $number:literal;)*) => {
        impl ErrorCode {
            $(
                #[doc = concat!("`", $name, "`, ", $number)]
                pub const $constant: Self = Self(Cow::Borrowed($name));
            )*
        }

        const KNOWN: &[(ErrorCode, u32)] = &[$((ErrorCode::$constant, $number)),*];
    };
}

error_codes! {
    ARGUMENT_INVALID = "ArgumentInvalid", 400004;
    IOT_HUB_NOT_FOUND = "IotHubNotFound", 401001;
    IOT_HUB_UNAUTHORIZED_ACCESS = "IotHubUnauthorizedAccess", 401002;
    IOT_HUB_UNAUTHORIZED = "IotHubUnauthorized", 401003;
    IOT_HUB_SUSPENDED = "IotHubSuspended", 403001;
    IOT_HUB_QUOTA_EXCEEDED = "IotHubQuotaExceeded", 403002;
    JOB_QUOTA_EXCEEDED = "JobQuotaExceeded", 403003;
    OPERATION_NOT_AVAILABLE_IN_CURRENT_TIER = "OperationNotAvailableInCurrentTier", 403010;
    GENERIC_NOT_FOUND = "GenericNotFound", 404000;
    JOB_NOT_FOUND = "JobNotFound", 404002;
    IOT_HUB_FAILING_OVER = "IotHubFailingOver", 404012;
    DEVICE_NOT_ONLINE = "DeviceNotOnline", 404103;
    OPERATION_NOT_ALLOWED_IN_CURRENT_STATE = "OperationNotAllowedInCurrentState", 405102;
    DEVICE_JOB_ALREADY_EXISTS = "DeviceJobAlreadyExists", 409103;
    JOB_ALREADY_EXISTS = "JobAlreadyExists", 409104;
    PRECONDITION_FAILED = "PreconditionFailed", 412001;
    JOB_RUN_PRECONDITION_FAILED = "JobRunPreconditionFailed", 412003;
    THROTTLING_EXCEPTION = "ThrottlingException", 429001;
    THROTTLE_BACKLOG_LIMIT_EXCEEDED = "ThrottleBacklogLimitExceeded", 429002;
    THROTTLING_BACKLOG_TIMEOUT = "ThrottlingBacklogTimeout", 429003;
    THROTTLING_MAX_ACTIVE_JOB_COUNT_EXCEEDED = "ThrottlingMaxActiveJobCountExceeded", 429004;
    SERVER_ERROR = "ServerError", 500001;
    SERVICE_UNAVAILABLE = "ServiceUnavailable", 503001;
}

impl ErrorCode {
    /// Returns the name as the service writes it, or the digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the six digits; `None` for an unknown name.
    pub fn number(&self) -> Option<u32> {
        let known = KNOWN.iter().find(|(code, _)| code == self);
        known.map(|(_, number)| *number).or_else(|| self.0.parse().ok())
    }

    /// Chooses among the texts of a response the first that is a name: sources number errors differently. Without a
    /// name the first number counts.
    pub(super) fn choose(texts: [Option<&str>; 2]) -> Option<Self> {
        let is_number = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
        let texts = texts.into_iter().flatten().filter(|text| !text.is_empty());
        texts.min_by_key(is_number).map(Self::from)
    }
}

/// Reads a name, ignoring case, or six digits.
impl From<&str> for ErrorCode {
    fn from(text: &str) -> Self {
        let number = text.parse().ok();
        let mut known = KNOWN.iter();
        let known = known.find(|(code, known)| Some(*known) == number || code.0.eq_ignore_ascii_case(text));
        known.map_or_else(|| Self(Cow::Owned(text.to_owned())), |(code, _)| code.clone())
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_by_name_and_number() {
        for (code, number) in KNOWN {
            assert_eq!(ErrorCode::from(code.as_str().to_lowercase().as_str()), *code);
            assert_eq!(ErrorCode::from(number.to_string().as_str()), *code);
            assert_eq!(code.number(), Some(*number));
        }
    }

    #[test]
    fn unknown_codes_are_kept() {
        assert_eq!(ErrorCode::from("403011").number(), Some(403011));
        assert_eq!(ErrorCode::from("InvalidPolicyKey").to_string(), "InvalidPolicyKey");
        assert_eq!(ErrorCode::from("InvalidPolicyKey").number(), None);
    }
}
