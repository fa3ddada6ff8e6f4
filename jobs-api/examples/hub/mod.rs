//! The hub of the examples.

#![allow(clippy::print_stdout, reason = "programs that talk to their user")]

use std::error::Error;
use std::time::Duration;

use bpaf::{Parser, long};
use jobs_api::{Client, ClientBuilder};
use jobs_emulator::{Device, Emulator, HubBehavior, MethodAnswer, Pace, Unreachable};
use serde_json::json;

use crate::program::use_ring;

/// A client, and the emulated hub behind it, if there is one.
pub(crate) struct Hub {
    pub(crate) client: Client,
    pub(crate) emulator: Option<Emulator>,
}

/// The switch for a real hub.
pub(crate) fn hub() -> impl Parser<bool> {
    long("hub").help("Use the hub of IOTHUB_CONNECTION_STRING instead of an emulated one").switch()
}

impl Hub {
    /// Connects to an emulated hub with this number of pumps, or to the one of `IOTHUB_CONNECTION_STRING` if
    /// `real`: see [`emulate`](Self::emulate).
    pub(crate) async fn connect(real: bool, pumps: usize, troubled: bool) -> Result<Self, Box<dyn Error>> {
        if real {
            use_ring();
            let client = Client::from_env()?;
            println!("Using the hub {}.", client.host_name());
            return Ok(Self { client, emulator: None });
        }
        println!(
            "An emulated hub with {pumps} devices, {} in building 43; --hub selects a real one.",
            in_building_43(pumps)
        );
        let pace = Pace { running: Duration::from_secs(2), ..Pace::default() };
        Self::emulate(pumps, troubled, pace).await
    }

    /// Starts an emulated hub with this number of pumps, two thirds of them in building 43, and connects to it.
    ///
    /// With `troubled`, two pumps in building 43 are offline and their twins are full, and one does not know the
    /// method.
    pub(crate) async fn emulate(pumps: usize, troubled: bool, pace: Pace) -> Result<Self, Box<dyn Error>> {
        use_ring();
        let devices = (1..=pumps).map(|number| pump(number, pumps, troubled));
        // A method on an offline device would keep its job running until the time limit, an hour by default.
        let behavior = HubBehavior { unreachable_devices: Unreachable::FailAtOnce, ..HubBehavior::default() };
        let emulator = Emulator::builder().devices(devices).pace(pace).behavior(behavior).start().await;
        let builder = ClientBuilder::from_connection_string(&emulator.connection_string())?;
        let client = builder.endpoint(emulator.endpoint()).build()?;
        Ok(Self { client, emulator: Some(emulator) })
    }
}

fn in_building_43(pumps: usize) -> usize {
    pumps * 2 / 3
}

fn pump(number: usize, pumps: usize, troubled: bool) -> Device {
    let building = if number <= in_building_43(pumps) { "43" } else { "44" };
    let tags = json!({ "building": building, "floor": (number - 1) % 4 + 1 });
    let digits = pumps.to_string().len();
    let device = Device::new(format!("pump-{number:0digits$}")).with_tags(tags);
    match number {
        // A twin update succeeds on an offline device, but desired properties have at most 32 KB.
        2 | 5 if troubled => device.offline().with_desired(json!({ "log": vec!["x".repeat(4095); 8] })),
        7 if troubled => device.answering(|call| MethodAnswer {
            status: 404,
            payload: json!({ "error": format!("there is no method {}", call.name) }),
        }),
        _ => device.answering(|call| MethodAnswer { status: 200, payload: json!({ "done": call.name }) }),
    }
}
