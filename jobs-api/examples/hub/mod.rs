//! The hub of the examples.

#![allow(clippy::print_stdout, reason = "programs that talk to their user")]

use std::error::Error;
use std::time::Duration;

use jobs_api::{Client, ClientBuilder};
use jobs_emulator::{Device, Emulator, MethodAnswer, Pace};
use serde_json::json;

/// A client, and the emulated hub behind it, if there is one.
pub(crate) struct Hub {
    pub(crate) client: Client,
    pub(crate) emulator: Option<Emulator>,
}

impl Hub {
    /// Connects to the hub of `IOTHUB_CONNECTION_STRING`, or to an emulated one with 12 pumps if that is
    /// not set.
    ///
    /// With `troubled`, two pumps in building 43 are offline and one does not know the method.
    pub(crate) async fn connect(troubled: bool) -> Result<Self, Box<dyn Error>> {
        if std::env::var("IOTHUB_CONNECTION_STRING").is_ok_and(|text| !text.trim().is_empty()) {
            let client = Client::from_env()?;
            println!("Using the hub of IOTHUB_CONNECTION_STRING.");
            return Ok(Self { client, emulator: None });
        }
        let emulator = Emulator::builder()
            .devices((1..=12).map(|number| pump(number, troubled)))
            .pace(Pace { running: Duration::from_secs(2), ..Pace::default() })
            .start()
            .await;
        println!(
            "IOTHUB_CONNECTION_STRING is not set: using an emulated hub with 12 devices, 8 of them in building 43."
        );
        let builder = ClientBuilder::from_connection_string(&emulator.connection_string())?;
        let client = builder.endpoint(emulator.endpoint()).build()?;
        Ok(Self { client, emulator: Some(emulator) })
    }
}

fn pump(number: u32, troubled: bool) -> Device {
    let building = if number <= 8 { "43" } else { "44" };
    let tags = json!({ "building": building, "floor": (number - 1) % 4 + 1 });
    let device = Device::new(format!("pump-{number}")).with_tags(tags);
    match number {
        2 | 5 if troubled => device.offline(),
        7 if troubled => device.answering(|call| MethodAnswer {
            status: 404,
            payload: json!({ "error": format!("there is no method {}", call.name) }),
        }),
        _ => device.answering(|call| MethodAnswer { status: 200, payload: json!({ "done": call.name }) }),
    }
}
