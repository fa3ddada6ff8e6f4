//! Microsoft Entra ID tokens, obtained from a [`TokenCredential`], which does the OAuth part, caching
//! and retries included.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use azure_core::credentials::TokenCredential;
use futures_util::FutureExt as _;

use super::error::{CredentialError, TokenError};
use super::redaction::BEARER;
use super::token::AccessToken;
use super::token_cache::{IssuedToken, TokenCache};

/// The scope of a hub's tokens, in every cloud: [Control access by using Microsoft Entra ID][page].
///
/// [page]: https://learn.microsoft.com/azure/iot-hub/authenticate-authorize-azure-ad
pub(super) const SCOPE: &str = "https://iothubs.azure.net/.default";

/// The age below which a rejected token is not refreshed. The hub rejects a new token for another
/// reason than its age, such as a missing role; a refresh for each rejected call would flood the token
/// endpoint.
const MIN_REFRESH_AGE: Duration = Duration::from_secs(30);

/// A token credential, the scope of its tokens and the current token.
pub(super) struct EntraCredential {
    credential: Arc<dyn TokenCredential>,
    scope: String,
    cache: TokenCache,
}

impl EntraCredential {
    pub(super) fn new(credential: Arc<dyn TokenCredential>, scope: &str) -> Self {
        Self { credential, scope: scope.to_owned(), cache: TokenCache::default() }
    }

    pub(super) fn scope(&self) -> &str {
        &self.scope
    }

    /// Returns the token for a request sent now, other than the `rejected` one.
    pub(super) async fn token(&self, rejected: Option<&AccessToken>) -> Result<AccessToken, CredentialError> {
        let issue = || issue(self.credential.clone(), self.scope.clone()).boxed();
        self.cache.token(rejected, issue).await
    }

    /// Invalidates a token that the hub rejected. Returns true if another one can be obtained now.
    pub(super) fn reject(&self, token: &AccessToken) -> bool {
        self.cache.reject(token, MIN_REFRESH_AGE)
    }
}

/// Obtains a token from the credential.
async fn issue(credential: Arc<dyn TokenCredential>, scope: String) -> Result<IssuedToken, CredentialError> {
    let issued = credential.get_token(&[&scope], None).await;
    let issued = issued.map_err(|error| CredentialError::NoToken(TokenError::from_source(error)))?;
    let token = issued.token.secret();
    if token.is_empty() {
        return Err(CredentialError::NoToken(TokenError::new("the credential returned an empty token")));
    }
    // A space is valid in a header, but would split the token in two.
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(CredentialError::not_a_header());
    }
    let seconds = u64::try_from(issued.expires_on.unix_timestamp()).unwrap_or_default();
    let expires_at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let lifetime = expires_at.duration_since(SystemTime::now()).unwrap_or_default();
    Ok(IssuedToken { token: AccessToken::new(format!("{BEARER}{token}"))?, lifetime })
}
