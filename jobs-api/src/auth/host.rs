//! The host name of a hub.
//!
//! It is the target of requests, the resource that tokens are signed for, and a field of telemetry. A name that a URL
//! takes for another host would send a token there, and is refused.

use reqwest::Url;

/// The rule for a host name, as a message ends with it.
pub(crate) const HOST_NAME_RULE: &str =
    "must be a host name, such as `contoso.azure-devices.net`, perhaps with a port, without scheme or path";

/// Characters in a host name.
const HOST_NAME_LENGTH: usize = 253;

/// Returns true if `name` is a host name, optionally with a port: labels of ASCII letters, digits, `-` and `_`
/// with dots between them, or an IPv4 address.
pub(crate) fn is_host_name(name: &str) -> bool {
    let (host, port) = name.split_once(':').unwrap_or((name, "443"));
    host.len() <= HOST_NAME_LENGTH
        && host.split('.').all(is_label)
        && !port.starts_with('+')
        && port.parse::<u16>().is_ok()
        && is_same_in_url(host)
}

fn is_label(label: &str) -> bool {
    !label.is_empty() && has_only(label, "-_") && !label.starts_with('-') && !label.ends_with('-')
}

/// Returns false if a URL takes the host for another one: `0x7f.1` is 127.0.0.1.
fn is_same_in_url(host: &str) -> bool {
    let url = Url::parse(&format!("https://{host}"));
    url.is_ok_and(|url| url.host_str().is_some_and(|in_url| in_url.eq_ignore_ascii_case(host)))
}

/// Returns a host name without its port: that is the hub's name in tokens and telemetry.
pub(crate) fn without_port(name: &str) -> &str {
    name.split_once(':').map_or(name, |(host, _)| host)
}

/// Returns true if `text` consists of ASCII letters, digits and this punctuation.
pub(crate) fn has_only(text: &str, punctuation: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || punctuation.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_name_has_neither_scheme_nor_path() {
        for name in ["contoso-1_a.azure-devices.net", "localhost:8443", "127.0.0.1", "10.0.0.1:1", "0x.net"] {
            assert!(is_host_name(name), "{name}");
        }
        for name in ["", "https://h", ":443", "h:", "h:+1", "h:65536", "h:1:2", "h:1/", "h/", "h é", "h\n"] {
            assert!(!is_host_name(name), "{name}");
        }
        assert!(!is_host_name(&"h.".repeat(1_000_000)));
    }

    #[test]
    fn host_name_has_labels_and_is_no_other_form_of_an_address() {
        for name in ["..", ".", "h.", ".h", "a..b", "-", "-a.net", "a-.net", "a.-", "h.net.:1"] {
            assert!(!is_host_name(name), "{name}");
        }
        for name in
            ["0x7f.1", "127.1", "0", "2130706433", "0x7f000001", "h.0x", "h.1", "1.2.3.256", "0X7F.0.0.1"]
        {
            assert!(!is_host_name(name), "{name}");
        }
    }
}
