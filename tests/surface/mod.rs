//! The public surface of `jobs-api`: `listing.txt` has a line for each item, so that a review sees each change.

mod listing;
mod macros;
mod modules;
mod rules;
mod tests;

use std::path::Path;
use std::sync::LazyLock;

use crate::architecture::{ModulePath, Sources, read_modules};
use listing::list;
use modules::Modules;
use rules::find_violations;

/// The lines that the listing should have.
static SURFACE: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut sources = Sources::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../jobs-api/src");
    read_modules(&root, &ModulePath::new(), &mut sources);
    list(&Modules::read(&sources))
});

#[test]
fn surface_changes_with_its_listing_only() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("surface/listing.txt");
    if std::env::var_os("UPDATE_SURFACE").is_some() {
        std::fs::write(&path, SURFACE.join("\n") + "\n").unwrap();
    }
    let listing = std::fs::read_to_string(&path).unwrap();
    let listed: Vec<String> = listing.lines().map(str::to_owned).collect();
    let gone = listed.iter().filter(|line| !SURFACE.contains(line)).map(|line| (line, '-'));
    let new = SURFACE.iter().filter(|line| !listed.contains(line)).map(|line| (line, '+'));
    let mut differences: Vec<_> = gone.chain(new).collect();
    differences.sort_unstable();
    let first = differences.iter().take(30).map(|(line, sign)| format!("{sign} {line}\n"));
    assert!(
        listed == *SURFACE,
        "{} lines differ from tests/surface/listing.txt:\n{}If that is meant, renew it: UPDATE_SURFACE=1 \
         cargo test --package jobs-api-tests --test behaviour surface",
        differences.len(),
        first.collect::<String>(),
    );
}

#[test]
fn surface_can_grow_without_breaking_users() {
    let found = find_violations(&SURFACE);
    assert!(found.is_empty(), "a later version could not change these without breaking users: {found:#?}");
}
