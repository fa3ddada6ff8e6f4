//! Names of a hub: its host, and the resource that tokens are signed for.

/// The rule for a host name, as a message ends with it.
pub(crate) const HOST_NAME_RULE: &str =
    "must be a host name, such as `contoso.azure-devices.net`, perhaps with a port, without scheme or path";

/// Returns true if `name` is a host name, ASCII letters, digits, `-`, `_` and `.`, optionally with a port.
pub(crate) fn is_host_name(name: &str) -> bool {
    let (host, port) = name.split_once(':').unwrap_or((name, "443"));
    !host.is_empty() && has_only(host, "-_.") && is_port(port)
}

/// Returns a host name without its port: that is the hub's name in tokens and telemetry.
pub(crate) fn without_port(name: &str) -> &str {
    name.split_once(':').map_or(name, |(host, _)| host)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// Returns true if `name` is a host name, optionally with a path.
pub(crate) fn is_resource(name: &str) -> bool {
    let (host, path) = name.split_once('/').unwrap_or((name, ""));
    is_host_name(host) && has_only(path, "-_./")
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
        for name in ["contoso-1_a.azure-devices.net", "localhost:8443"] {
            assert!(is_host_name(name), "{name}");
        }
        for name in ["", "https://h", ":443", "h:", "h:+1", "h:65536", "h:1:2", "h:1/", "h/", "h é", "h\n"] {
            assert!(!is_host_name(name), "{name}");
        }
    }

    #[test]
    fn resource_may_have_a_path() {
        for name in ["h.net", "h.net/", "h.net/jobs/v2"] {
            assert!(is_resource(name), "{name}");
        }
        for name in ["", "/jobs", "h.net/?a", "https://h.net"] {
            assert!(!is_resource(name), "{name}");
        }
    }
}
