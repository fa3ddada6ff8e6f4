//! Import directions of `jobs-api`, `jobs-emulator` and `xtask`: one way, and no circle.

mod imports;
mod tests;
mod violations;

use std::path::Path;

pub(crate) use imports::{ModulePath, Sources};
use violations::{Direction, find_violations};

/// The modules of `jobs-api` from the bottom up, and the ones that each may import from.
const JOBS_API: &[Direction<'_>] = &[
    ("limits", &[]),
    ("runtime", &[]),
    ("targets", &[]),
    ("generated", &["limits", "runtime"]),
    ("auth", &["limits", "runtime", "targets"]),
    ("error", &["limits", "runtime", "generated", "auth"]),
    ("pace", &["limits", "targets"]),
    ("pipeline", &["limits", "runtime", "targets", "generated", "auth", "error", "pace"]),
    ("jobs", &["limits", "runtime", "targets", "generated", "auth", "error", "pipeline"]),
    ("client", &["limits", "runtime", "generated", "auth", "error", "pace", "pipeline", "jobs"]),
    ("follow", &["limits", "runtime", "targets", "generated", "error", "jobs", "client"]),
    ("roll_out", &["limits", "targets", "generated", "error", "jobs", "client", "follow"]),
];

/// The modules of `jobs-emulator` from the bottom up, and the ones that each may import from.
const JOBS_EMULATOR: &[Direction<'_>] = &[
    ("behavior", &[]),
    ("limits", &[]),
    ("mutex", &[]),
    ("pace", &[]),
    ("tier", &[]),
    ("dates", &[]),
    ("response", &[]),
    ("start_error", &[]),
    ("tls", &["start_error"]),
    ("no_tls", &["start_error"]),
    ("clock", &["mutex"]),
    ("service_error", &["behavior", "response"]),
    ("throttle", &["limits", "mutex", "tier"]),
    ("auth", &["behavior", "clock", "limits", "mutex", "service_error"]),
    ("request", &["mutex"]),
    ("fault", &["mutex", "response"]),
    ("operation", &["auth", "fault", "throttle"]),
    ("query", &["limits"]),
    ("fleet", &["dates", "limits", "query"]),
    ("jobs", &["behavior", "dates", "fleet", "limits", "pace", "query", "service_error", "throttle"]),
    ("hub", &["auth", "behavior", "clock", "fault", "jobs", "mutex", "request", "throttle", "tier"]),
    ("driver", &["fleet", "hub", "jobs"]),
    (
        "api",
        &[
            "behavior",
            "fleet",
            "hub",
            "jobs",
            "limits",
            "operation",
            "query",
            "request",
            "response",
            "service_error",
            "throttle",
        ],
    ),
    ("control", &["dates", "fault", "fleet", "hub", "limits", "request", "response"]),
    (
        "server",
        &[
            "api",
            "control",
            "dates",
            "driver",
            "fault",
            "hub",
            "limits",
            "operation",
            "request",
            "response",
            "service_error",
            "tls",
        ],
    ),
    ("emulator", &["auth", "fault", "fleet", "hub", "request", "server", "tls"]),
    (
        "builder",
        &[
            "auth",
            "behavior",
            "clock",
            "emulator",
            "fleet",
            "hub",
            "jobs",
            "limits",
            "pace",
            "request",
            "server",
            "start_error",
            "throttle",
            "tier",
            "tls",
        ],
    ),
];

/// The module of `jobs-api` that generated code names, and that `xtask` therefore quotes.
const QUOTED: &str = "runtime";

/// The modules of `xtask` from the bottom up, and the ones that each may import from.
const XTASK: &[Direction<'_>] = &[
    ("document", &[]),
    ("names", &[]),
    ("outcome", &[]),
    ("patterns", &[]),
    (QUOTED, &[]),
    ("syntax", &[]),
    ("workspace", &[]),
    ("culprit", &["document"]),
    ("json", &["document"]),
    ("open_enums", &["document"]),
    ("places", &["document"]),
    ("checks", &["document", "names"]),
    ("normalize", &["checks", "document", "names", "places"]),
    ("spec", &["checks", "culprit", "document", "json", "normalize", "open_enums", "places"]),
    ("enums", &["document", "names"]),
    ("generator", &["document", "enums", "names", "places", QUOTED, "spec", "syntax"]),
    ("amend", &["document", "enums", "names", "normalize", QUOTED, "spec", "syntax"]),
    ("surface", &["document", "places", "syntax"]),
    (
        "render",
        &["amend", "document", "enums", "generator", "places", "spec", "surface", "syntax", "workspace"],
    ),
    ("upstream", &["document", "json", "open_enums", "outcome", "patterns", "workspace"]),
    ("by_hand", &["patterns", "surface", "workspace"]),
    ("facts_page", &["workspace"]),
    ("pages", &["by_hand", "facts_page", "upstream", "workspace"]),
    ("regen", &["by_hand", "outcome", "pages", "render", "spec", "surface", "workspace"]),
    (
        "tests",
        &[
            "amend",
            "document",
            "names",
            "outcome",
            "regen",
            "render",
            "spec",
            "surface",
            "syntax",
            "workspace",
        ],
    ),
];

#[test]
fn imports_of_jobs_api_follow_the_directions() {
    check("../jobs-api/src", JOBS_API);
}

#[test]
fn imports_of_jobs_emulator_follow_the_directions() {
    check("emulator/src", JOBS_EMULATOR);
}

#[test]
fn imports_of_xtask_follow_the_directions() {
    let quoted = (vec![QUOTED.to_owned()], String::new());
    check_with("../xtask/src", XTASK, Sources::from([quoted]));
}

fn check(folder: &str, directions: &[Direction<'_>]) {
    check_with(folder, directions, Sources::new());
}

fn check_with(folder: &str, directions: &[Direction<'_>], mut sources: Sources) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    read_modules(&root, &ModulePath::new(), &mut sources);
    assert!(sources.len() > directions.len());
    let violations = find_violations(&sources, directions);
    assert!(violations.is_empty(), "{violations:#?}");
}

/// Reads every module file in `folder`, which holds the submodules of `parent`.
pub(crate) fn read_modules(folder: &Path, parent: &ModulePath, sources: &mut Sources) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let module = match name {
            // Programs are crates of their own.
            "bin" if parent.is_empty() => continue,
            "lib" | "main" | "mod" => parent.clone(),
            name => [&parent[..], &[name.to_owned()]].concat(),
        };
        if path.is_dir() {
            read_modules(&path, &module, sources);
        } else {
            let source = std::fs::read_to_string(&path).unwrap();
            assert!(sources.insert(module, source).is_none(), "two files for one module: {path:?}");
        }
    }
}
