//! Asking a running hub whether it is well, as a health check does.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::failure::Failure;

const PATIENCE: Duration = Duration::from_secs(5);
const REQUEST: &str = "GET /_emulator/health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

type Error = Box<dyn std::error::Error>;

/// Fails unless the hub that wrote this ready file answers that it runs.
pub(crate) fn check(ready_file: &Path) -> Result<(), Failure> {
    let text = fs::read_to_string(ready_file).map_err(|error| Failure::file(ready_file, error))?;
    let ready: Value = serde_json::from_str(&text).map_err(|error| Failure::file(ready_file, error))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::other(format!("no runtime: {error}")))?;
    let asked = runtime.block_on(async { tokio::time::timeout(PATIENCE, ask(&ready)).await });
    match asked {
        Ok(Ok(answer)) if answer.starts_with("HTTP/1.1 200") => Ok(()),
        Ok(Ok(answer)) => {
            Err(Failure::other(format!("the hub answered {}", answer.lines().next().unwrap_or("nothing"))))
        }
        Ok(Err(error)) => Err(Failure::other(format!("the hub does not answer: {error}"))),
        Err(_) => Err(Failure::other("the hub does not answer in time")),
    }
}

async fn ask(ready: &Value) -> Result<String, Error> {
    let port = ready["address"].as_str().and_then(|address| address.rsplit_once(':')).ok_or("no address")?.1;
    let authority =
        ready["caPath"].as_str().ok_or("a hub with a certificate from a file cannot be checked")?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authority)? {
        roots.add(certificate?)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", port.parse::<u16>()?)).await?;
    let name = ServerName::try_from("localhost")?;
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream.write_all(REQUEST.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
