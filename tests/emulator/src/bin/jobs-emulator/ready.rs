//! The line that tells that the hub is ready.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use jobs_emulator::Emulator;
use serde_json::{Value, json};

/// Describes a hub that is ready.
pub(crate) fn describe(emulator: &Emulator) -> Value {
    json!({
        "endpoint": format!("https://localhost:{}", emulator.address().port()),
        "address": emulator.address().to_string(),
        "hubName": emulator.host_name(),
        "connectionString": emulator.local_connection_string(),
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
