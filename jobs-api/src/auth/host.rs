//! What names a hub: the host that is called, the resource that tokens are signed for.

/// What a host name must be.
pub(crate) const HOST_NAME_RULE: &str =
    "must be a bare host name, such as `contoso.azure-devices.net`, without scheme, port or path";

/// Whether `name` is a bare host name: ASCII letters, digits, `-`, `_` and `.`.
pub(crate) fn is_host_name(name: &str) -> bool {
    !name.is_empty() && has_only(name, "-_.")
}

/// Whether `name` is a host name, perhaps with a path.
pub(crate) fn is_resource(name: &str) -> bool {
    let (host, path) = name.split_once('/').unwrap_or((name, ""));
    is_host_name(host) && has_only(path, "-_./")
}

/// Whether `text` has no characters but ASCII letters, digits and these.
pub(crate) fn has_only(text: &str, punctuation: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || punctuation.contains(c))
}
