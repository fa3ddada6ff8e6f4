//! The workspace: its root, and the files that the tasks read and write.

use std::path::{Path, PathBuf};

/// The generator's only input, from the root of the workspace.
pub(crate) const SPEC: &str = "spec/openapi.json";
/// The client that `regen` writes.
pub(crate) const CLIENT: &str = "jobs-api/src/generated.rs";
/// The intended deviations of the spec from the published contract.
pub(crate) const DEVIATIONS: &str = "spec/deviations.json";
/// The file with the table of the deviations.
pub(crate) const README: &str = "spec/README.md";

/// The facts of the service.
pub(crate) const FACTS: &str = "spec/facts.json";
/// The page that shows them.
pub(crate) const FACTS_PAGE: &str = "spec/FACTS.md";

/// Returns the root of the workspace that this program was built in.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
