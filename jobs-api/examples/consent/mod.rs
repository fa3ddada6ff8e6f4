//! The question before an example changes devices of a real hub.

use std::error::Error;
use std::io::{self, BufRead, Write as _};

use crate::hub::Hub;
use crate::spinner;

/// Counts the devices of a real hub that a change will reach, says so, and asks unless `yes`.
pub(crate) async fn obtain(
    hub: &Hub,
    change: &str,
    condition: &str,
    yes: bool,
) -> Result<(), Box<dyn Error>> {
    obtain_from(io::stdin().lock(), hub, change, condition, yes).await
}

/// [`obtain`], with the answer on the next line of a reader.
pub(crate) async fn obtain_from(
    answers: impl BufRead,
    hub: &Hub,
    change: &str,
    condition: &str,
    yes: bool,
) -> Result<(), Box<dyn Error>> {
    if hub.emulator.is_some() {
        return Ok(());
    }
    let devices = spinner::ask("counting the devices", hub.client.count_devices(condition)).await?;
    println!("This will {change} on {devices} devices of {}: {condition}.", hub.client.host_name());
    if yes || ask(answers)? { Ok(()) } else { Err("nothing was sent".into()) }
}

fn ask(mut answers: impl BufRead) -> io::Result<bool> {
    write!(io::stderr(), "Go on? [y/N] ")?;
    let mut answer = String::new();
    answers.read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
