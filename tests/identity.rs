//! An identity of Entra ID, as the tests need one.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use jobs_api::{Client, Credential};
use jobs_emulator::{Emulator, Issuer};

use crate::support::{HOUR, builder};

/// An identity whose tokens the hub takes, as long as it is in a state to give some.
#[derive(Debug)]
pub(crate) struct Identity {
    issuer: Issuer,
    pub(crate) life: Mutex<Duration>,
    /// How long it takes over a token.
    pub(crate) slowness: Mutex<Duration>,
    /// How often it was asked.
    asked: AtomicU32,
    pub(crate) scopes: Mutex<Vec<String>>,
    pub(crate) fails: AtomicBool,
    pub(crate) hangs: AtomicBool,
}

impl Identity {
    pub(crate) fn of(hub: &Emulator) -> Arc<Self> {
        Arc::new(Self {
            issuer: hub.issuer(),
            life: Mutex::new(HOUR),
            slowness: Mutex::default(),
            asked: AtomicU32::new(0),
            scopes: Mutex::default(),
            fails: AtomicBool::new(false),
            hangs: AtomicBool::new(false),
        })
    }

    pub(crate) fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

#[async_trait::async_trait]
impl TokenCredential for Identity {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        self.asked.fetch_add(1, Ordering::Relaxed);
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
        let slowness = *self.slowness.lock().unwrap();
        tokio::time::sleep(slowness).await;
        let life = *self.life.lock().unwrap();
        let audience = scopes[0].trim_end_matches("/.default");
        let token = self.issuer.token_for(audience, life);
        Ok(AccessToken::new(token, (SystemTime::now() + life).into()))
    }
}

/// A client that signs as this identity.
pub(crate) fn client_of(hub: &Emulator, identity: &Arc<Identity>) -> Client {
    builder(hub).credential(Credential::token(identity.clone())).build().unwrap()
}
