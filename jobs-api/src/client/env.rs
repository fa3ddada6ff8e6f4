//! Building a client from a connection string or from the environment.

use std::env;
use std::ffi::OsString;

#[cfg(feature = "entra")]
use self::entra::with_entra;
use super::Client;
use super::builder::ClientBuilder;
use crate::auth::ConnectionString;
use crate::error::Error;

const CONNECTION_STRING: &str = "IOTHUB_CONNECTION_STRING";
const HOST_NAME: &str = "IOTHUB_HOSTNAME";
const FROM_ENV: &str = "ClientBuilder::from_env";

impl Client {
    /// Creates a client from a hub's connection string, as the portal shows it for a shared access policy.
    ///
    /// # Errors
    ///
    /// [`Error::Credential`] names the key at fault.
    pub fn from_connection_string(connection_string: &str) -> Result<Self, Error> {
        ClientBuilder::from_connection_string(connection_string)?.build()
    }

    /// Creates a client from the environment: see [`ClientBuilder::from_env`].
    ///
    /// # Errors
    ///
    /// Those of [`ClientBuilder::from_env`] and [`ClientBuilder::build`].
    pub fn from_env() -> Result<Self, Error> {
        ClientBuilder::from_env()?.build()
    }
}

impl ClientBuilder {
    /// Starts from a hub's connection string: its host, its credential and its gateway, if it names one.
    ///
    /// # Errors
    ///
    /// [`Error::Credential`] names the key at fault.
    pub fn from_connection_string(connection_string: &str) -> Result<Self, Error> {
        Ok(connection_string.parse::<ConnectionString>()?.into())
    }

    /// Starts from `IOTHUB_CONNECTION_STRING`.
    ///
    /// If that is not set and the feature `entra` is on, uses the host name in `IOTHUB_HOSTNAME` and tokens
    /// of Microsoft Entra ID, from the first credential that applies:
    ///
    /// | variables | credential |
    /// |---|---|
    /// | `AZURE_TOKEN_CREDENTIALS=dev` | the account of the Azure CLI or the Azure Developer CLI |
    /// | `AZURE_FEDERATED_TOKEN_FILE`, `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` | the workload identity of a Kubernetes pod |
    /// | `AZURE_CLIENT_SECRET`, `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` | a service principal |
    /// | none of these | the managed identity, that of `AZURE_CLIENT_ID` if set |
    ///
    /// A blank variable counts as not set. `AZURE_TOKEN_CREDENTIALS` may also be `prod`, which is the same
    /// as not set. `AZURE_AUTHORITY_HOST` selects the token endpoint of another cloud for workload
    /// identities and service principals.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfiguration`] names the variables that are missing or malformed.
    /// [`Error::Credential`] if the connection string cannot be used.
    pub fn from_env() -> Result<Self, Error> {
        from_variables(&|name| {
            let value = env::var_os(name).map(OsString::into_string).transpose();
            value.map_err(|_| invalid(format!("{name} is not UTF-8")))
        })
    }
}

impl From<ConnectionString> for ClientBuilder {
    fn from(connection: ConnectionString) -> Self {
        let builder = Client::builder(connection.host_name, connection.credential);
        match connection.gateway_host_name {
            Some(gateway) => builder.endpoint(format!("https://{gateway}")),
            None => builder,
        }
    }
}

/// Returns the value of a variable, if it is set.
type Read<'a> = &'a dyn Fn(&'static str) -> Result<Option<String>, Error>;

/// Builds from the variables that `read` returns. White space around a value is ignored.
fn from_variables(read: Read<'_>) -> Result<ClientBuilder, Error> {
    let variable = |name| {
        let value = read(name)?.map(|value| value.trim().to_owned());
        Ok(value.filter(|value| !value.is_empty()))
    };
    if let Some(connection_string) = variable(CONNECTION_STRING)? {
        return ClientBuilder::from_connection_string(&connection_string);
    }
    match variable(HOST_NAME)? {
        Some(host_name) => with_entra(&host_name, &variable),
        None => Err(invalid(format!(
            "neither {CONNECTION_STRING} nor {HOST_NAME} is set; the first is a hub's connection string, \
             the second its host name, for Microsoft Entra ID with the feature `entra`"
        ))),
    }
}

#[cfg(not(feature = "entra"))]
fn with_entra(_: &str, _: Read<'_>) -> Result<ClientBuilder, Error> {
    Err(invalid(format!(
        "{CONNECTION_STRING} is not set; {HOST_NAME} is, but signing with Microsoft Entra ID needs the \
         feature `entra`, which this build does not have"
    )))
}

fn invalid(rule: String) -> Error {
    Error::invalid_setting(FROM_ENV, rule)
}

#[cfg(feature = "entra")]
mod entra {
    use std::sync::Arc;

    use azure_core::credentials::{Secret, TokenCredential};
    use azure_identity::{
        ClientSecretCredential, DeveloperToolsCredential, ManagedIdentityCredential,
        ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    };

    use super::{FROM_ENV, HOST_NAME, Read, invalid};
    use crate::auth::{Credential, HOST_NAME_RULE, has_only, is_host_name, messages, redact_tokens};
    use crate::client::builder::ClientBuilder;
    use crate::client::{Client, require};
    use crate::error::Error;

    const KIND: &str = "AZURE_TOKEN_CREDENTIALS";
    const TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
    const CLIENT_SECRET: &str = "AZURE_CLIENT_SECRET";
    const CLIENT_ID: &str = "AZURE_CLIENT_ID";
    const TENANT_ID: &str = "AZURE_TENANT_ID";

    /// Builds for this hub with the credential that the variables select.
    pub(super) fn with_entra(host_name: &str, variable: Read<'_>) -> Result<ClientBuilder, Error> {
        require(is_host_name(host_name), FROM_ENV, format!("{HOST_NAME} {HOST_NAME_RULE}"))?;
        // Errors repeat an invalid id, which may be a secret by mistake.
        let id = |name| match variable(name)? {
            Some(id) if !has_only(&id, "-.") => {
                Err(invalid(format!("{name} must have only ASCII letters, digits, `-` and `.`")))
            }
            id => Ok(id),
        };
        let needed = |name, by| {
            id(name)?.ok_or_else(|| invalid(format!("{by} is set, but {name}, which it requires, is not")))
        };
        let kind = variable(KIND)?.unwrap_or_default().to_lowercase();
        let is_known = ["", "dev", "prod"].contains(&kind.as_str());
        require(is_known, FROM_ENV, format!("{KIND} must be `dev` or `prod`"))?;
        let credential: Arc<dyn TokenCredential> = if kind == "dev" {
            DeveloperToolsCredential::new(None).map_err(not_created)?
        } else if variable(TOKEN_FILE)?.is_some() {
            needed(CLIENT_ID, TOKEN_FILE).and(needed(TENANT_ID, TOKEN_FILE))?;
            // Reads the three variables itself.
            WorkloadIdentityCredential::new(None).map_err(not_created)?
        } else if let Some(secret) = variable(CLIENT_SECRET)?.map(Secret::new) {
            let tenant_id = needed(TENANT_ID, CLIENT_SECRET)?;
            let client_id = needed(CLIENT_ID, CLIENT_SECRET)?;
            ClientSecretCredential::new(&tenant_id, client_id, secret, None).map_err(not_created)?
        } else {
            let user_assigned_id = id(CLIENT_ID)?.map(UserAssignedId::ClientId);
            let options = ManagedIdentityCredentialOptions { user_assigned_id, ..Default::default() };
            ManagedIdentityCredential::new(Some(options)).map_err(not_created)?
        };
        Ok(Client::builder(host_name, Credential::token(credential)))
    }

    fn not_created(error: azure_core::Error) -> Error {
        let reasons = messages(&error);
        let reasons = redact_tokens(&reasons).unwrap_or(reasons);
        invalid(format!("the credential of Microsoft Entra ID cannot be created: {reasons}"))
    }
}

#[cfg(test)]
mod tests;
