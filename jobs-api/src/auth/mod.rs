//! How a client proves to the hub who it is.
//!
//! A [`Credential`] says with what; an [`Authorizer`] turns it into the token that a request carries,
//! and keeps that token for as long as it serves.

mod authorizer;
mod cache;
mod connection_string;
#[cfg(feature = "entra")]
mod entra;
mod error;
mod host;
mod redaction;
mod rotation;
mod sas;
mod secret;
mod token_error;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "entra")]
use azure_core::credentials::TokenCredential;
use chrono::{DateTime, Utc};
use futures_util::future::{Either, pending};

pub(crate) use self::authorizer::{AccessToken, Authorization, Authorizer};
pub use self::connection_string::{ConnectionString, ConnectionStringError};
#[cfg(feature = "entra")]
use self::entra::EntraCredential;
pub use self::error::CredentialError;
#[cfg(feature = "entra")]
pub(crate) use self::host::has_only;
pub(crate) use self::host::{HOST_NAME_RULE, is_host_name, is_resource};
pub(crate) use self::redaction::{REDACTED, text_without_tokens, without_tokens};
pub use self::rotation::RotatingCredential;
use self::sas::{SharedAccessKey, SharedAccessSignature};
use self::secret::Secret;
pub use self::token_error::TokenError;
pub(crate) use self::token_error::causes;

/// The scheme of a token of Entra ID, and the blank after it.
const BEARER: &str = "Bearer ";
/// What stands before the signature in a shared access signature.
const SIGNATURE_FIELD: &str = "sig=";

/// What the header `Authorization` holds.
struct Token {
    text: Secret<String>,
    /// How long it is good for, counted from when it was made.
    life: Duration,
}

/// What a client signs its calls with.
///
/// A key or an identity gives one token for all calls of a client. The first call within four minutes of
/// its end, or within the last quarter of a life shorter than 16 minutes, has it renewed: once for all
/// calls, in the background, while the one before still serves. After a renewal that failed, the next
/// follows no sooner than 1 to 30 seconds later; until then calls use the token before, or fail with that
/// failure when it has expired.
///
/// Its `Debug` tells the kind and the policy, never a key or a token.
#[derive(Clone)]
pub struct Credential(Kind);

#[derive(Clone)]
enum Kind {
    Fixed(Issuer),
    Rotating(RotatingCredential),
}

/// Who makes tokens.
#[derive(Clone)]
enum Issuer {
    Key(Arc<SharedAccessKey>),
    Signature(Arc<SharedAccessSignature>),
    #[cfg(feature = "entra")]
    Entra(Arc<EntraCredential>),
}

impl Credential {
    /// Signs with the key of a shared access policy of the hub.
    ///
    /// The policy needs the permissions RegistryRead, RegistryWrite and ServiceConnect. Of those that a
    /// hub comes with, `iothubowner` has all, `service` and `registryReadWrite` have a part of them. Tokens
    /// are signed for an hour. See [Control access with shared access signatures][page].
    ///
    /// # Errors
    ///
    /// The policy name or the key is empty, or the key is not valid base64.
    ///
    /// [page]: https://learn.microsoft.com/azure/iot-hub/authenticate-authorize-sas
    pub fn shared_access_key(policy: &str, base64_key: &str) -> Result<Self, CredentialError> {
        let key = SharedAccessKey::new(policy, base64_key)?;
        Ok(Self(Kind::Fixed(Issuer::Key(Arc::new(key)))))
    }

    /// Uses a token that was signed elsewhere, until it expires: `SharedAccessSignature sr=…&sig=…&se=…`.
    ///
    /// The fields may stand in any order. For a token that is followed by others, see
    /// [`rotating`](Self::rotating).
    ///
    /// # Errors
    ///
    /// The text has another form, or the token has expired. That it is for another host is found when the
    /// client is built; that it has expired since, before each call.
    pub fn shared_access_signature(token: &str) -> Result<Self, CredentialError> {
        let signature = SharedAccessSignature::parse(token, Utc::now())?;
        Ok(Self(Kind::Fixed(Issuer::Signature(Arc::new(signature)))))
    }

    /// Signs with what the handle holds at the time, which can be replaced while calls run.
    pub fn rotating(handle: &RotatingCredential) -> Self {
        Self(Kind::Rotating(handle.clone()))
    }

    /// Signs with tokens of Microsoft Entra ID, such as those of a managed identity.
    ///
    /// The crate [`azure_identity`](https://docs.rs/azure_identity) has credentials for every place that
    /// a program may run in. The identity needs a role with the data actions
    /// `Microsoft.Devices/IotHubs/jobs/*` and, to read what a job did on each device,
    /// `Microsoft.Devices/IotHubs/twins/read`: IoT Hub Data Contributor has them. See
    /// [Control access by using Microsoft Entra ID][page].
    ///
    /// Tokens are asked for with the scope `https://iothubs.azure.net/.default`, which is that of every
    /// cloud. A [`TokenCredential`] retries by itself, those of `azure_identity` for more than a minute: a
    /// call waits for a token as long as its attempts may take, and two minutes at most; if the credential
    /// fails, so does the call, without another attempt. It asks through an HTTP client of its own, not
    /// that of [`ClientBuilder::http_client`][http]: a proxy or a private authority is set in its own
    /// options too.
    ///
    /// ```no_run
    /// # fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use azure_identity::ManagedIdentityCredential;
    /// use jobs_api::{Client, Credential};
    ///
    /// let client = Client::builder("contoso.azure-devices.net")
    ///     .credential(Credential::token(ManagedIdentityCredential::new(None)?))
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [page]: https://learn.microsoft.com/azure/iot-hub/authenticate-authorize-azure-ad
    /// [http]: crate::ClientBuilder::http_client
    #[cfg(feature = "entra")]
    pub fn token(credential: Arc<dyn TokenCredential>) -> Self {
        Self(Kind::Fixed(Issuer::Entra(Arc::new(EntraCredential::new(credential)))))
    }

    /// Like [`token`](Self::token), with tokens of another scope.
    ///
    /// # Errors
    ///
    /// The scope is empty.
    #[cfg(feature = "entra")]
    pub fn token_with_scope(
        credential: Arc<dyn TokenCredential>,
        scope: &str,
    ) -> Result<Self, CredentialError> {
        let credential = EntraCredential::new(credential).with_scope(scope)?;
        Ok(Self(Kind::Fixed(Issuer::Entra(Arc::new(credential)))))
    }

    /// When the token that was handed over ends; `None` when new ones can be made.
    ///
    /// Of a rotating credential, it is the end of what that holds now.
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        match self.issuer() {
            Issuer::Signature(signature) => Some(signature.end()),
            _ => None,
        }
    }

    /// Who makes tokens now.
    fn issuer(&self) -> Issuer {
        match &self.0 {
            Kind::Fixed(issuer) => issuer.clone(),
            Kind::Rotating(handle) => handle.issuer(),
        }
    }

    /// Ends when another takes the place of who makes tokens as of this call.
    fn replaced(&self) -> impl Future<Output = ()> + use<> {
        match &self.0 {
            Kind::Fixed(_) => Either::Left(pending()),
            Kind::Rotating(handle) => Either::Right(handle.replaced()),
        }
    }
}

impl Issuer {
    /// Whether they are one and the same, not only alike.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Key(one), Self::Key(another)) => Arc::ptr_eq(one, another),
            (Self::Signature(one), Self::Signature(another)) => Arc::ptr_eq(one, another),
            #[cfg(feature = "entra")]
            (Self::Entra(one), Self::Entra(another)) => Arc::ptr_eq(one, another),
            _ => false,
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Fixed(issuer) => issuer.fmt(f),
            Kind::Rotating(handle) => handle.fmt(f),
        }
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => {
                f.debug_struct("SharedAccessKey").field("policy", &key.policy()).finish_non_exhaustive()
            }
            Self::Signature(signature) => {
                let end = signature.end();
                f.debug_struct("SharedAccessSignature").field("end", &end).finish_non_exhaustive()
            }
            #[cfg(feature = "entra")]
            Self::Entra(entra) => {
                f.debug_struct("Entra").field("scope", &entra.scope()).finish_non_exhaustive()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shows_a_key_or_a_token() {
        let token = "SharedAccessSignature sr=hub.azure-devices.net&sig=c2VjcmV0&se=4102444800&skn=service";
        let signature = Credential::shared_access_signature(token).unwrap();
        let key = Credential::shared_access_key("service", "c2VjcmV0").unwrap();
        let handle = RotatingCredential::new(key.clone());
        let rotating = Credential::rotating(&handle);
        let authorizer = Authorizer::new(key.clone(), "h.net".into());
        let shown = format!("{signature:?} {key:?} {handle:?} {rotating:?} {authorizer:?}");
        assert!(
            shown.contains("service") && !shown.contains("c2VjcmV0") && !shown.contains("secret"),
            "{shown}"
        );
    }
}
