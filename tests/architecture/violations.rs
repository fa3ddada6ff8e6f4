//! Imports that the directions forbid.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::{Import, ModulePath, Sources, read_imports};

/// A module below the crate root, and the ones that it may import from.
pub(crate) type Direction<'a> = (&'a str, &'a [&'a str]);

/// Returns a line for every violation: an import against the directions or through the crate root, a
/// circle, and a module without a line in the table or the reverse.
pub(crate) fn find_violations(sources: &Sources, directions: &[Direction<'_>]) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = directions.iter().copied().collect();
    let rooms: BTreeSet<&str> =
        sources.keys().filter_map(|module| module.first()).map(String::as_str).collect();
    let listed: BTreeSet<&str> = allowed.keys().copied().collect();
    let unlisted = rooms.difference(&listed).map(|room| format!("{room} is not in the table"));
    let stale = listed.difference(&rooms).map(|room| format!("{room} is in the table only"));
    let mut violations: Vec<String> = unlisted.chain(stale).collect();

    let imports = read_imports(sources);
    for (module, imports) in imports.iter().filter(|(module, _)| !module.is_empty()) {
        for import in imports {
            let name = format!("{} imports {}", module.join("::"), import.path.join("::"));
            match import.module.first() {
                None => violations.push(format!("{name} through the crate root")),
                Some(room) if *room == module[0] => {}
                Some(room) => match allowed.get(module[0].as_str()) {
                    Some(rooms) if !rooms.contains(&room.as_str()) => violations.push(name),
                    _ => {}
                },
            }
        }
    }
    violations.extend(find_circle(&imports));
    violations
}

/// Returns the first circle of imports, if there is one.
fn find_circle(imports: &BTreeMap<ModulePath, BTreeSet<Import>>) -> Option<String> {
    let mut finished = BTreeSet::new();
    let circle = imports.keys().find_map(|module| follow(imports, module, &mut Vec::new(), &mut finished))?;
    Some(format!(
        "circle: {}",
        circle.iter().map(|module| module.join("::")).collect::<Vec<_>>().join(" -> ")
    ))
}

/// Follows imports from `module`, and returns the modules of the circle that `way` closes.
fn follow(
    imports: &BTreeMap<ModulePath, BTreeSet<Import>>,
    module: &ModulePath,
    way: &mut Vec<ModulePath>,
    finished: &mut BTreeSet<ModulePath>,
) -> Option<Vec<ModulePath>> {
    // An import of the crate root is a violation by itself.
    if module.is_empty() || finished.contains(module) {
        return None;
    }
    if let Some(start) = way.iter().position(|visited| visited == module) {
        return Some([&way[start..], std::slice::from_ref(module)].concat());
    }
    way.push(module.clone());
    let circle = imports[module].iter().find_map(|import| follow(imports, &import.module, way, finished));
    way.pop();
    finished.insert(module.clone());
    circle
}
