//! Bearer tokens: a stand-in for Microsoft Entra ID, whose tokens only one hub accepts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac_sha256::HMAC;
use serde_json::{Value, json};

use super::permission::{Permission, Principal};
use crate::clock::Clock;
use crate::limits::CLOCK_TOLERANCE_SECONDS;

/// Audience of a token for the hubs of every cloud.
const AUDIENCE: &str = "https://iothubs.azure.net";

/// The role of a caller with a bearer token.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Role {
    /// IoT Hub Data Contributor: all operations.
    #[default]
    DataContributor,
    /// IoT Hub Data Reader: reads and lists jobs, reads twins, and queries.
    DataReader,
    /// IoT Hub Registry Contributor: none of the operations here.
    RegistryContributor,
    /// IoT Hub Twin Contributor: reads and updates twins, and queries.
    TwinContributor,
}

impl Role {
    const ALL: [Self; 4] =
        [Self::DataContributor, Self::DataReader, Self::RegistryContributor, Self::TwinContributor];

    /// Returns the role's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DataContributor => "IoT Hub Data Contributor",
            Self::DataReader => "IoT Hub Data Reader",
            Self::RegistryContributor => "IoT Hub Registry Contributor",
            Self::TwinContributor => "IoT Hub Twin Contributor",
        }
    }

    fn principal(self) -> Principal {
        use Permission::{DeleteJobs, InvokeMethods, ReadJobs, ReadTwins, WriteJobs, WriteTwins};
        let permissions: &[Permission] = match self {
            Self::DataContributor => &[ReadJobs, WriteJobs, DeleteJobs, ReadTwins, WriteTwins, InvokeMethods],
            Self::DataReader => &[ReadJobs, ReadTwins],
            Self::RegistryContributor => &[],
            Self::TwinContributor => &[ReadTwins, WriteTwins],
        };
        Principal { name: self.name(), permissions }
    }
}

/// Issues JSON web tokens that the hub it belongs to accepts.
///
/// It keeps the machine's time, not the hub's, which may be off.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::time::Duration;
/// use jobs_emulator::{Emulator, Role};
///
/// let issuer = Emulator::start().await.issuer();
/// let bearer = issuer.token(Duration::from_secs(3600));
/// let reader = issuer.token_with_role(Role::DataReader, Duration::from_secs(3600));
/// # }
/// ```
#[derive(Clone)]
pub struct Issuer {
    key: [u8; 32],
    clock: Arc<Clock>,
}

impl Issuer {
    pub(super) fn new(key: [u8; 32], clock: Arc<Clock>) -> Self {
        Self { key, clock }
    }

    /// Issues a token for IoT hubs that is valid for `life` from now, with every right.
    pub fn token(&self, life: Duration) -> String {
        self.sign(AUDIENCE, Role::default(), life)
    }

    /// Issues a token for IoT hubs whose bearer has this role.
    pub fn token_with_role(&self, role: Role, life: Duration) -> String {
        self.sign(AUDIENCE, role, life)
    }

    /// Issues a token for another audience than IoT hubs, which a hub refuses.
    pub fn token_for(&self, audience: &str, life: Duration) -> String {
        self.sign(audience, Role::default(), life)
    }

    fn sign(&self, audience: &str, role: Role, life: Duration) -> String {
        let now = self.clock.machine_now().timestamp();
        let life = i64::try_from(life.as_secs()).unwrap_or(i64::MAX / 2);
        let header = json!({ "alg": "HS256", "typ": "JWT" });
        let claims = json!({
            "aud": audience,
            "iss": "https://sts.example/",
            "jti": format!("{:032x}", fastrand::u128(..)),
            "roles": [role.name()],
            "iat": now,
            "nbf": now,
            "exp": now.saturating_add(life),
        });
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let signature = URL_SAFE_NO_PAD.encode(HMAC::mac(&signed, self.key));
        format!("{signed}.{signature}")
    }

    /// Returns the bearer of a token that this issuer signed for IoT hubs and that is valid at `now`.
    pub(super) fn verify(&self, token: &str, now: DateTime<Utc>) -> Option<Principal> {
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = <[u8; 32]>::try_from(URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        if !HMAC::verify(signed, self.key, &signature) {
            return None;
        }
        let claims = URL_SAFE_NO_PAD.decode(signed.split('.').nth(1)?).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        let has_begun = claims["nbf"].as_i64()? <= now.timestamp() + CLOCK_TOLERANCE_SECONDS;
        let has_expired = claims["exp"].as_i64()? <= now.timestamp();
        let role = Role::ALL.into_iter().find(|role| claims["roles"][0] == role.name())?;
        (claims["aud"] == AUDIENCE && has_begun && !has_expired).then(|| role.principal())
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").finish_non_exhaustive()
    }
}
