//! The workspace: its root, and the files that the tasks read and write.

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// The generator's only input, from the root of the workspace.
pub(crate) const SPEC: &str = "spec/openapi.json";
/// The client that `regen` writes.
pub(crate) const CLIENT: &str = "jobs-api/src/generated.rs";
/// The intended deviations of the spec from the published contract.
pub(crate) const DEVIATIONS: &str = "spec/deviations.json";
/// The steps that an update leaves to a person.
pub(crate) const BY_HAND: &str = "spec/by-hand.json";
/// The file with the tables of both.
pub(crate) const README: &str = "spec/README.md";

/// The facts of the service.
pub(crate) const FACTS: &str = "spec/facts.json";
/// The page that shows them.
pub(crate) const FACTS_PAGE: &str = "spec/FACTS.md";

/// Returns the root of the workspace that this program was built in.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Reads a file of data of the workspace at `root`.
pub(crate) fn read_data<T: DeserializeOwned>(root: &Path, file: &str) -> Result<T, String> {
    let text =
        fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: cannot be read: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("{file}: {error}"))
}
