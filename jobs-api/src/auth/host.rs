//! Names of a hub: its host, and the resource that tokens are signed for.

/// The rule for a host name, as a message ends with it.
pub(crate) const HOST_NAME_RULE: &str =
    "must be a bare host name, such as `contoso.azure-devices.net`, without scheme, port or path";

/// Returns true if `name` is a bare host name: ASCII letters, digits, `-`, `_` and `.`.
pub(crate) fn is_host_name(name: &str) -> bool {
    !name.is_empty() && has_only(name, "-_.")
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
    fn host_name_has_neither_scheme_port_nor_path() {
        assert!(is_host_name("contoso-1_a.azure-devices.net"));
        for name in ["", "https://h", "h:443", "h/", "h é", "h\n"] {
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
