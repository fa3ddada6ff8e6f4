//! Replacing what calls are signed with while they run.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use super::{Credential, Issuer};

/// A handle on a credential that can be replaced while clients use it: when a key is rotated, when a
/// token signed elsewhere nears its end.
///
/// Give [`Credential::rotating`] to the clients, keep the handle, and [`replace`](Self::replace) what it
/// holds: every attempt from then on is signed with the new one, in all of those clients. That includes
/// the second attempt of a call which the hub had refused (401) with the one before, and calls that are
/// waiting for a token of the one before.
///
/// To rotate a policy's keys without a refused call, replace the credential by one with the policy's
/// other key first, and have the hub regenerate the first key then. That a credential is good for the hub
/// is seen at the next call.
///
/// ```
/// # fn example(primary: &str, secondary: &str) -> Result<(), jobs_api::Error> {
/// use jobs_api::{Client, Credential, RotatingCredential};
///
/// let handle = RotatingCredential::new(Credential::shared_access_key("iothubowner", primary)?);
/// let client = Client::builder("contoso.azure-devices.net")
///     .credential(Credential::rotating(&handle))
///     .build()?;
/// // Later, wherever the news of another key arrives:
/// handle.replace(Credential::shared_access_key("iothubowner", secondary)?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RotatingCredential(Arc<watch::Sender<Issuer>>);

impl RotatingCredential {
    /// Starts with this credential.
    pub fn new(credential: Credential) -> Self {
        Self(Arc::new(watch::Sender::new(credential.issuer())))
    }

    /// Has every further attempt signed with this credential. Of a rotating one, it takes what that
    /// holds now.
    pub fn replace(&self, credential: Credential) {
        let issuer = credential.issuer();
        // What a user's credential does when it is dropped is done here, without the lock.
        drop(self.0.send_replace(issuer));
    }

    pub(super) fn issuer(&self) -> Issuer {
        self.0.borrow().clone()
    }

    /// Ends at the first replacement that follows this call.
    pub(super) fn replaced(&self) -> impl Future<Output = ()> + use<> {
        let mut held = self.0.subscribe();
        async move {
            // It fails only when there is no handle left, nor then a client that could wait.
            let _ = held.changed().await;
        }
    }
}

impl fmt::Debug for RotatingCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RotatingCredential").field(&self.issuer()).finish()
    }
}
