//! Who may control the emulator.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, StatusCode};
use serde_json::json;

use crate::response::{Response, json_response};

/// Returns the refusal of a caller from another machine without the control key, and of a change that the page of
/// another site asks for.
pub(crate) fn refuse(caller: IpAddr, head: &Parts, control_key: Option<&str>) -> Option<Response> {
    let is_of_other_site = head.headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
    if is_of_other_site && head.method != Method::GET {
        return Some(refusal(StatusCode::FORBIDDEN, "control is not for pages of other sites"));
    }
    if caller.to_canonical().is_loopback() {
        return None;
    }
    match control_key {
        None => Some(refusal(
            StatusCode::FORBIDDEN,
            "control is for callers on the same machine: see --control-key",
        )),
        Some(key) if password(&head.headers).as_deref() == Some(key.as_bytes()) => None,
        Some(_) => {
            let mut response =
                refusal(StatusCode::UNAUTHORIZED, "control needs the control key as the password");
            let challenge = HeaderValue::from_static("Basic realm=\"jobs-emulator\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            Some(response)
        }
    }
}

/// Returns the password of basic authentication; any user name is accepted.
fn password(headers: &HeaderMap) -> Option<Vec<u8>> {
    let credentials = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let credentials = BASE64.decode(credentials).ok()?;
    let colon = credentials.iter().position(|byte| *byte == b':')?;
    Some(credentials[colon + 1..].to_vec())
}

fn refusal(status: StatusCode, reason: &str) -> Response {
    json_response(status, json!({ "error": reason }).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(caller: &str, headers: &[(&'static str, &str)], control_key: Option<&str>) -> Option<u16> {
        let request = hyper::Request::post("/_emulator/reset");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let (head, ()) = request.body(()).unwrap().into_parts();
        refuse(caller.parse().unwrap(), &head, control_key).map(|response| response.status().as_u16())
    }

    #[test]
    fn callers_from_elsewhere_need_the_control_key() {
        let basic = |text: &str| format!("Basic {}", BASE64.encode(text));
        assert_eq!(status("127.0.0.42", &[], Some("key")), None);
        assert_eq!(status("::ffff:127.0.0.1", &[], None), None);
        assert_eq!(status("172.17.0.1", &[], None), Some(403));
        assert_eq!(status("172.17.0.1", &[("authorization", &basic(":key"))], None), Some(403));
        for (credentials, expected) in [
            (basic(":key"), None),
            (basic("me:key"), None),
            (basic("key"), Some(401)),
            (basic(":keys"), Some(401)),
            ("Bearer key".into(), Some(401)),
        ] {
            assert_eq!(status("172.17.0.1", &[("authorization", &credentials)], Some("key")), expected);
        }
        assert_eq!(status("172.17.0.1", &[], Some("key")), Some(401));
    }

    #[test]
    fn page_of_another_site_changes_nothing() {
        assert_eq!(status("127.0.0.1", &[("sec-fetch-site", "cross-site")], None), Some(403));
        assert_eq!(status("127.0.0.1", &[("sec-fetch-site", "same-origin")], None), None);
    }
}
