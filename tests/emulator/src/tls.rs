//! Serving over TLS: with certificates of a private authority, or with a given one.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PublicKeyData as _, date_time_ymd,
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
    /// For the hub's host name, `localhost`, `127.0.0.1`, `::1` and the address that the hub listens at.
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
    /// Makes or reads the certificate of a hub of this name that listens at this address.
    pub(crate) fn new(source: &TlsSource, host_name: &str, address: IpAddr) -> Result<Self, TlsError> {
        match source {
            TlsSource::Private(certificate) => {
                let issuer = authority(KeyPair::generate()?)?;
                let mut file = NamedTempFile::with_suffix(".pem")?;
                file.write_all(issuer.pem().as_bytes())?;
                let (chain, key) = issue(&issuer, *certificate, host_name, address)?;
                let acceptor = acceptor(chain, key)?;
                Ok(Self { acceptor, authority: Some(Authority::Temporary(file)) })
            }
            TlsSource::Kept(path) => {
                let issuer = kept_authority(path)
                    .map_err(|error| TlsError { path: error.path.or(Some(path.clone())), ..error })?;
                let (chain, key) = issue(&issuer, Certificate::Good, host_name, address)?;
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
    // The key comes first: a certificate that is there before its key is not one of this program.
    if path.exists() && !key_path.exists() {
        return Err(at_key(
            "it is missing, and its certificate is there: that file is not overwritten".into(),
        ));
    }
    write_new(&key_path, &KeyPair::generate()?.serialize_pem(), 0o600)
        .map_err(|error| at_key(error.into()))?;
    let pem = std::fs::read_to_string(&key_path).map_err(|error| at_key(error.into()))?;
    let issuer = authority(KeyPair::from_pem(&pem).map_err(|error| at_key(error.into()))?)?;
    write_new(path, &issuer.pem(), 0o644)?;
    let certificate = CertificateDer::from_pem_file(path)?;
    let public_key = issuer.key().subject_public_key_info();
    if !certificate.windows(public_key.len()).any(|window| window == public_key) {
        return Err("the certificate is not the one of the key beside it".into());
    }
    Ok(issuer)
}

/// Writes a file with these permissions, which holds all of its text from the moment it exists. A file that exists
/// stays as it is: programs that start at the same time share the first one.
fn write_new(path: &Path, text: &str, _mode: u32) -> std::io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new();
    #[cfg(unix)]
    file.permissions(std::os::unix::fs::PermissionsExt::from_mode(_mode));
    let mut file = file.tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != std::io::ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

/// Issues a certificate with its key.
fn issue(
    authority: &CertifiedIssuer<'static, KeyPair>,
    certificate: Certificate,
    host_name: &str,
    address: IpAddr,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let names = match certificate {
        Certificate::OtherName => BTreeSet::from(["other.example".to_owned()]),
        _ => BTreeSet::from(
            [host_name, "localhost", "127.0.0.1", "::1", &address.to_string()].map(str::to_owned),
        ),
    };
    let mut params = CertificateParams::new(names.into_iter().collect::<Vec<_>>())?;
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
    use std::net::Ipv4Addr;

    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn kept_authority_stays_across_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let source = TlsSource::Kept(path.clone());
        Tls::new(&source, "hub.example", LOCAL).unwrap();
        let first = std::fs::read(&path).unwrap();
        let tls = Tls::new(&source, "hub.example", LOCAL).unwrap();
        assert_eq!(tls.authority_path(), Some(path.as_path()));
        assert_eq!(std::fs::read(&path).unwrap(), first);
    }

    #[test]
    fn foreign_certificate_is_kept_and_refused() {
        let folder = tempfile::tempdir().unwrap();
        let [path, other] = ["ca.pem", "other.pem"].map(|name| folder.path().join(name));
        let source = TlsSource::Kept(path.clone());
        std::fs::write(&path, "foreign").unwrap();
        let error = Tls::new(&source, "hub.example", LOCAL).err().unwrap();
        assert_eq!(error.path, Some(path.with_extension("key.pem")));
        assert_eq!(std::fs::read(&path).unwrap(), b"foreign");
        for kept in [&path, &other] {
            drop(std::fs::remove_file(kept));
            Tls::new(&TlsSource::Kept(kept.clone()), "hub.example", LOCAL).unwrap();
        }
        std::fs::copy(&other, &path).unwrap();
        let error = Tls::new(&source, "hub.example", LOCAL).err().unwrap();
        assert_eq!(error.path, Some(path));
    }

    #[test]
    fn hubs_that_start_at_the_same_time_share_a_new_authority() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let start = || Tls::new(&TlsSource::Kept(path.clone()), "hub.example", LOCAL).map(drop);
        std::thread::scope(|scope| {
            let hubs: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            hubs.into_iter().for_each(|hub| hub.join().unwrap().unwrap());
        });
    }

    #[test]
    fn unusable_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cert.pem");
        std::fs::write(&path, "no certificate").unwrap();
        let missing = folder.path().join("missing.pem");
        for (certificate, key, at_fault) in [(&missing, &path, &missing), (&path, &missing, &missing)] {
            let source = TlsSource::Files { certificate: certificate.clone(), key: key.clone() };
            let error = Tls::new(&source, "hub.example", LOCAL).err().unwrap();
            assert_eq!(error.path.as_ref(), Some(at_fault));
        }
    }
}
