//! Lists a hub's jobs as an identity of Microsoft Entra ID, with no key and no connection string.
//!
//! Needs a hub, its host name in `IOTHUB_HOSTNAME`, and an identity with the role IoT Hub Data Reader on it:
//! yours, after `az login` or `azd auth login`, or the managed identity of this machine.
//!
//! ```sh
//! IOTHUB_HOSTNAME=contoso.azure-devices.net cargo run --example entra --features entra
//! IOTHUB_HOSTNAME=contoso.azure-devices.net cargo run --example entra --features entra -- --managed-identity
//! ```
//!
//! `Client::from_env()` alone selects the credential by the environment.

#![allow(clippy::print_stdout, reason = "a program that talks to its user")]

#[macro_use]
mod program;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use azure_identity::{
    DeveloperToolsCredential, ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
};
use bpaf::{OptionParser, Parser, construct, long};
use futures_util::TryStreamExt as _;
use jobs_api::{Client, Credential, JobFilter};

use program::{exit_code, start, use_ring};

struct Arguments {
    managed_identity: bool,
    client_id: Option<String>,
}

fn command_line() -> OptionParser<Arguments> {
    let managed_identity = long("managed-identity")
        .help("Use the machine's managed identity instead of the account of a developer tool")
        .switch();
    let client_id = long("client-id")
        .help("Use this user-assigned managed identity instead of the system-assigned one")
        .argument("ID")
        .optional();
    construct!(Arguments { managed_identity, client_id })
        .to_options()
        .descr("Lists a hub's jobs as an identity of Microsoft Entra ID.")
        .footer("The hub is that of IOTHUB_HOSTNAME, such as contoso.azure-devices.net.")
}

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run(start(command_line())).await)
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let host_name = std::env::var("IOTHUB_HOSTNAME").unwrap_or_default();
    if host_name.trim().is_empty() {
        return Err("IOTHUB_HOSTNAME is not set".into());
    }
    use_ring();
    let credential = Credential::token(identity(arguments)?);
    let client = Client::builder(host_name.trim(), credential).build()?;
    let mut jobs = client.query_scheduled_jobs(JobFilter::default());
    while let Some(job) = jobs.try_next().await? {
        println!("{}: {}", job.id(), job.outcome());
    }
    Ok(())
}

fn identity(arguments: Arguments) -> azure_core::Result<Arc<dyn TokenCredential>> {
    if !arguments.managed_identity && arguments.client_id.is_none() {
        return Ok(DeveloperToolsCredential::new(None)?);
    }
    let user_assigned_id = arguments.client_id.map(UserAssignedId::ClientId);
    let options = ManagedIdentityCredentialOptions { user_assigned_id, ..Default::default() };
    Ok(ManagedIdentityCredential::new(Some(options))?)
}
