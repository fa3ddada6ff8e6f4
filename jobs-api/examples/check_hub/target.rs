//! The hub that is checked: that of the environment, or an emulated one.

use std::env;
use std::error::Error;

use jobs_api::{Client, ClientBuilder, ConnectionString, Credential, CredentialError, RetryPolicy};
use jobs_emulator::{Emulator, Throttle, Tier};

use crate::program::use_ring;

/// Job operations a minute: below the limit of every tier, which is 100.
const OPERATIONS: u32 = 60;

/// A hub, and how it is reached.
pub(crate) struct Target {
    pub(crate) client: Client,
    /// Signs with a key that the hub does not have.
    pub(crate) stranger: Client,
    /// The host name of a real hub. It is never shown.
    pub(crate) host: Option<String>,
    _emulator: Option<Emulator>,
}

impl Target {
    /// Connects to the hub of the environment, or to an emulated one unless `hub` is set.
    pub(crate) async fn connect(hub: bool) -> Result<Self, Box<dyn Error>> {
        let variable = |name| env::var(name).ok().filter(|text: &String| !text.trim().is_empty());
        if !hub {
            let emulator =
                Emulator::builder().tier(Tier::Free).throttle(Throttle::documented()).start().await;
            let target = Self::of_emulator(&emulator, &emulator.connection_string())?;
            return Ok(Self { _emulator: Some(emulator), ..target });
        }
        let connection = variable("IOTHUB_CONNECTION_STRING");
        let builder = ClientBuilder::from_env()?.operations_per_minute(OPERATIONS);
        let (host, stranger) = match connection {
            Some(text) => {
                let connection: ConnectionString = text.trim().parse()?;
                let host = connection.host_name().to_owned();
                let gateway = connection.gateway_host_name().unwrap_or(&host);
                let endpoint = format!("https://{gateway}");
                (host.clone(), Client::builder(host, stranger()?).endpoint(endpoint))
            }
            None => {
                let host = variable("IOTHUB_HOSTNAME").unwrap_or_default().trim().to_owned();
                (host.clone(), Client::builder(host, stranger()?))
            }
        };
        Self::new(builder, stranger, Some(host))
    }

    /// Connects to an emulated hub.
    pub(crate) fn of_emulator(emulator: &Emulator, connection_string: &str) -> Result<Self, Box<dyn Error>> {
        let connection: ConnectionString = connection_string.parse()?;
        let stranger = Client::builder(connection.host_name(), stranger()?);
        let [builder, stranger] = [ClientBuilder::from(connection), stranger]
            .map(|builder| builder.endpoint(emulator.endpoint()).without_pacing());
        Self::new(builder, stranger, None)
    }

    fn new(
        builder: ClientBuilder,
        stranger: ClientBuilder,
        host: Option<String>,
    ) -> Result<Self, Box<dyn Error>> {
        use_ring();
        // A retry would hide what the hub answers.
        let [client, stranger] =
            [builder, stranger].map(|builder| builder.retry(RetryPolicy::none()).build());
        Ok(Self { client: client?, stranger: stranger?, host, _emulator: None })
    }

    pub(crate) fn is_real(&self) -> bool {
        self.host.is_some()
    }

    /// Returns a description without the hub's name, such as `a hub at *.azure-devices.net`.
    pub(crate) fn label(&self) -> String {
        match self.host.as_deref().and_then(|host| host.split_once('.')) {
            Some((_, domain)) => format!("a hub at *.{domain}"),
            None if self.is_real() => "a hub".to_owned(),
            None => "an emulated hub".to_owned(),
        }
    }
}

/// Returns a credential that no hub accepts.
fn stranger() -> Result<Credential, CredentialError> {
    Credential::shared_access_key("iothubowner", "c3RyYW5nZXI=")
}
