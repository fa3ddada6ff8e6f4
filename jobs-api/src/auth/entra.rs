//! Microsoft Entra ID tokens, obtained from a [`TokenCredential`], which does the OAuth part, caching
//! and retries included.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use azure_core::credentials::TokenCredential;

use super::error::{CredentialError, TokenError};
use super::redaction::BEARER;
use super::token::{AccessToken, IssuedToken};

/// The scope of a hub's tokens, in every cloud: [Control access by using Microsoft Entra ID][page].
///
/// [page]: https://learn.microsoft.com/azure/iot-hub/authenticate-authorize-azure-ad
const SCOPE: &str = "https://iothubs.azure.net/.default";

/// A token credential and the scope of its tokens.
#[derive(Clone)]
pub(super) struct EntraCredential {
    credential: Arc<dyn TokenCredential>,
    scope: String,
}

impl EntraCredential {
    pub(super) fn new(credential: Arc<dyn TokenCredential>) -> Self {
        Self { credential, scope: SCOPE.to_owned() }
    }

    pub(super) fn with_scope(self, scope: &str) -> Result<Self, CredentialError> {
        match scope.trim() {
            "" => Err(CredentialError::EmptyScope),
            scope => Ok(Self { scope: scope.to_owned(), ..self }),
        }
    }

    pub(super) fn scope(&self) -> &str {
        &self.scope
    }

    /// Obtains a token from the credential.
    pub(super) async fn issue(&self) -> Result<IssuedToken, CredentialError> {
        let issued = self.credential.get_token(&[&self.scope], None).await;
        let issued = issued.map_err(|error| CredentialError::NoToken(TokenError::from_source(error)))?;
        let token = issued.token.secret();
        if token.is_empty() {
            return Err(CredentialError::NoToken(TokenError::empty_token()));
        }
        // A space is valid in a header, but would split the token in two.
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(CredentialError::NotAHeader);
        }
        let seconds = u64::try_from(issued.expires_on.unix_timestamp()).unwrap_or_default();
        let expires_at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let lifetime = expires_at.duration_since(SystemTime::now()).unwrap_or_default();
        Ok(IssuedToken { token: AccessToken::new(format!("{BEARER}{token}"))?, lifetime })
    }
}
