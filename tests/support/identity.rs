//! A credential provider for the tests of Entra ID tokens.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use jobs_api::{Client, Credential};
use jobs_emulator::{Emulator, Issuer};

use crate::support::{HOUR, builder_with};

/// A credential provider whose tokens the hub accepts; it can be slow, fail or hang.
#[derive(Debug)]
pub(crate) struct Identity {
    issuer: Issuer,
    /// How long each token is valid.
    pub(crate) lifetime: Mutex<Duration>,
    /// How long each request for a token takes.
    pub(crate) latency: Mutex<Duration>,
    requests: AtomicU32,
    /// The scopes requested so far.
    pub(crate) scopes: Mutex<Vec<String>>,
    /// Makes every request for a token fail.
    pub(crate) fails: AtomicBool,
    /// Makes requests for a token wait forever.
    pub(crate) hangs: AtomicBool,
}

impl Identity {
    /// Creates a provider of hour-long tokens for the hub.
    pub(crate) fn of(hub: &Emulator) -> Arc<Self> {
        Arc::new(Self {
            issuer: hub.issuer(),
            lifetime: Mutex::new(HOUR),
            latency: Mutex::default(),
            requests: AtomicU32::new(0),
            scopes: Mutex::default(),
            fails: AtomicBool::new(false),
            hangs: AtomicBool::new(false),
        })
    }

    /// Returns the number of tokens requested so far.
    pub(crate) fn token_requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }
}

#[async_trait::async_trait]
impl TokenCredential for Identity {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.scopes.lock().unwrap().extend(scopes.iter().map(|scope| (*scope).to_owned()));
        if self.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        if self.fails.load(Ordering::Relaxed) {
            return Err(azure_core::Error::with_message(
                ErrorKind::Credential,
                "the identity is not assigned",
            ));
        }
        tokio::task::yield_now().await;
        let latency = *self.latency.lock().unwrap();
        tokio::time::sleep(latency).await;
        let lifetime = *self.lifetime.lock().unwrap();
        let audience = scopes[0].trim_end_matches("/.default");
        let token = self.issuer.token_for(audience, lifetime);
        Ok(AccessToken::new(token, (SystemTime::now() + lifetime).into()))
    }
}

/// Returns a client of the hub that authenticates with this credential provider.
pub(crate) fn client_of(hub: &Emulator, identity: &Arc<Identity>) -> Client {
    builder_with(hub, Credential::token(identity.clone())).build().unwrap()
}
