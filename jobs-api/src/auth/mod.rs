//! How a client proves to the hub who it is.
//!
//! A [`Credential`] says with what; an [`Authorizer`] turns it into the token that a request carries,
//! and keeps that token for as long as it serves.

mod connection_string;
mod sas;
mod secret;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

pub(crate) use self::connection_string::is_host_name;
pub use self::connection_string::{ConnectionString, ConnectionStringError};
use self::sas::{SharedAccessKey, SharedAccessSignature};
pub(crate) use self::secret::Secret;

/// How long before its end a token is no longer used: longer than a request and the clock's error.
const RENEWAL_MARGIN: Duration = Duration::from_secs(5 * 60);

/// What a client signs its calls with.
///
/// Its `Debug` tells the kind and the policy, never a key or a token.
#[derive(Clone)]
pub struct Credential(Kind);

#[derive(Clone)]
enum Kind {
    Key(Arc<SharedAccessKey>),
    Signature(Arc<SharedAccessSignature>),
}

impl Credential {
    /// Signs with the key of a shared access policy of the hub.
    ///
    /// The policy needs the permissions RegistryRead, RegistryWrite and ServiceConnect; `service` and
    /// `registryReadWrite` each have a part of them, `iothubowner` has all. Tokens are signed for an
    /// hour, kept, and renewed five minutes before their end. See
    /// [Control access with shared access signatures][page].
    ///
    /// # Errors
    ///
    /// The policy name or the key is empty, or the key is no base64.
    ///
    /// [page]: https://learn.microsoft.com/azure/iot-hub/authenticate-authorize-sas
    pub fn shared_access_key(policy: &str, base64_key: &str) -> Result<Self, CredentialError> {
        SharedAccessKey::new(policy, base64_key).map(|key| Self(Kind::Key(Arc::new(key))))
    }

    /// Uses a token that was signed elsewhere, until it ends: `SharedAccessSignature sr=…&sig=…&se=…`.
    ///
    /// The fields may stand in any order. The token must be for the hub that the client calls.
    ///
    /// # Errors
    ///
    /// The text has another form. That the token has ended, or is for another host, is found when the
    /// client is built and before each call.
    pub fn shared_access_signature(token: &str) -> Result<Self, CredentialError> {
        SharedAccessSignature::parse(token).map(|signature| Self(Kind::Signature(Arc::new(signature))))
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Key(key) => {
                f.debug_struct("SharedAccessKey").field("policy", &key.policy()).finish_non_exhaustive()
            }
            Kind::Signature(_) => f.debug_struct("SharedAccessSignature").finish_non_exhaustive(),
        }
    }
}

/// Why a credential cannot be used. No variant holds a key or a token.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CredentialError {
    /// The name of the shared access policy is empty.
    EmptyPolicyName,
    /// The key is empty.
    EmptyKey,
    /// The key is no base64.
    KeyIsNotBase64,
    /// The token does not start with `SharedAccessSignature` and a blank.
    NotASignature,
    /// The token lacks this field, or it is empty.
    MissingField(&'static str),
    /// The token's `se` is no number of seconds since 1970.
    UnreadableExpiry,
    /// The token ended at this instant.
    Expired(DateTime<Utc>),
    /// The token has characters that an HTTP header cannot have.
    NotAHeader,
    /// The token is for another host than the one that is called.
    OtherHost {
        /// What the token is for.
        resource: String,
        /// The host that the client calls.
        host: String,
    },
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyPolicyName => f.write_str("the name of the shared access policy is empty"),
            Self::EmptyKey => f.write_str("the shared access key is empty"),
            Self::KeyIsNotBase64 => f.write_str(
                "the shared access key is no base64; copy the policy's primary or secondary key whole, with its `=`",
            ),
            Self::NotASignature => f.write_str("the token does not start with `SharedAccessSignature `"),
            Self::MissingField(name) => write!(f, "the shared access signature lacks the field `{name}`"),
            Self::UnreadableExpiry => {
                f.write_str("the field `se` of the shared access signature is no time in seconds since 1970")
            }
            Self::NotAHeader => f.write_str("the token has characters that an HTTP header cannot have"),
            Self::Expired(end) => {
                let end = end.to_rfc3339_opts(SecondsFormat::Secs, true);
                write!(f, "the shared access signature ended at {end}; supply a new one")
            }
            Self::OtherHost { resource, host } => {
                write!(f, "the shared access signature is for {resource:?}, the client calls {host:?}")
            }
        }
    }
}

impl std::error::Error for CredentialError {}

/// What the header `Authorization` holds, and until when.
struct Token {
    text: Secret<String>,
    expires: SystemTime,
}

/// Makes the tokens for one host and keeps the current one.
pub(crate) struct Authorizer {
    credential: Credential,
    host: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    current: Option<Arc<Token>>,
    /// How far the hub's clock is ahead of ours; tokens are made by the hub's.
    clock_skew: TimeDelta,
}

/// A token in use; `expose` gives the header value in the clear.
#[derive(Clone)]
pub(crate) struct Authorization(Arc<Token>);

impl Authorization {
    pub(crate) fn expose(&self) -> &str {
        self.0.text.expose()
    }
}

impl Authorizer {
    pub(crate) fn new(credential: Credential, host: String) -> Self {
        Self { credential, host, state: Mutex::default() }
    }

    /// The host that tokens are made for.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The token for a request that is sent at `now`: signed once, then reused until shortly before its
    /// end. Calls that come while it is being signed wait for that one signature.
    pub(crate) fn authorization(&self, now: DateTime<Utc>) -> Result<Authorization, CredentialError> {
        let mut state = self.state();
        let now = SystemTime::from(now.checked_add_signed(state.clock_skew).unwrap_or(now));
        if let Some(token) = state.current.as_ref().filter(|token| token.expires > now + RENEWAL_MARGIN) {
            return Ok(Authorization(token.clone()));
        }
        let token = match &self.credential.0 {
            Kind::Key(key) => key.sign(&self.host, now),
            Kind::Signature(signature) => signature.token(&self.host, now)?,
        };
        Ok(Authorization(state.current.insert(Arc::new(token)).clone()))
    }

    /// Has the next token made anew, by the hub's clock if it is `clock_skew` ahead of ours, since the
    /// hub refused this one. False when no other can be made.
    pub(crate) fn renew(&self, refused: &Authorization, clock_skew: Option<TimeDelta>) -> bool {
        let mut state = self.state();
        if state.current.as_ref().is_some_and(|current| Arc::ptr_eq(current, &refused.0)) {
            state.current = None;
            state.clock_skew = clock_skew.unwrap_or(state.clock_skew);
        }
        matches!(self.credential.0, Kind::Key(_))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorizer").field("credential", &self.credential).field("host", &self.host).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: DateTime<Utc> = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    const HOUR: TimeDelta = TimeDelta::hours(1);
    const MARGIN: TimeDelta = TimeDelta::minutes(5);

    fn authorizer() -> Authorizer {
        let credential = Credential::shared_access_key("service", "c2VjcmV0").unwrap();
        Authorizer::new(credential, "hub.azure-devices.net".into())
    }

    fn is_same(a: &Authorization, b: &Authorization) -> bool {
        Arc::ptr_eq(&a.0, &b.0)
    }

    #[test]
    fn a_token_is_signed_once_and_reused_until_shortly_before_its_end() {
        let authorizer = authorizer();
        let first = authorizer.authorization(NOW).unwrap();
        let last_moment = NOW + HOUR - MARGIN - TimeDelta::seconds(1);
        assert!(is_same(&first, &authorizer.authorization(last_moment).unwrap()));
        let second = authorizer.authorization(last_moment + TimeDelta::seconds(1)).unwrap();
        assert!(!is_same(&first, &second));
        assert_ne!(first.expose(), second.expose());
    }

    #[test]
    fn concurrent_calls_meet_one_signature() {
        let authorizer = authorizer();
        let tokens: Vec<Authorization> = std::thread::scope(|scope| {
            let calls: Vec<_> = (0..16).map(|_| scope.spawn(|| authorizer.authorization(NOW))).collect();
            calls.into_iter().map(|call| call.join().unwrap().unwrap()).collect()
        });
        assert!(tokens.iter().all(|token| is_same(token, &tokens[0])));
    }

    #[test]
    fn a_refused_token_is_made_anew_once_by_the_hubs_clock() {
        let authorizer = authorizer();
        let refused = authorizer.authorization(NOW).unwrap();
        assert!(authorizer.renew(&refused, Some(HOUR)));
        let renewed = authorizer.authorization(NOW).unwrap();
        assert!(renewed.expose().contains("&se=1700007200&"), "two hours after {NOW}");
        assert!(authorizer.renew(&refused, None));
        assert!(is_same(&renewed, &authorizer.authorization(NOW).unwrap()), "the new token stays");
    }

    #[test]
    fn a_token_signed_elsewhere_cannot_be_made_anew() {
        let token = "SharedAccessSignature sr=h.net&sig=a&se=4102444800";
        let authorizer = Authorizer::new(Credential::shared_access_signature(token).unwrap(), "h.net".into());
        let refused = authorizer.authorization(NOW).unwrap();
        assert!(!authorizer.renew(&refused, None));
    }

    #[test]
    fn nothing_shows_a_key_or_a_token() {
        let token = "SharedAccessSignature sr=hub.azure-devices.net&sig=c2VjcmV0&se=4102444800&skn=service";
        let signature = Credential::shared_access_signature(token).unwrap();
        let shown = format!("{signature:?} {:?}", authorizer());
        assert!(
            shown.contains("service") && !shown.contains("c2VjcmV0") && !shown.contains("secret"),
            "{shown}"
        );
    }
}
