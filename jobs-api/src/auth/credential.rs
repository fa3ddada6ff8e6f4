//! Credentials: an issuer of tokens of one of three kinds, fixed or replaceable.

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "entra")]
use azure_core::credentials::TokenCredential;
use chrono::{DateTime, Utc};
use tokio::sync::watch;

#[cfg(feature = "entra")]
use super::entra::EntraCredential;
use super::error::CredentialError;
use super::hub_clock::HubClock;
use super::sas::{SharedAccessKey, SharedAccessSignature};
use super::token::AccessToken;

/// A source of tokens: a shared access key, a shared access signature or an Entra ID identity.
///
/// The clients of a credential and of its clones share the current token. A shared access key signs a new one
/// four minutes before the current one expires. Entra ID tokens refresh in the background, four minutes before
/// they expire or halfway through a life of less than eight minutes; concurrent calls share one refresh. After a
/// failed refresh the next one follows 1 to 30 seconds later. Until then calls use the current token, or fail
/// with the same error once it has expired.
///
/// `Debug` shows the kind and the policy, never a key or a token.
///
/// ```
/// # fn example(base64_key: &str) -> Result<(), jobs_api::Error> {
/// use jobs_api::{Client, Credential};
///
/// let credential = Credential::shared_access_key("iothubowner", base64_key)?;
/// let client = Client::builder("contoso.azure-devices.net", credential).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Credential(Arc<watch::Sender<Arc<Issuer>>>);

impl Credential {
    /// Creates a credential that signs tokens with the key of a shared access policy.
    ///
    /// Tokens are valid for an hour. The policy needs the permissions RegistryRead, RegistryWrite and
    /// ServiceConnect: of a hub's predefined policies `iothubowner` has all three, `service` and
    /// `registryReadWrite` have some. See [Control access with shared access signatures][page].
    ///
    /// # Errors
    ///
    /// Fails if the policy name or the key is empty, or if the key is not valid base64.
    ///
    /// [page]: https://learn.microsoft.com/azure/iot-hub/authenticate-authorize-sas
    pub fn shared_access_key(policy: &str, base64_key: &str) -> Result<Self, CredentialError> {
        Ok(Self::issued_by(Issuer::Key(SharedAccessKey::new(policy, base64_key)?)))
    }

    /// Creates a credential from a token signed elsewhere: `SharedAccessSignature sr=…&sig=…&se=…`.
    ///
    /// The fields may be in any order. The token is used until it expires;
    /// [`rotating`](Self::rotating) lets another one succeed it.
    ///
    /// # Errors
    ///
    /// Fails if the text is not a shared access signature, or if it has expired. The host is checked
    /// when the client is built, the expiry again before each call.
    pub fn shared_access_signature(token: &str) -> Result<Self, CredentialError> {
        Ok(Self::issued_by(Issuer::Signature(SharedAccessSignature::parse(token, Utc::now())?)))
    }

    /// Creates a credential that follows the handle, which can be replaced while calls run.
    pub fn rotating(handle: &RotatingCredential) -> Self {
        handle.0.clone()
    }

    /// Creates a credential that uses Microsoft Entra ID tokens, such as those of a managed identity.
    ///
    /// The crate [`azure_identity`](https://docs.rs/azure_identity) has a credential for every place a
    /// program may run in. The identity needs a role with the data actions
    /// `Microsoft.Devices/IotHubs/jobs/*` and, for per-device results,
    /// `Microsoft.Devices/IotHubs/twins/read`; IoT Hub Data Contributor has both. See
    /// [Control access by using Microsoft Entra ID][page].
    ///
    /// The scope is `https://iothubs.azure.net/.default`, the same in every cloud.
    ///
    /// The [`TokenCredential`] retries by itself; those of `azure_identity` do so for more than a
    /// minute. A call waits for a token as long as its attempts may take, two minutes at most. If the
    /// credential fails, the call fails without another attempt. The credential sends its requests
    /// through its own HTTP client, not through [`ClientBuilder::http_client`][http]: configure a proxy
    /// or a private certificate authority in its options too.
    ///
    /// ```no_run
    /// # fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use azure_identity::ManagedIdentityCredential;
    /// use jobs_api::{Client, Credential};
    ///
    /// let credential = Credential::token(ManagedIdentityCredential::new(None)?);
    /// let client = Client::builder("contoso.azure-devices.net", credential).build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [page]: https://learn.microsoft.com/azure/iot-hub/authenticate-authorize-azure-ad
    /// [http]: crate::ClientBuilder::http_client
    #[cfg(feature = "entra")]
    pub fn token(credential: Arc<dyn TokenCredential>) -> Self {
        Self::issued_by(Issuer::Entra(EntraCredential::new(credential)))
    }

    /// Returns the expiry of a token signed elsewhere, `None` if the credential can issue new tokens.
    ///
    /// A rotating credential reports the one it currently holds.
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        match &*self.issuer() {
            Issuer::Signature(signature) => Some(signature.expires_at),
            _ => None,
        }
    }

    fn issued_by(issuer: Issuer) -> Self {
        Self(Arc::new(watch::Sender::new(Arc::new(issuer))))
    }

    /// Returns the current issuer.
    pub(super) fn issuer(&self) -> Arc<Issuer> {
        self.0.borrow().clone()
    }

    /// Subscribes to the current issuer, which is replaced in a rotating credential only.
    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<Issuer>> {
        self.0.subscribe()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.issuer().fmt(f)
    }
}

/// A handle to a credential that can be replaced while clients use it, as when keys are rotated or a
/// token signed elsewhere is about to expire.
///
/// Pass [`Credential::rotating`] to the clients, keep the handle, and [`replace`](Self::replace) the
/// credential through it. Every later attempt of all those clients uses the new one. This includes the
/// retry after a 401 and calls that are waiting for a token of the previous credential.
///
/// To rotate a policy's keys without a rejected call, first replace the credential by one with the
/// policy's other key, then let the hub regenerate the first key. A replacement is not checked against
/// the hub: the next call does that.
///
/// ```
/// # fn example(primary: &str, secondary: &str) -> Result<(), jobs_api::Error> {
/// use jobs_api::{Client, Credential, RotatingCredential};
///
/// let primary = Credential::shared_access_key("iothubowner", primary)?;
/// let handle = RotatingCredential::new(primary);
/// let credential = Credential::rotating(&handle);
/// let client = Client::builder("contoso.azure-devices.net", credential).build()?;
/// // Later, when the other key is to be used:
/// handle.replace(Credential::shared_access_key("iothubowner", secondary)?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RotatingCredential(Credential);

impl RotatingCredential {
    /// Creates a handle that holds this credential.
    pub fn new(credential: Credential) -> Self {
        Self(Credential(Arc::new(watch::Sender::new(credential.issuer()))))
    }

    /// Replaces the credential for all later attempts.
    ///
    /// Given a rotating credential, it copies the one that credential currently holds.
    pub fn replace(&self, credential: Credential) {
        self.0.0.send_replace(credential.issuer());
    }
}

/// An issuer of tokens, with the token that it issued last.
///
/// Its `Debug` shows the kind and the policy or the expiry, never a key or a token.
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
            Self::Key(key) => ("SharedAccessKey", "policy", &key.policy),
            Self::Signature(signature) => ("SharedAccessSignature", "expires_at", &signature.expires_at),
            #[cfg(feature = "entra")]
            Self::Entra(_) => return f.write_str("Entra"),
        };
        f.debug_struct(kind).field(name, value).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_keys_and_tokens() {
        let token = "SharedAccessSignature sr=hub.azure-devices.net&sig=c2VjcmV0&se=4102444800&skn=service";
        let signature = Credential::shared_access_signature(token).unwrap();
        let key = Credential::shared_access_key("service", "c2VjcmV0").unwrap();
        let handle = RotatingCredential::new(key.clone());
        let rotating = Credential::rotating(&handle);
        let shown = format!("{signature:?} {key:?} {handle:?} {rotating:?}");
        assert_eq!(shown.matches("service").count(), 3, "{shown}");
        assert!(shown.contains("2100-01-01") && !shown.contains("c2VjcmV0"), "{shown}");
        assert!(!shown.contains("secret") && !shown.contains("115, 101, 99"), "{shown}");
    }
}
