//! The keys of a connection string.

pub(super) const HOST_NAME: &str = "HostName";
pub(super) const GATEWAY_HOST_NAME: &str = "GatewayHostName";
pub(super) const SHARED_ACCESS_KEY_NAME: &str = "SharedAccessKeyName";
pub(super) const SHARED_ACCESS_KEY: &str = "SharedAccessKey";
pub(super) const SHARED_ACCESS_SIGNATURE: &str = "SharedAccessSignature";

/// The keys of a hub's connection string.
pub(super) const KEYS: [&str; 5] =
    [HOST_NAME, GATEWAY_HOST_NAME, SHARED_ACCESS_KEY_NAME, SHARED_ACCESS_KEY, SHARED_ACCESS_SIGNATURE];

/// The keys of a device's or module's connection string, which cannot create jobs.
pub(super) const DEVICE_KEYS: [&str; 3] = ["DeviceId", "ModuleId", "x509"];

/// The host that devices are provisioned by; its instances have names below it.
pub(super) const PROVISIONING_HOST: &str = "azure-devices-provisioning.net";

/// The keys of the connection string of a hub's Event Hubs endpoint.
pub(super) const EVENT_HUBS_KEYS: [&str; 2] = ["Endpoint", "EntityPath"];
