//! Tokens of Microsoft Entra ID, which a [`TokenCredential`] gets: its own cache and retries are its
//! business, OAuth is none of ours.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use azure_core::credentials::TokenCredential;

use super::{BEARER, CredentialError, Secret, Token, TokenError};

/// What a token must be for, in every cloud: [Control access by using Microsoft Entra ID][page].
///
/// [page]: https://learn.microsoft.com/azure/iot-hub/authenticate-authorize-azure-ad
const SCOPE: &str = "https://iothubs.azure.net/.default";

/// How old a token must be for a refusal by the hub to have it renewed: what came just now is refused
/// for another reason than its age, and asking again for each refused call would be hammering.
pub(super) const DOUBTABLE_AGE: Duration = Duration::from_secs(30);

/// A credential, and the scope that its tokens are to have.
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

    pub(super) async fn issue(&self) -> Result<Token, CredentialError> {
        let issued = self.credential.get_token(&[&self.scope], None).await;
        let issued = issued.map_err(|error| CredentialError::NoToken(TokenError::failed(error)))?;
        let token = issued.token.secret();
        if token.is_empty() {
            return Err(CredentialError::NoToken(TokenError::empty()));
        }
        // A blank would make two words of what is one.
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(CredentialError::NotAHeader);
        }
        let seconds = u64::try_from(issued.expires_on.unix_timestamp()).unwrap_or_default();
        let end = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        let life = end.and_then(|end| end.duration_since(SystemTime::now()).ok()).unwrap_or_default();
        Ok(Token { text: Secret::new(format!("{BEARER}{token}")), life })
    }
}
