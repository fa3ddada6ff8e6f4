//! Defects of a server's certificate, and servers without TLS.

use std::fmt;

/// The defect of a server's certificate.
///
/// Identified with rustls, and with native-tls on OpenSSL. On Windows and macOS, native-tls reports such a
/// defect like any other failure to connect; only [`source`](std::error::Error::source) has the reason.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CertificateError {
    /// The issuer is not trusted by this machine.
    UnknownIssuer,
    /// It is a certificate authority's, not a server's: most likely it is self-signed.
    CaAsServer,
    /// It is for another host name.
    NameMismatch,
    /// It has expired.
    Expired,
    /// It is not valid yet.
    NotValidYet,
    /// It was revoked.
    Revoked,
    /// Any other defect.
    Other,
}

impl CertificateError {
    /// Finds a defect among the causes of `error`.
    pub(super) fn find(error: &reqwest::Error) -> Option<Self> {
        inner_causes(error).find_map(Self::of_layer)
    }

    fn of_layer(layer: &Layer) -> Option<Self> {
        #[cfg(feature = "rustls-no-provider")]
        if let Some(rustls::Error::InvalidCertificate(defect)) = layer.downcast_ref() {
            return Some(Self::from_rustls(defect));
        }
        #[cfg(feature = "native-tls")]
        if let Some(error) = layer.downcast_ref::<native_tls::Error>() {
            return Self::from_openssl(&error.to_string());
        }
        let _ = layer;
        None
    }

    /// Returns the advice for an operator.
    pub(super) fn hint(self) -> Option<&'static str> {
        match self {
            Self::UnknownIssuer => Some("trust its issuer with ClientBuilder::configure_http"),
            Self::CaAsServer => Some("use a certificate that an authority signed, and trust that authority"),
            Self::Expired | Self::NotValidYet => Some("check the clock of this machine too"),
            Self::NameMismatch | Self::Revoked | Self::Other => None,
        }
    }

    #[cfg(feature = "rustls-no-provider")]
    fn from_rustls(defect: &rustls::CertificateError) -> Self {
        use rustls::CertificateError as Defect;

        match defect {
            Defect::UnknownIssuer => Self::UnknownIssuer,
            Defect::NotValidForName | Defect::NotValidForNameContext { .. } => Self::NameMismatch,
            Defect::Expired | Defect::ExpiredContext { .. } => Self::Expired,
            Defect::NotValidYet | Defect::NotValidYetContext { .. } => Self::NotValidYet,
            Defect::Revoked => Self::Revoked,
            // The verifier's own error is known by its name only.
            Defect::Other(other) if other.to_string() == "CaUsedAsEndEntity" => Self::CaAsServer,
            _ => Self::Other,
        }
    }

    /// Matches the words of OpenSSL's `X509_verify_cert_error_string`: native-tls gives no code.
    #[cfg(feature = "native-tls")]
    fn from_openssl(message: &str) -> Option<Self> {
        let (_, reason) = message.split_once("certificate verify failed")?;
        let words = [
            ("has expired", Self::Expired),
            ("not yet valid", Self::NotValidYet),
            ("mismatch", Self::NameMismatch),
            ("revoked", Self::Revoked),
            ("issuer", Self::UnknownIssuer),
            // Older versions write `self signed`.
            ("self", Self::UnknownIssuer),
        ];
        let known = words.into_iter().find(|(words, _)| reason.contains(words));
        Some(known.map_or(Self::Other, |(_, certificate)| certificate))
    }
}

/// Returns true if the server's first bytes were no TLS, as those of a plain HTTP port. Matches the words of rustls
/// and of OpenSSL: the client of a user may have either. The outermost message has the URL.
pub(super) fn is_plain_port(error: &reqwest::Error) -> bool {
    let words = ["InvalidContentType", "wrong version number", "packet length too long"];
    error.is_connect()
        && inner_causes(error)
            .skip(1)
            .any(|cause| words.iter().any(|words| cause.to_string().contains(words)))
}

type Layer = dyn std::error::Error + 'static;

/// Iterates over an error and its causes, those inside I/O errors included.
fn inner_causes(error: &reqwest::Error) -> impl Iterator<Item = &Layer> {
    std::iter::successors(Some(error as &Layer), |error| {
        // An I/O error returns the source of its inner error, not that error itself.
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        inner.map(|inner| inner as &Layer).or_else(|| error.source())
    })
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownIssuer => "the issuer of its certificate is not trusted by this machine",
            Self::CaAsServer => {
                "its certificate is a certificate authority's, not a server's: most likely it is self-signed"
            }
            Self::NameMismatch => "its certificate is for another name",
            Self::Expired => "its certificate has expired",
            Self::NotValidYet => "its certificate is not valid yet",
            Self::Revoked => "its certificate was revoked",
            Self::Other => "its certificate is not trusted",
        })
    }
}
