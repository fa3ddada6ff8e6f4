//! A rehearsal of an update as the service may publish one: a version, a status, a member of requests with a type of its
//! own, a count, and two operations, of names that the service will not choose.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::scratch::files_below;
use crate::outcome::Outcome;
use crate::regen::{Options, run};
use crate::workspace::{SPEC, repository};

/// Returns our spec with the update.
pub(super) fn updated_spec() -> Value {
    let mut spec: Value =
        serde_json::from_str(&fs::read_to_string(repository().join(SPEC)).unwrap()).unwrap();
    spec["info"]["version"] = json!("2099-12-31");
    let schemas = &mut spec["components"]["schemas"];
    schemas["JobStatus"]["enum"].as_array_mut().unwrap().push(json!("rehearsed"));
    schemas["RehearsedPolicy"] =
        json!({ "type": "object", "properties": { "maxAttempts": { "type": "integer" } } });
    schemas["JobRequest"]["properties"]["rehearsedPolicy"] =
        json!({ "$ref": "#/components/schemas/RehearsedPolicy" });
    schemas["DeviceJobStatistics"]["properties"]["rehearsedCount"] =
        json!({ "type": "integer", "format": "int32" });
    for verb in ["rehearse", "perform"] {
        let mut path = spec["paths"]["/jobs/v2/{id}/cancel"].clone();
        path["post"]["operationId"] = json!(format!("{verb}_scheduled_job"));
        spec["paths"][format!("/jobs/v2/{{id}}/{verb}")] = path;
    }
    spec
}

/// Applies the update to a copy of the workspace, and returns what `regen` lists as to be done by hand.
fn list() -> Vec<String> {
    let copy = tempfile::tempdir().unwrap();
    for folder in ["jobs-api", "spec", "tests", "xtask/fixtures", "xtask/src/amend"] {
        files_below(&repository().join(folder)).iter().for_each(|file| copy_file(file, copy.path()));
    }
    fs::write(copy.path().join(SPEC), updated_spec().to_string()).unwrap();
    let Outcome::Success(report) = run(copy.path(), &Options::default()).unwrap() else {
        panic!("it was refused")
    };
    let (_, list) = report.split_once("\n→ by hand:\n").unwrap();
    list.lines().map(str::to_owned).collect()
}

fn copy_file(file: &Path, root: &Path) {
    let to = root.join(file.strip_prefix(repository()).unwrap());
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(file, to).unwrap();
}

/// Returns the places that are listed for a reason.
pub(super) fn listed(reason: &str) -> BTreeSet<String> {
    let list = list();
    let places =
        list.iter().filter_map(|line| line.split_once(' ')).filter(|(_, rest)| rest.starts_with(reason));
    places.map(|(place, _)| place.to_owned()).collect()
}

#[test]
fn update_leaves_these_files_to_a_person_in_this_order() {
    let list = list();
    let mut files: Vec<&str> = list.iter().filter_map(|line| line.split(':').next()).collect();
    files.dedup();
    assert_eq!(
        files,
        [
            "jobs-api/src/jobs/compare.rs",
            "jobs-api/src/jobs/validate.rs",
            "jobs-api/src/jobs/outcome.rs",
            "xtask/src/amend/setters.rs",
            "jobs-api/src/client/operations.rs",
            "jobs-api/src/jobs/job.rs",
            "jobs-api/src/error/service.rs",
            "jobs-api/src/lib.rs",
            "jobs-api/examples/check_hub/doctor.rs",
            "tests/emulator/src/api/admission.rs",
            "tests/emulator/src/operation.rs",
            "tests/emulator/src/api/handlers.rs",
            "tests/emulator/src/fault.rs",
            "tests/emulator/src/jobs/request.rs",
            "tests/emulator/src/jobs/job.rs",
            "tests/emulator/src/jobs/timeline.rs",
            "tests/emulator/src/jobs/row.rs",
            "tests/emulator/README.md",
            "xtask/fixtures/published.json",
            "tests/schema.rs",
            "tests/surface/listing.txt",
            "spec/facts.json",
            "jobs-api/CHANGELOG.md",
        ],
        "{list:#?}"
    );
}
