//! Replacing what calls are signed with while they run.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Credential, Issuer};

/// A handle on a credential that can be replaced while clients use it: when a key is rotated, when a
/// token signed elsewhere nears its end.
///
/// Give [`Credential::rotating`] to the clients, keep the handle, and [`replace`](Self::replace) what it
/// holds: every attempt from then on is signed with the new one, in all of those clients. That includes
/// the second attempt of a call which the hub had refused (401) with the one before.
///
/// To rotate the keys of a policy without a refused call, replace the key in use by the policy's other
/// one before the hub is told to make the first anew.
///
/// ```
/// # fn example(primary: &str, secondary: &str) -> Result<(), jobs_api::Error> {
/// use jobs_api::{Client, Credential, RotatingCredential};
///
/// let handle = RotatingCredential::new(Credential::shared_access_key("service", primary)?);
/// let client = Client::builder("contoso.azure-devices.net")
///     .credential(Credential::rotating(&handle))
///     .build()?;
/// // Later, wherever the news of another key arrives:
/// handle.replace(Credential::shared_access_key("service", secondary)?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RotatingCredential(Arc<Mutex<Issuer>>);

impl RotatingCredential {
    /// Starts with this credential.
    pub fn new(credential: Credential) -> Self {
        Self(Arc::new(Mutex::new(credential.issuer())))
    }

    /// Has every further attempt signed with this credential. Of a rotating one, it takes what that
    /// holds now.
    pub fn replace(&self, credential: Credential) {
        let issuer = credential.issuer();
        // What a user's credential does when it is dropped is done without the lock.
        let _before = std::mem::replace(&mut *self.held(), issuer);
    }

    pub(super) fn issuer(&self) -> Issuer {
        self.held().clone()
    }

    fn held(&self) -> MutexGuard<'_, Issuer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for RotatingCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RotatingCredential").field(&self.issuer()).finish()
    }
}
