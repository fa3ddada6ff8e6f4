//! The hub's reading of the header `Authorization`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

use super::issuer::Issuer;
use super::permission::Principal;
use super::policy::{Policy, PolicyKey, PolicyKeys};
use super::signature::Signature;
use crate::clock::Clock;
use crate::service_error::ServiceError;

/// Names under which a hub on this machine is called, beside its own.
const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Decides who may call a hub.
pub(crate) struct Authorizer {
    pub(crate) host_name: String,
    pub(crate) issuer: Issuer,
    keys: PolicyKeys,
}

impl Authorizer {
    /// `owner_key` replaces the random primary key of the owner's policy.
    pub(crate) fn new(host_name: String, owner_key: Option<Vec<u8>>, clock: Arc<Clock>) -> Self {
        Self { host_name, issuer: Issuer::new(clock), keys: PolicyKeys::new(owner_key) }
    }

    /// Returns the connection string of a policy, for `host` as clients are to call the hub.
    pub(crate) fn connection_string(&self, host: &str, policy: Policy, key: PolicyKey) -> String {
        let key = self.keys.encode(policy, key);
        format!("HostName={host};SharedAccessKeyName={};SharedAccessKey={key}", policy.name())
    }

    pub(crate) fn regenerate(&self, policy: Policy, key: PolicyKey) {
        self.keys.regenerate(policy, key);
    }

    /// Returns the caller, if its token covers `path` and is valid at `now`.
    pub(crate) fn authenticate(
        &self,
        headers: &HeaderMap,
        path: &str,
        now: DateTime<Utc>,
    ) -> Result<Principal, ServiceError> {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if let Some(fields) = header.strip_prefix("SharedAccessSignature ") {
            return self.check_signature(fields, path, now);
        }
        let bearer = header.strip_prefix("Bearer ").and_then(|token| self.issuer.verify(token, now));
        bearer.ok_or_else(unauthorized)
    }

    fn check_signature(
        &self,
        fields: &str,
        path: &str,
        now: DateTime<Utc>,
    ) -> Result<Principal, ServiceError> {
        let signature = Signature::parse(fields).ok_or_else(unauthorized)?;
        let resource = signature.resource().ok_or_else(unauthorized)?;
        if !self.covers(&resource, path) {
            return Err(ServiceError::hub_not_found("Unauthorized"));
        }
        let policy: Policy = signature.policy().parse().map_err(|_| unauthorized())?;
        let is_signed = self.keys.any(policy, |key| signature.is_signed_with(key));
        let is_valid = signature.expiry().is_some_and(|expiry| now.timestamp() < expiry);
        if is_signed && is_valid { Ok(policy.principal()) } else { Err(unauthorized()) }
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

    /// Returns true for the hub's name and the local ones, with a port or without.
    fn is_named(&self, host: &str) -> bool {
        let mut names = std::iter::once(self.host_name.as_str()).chain(LOCAL_NAMES);
        names.any(|name| {
            let Some((start, rest)) = host.split_at_checked(name.len()) else { return false };
            let port = rest.strip_prefix(':');
            let is_port =
                port.is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
            start.eq_ignore_ascii_case(name) && (rest.is_empty() || is_port)
        })
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
        let authorizer = Authorizer::new("hub.example".into(), None, Arc::new(Clock::new(None)));
        for resource in [
            "hub.example",
            "HUB.example",
            "hub.example:443",
            "localhost:8443",
            "127.0.0.1",
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
