//! The three kinds of token issuer.

use std::fmt;

#[cfg(feature = "entra")]
use super::entra::EntraCredential;
use super::error::CredentialError;
use super::hub_clock::HubClock;
use super::sas::{SharedAccessKey, SharedAccessSignature};
use super::token::AccessToken;

/// An issuer of tokens, with the token that it issued last.
///
/// Its `Debug` shows the kind and the policy, the expiry or the scope, never a key or a token.
pub(super) enum Issuer {
    Key(SharedAccessKey),
    Signature(SharedAccessSignature),
    #[cfg(feature = "entra")]
    Entra(EntraCredential),
}

impl Issuer {
    /// Returns the token for a request sent now, other than the `rejected` one.
    pub(super) async fn token(
        &self,
        audience: &str,
        clock: &HubClock,
        rejected: Option<&AccessToken>,
    ) -> Result<AccessToken, CredentialError> {
        match self {
            // Signs inline: an HMAC takes microseconds, less than handing it to a task.
            Self::Key(key) => key.token(audience, clock.now(), rejected),
            Self::Signature(signature) => signature.token(audience, clock.now()),
            #[cfg(feature = "entra")]
            Self::Entra(credential) => credential.token(rejected).await,
        }
    }

    /// Invalidates a token that the hub rejected. Returns true if another one can be obtained now.
    pub(super) fn reject(&self, token: &AccessToken, clock: &HubClock) -> bool {
        match self {
            // By a clock that is too far off to be corrected, the next token is no better.
            Self::Key(key) => !key.forget(token) || !clock.is_out_of_range(),
            Self::Signature(signature) => !signature.is_source_of(token),
            #[cfg(feature = "entra")]
            Self::Entra(credential) => credential.reject(token),
        }
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name, value): (_, _, &dyn fmt::Debug) = match self {
            Self::Key(key) => ("SharedAccessKey", "policy", &key.policy()),
            Self::Signature(signature) => ("SharedAccessSignature", "expires_at", &signature.expires_at()),
            #[cfg(feature = "entra")]
            Self::Entra(credential) => ("Entra", "scope", &credential.scope()),
        };
        f.debug_struct(kind).field(name, value).finish_non_exhaustive()
    }
}
