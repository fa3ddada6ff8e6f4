//! Who may call: the hub's reading of a shared access signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use percent_encoding::percent_decode_str;
use sha2::Sha256;

use crate::refusal::Refusal;

/// A shared access policy of the hub.
#[derive(Clone)]
pub(crate) struct Policy {
    pub(crate) name: String,
    pub(crate) key: Vec<u8>,
}

/// Lets a request through whose token is for `host` or a part of `path` on it, is signed with the key
/// of one of the `policies`, and has not ended at `now`.
pub(crate) fn check(
    headers: &HeaderMap,
    path: &str,
    host: &str,
    policies: &[Policy],
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    let unauthorized = || Refusal::unauthorized("Unauthorized");
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or_else(unauthorized)?;
    let fields = header.strip_prefix("SharedAccessSignature ").ok_or_else(unauthorized)?;
    let field = |name| {
        let mut pairs = fields.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value).ok_or_else(unauthorized)
    };
    let (resource, end) = (field("sr")?, field("se")?);
    let scope = decode(resource).ok_or_else(unauthorized)?;
    let mut called = std::iter::once(host).chain(path.split('/').skip(1));
    if !scope.split('/').all(|segment| called.next() == Some(segment)) {
        return Err(Refusal::hub_not_found("Unauthorized"));
    }
    let policy = decode(field("skn")?);
    let policy =
        policies.iter().find(|known| Some(&known.name) == policy.as_ref()).ok_or_else(unauthorized)?;
    let signature =
        decode(field("sig")?).and_then(|text| BASE64.decode(text).ok()).ok_or_else(unauthorized)?;
    let mac = Hmac::<Sha256>::new_from_slice(&policy.key).map_err(|_| unauthorized())?;
    let mac = mac.chain_update(resource).chain_update("\n").chain_update(end);
    mac.verify_slice(&signature).map_err(|_| unauthorized())?;
    let end: i64 = end.parse().map_err(|_| unauthorized())?;
    if end <= now.timestamp() { Err(unauthorized()) } else { Ok(()) }
}

fn decode(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned())
}
