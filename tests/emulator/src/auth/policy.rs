//! Shared access policies, with two keys each.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac_sha256::HMAC;

use super::permission::{Permission, Principal};
use crate::mutex::Mutex;

/// Shared access policy that every hub has from the start.
///
/// The service documents which rights a policy has, but not which of them each job operation needs. Here
/// reading and listing jobs need registry read, create and cancel registry write; queries, twins and methods
/// need service connect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Policy {
    /// `iothubowner`: every right.
    Owner,
    /// `service`: service connect.
    Service,
    /// `device`: device connect, which none of the operations here needs.
    Device,
    /// `registryRead`: registry read.
    RegistryRead,
    /// `registryReadWrite`: registry read and write.
    RegistryReadWrite,
}

impl Policy {
    /// The policies.
    pub const ALL: [Self; 5] =
        [Self::Owner, Self::Service, Self::Device, Self::RegistryRead, Self::RegistryReadWrite];

    /// Returns the policy's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "iothubowner",
            Self::Service => "service",
            Self::Device => "device",
            Self::RegistryRead => "registryRead",
            Self::RegistryReadWrite => "registryReadWrite",
        }
    }

    pub(super) fn principal(self) -> Principal {
        use Permission::{DeleteJobs, InvokeMethods, ReadJobs, ReadTwins, WriteJobs, WriteTwins};
        let permissions: &[Permission] = match self {
            Self::Owner => &[ReadJobs, WriteJobs, DeleteJobs, ReadTwins, WriteTwins, InvokeMethods],
            Self::Service => &[ReadTwins, WriteTwins, InvokeMethods],
            Self::Device => &[],
            Self::RegistryRead => &[ReadJobs],
            Self::RegistryReadWrite => &[ReadJobs, WriteJobs, DeleteJobs],
        };
        Principal { name: self.name(), permissions }
    }
}

impl FromStr for Policy {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|policy| policy.name() == name);
        found.ok_or_else(|| format!("'{name}' is not a policy of the hub"))
    }
}

/// A key of a shared access policy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PolicyKey {
    /// The primary key.
    Primary,
    /// The secondary key, in use while the primary is regenerated.
    Secondary,
}

/// The keys of all policies.
pub(super) struct PolicyKeys(Mutex<[[Vec<u8>; 2]; Policy::ALL.len()]>);

impl PolicyKeys {
    /// Makes the keys that belong to `owner`, the primary key of the owner's policy: the same for the same key.
    pub(super) fn new(owner: Vec<u8>) -> Self {
        let derive =
            |policy: Policy, key: &str| derive_key(&owner, &format!("{} {key}", policy.name())).to_vec();
        let mut keys = Policy::ALL.map(|policy| ["primary", "secondary"].map(|key| derive(policy, key)));
        keys[Policy::Owner as usize][PolicyKey::Primary as usize] = owner;
        Self(Mutex::new(keys))
    }

    pub(super) fn regenerate(&self, policy: Policy, key: PolicyKey) {
        self.0.lock()[policy as usize][key as usize] = random_key();
    }

    /// Returns a key as a connection string holds it.
    pub(super) fn encode(&self, policy: Policy, key: PolicyKey) -> String {
        BASE64.encode(&self.0.lock()[policy as usize][key as usize])
    }

    /// Returns true if `predicate` holds for either key of the policy.
    pub(super) fn any(&self, policy: Policy, predicate: impl Fn(&[u8]) -> bool) -> bool {
        self.0.lock()[policy as usize].iter().any(|key| predicate(key))
    }
}

/// Returns the key for this purpose that belongs to the owner's key.
pub(super) fn derive_key(owner: &[u8], purpose: &str) -> [u8; 32] {
    HMAC::mac(purpose, owner)
}

pub(super) fn random_key() -> Vec<u8> {
    std::iter::repeat_with(|| fastrand::u8(..)).take(32).collect()
}
