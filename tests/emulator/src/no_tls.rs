//! The TLS of a build without the feature `tls`: there is none.

use std::net::IpAddr;
use std::path::Path;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::start_error::StartError;

/// Where the certificate comes from: nowhere.
#[derive(Clone, Debug)]
pub(crate) enum TlsSource {}

/// The certificate and key of a hub, which cannot be made.
pub(crate) enum Tls {}

impl Tls {
    pub(crate) fn new(source: &TlsSource, _host_name: &str, _address: IpAddr) -> Result<Self, StartError> {
        match *source {}
    }

    pub(crate) fn authority_path(&self) -> Option<&Path> {
        match *self {}
    }

    pub(crate) async fn accept<S: AsyncRead + AsyncWrite>(&self, _stream: S) -> std::io::Result<S> {
        match *self {}
    }
}
