//! The tokens for one host: made when needed, kept for as long as they serve.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use percent_encoding::percent_decode_str;
use reqwest::header::{HeaderMap, HeaderValue};

use super::{Credential, CredentialError, Kind, Secret};

/// How long before its end a token is no longer used: longer than a request and the clock's error.
const RENEWAL_MARGIN: Duration = Duration::from_secs(5 * 60);

/// What the header `Authorization` holds, and until when.
pub(super) struct Token {
    pub(super) text: Secret<String>,
    pub(super) expires: SystemTime,
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

    /// `body` without this token: a server may echo the request in its error page.
    pub(crate) fn redact(&self, body: Bytes) -> Bytes {
        match self.redact_text(&String::from_utf8_lossy(&body)) {
            Some(text) => text.into(),
            None => body,
        }
    }

    /// The headers without this token.
    pub(crate) fn redact_headers(&self, headers: &HeaderMap) -> HeaderMap {
        let mut headers = headers.clone();
        for value in headers.values_mut() {
            let redacted = self.redact_text(&String::from_utf8_lossy(value.as_bytes()));
            if let Some(text) = redacted {
                *value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(REDACTED));
            }
        }
        headers
    }

    /// The text without the signature of this token; none when it is not in there.
    ///
    /// The beginning of the signature is enough, since an answer may break off in the middle of it. It is
    /// looked for as it was sent, decoded, with lower-case escapes, and with the escapes of JSON.
    pub(crate) fn redact_text(&self, text: &str) -> Option<String> {
        let token = self.expose();
        let signature = token
            .split_once(SIGNATURE_FIELD)
            .map_or(token, |(_, rest)| rest.split('&').next().unwrap_or(rest));
        let decoded = percent_decode_str(signature).decode_utf8_lossy().into_owned();
        let forms = [
            signature.to_owned(),
            signature.replace("%2B", "%2b").replace("%2F", "%2f").replace("%3D", "%3d"),
            decoded.replace('/', "\\/"),
            decoded.replace('+', "\\u002B"),
            decoded.replace('+', "\\u002b"),
            decoded,
        ];
        let starts = forms.iter().filter(|form| form.len() >= TELLTALE);
        let starts = starts.map(|form| form.chars().take(TELLTALE).collect());
        let mut redacted: Option<String> = None;
        // A token from before may be echoed as well: every signature goes.
        for start in starts.chain([SIGNATURE_FIELD.to_owned()]) {
            let text = redacted.as_deref().unwrap_or(text);
            if text.contains(&start) {
                redacted = Some(without_runs(text, &start));
            }
        }
        redacted
    }
}

/// How much of a signature is enough to know it by, in characters.
const TELLTALE: usize = 12;
const REDACTED: &str = "[redacted]";
const SIGNATURE_FIELD: &str = "sig=";

/// Takes away each run of a token's characters that begins with `start`.
fn without_runs(text: &str, start: &str) -> String {
    let is_of_token = |c: char| c.is_ascii_alphanumeric() || "+/=%-._~\\".contains(c);
    let mut parts = text.split(start);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |kept, part| kept + REDACTED + part.trim_start_matches(is_of_token))
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

    /// Has the next token made anew, by the hub's clock, which is `clock_skew` ahead of ours, since the
    /// hub refused this one. False when no other can be made.
    pub(crate) fn renew(&self, refused: &Authorization, clock_skew: TimeDelta) -> bool {
        let mut state = self.state();
        if state.current.as_ref().is_some_and(|current| Arc::ptr_eq(current, &refused.0)) {
            state.current = None;
            state.clock_skew = clock_skew;
        }
        matches!(self.credential.0, Kind::Key(_))
    }

    /// The time by the hub's clock, as far as it is known.
    pub(crate) fn hub_time(&self) -> DateTime<Utc> {
        let now = Utc::now();
        now.checked_add_signed(self.state().clock_skew).unwrap_or(now)
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
        assert!(authorizer.renew(&refused, HOUR));
        let renewed = authorizer.authorization(NOW).unwrap();
        assert!(renewed.expose().contains("&se=1700007200&"), "two hours after {NOW}");
        assert!(authorizer.renew(&refused, TimeDelta::zero()));
        assert!(is_same(&renewed, &authorizer.authorization(NOW).unwrap()), "the new token stays");
        assert!(authorizer.renew(&renewed, TimeDelta::zero()));
        let agreed = authorizer.authorization(NOW).unwrap();
        assert!(agreed.expose().contains("&se=1700003600&"), "the clocks agree again");
    }

    #[test]
    fn an_echo_is_redacted_in_every_form_also_when_it_breaks_off() {
        let text = "SharedAccessSignature sr=h.net&sig=aB%2Bc%2FdEfGhIjKlMnOp%3D&se=4102444800";
        let authorizer = Authorizer::new(Credential::shared_access_signature(text).unwrap(), "h.net".into());
        let token = authorizer.authorization(NOW).unwrap();
        for echo in [
            text,
            "aB%2Bc%2FdEfGhIjKlMnOp%3D",
            "aB%2bc%2fdEfGhIjKlMnOp%3d",
            "aB+c/dEfGhIjKlMnOp=",
            r"aB\u002Bc/dEfGhIjKlMnOp=",
            r"aB+c\/dEfGhIjKlMnOp=",
            "aB%2Bc%2FdEfGhI",
            "an older one: sig=zzzzzzzzzz",
        ] {
            let redacted = token.redact_text(&format!("you sent <{echo}>")).unwrap();
            assert!(
                redacted.contains("[redacted]") && !redacted.contains("dEf") && !redacted.contains("zz"),
                "{redacted}"
            );
            assert!(redacted.starts_with("you sent <") && redacted.ends_with('>'), "{redacted}");
        }
        assert_eq!(token.redact_text("nothing of it"), None);
    }

    #[test]
    fn a_token_signed_elsewhere_cannot_be_made_anew() {
        let token = "SharedAccessSignature sr=h.net&sig=a&se=4102444800";
        let authorizer = Authorizer::new(Credential::shared_access_signature(token).unwrap(), "h.net".into());
        let refused = authorizer.authorization(NOW).unwrap();
        assert!(!authorizer.renew(&refused, HOUR));
    }
}
