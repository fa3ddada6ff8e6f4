//! The three kinds of token issuer.

use std::fmt;

#[cfg(feature = "entra")]
use super::entra::EntraCredential;
use super::sas::{SharedAccessKey, SharedAccessSignature};

/// An issuer of tokens.
///
/// Its `Debug` shows the kind and the policy, the expiry or the scope, never a key or a token.
pub(super) enum Issuer {
    Key(SharedAccessKey),
    Signature(SharedAccessSignature),
    #[cfg(feature = "entra")]
    Entra(EntraCredential),
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => {
                f.debug_struct("SharedAccessKey").field("policy", &key.policy()).finish_non_exhaustive()
            }
            Self::Signature(signature) => f
                .debug_struct("SharedAccessSignature")
                .field("expires_at", &signature.expires_at())
                .finish_non_exhaustive(),
            #[cfg(feature = "entra")]
            Self::Entra(credential) => {
                f.debug_struct("Entra").field("scope", &credential.scope()).finish_non_exhaustive()
            }
        }
    }
}
