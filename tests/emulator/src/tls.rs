//! Serving over TLS: with certificates of a private authority, or with a given one.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

use crate::start_error::StartError;

/// A certificate to serve with. Clients must refuse all but the good one.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use jobs_emulator::{Certificate, Emulator};
///
/// let expired = Emulator::builder().tls(Certificate::Expired).start().await;
/// let good = Emulator::builder().tls(Certificate::Good).start().await;
/// // Clients trust this authority.
/// println!("{:?}", good.authority_path());
/// # }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Certificate {
    /// For the hub's host name, `localhost` and `127.0.0.1`.
    Good,
    /// Self-signed, and an authority's, as `openssl req -x509` makes it.
    SelfSigned,
    /// For a host of another name.
    OtherName,
    /// Expired in 2021.
    Expired,
    /// Valid from 2119 on.
    NotValidYet,
}

/// Where the certificate comes from.
#[derive(Clone, Debug)]
pub(crate) enum TlsSource {
    /// An authority made for this hub, which signs this certificate.
    Private(Certificate),
    /// An authority whose certificate is kept at this path, with its key beside it.
    Kept(PathBuf),
    /// A certificate chain and its key, in PEM.
    Files { certificate: PathBuf, key: PathBuf },
}

/// Reason for which a hub cannot serve over TLS.
#[derive(Debug)]
pub(crate) struct TlsError {
    /// The file at fault, if it is one.
    pub(crate) path: Option<PathBuf>,
    pub(crate) source: Box<dyn std::error::Error + Send + Sync>,
}

impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for TlsError {
    fn from(error: E) -> Self {
        Self { path: None, source: error.into() }
    }
}

impl From<TlsError> for StartError {
    fn from(TlsError { path, source }: TlsError) -> Self {
        Self::Tls { path, source }
    }
}

/// The certificate and key of a hub, and the authority that its clients trust.
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    authority: Option<Authority>,
}

/// File with the authority's certificate.
enum Authority {
    /// Deleted with this.
    Temporary(NamedTempFile),
    Kept(PathBuf),
}

impl Tls {
    pub(crate) fn new(source: &TlsSource, host_name: &str) -> Result<Self, TlsError> {
        match source {
            TlsSource::Private(certificate) => {
                let issuer = authority(KeyPair::generate()?)?;
                let mut file = NamedTempFile::with_suffix(".pem")?;
                file.write_all(issuer.pem().as_bytes())?;
                let (chain, key) = issue(&issuer, *certificate, host_name)?;
                let acceptor = acceptor(chain, key)?;
                Ok(Self { acceptor, authority: Some(Authority::Temporary(file)) })
            }
            TlsSource::Kept(path) => {
                let issuer = kept_authority(path)
                    .map_err(|error| TlsError { path: error.path.or(Some(path.clone())), ..error })?;
                let (chain, key) = issue(&issuer, Certificate::Good, host_name)?;
                let acceptor = acceptor(chain, key)?;
                Ok(Self { acceptor, authority: Some(Authority::Kept(path.clone())) })
            }
            TlsSource::Files { certificate, key } => {
                let at = |path: &Path| {
                    let path = Some(path.to_owned());
                    move |source: Box<dyn std::error::Error + Send + Sync>| TlsError { path, source }
                };
                let chain = CertificateDer::pem_file_iter(certificate)
                    .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
                    .map_err(|error| at(certificate)(error.into()))?;
                let private = PrivateKeyDer::from_pem_file(key).map_err(|error| at(key)(error.into()))?;
                let acceptor = acceptor(chain, private)
                    .map_err(|error| TlsError { path: Some(certificate.clone()), ..error })?;
                Ok(Self { acceptor, authority: None })
            }
        }
    }

    /// Returns the file with the authority's certificate; `None` if the certificate was given.
    pub(crate) fn authority_path(&self) -> Option<&Path> {
        match self.authority.as_ref()? {
            Authority::Temporary(file) => Some(file.path()),
            Authority::Kept(path) => Some(path),
        }
    }

    pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> std::io::Result<TlsStream<S>> {
        self.acceptor.accept(stream).await
    }
}

/// Makes an authority with this key. The same key makes the same authority.
fn authority(key: KeyPair) -> Result<CertifiedIssuer<'static, KeyPair>, TlsError> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "jobs-emulator authority");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2120, 1, 1);
    Ok(CertifiedIssuer::self_signed(params, key)?)
}

/// Makes the authority whose certificate is at `path`, and both files if they do not exist.
///
/// The certificate itself stays as it is once written: a client trusts its name and key.
fn kept_authority(path: &Path) -> Result<CertifiedIssuer<'static, KeyPair>, TlsError> {
    let key_path = path.with_extension("key.pem");
    let at_key =
        |source: Box<dyn std::error::Error + Send + Sync>| TlsError { path: Some(key_path.clone()), source };
    let key = match std::fs::read_to_string(&key_path) {
        Ok(pem) => KeyPair::from_pem(&pem).map_err(|error| at_key(error.into()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = KeyPair::generate()?;
            write_secret(&key_path, &key.serialize_pem()).map_err(|error| at_key(error.into()))?;
            // A certificate without its key is of an authority that is gone.
            drop(std::fs::remove_file(path));
            key
        }
        Err(error) => return Err(at_key(error.into())),
    };
    let issuer = authority(key)?;
    if !path.exists() {
        std::fs::write(path, issuer.pem())?;
    }
    Ok(issuer)
}

/// Writes a file that only its owner can read.
fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

/// Issues a certificate with its key.
fn issue(
    authority: &CertifiedIssuer<'static, KeyPair>,
    certificate: Certificate,
    host_name: &str,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let mut names =
        vec![host_name.to_owned(), "localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if certificate == Certificate::OtherName {
        names = vec!["other.example".to_owned()];
    }
    names.dedup();
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
        _ => params.signed_by(&key, authority)?,
    };
    Ok((vec![signed.der().clone()], PrivateKeyDer::try_from(key.serialize_der())?))
}

fn acceptor(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<TlsAcceptor, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_authority_stays_across_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let source = TlsSource::Kept(path.clone());
        Tls::new(&source, "hub.example").unwrap();
        let first = std::fs::read(&path).unwrap();
        let tls = Tls::new(&source, "hub.example").unwrap();
        assert_eq!(tls.authority_path(), Some(path.as_path()));
        assert_eq!(std::fs::read(&path).unwrap(), first);
    }

    #[test]
    fn unusable_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cert.pem");
        std::fs::write(&path, "no certificate").unwrap();
        let missing = folder.path().join("missing.pem");
        for (certificate, key, at_fault) in [(&missing, &path, &missing), (&path, &missing, &missing)] {
            let source = TlsSource::Files { certificate: certificate.clone(), key: key.clone() };
            let error = Tls::new(&source, "hub.example").err().unwrap();
            assert_eq!(error.path.as_ref(), Some(at_fault));
        }
    }
}
