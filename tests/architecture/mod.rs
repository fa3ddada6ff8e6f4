//! Import directions of the crate `jobs-api`: one way, and no circle.

mod imports;
mod tests;
mod violations;

use std::path::Path;

use imports::{ModulePath, Sources};
use violations::{Direction, find_violations};

/// The modules of the crate from the bottom up, and the ones that each may import from.
const DIRECTIONS: &[Direction<'_>] = &[
    ("limits", &[]),
    ("runtime", &[]),
    ("generated", &["limits", "runtime"]),
    ("auth", &["limits", "runtime"]),
    ("error", &["limits", "runtime", "generated", "auth"]),
    ("pipeline", &["limits", "runtime", "generated", "auth", "error"]),
    ("jobs", &["limits", "runtime", "generated", "auth", "error", "pipeline"]),
    ("client", &["limits", "runtime", "generated", "auth", "error", "pipeline", "jobs"]),
];

#[test]
fn imports_follow_the_directions() {
    let mut sources = Sources::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../jobs-api/src");
    read_modules(&root, &ModulePath::new(), &mut sources);
    assert!(sources.len() > DIRECTIONS.len());
    let violations = find_violations(&sources, DIRECTIONS);
    assert!(violations.is_empty(), "{violations:#?}");
}

/// Reads every module file in `folder`, which holds the submodules of `parent`.
fn read_modules(folder: &Path, parent: &ModulePath, sources: &mut Sources) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let module = match name {
            "lib" | "mod" => parent.clone(),
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
