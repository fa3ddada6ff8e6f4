//! The line that tells that the hub is ready.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use jobs_emulator::{Emulator, Policy};
use serde_json::{Map, Value, json};

/// Life of the bearer token: longer than a hub for tests runs.
const BEARER_LIFE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Describes a hub that is ready.
pub(crate) fn describe(emulator: &Emulator) -> Value {
    let strings =
        Policy::ALL.map(|policy| (policy.name().to_owned(), json!(emulator.local_connection_string(policy))));
    json!({
        "endpoint": format!("https://{}", emulator.local_host()),
        "address": emulator.address().to_string(),
        "hubName": emulator.host_name(),
        "connectionString": emulator.local_connection_string(Policy::Owner),
        "connectionStrings": strings.into_iter().collect::<Map<_, _>>(),
        "bearerToken": emulator.issuer().token(BEARER_LIFE),
        "caPath": emulator.authority_path().map(|path| path.display().to_string()),
        "pid": std::process::id(),
    })
}

/// Writes the line to the standard output.
pub(crate) fn announce(ready: &Value) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{ready}")?;
    output.flush()
}

/// Writes the line to a file, which holds all of it from the moment it exists.
pub(crate) fn write_file(path: &Path, ready: &Value) -> io::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    fs::write(&part, format!("{ready}\n"))?;
    fs::rename(&part, path)
}
