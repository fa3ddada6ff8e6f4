//! The hub's reading of the header `Authorization`.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

use super::issuer::Issuer;
use super::permission::Principal;
use super::policy::{Policy, PolicyKey, PolicyKeys, derive_key, random_key};
use super::signature::Signature;
use crate::behavior::TokenClock;
use crate::clock::Clock;
use crate::service_error::ServiceError;

/// Decides who may call a hub.
pub(crate) struct Authorizer {
    pub(crate) host_name: String,
    pub(crate) issuer: Issuer,
    keys: PolicyKeys,
    clock: Arc<Clock>,
    token_clock: TokenClock,
}

impl Authorizer {
    /// `owner_key` replaces the random primary key of the owner's policy.
    pub(crate) fn new(
        host_name: String,
        owner_key: Option<Vec<u8>>,
        clock: Arc<Clock>,
        token_clock: TokenClock,
    ) -> Self {
        let owner_key = owner_key.unwrap_or_else(random_key);
        let issuer = Issuer::new(derive_key(&owner_key, "issuer"), clock.clone());
        Self { host_name, issuer, keys: PolicyKeys::new(owner_key), clock, token_clock }
    }

    /// Returns the connection string of a policy, for `host` as clients are to call the hub.
    pub(crate) fn connection_string(&self, host: &str, policy: Policy, key: PolicyKey) -> String {
        let key = self.keys.encode(policy, key);
        format!("HostName={host};SharedAccessKeyName={};SharedAccessKey={key}", policy.name())
    }

    pub(crate) fn regenerate(&self, policy: Policy, key: PolicyKey) {
        self.keys.regenerate(policy, key);
    }

    /// Returns the caller, if its token covers `path` and is valid now.
    pub(crate) fn authenticate(&self, headers: &HeaderMap, path: &str) -> Result<Principal, ServiceError> {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if let Some(fields) = header.strip_prefix("SharedAccessSignature ") {
            return self.check_signature(fields, path);
        }
        let token = header.strip_prefix("Bearer ").ok_or_else(unauthorized)?;
        self.times().find_map(|now| self.issuer.verify(token, now)).ok_or_else(unauthorized)
    }

    fn check_signature(&self, fields: &str, path: &str) -> Result<Principal, ServiceError> {
        let signature = Signature::parse(fields).ok_or_else(unauthorized)?;
        let resource = signature.resource().ok_or_else(unauthorized)?;
        if !self.covers(&resource, path) {
            return Err(ServiceError::hub_not_found("Unauthorized"));
        }
        let policy: Policy = signature.policy().parse().map_err(|_| unauthorized())?;
        let is_signed = self.keys.any(policy, |key| signature.is_signed_with(key));
        let is_valid =
            signature.expiry().is_some_and(|expiry| self.times().any(|now| now.timestamp() < expiry));
        if is_signed && is_valid { Ok(policy.principal()) } else { Err(unauthorized()) }
    }

    /// Returns the times at one of which a token must be valid.
    fn times(&self) -> impl Iterator<Item = DateTime<Utc>> {
        // Not by Tokio's clock, which a test may pause and advance while clients sign by the machine's.
        let machine = (self.token_clock == TokenClock::Either).then(Utc::now);
        machine.into_iter().chain([self.clock.now()])
    }

    /// Returns true if the resource is this hub, or the start of `path` on it.
    fn covers(&self, resource: &str, path: &str) -> bool {
        let mut segments = resource.split('/');
        let host = segments.next().unwrap_or_default();
        let mut called = path.split('/').skip(1);
        self.is_named(host)
            && segments
                .all(|segment| called.next().is_some_and(|called| called.eq_ignore_ascii_case(segment)))
    }

    /// Returns true for the hub's name, `localhost` and any address, with a port or without.
    fn is_named(&self, host: &str) -> bool {
        let is_port = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let host = host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(name, _)| name);
        let names = [self.host_name.as_str(), "localhost"];
        names.iter().any(|name| host.eq_ignore_ascii_case(name)) || is_address(host)
    }
}

/// Returns true for an address, as the host of a URL has it.
fn is_address(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(host) => host.parse::<Ipv6Addr>().is_ok(),
        None => host.parse::<Ipv4Addr>().is_ok(),
    }
}

fn unauthorized() -> ServiceError {
    ServiceError::unauthorized_access("Unauthorized")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tokens_for_the_hub_by_name_or_address_are_covered() {
        let clock = Arc::new(Clock::new(None, false).unwrap());
        let authorizer = Authorizer::new("hub.example".into(), None, clock, TokenClock::default());
        for resource in [
            "hub.example",
            "HUB.example",
            "hub.example:443",
            "localhost:8443",
            "127.0.0.1",
            "127.0.0.42:8443",
            "[::1]:1",
            "hub.example/jobs",
            "localhost:8443/jobs/v2",
        ] {
            assert!(authorizer.covers(resource, "/jobs/v2/a"), "{resource}");
        }
        for resource in
            ["", "hub", "hub.example.org", "hub.example:", "hub.example:a", "hub.example/job", "localhost1"]
        {
            assert!(!authorizer.covers(resource, "/jobs/v2/a"), "{resource}");
        }
    }
}
