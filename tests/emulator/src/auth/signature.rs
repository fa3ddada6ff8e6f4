//! Shared access signatures, read from the wire.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac_sha256::HMAC;
use percent_encoding::percent_decode_str;

/// A shared access signature: `sr=…&sig=…&se=…&skn=…`, its fields in any order.
#[derive(Debug)]
pub(super) struct Signature<'a> {
    /// The resource as it was signed: encoded.
    resource: &'a str,
    /// The expiry as it was signed.
    expiry: &'a str,
    signature: Vec<u8>,
    policy: String,
}

impl<'a> Signature<'a> {
    /// Reads the fields; `None` if one is missing, is there twice or cannot be decoded.
    pub(super) fn parse(fields: &'a str) -> Option<Self> {
        let field = |name: &str| {
            let mut found = fields.split('&').filter_map(|pair| pair.split_once('='));
            let mut found = found.by_ref().filter(|(key, _)| *key == name).map(|(_, value)| value);
            found.next().filter(|_| found.next().is_none())
        };
        Some(Self {
            resource: field("sr")?,
            expiry: field("se")?,
            signature: BASE64.decode(decode(field("sig")?)?).ok()?,
            policy: decode(field("skn")?)?,
        })
    }

    pub(super) fn policy(&self) -> &str {
        &self.policy
    }

    /// Returns the resource in plain: a host name, perhaps with the start of a path.
    pub(super) fn resource(&self) -> Option<String> {
        decode(self.resource)
    }

    /// Returns the expiry in seconds since 1970; digits only.
    pub(super) fn expiry(&self) -> Option<i64> {
        let is_plain = self.expiry.bytes().all(|byte| byte.is_ascii_digit());
        self.expiry.parse().ok().filter(|_| is_plain)
    }

    pub(super) fn is_signed_with(&self, key: &[u8]) -> bool {
        let signed = format!("{}\n{}", self.resource, self.expiry);
        <&[u8; 32]>::try_from(self.signature.as_slice()).is_ok_and(|mac| HMAC::verify(signed, key, mac))
    }
}

fn decode(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_is_digits_only() {
        for (text, expected) in [
            ("1700000000", Some(1_700_000_000)),
            ("+9999999999", None),
            ("-1", None),
            ("", None),
            ("99999999999999999999", None),
        ] {
            let fields = format!("sr=a&sig=AAAA&se={text}&skn=p");
            assert_eq!(Signature::parse(&fields).unwrap().expiry(), expected, "{text}");
        }
    }

    #[test]
    fn missing_repeated_and_undecodable_fields_are_refused() {
        for fields in [
            "",
            "sr=a&sig=AAAA&se=1",
            "sr=a&sig=AAAA&se=1&skn=p&se=2",
            "sr=a&sig=%&se=1&skn=p",
            "sr=a&sig=AAAA&se=1&skn=%ff",
        ] {
            assert!(Signature::parse(fields).is_none(), "{fields}");
        }
    }
}
