//! A token as requests carry it.
//!
//! An operation may send several tokens, one after a 401 or a rotation, and a late answer may echo any of them. A token
//! therefore knows the previous one of its operation, and is redacted together with it.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;

use super::error::CredentialError;
use super::redaction::redact_token;
use crate::runtime::attempt::Redact;

/// A token in the form of an `Authorization` header value. Cloning is cheap.
///
/// The value is marked sensitive: its `Debug` hides it, and HTTP/2 keeps it out of header compression.
#[derive(Clone, Debug)]
pub(crate) struct AccessToken(Arc<Token>);

#[derive(Debug)]
struct Token {
    header: Arc<HeaderValue>,
    /// The token of the previous attempt at an operation, which an answer may still echo.
    previous: Option<AccessToken>,
}

impl AccessToken {
    /// Creates the header value, scheme included.
    ///
    /// # Errors
    ///
    /// Fails if the text is not a valid header value.
    pub(super) fn new(text: String) -> Result<Self, CredentialError> {
        let header = HeaderValue::from_maybe_shared(Bytes::from(text));
        let mut header = header.map_err(|_| CredentialError::not_a_header())?;
        header.set_sensitive(true);
        Ok(Self(Arc::new(Token { header: Arc::new(header), previous: None })))
    }

    /// Returns the value of the header `Authorization`.
    pub(crate) fn header(&self) -> &HeaderValue {
        &self.0.header
    }

    /// Returns this token as the successor of `previous` within an operation: its redaction removes both.
    pub(crate) fn after(self, previous: Self) -> Self {
        if self.is_same(&previous) {
            return previous;
        }
        Self(Arc::new(Token { header: self.0.header.clone(), previous: Some(previous) }))
    }

    /// Returns the text without this or any other token, `None` if it contains none. Meant for errors only.
    pub(crate) fn redact_text(&self, text: &str) -> Option<String> {
        let redacted = redact_token(text, self.header().to_str().unwrap_or_default());
        let Some(previous) = &self.0.previous else { return redacted };
        previous.redact_text(redacted.as_deref().unwrap_or(text)).or(redacted)
    }

    /// Returns [`redact_text`](Self::redact_text) as a function.
    pub(crate) fn redactor(&self) -> Redact {
        let token = self.clone();
        Arc::new(move |text| token.redact_text(text))
    }

    /// Returns true if both are clones of one token. Equal tokens may have been issued separately.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0.header, &other.0.header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "SharedAccessSignature sr=h.net&sig=c2VjcmV0c2VjcmV0&se=1";

    #[test]
    fn header_is_sensitive() {
        let token = AccessToken::new(TOKEN.into()).unwrap();
        assert!(token.header().is_sensitive() && token.clone().header().is_sensitive());
        assert_eq!(token.header().to_str().unwrap(), TOKEN);
        assert!(!format!("{token:?} {:?}", token.header()).contains("c2Vj"));
    }

    #[test]
    fn token_that_is_no_header_is_an_error() {
        for text in ["Bearer a\nb", "Bearer \u{7f}", "a\0"] {
            assert_eq!(AccessToken::new(text.into()).unwrap_err(), CredentialError::not_a_header());
        }
    }

    #[test]
    fn text_is_redacted_of_this_and_other_tokens() {
        let token = AccessToken::new(TOKEN.into()).unwrap();
        let text = token.redact_text("c2VjcmV0c2VjcmV0, sig=b3RoZXI, eyJh.eyJi.Yw, \u{fffd}").unwrap();
        assert_eq!(text, "[redacted], [redacted], [redacted], \u{fffd}");
        assert_eq!(token.redact_text("nothing"), None);
    }

    #[test]
    fn tokens_of_earlier_attempts_are_redacted_too() {
        let token =
            |signature| AccessToken::new(format!("SharedAccessSignature sr=h.net&sig={signature}")).unwrap();
        let [first, second, third] = ["Zmlyc3RmaXJzdA", "c2Vjb25kc2Vjb25k", "dGhpcmR0aGlyZA"].map(token);
        let token = third.clone().after(second.after(first));
        let text = token.redact_text("Zmlyc3RmaXJzdA c2Vjb25kc2Vjb25k dGhpcmR0aGlyZA").unwrap();
        assert_eq!(text, "[redacted] [redacted] [redacted]");
        assert!(third.after(token.clone()).is_same(&token), "the same token again");
    }
}
