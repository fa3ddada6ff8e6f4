//! Why a certificate is not trusted.

use std::fmt;

/// What is wrong with the certificate that was shown in place of one to trust.
///
/// It is told by rustls, and by native-tls where that is OpenSSL. Where it is the library of Windows or
/// macOS, such a failure is any other failure to connect, and only [`source`](std::error::Error::source)
/// has the reason.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CertificateError {
    /// It is from an authority that is not trusted here.
    UnknownIssuer,
    /// It is an authority's, not a server's: most likely it is self-signed.
    OfAnAuthority,
    /// It is for a host of another name.
    OtherName,
    /// It has expired.
    Expired,
    /// It is not valid yet.
    NotValidYet,
    /// It was revoked.
    Revoked,
    /// Something else.
    Other,
}

impl CertificateError {
    /// What lies beneath `error`, if that is a certificate.
    pub(super) fn beneath(error: &reqwest::Error) -> Option<Self> {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = cause {
            if let Some(told) = Self::told_by_rustls(error).or_else(|| Self::told_by_native_tls(error)) {
                return Some(told);
            }
            // An I/O error names the source of what it holds, not what it holds.
            let held = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
            cause = match held {
                Some(held) => Some(held as _),
                None => error.source(),
            };
        }
        None
    }

    /// What an operator can do about it.
    pub(super) fn hint(self) -> Option<&'static str> {
        match self {
            Self::UnknownIssuer => {
                Some("trust that authority in the client given to ClientBuilder::http_client")
            }
            Self::OfAnAuthority => {
                Some("serve a certificate that an authority signed, and trust that authority")
            }
            Self::Expired | Self::NotValidYet => Some("check the clock of this machine too"),
            Self::OtherName | Self::Revoked | Self::Other => None,
        }
    }

    #[cfg(feature = "rustls")]
    fn told_by_rustls(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        use rustls::CertificateError as Told;

        let Some(rustls::Error::InvalidCertificate(told)) = error.downcast_ref() else { return None };
        Some(match told {
            Told::UnknownIssuer => Self::UnknownIssuer,
            Told::NotValidForName | Told::NotValidForNameContext { .. } => Self::OtherName,
            Told::Expired | Told::ExpiredContext { .. } => Self::Expired,
            Told::NotValidYet | Told::NotValidYetContext { .. } => Self::NotValidYet,
            Told::Revoked => Self::Revoked,
            // The verifier's own error has no type here but only its name.
            Told::Other(other) if other.to_string() == "CaUsedAsEndEntity" => Self::OfAnAuthority,
            _ => Self::Other,
        })
    }

    #[cfg(not(feature = "rustls"))]
    fn told_by_rustls(_: &(dyn std::error::Error + 'static)) -> Option<Self> {
        None
    }

    /// By the words of OpenSSL's `X509_verify_cert_error_string`, since there is no code to be had.
    #[cfg(feature = "native-tls")]
    fn told_by_native_tls(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let told = error.downcast_ref::<native_tls::Error>()?.to_string();
        let (_, told) = told.split_once("certificate verify failed")?;
        let words = [
            ("has expired", Self::Expired),
            ("not yet valid", Self::NotValidYet),
            ("mismatch", Self::OtherName),
            ("revoked", Self::Revoked),
            ("issuer", Self::UnknownIssuer),
            ("self-signed", Self::UnknownIssuer),
            ("self signed", Self::UnknownIssuer),
        ];
        let known = words.into_iter().find(|(words, _)| told.contains(words));
        Some(known.map_or(Self::Other, |(_, certificate)| certificate))
    }

    #[cfg(not(feature = "native-tls"))]
    fn told_by_native_tls(_: &(dyn std::error::Error + 'static)) -> Option<Self> {
        None
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownIssuer => "its certificate is from an authority that is not trusted here",
            Self::OfAnAuthority => {
                "its certificate is an authority's, not a server's: most likely it is self-signed"
            }
            Self::OtherName => "its certificate is for another name",
            Self::Expired => "its certificate has expired",
            Self::NotValidYet => "its certificate is not valid yet",
            Self::Revoked => "its certificate was revoked",
            Self::Other => "its certificate is not to be trusted",
        })
    }
}
