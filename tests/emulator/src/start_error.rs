//! Reasons for which a hub does not start.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The reason why a hub does not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened at: it is in use, or not one of this machine.
    Address {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// TLS cannot be set up: a file cannot be read or written, or does not hold what it should.
    Tls {
        /// The file at fault, if it is one.
        path: Option<PathBuf>,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The tier does not allow so many devices or units.
    Tier(String),
    /// The clock is to start out of its range, the years 1970 to 9000.
    Clock,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { address, .. } => write!(f, "cannot listen at {address}"),
            Self::Tls { path: Some(path), .. } => write!(f, "cannot serve over TLS with {}", path.display()),
            Self::Tls { path: None, .. } => f.write_str("cannot serve over TLS"),
            Self::Tier(reason) => f.write_str(reason),
            Self::Clock => f.write_str("the clock must start within the years 1970 to 9000"),
        }
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Address { source, .. } => Some(source),
            Self::Tls { source, .. } => Some(&**source),
            Self::Tier(_) | Self::Clock => None,
        }
    }
}
