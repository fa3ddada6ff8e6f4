//! Serving over TLS with certificates of an authority made for the occasion.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use tempfile::NamedTempFile;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A certificate to serve with. All but one are such that a client must refuse them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Certificate {
    /// For the hub's host name, `localhost` and `127.0.0.1`.
    Good,
    /// Self-signed, and an authority's, as `openssl req -x509` makes it.
    SelfSigned,
    /// For a host of another name.
    OtherName,
    /// It ended in 2021.
    Expired,
    /// It begins in 2119.
    NotValidYet,
}

type Error = Box<dyn std::error::Error + Send + Sync>;

/// What a hub needs to serve over TLS, and its clients to trust it.
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    /// The authority's certificate in a file, which goes with this.
    authority: NamedTempFile,
}

impl Tls {
    pub(crate) fn new(certificate: Certificate, host_name: &str) -> Result<Self, Error> {
        let authority = authority()?;
        let mut file = NamedTempFile::with_suffix(".pem")?;
        file.write_all(authority.pem().as_bytes())?;
        let names = match certificate {
            Certificate::OtherName => vec!["other.example".to_owned()],
            _ => vec![host_name.to_owned(), "localhost".to_owned(), "127.0.0.1".to_owned()],
        };
        let mut params = CertificateParams::new(names)?;
        let (first_year, last_year) = match certificate {
            Certificate::Expired => (2020, 2021),
            Certificate::NotValidYet => (2119, 2120),
            _ => (2020, 2120),
        };
        params.not_before = date_time_ymd(first_year, 1, 1);
        params.not_after = date_time_ymd(last_year, 1, 1);
        let key = KeyPair::generate()?;
        let signed = match certificate {
            Certificate::SelfSigned => {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
                params.self_signed(&key)?
            }
            _ => params.signed_by(&key, &authority)?,
        };
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![signed.der().clone()], PrivateKeyDer::try_from(key.serialize_der())?)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), authority: file })
    }

    pub(crate) fn authority_path(&self) -> &Path {
        self.authority.path()
    }
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, Error> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "jobs-emulator authority");
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}
