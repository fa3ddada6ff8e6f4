//! The client of the hub that a connection string names.

use super::Client;
use super::builder::ClientBuilder;
use crate::auth::ConnectionString;
use crate::error::Error;

impl Client {
    /// Creates a client from a hub's connection string, as the portal shows it for a shared access policy.
    ///
    /// # Errors
    ///
    /// [`Error::ConnectionString`] names the key at fault.
    pub fn from_connection_string(connection_string: &str) -> Result<Self, Error> {
        ClientBuilder::from_connection_string(connection_string)?.build()
    }
}

impl ClientBuilder {
    /// Starts from a hub's connection string: its host, its credential and its gateway, if it names one.
    ///
    /// # Errors
    ///
    /// [`Error::ConnectionString`] names the key at fault.
    pub fn from_connection_string(connection_string: &str) -> Result<Self, Error> {
        Ok(connection_string.parse::<ConnectionString>()?.into())
    }
}

impl From<ConnectionString> for ClientBuilder {
    fn from(connection: ConnectionString) -> Self {
        let builder = Client::builder(connection.host_name(), connection.credential().clone());
        match connection.gateway_host_name() {
            Some(gateway) => builder.endpoint(format!("https://{gateway}")),
            None => builder,
        }
    }
}
