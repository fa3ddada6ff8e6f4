//! Why no token came from where tokens come from.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "entra")]
use super::redaction::text_without_tokens;

/// Why no token came. Two of these are equal when they tell of the same failure.
#[derive(Clone)]
pub struct TokenError(Arc<Reason>);

#[cfg_attr(not(feature = "entra"), allow(dead_code, reason = "some happen to a token credential only"))]
enum Reason {
    Failed(Box<dyn std::error::Error + Send + Sync>),
    Late(Duration),
    Panicked,
    Expired,
    Empty,
}

impl TokenError {
    /// The credential reports a failure. If its texts show a token, they are kept without it, and the error
    /// itself is not.
    #[cfg(feature = "entra")]
    pub(super) fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let error = error.into();
        Self(Arc::new(Reason::Failed(match redacted(&*error) {
            Some(texts) => Box::new(texts),
            None => error,
        })))
    }

    /// No token came for this long.
    pub(crate) fn late(time: Duration) -> Self {
        Self(Arc::new(Reason::Late(time)))
    }

    pub(super) fn panicked() -> Self {
        Self(Arc::new(Reason::Panicked))
    }

    /// The token that came had expired before.
    pub(super) fn expired() -> Self {
        Self(Arc::new(Reason::Expired))
    }

    /// The token that came has no characters.
    #[cfg(feature = "entra")]
    pub(super) fn empty() -> Self {
        Self(Arc::new(Reason::Empty))
    }

    /// The credential neither gave a token nor failed in time.
    pub fn is_timeout(&self) -> bool {
        matches!(*self.0, Reason::Late(_))
    }
}

impl PartialEq for TokenError {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for TokenError {}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Reason::Failed(_) => f.write_str("the credential gave no token"),
            Reason::Late(time) => write!(f, "the credential gave no token within {time:.0?}"),
            Reason::Panicked => f.write_str("the credential panicked"),
            Reason::Empty => f.write_str("the credential gave an empty token"),
            Reason::Expired => {
                f.write_str("the credential gave a token that has expired; check this machine's clock")
            }
        }
    }
}

/// Shows the texts of what lies beneath, not its members: they are not ours to vouch for.
impl fmt::Debug for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenError({self}")?;
        for cause in causes(std::error::Error::source(self)) {
            write!(f, ": {cause}")?;
        }
        f.write_str(")")
    }
}

impl std::error::Error for TokenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &*self.0 {
            Reason::Failed(error) => Some(&**error as _),
            _ => None,
        }
    }
}

/// An error, if there is one, and what lies beneath it.
pub(crate) fn causes<'a>(
    error: Option<&'a (dyn std::error::Error + 'static)>,
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(error, |error| error.source())
}

/// The texts of an error and of what lies beneath it, without the tokens in them; none when there are none.
#[cfg(feature = "entra")]
fn redacted(error: &(dyn std::error::Error + 'static)) -> Option<Redacted> {
    let texts: Vec<String> = causes(Some(error)).map(ToString::to_string).collect();
    let shows_token = texts.iter().any(|text| text_without_tokens(text).is_some());
    let without = |text: String| text_without_tokens(&text).unwrap_or(text);
    let chain = texts
        .into_iter()
        .rev()
        .fold(None, |source, text| Some(Redacted { text: without(text), source: source.map(Box::new) }));
    chain.filter(|_| shows_token)
}

/// What is left of an error that showed a token.
#[cfg(feature = "entra")]
#[derive(Debug)]
struct Redacted {
    text: String,
    source: Option<Box<Redacted>>,
}

#[cfg(feature = "entra")]
impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(feature = "entra")]
impl std::error::Error for Redacted {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(all(test, feature = "entra"))]
mod tests {
    use std::error::Error;

    use azure_core::error::ErrorKind;

    use super::*;

    #[test]
    fn an_error_of_a_credential_is_kept_without_the_tokens_that_it_shows() {
        let beneath = "the answer was {\"access_token\":\"eyJhbGciOiJIUzI1NiJ9.e30.c2VjcmV0\"}";
        let error =
            azure_core::Error::with_error(ErrorKind::Credential, std::io::Error::other(beneath), "no token");
        let error = TokenError::failed(error);
        let source = error.source().unwrap();
        assert_eq!(source.to_string(), "no token");
        let beneath = source.source().unwrap();
        assert_eq!(beneath.to_string(), "the answer was {\"access_token\":\"[redacted]\"}");
        let shown = format!("{error:?} {source:?} {beneath:?}");
        assert!(!shown.contains("eyJ") && !shown.contains("c2VjcmV0"), "{shown}");
    }

    #[test]
    fn an_error_of_a_credential_that_shows_no_token_is_kept_as_it_is() {
        let error = azure_core::Error::with_message(ErrorKind::Credential, "no identity");
        let error = TokenError::failed(error);
        let kept = error.source().unwrap().downcast_ref::<azure_core::Error>().unwrap();
        assert!(matches!(kept.kind(), ErrorKind::Credential));
    }
}
