//! The token for requests to one hub.

use std::pin::pin;

use futures_util::future::{Either, select};

use super::credential::{Credential, Issuer};
use super::error::CredentialError;
use super::hub_clock::HubClock;
use super::token::AccessToken;

/// Provides the token for requests to one hub, and knows the hub's clock.
pub(crate) struct Authorizer {
    pub(crate) credential: Credential,
    /// The host name that tokens are signed for.
    audience: String,
    pub(crate) clock: HubClock,
}

impl Authorizer {
    /// Creates an authorizer for a hub.
    ///
    /// # Errors
    ///
    /// Fails if the credential is a shared access signature that has expired or is for another host.
    pub(crate) fn new(credential: Credential, audience: String) -> Result<Self, CredentialError> {
        let clock = HubClock::default();
        if let Issuer::Signature(signature) = &*credential.issuer() {
            signature.token(&audience, clock.now())?;
        }
        Ok(Self { credential, audience, clock })
    }

    /// Returns the token for a request sent now, other than the one `rejected` in this call.
    ///
    /// A shared access key or signature answers at once and needs no runtime. An Entra ID token may take
    /// up to two minutes; the future may be dropped at any time, the refresh then continues for others.
    ///
    /// # Errors
    ///
    /// Fails if the signature has expired, or if the token credential fails.
    pub(crate) async fn token(&self, rejected: Option<&AccessToken>) -> Result<AccessToken, CredentialError> {
        let mut issuers = self.credential.subscribe();
        loop {
            let issuer = issuers.borrow_and_update().clone();
            let replacement = pin!(issuers.changed());
            let token = pin!(issuer.token(&self.audience, &self.clock, rejected));
            // The replacement comes first, so that no token of a replaced issuer is returned.
            if let Either::Right((token, _)) = select(replacement, token).await {
                return token;
            }
        }
    }

    /// Invalidates a token that the hub answered with 401. Returns true if another one can be obtained
    /// now.
    ///
    /// Let the [`clock`](Self::clock) observe that answer first: the next token is signed by it. If it
    /// is out of range, another token signed by the same key is no better.
    pub(crate) fn reject(&self, token: &AccessToken) -> bool {
        self.credential.issuer().reject(token, &self.clock)
    }
}

#[cfg(test)]
mod tests;
