//! The modules of a crate, and what the paths in them stand for.

use std::collections::BTreeMap;

use syn::visit_mut::{self, VisitMut};
use syn::{Block, ImplItem, Item, Path, UseTree, Visibility};

use super::macros::{Macros, expand};
use crate::architecture::{ModulePath, Sources};

/// The modules of a crate by path. Those of tests are left out.
pub(crate) struct Modules(pub(crate) BTreeMap<ModulePath, Module>);

pub(crate) struct Module {
    pub(crate) items: Vec<Item>,
    names: Names,
}

/// The names of a module, each with the path that it is imported by: none for what the module defines.
type Names = BTreeMap<String, Vec<String>>;

impl Modules {
    /// Reads the modules, and expands the crate's macros in them.
    pub(crate) fn read(sources: &Sources) -> Self {
        let mut modules = BTreeMap::new();
        for (path, source) in sources {
            add_modules(path.clone(), syn::parse_file(source).unwrap().items, &mut modules);
        }
        let macros = modules.values().flatten().filter_map(|item| match item {
            Item::Macro(item) => Some((item.ident.as_ref()?.to_string(), item.mac.tokens.clone())),
            _ => None,
        });
        let macros = macros.collect();
        let modules = modules.into_iter().map(|(path, items)| {
            let items: Vec<Item> = items.into_iter().flat_map(|item| expand_item(item, &macros)).collect();
            let names = items.iter().filter_map(names).flat_map(|(_, names)| names).collect();
            (path, Module { items, names })
        });
        Self(modules.collect())
    }

    /// Returns what a path in a module stands for: a path from `crate` if the crate defines it, else the path as it
    /// is in every module.
    fn resolve(&self, module: &[String], path: &[String]) -> Vec<String> {
        let from_crate = |path: &[String]| [&["crate".to_owned()], path].concat();
        let Some((first, rest)) = path.split_first() else { return from_crate(module) };
        let child = [module, std::slice::from_ref(first)].concat();
        match (first.as_str(), self.0[module].names.get(first)) {
            ("crate", _) => self.resolve(&[], rest),
            ("self", _) => self.resolve(module, rest),
            ("super", _) => self.resolve(&module[..module.len() - 1], rest),
            _ if self.0.contains_key(&child) => self.resolve(&child, rest),
            (_, Some(import)) if import.is_empty() => from_crate(&[module, path].concat()),
            (_, Some(import)) if import[0] != *first => self.resolve(module, &[import, rest].concat()),
            (_, Some(import)) => [import, rest].concat(),
            (_, None) => path.to_vec(),
        }
    }

    /// Returns the name of each public item of a module by its path. Of several names it is the last.
    pub(crate) fn exports(&self, module: &[String]) -> BTreeMap<Vec<String>, String> {
        let mut exports = BTreeMap::new();
        let public = self.0[module].items.iter().filter_map(names).filter(|(item, _)| is_public(item));
        for name in public.flat_map(|(_, names)| names.into_keys()) {
            let path = self.resolve(module, std::slice::from_ref(&name));
            match path.split_first() {
                Some((root, inner)) if root == "crate" && self.0.contains_key(inner) => {
                    let inner = self.exports(inner).into_iter();
                    exports.extend(inner.map(|(path, item)| (path, format!("{name}::{item}"))));
                }
                _ => drop(exports.insert(path, name)),
            }
        }
        exports
    }
}

/// Writes the paths of a module as users write them.
#[derive(Clone, Copy)]
pub(crate) struct Paths<'a> {
    pub(crate) modules: &'a Modules,
    pub(crate) exports: &'a BTreeMap<Vec<String>, String>,
    pub(crate) module: &'a [String],
}

impl<'a> Paths<'a> {
    /// Returns the name under which an item of the module is exported.
    pub(crate) fn export(&self, item: &Item) -> Option<&'a String> {
        let (name, _) = names(item)?.1.pop_first()?;
        self.exports.get(&self.modules.resolve(self.module, &[name]))
    }

    /// Returns the exported name, else the whole path, but for what the standard library alone names so.
    fn name(&self, path: &[String]) -> String {
        let path = self.modules.resolve(self.module, path);
        let last = path.last().unwrap();
        match self.exports.get(&path) {
            Some(name) => name.clone(),
            None if ["core", "std"].contains(&path[0].as_str()) && last != "Error" => last.clone(),
            None => path.join("::"),
        }
    }
}

impl VisitMut for Paths<'_> {
    fn visit_path_mut(&mut self, path: &mut Path) {
        visit_mut::visit_path_mut(self, path);
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if !["self", "Self"].contains(&names[0].as_str()) {
            let mut written: Path = syn::parse_str(&self.name(&names)).unwrap();
            written.segments.last_mut().unwrap().arguments = path.segments.last().unwrap().arguments.clone();
            *path = written;
        }
    }

    fn visit_block_mut(&mut self, _: &mut Block) {}
}

/// Adds the items of a module, and of those inside it.
fn add_modules(path: ModulePath, items: Vec<Item>, modules: &mut BTreeMap<ModulePath, Vec<Item>>) {
    if path.last().is_some_and(|name| name == "tests") {
        return;
    }
    for item in &items {
        if let Item::Mod(inner) = item
            && let Some((_, items)) = &inner.content
        {
            add_modules([&path[..], &[inner.ident.to_string()]].concat(), items.clone(), modules);
        }
    }
    modules.insert(path, items);
}

fn expand_item(item: Item, macros: &Macros) -> Vec<Item> {
    match item {
        Item::Macro(call) if call.ident.is_none() => expand(macros, call.mac),
        Item::Impl(mut block) => {
            let items = block.items.into_iter().flat_map(|item| match item {
                ImplItem::Macro(call) => expand(macros, call.mac),
                item => vec![item],
            });
            block.items = items.collect();
            vec![Item::Impl(block)]
        }
        item => vec![item],
    }
}

/// Returns the names that an item brings into its module.
fn names(item: &Item) -> Option<(&Visibility, Names)> {
    let (visibility, name) = match item {
        Item::Const(item) => (&item.vis, &item.ident),
        Item::Enum(item) => (&item.vis, &item.ident),
        Item::Fn(item) => (&item.vis, &item.sig.ident),
        Item::Mod(item) => (&item.vis, &item.ident),
        Item::Struct(item) => (&item.vis, &item.ident),
        Item::Trait(item) => (&item.vis, &item.ident),
        Item::Type(item) => (&item.vis, &item.ident),
        Item::Use(item) => {
            let mut names = Names::new();
            add_imports(&item.tree, &[], &mut names);
            return Some((&item.vis, names));
        }
        _ => return None,
    };
    Some((visibility, Names::from([(name.to_string(), Vec::new())])))
}

fn add_imports(tree: &UseTree, parent: &[String], names: &mut Names) {
    let path = |name: &dyn ToString| [parent, &[name.to_string()]].concat();
    match tree {
        UseTree::Path(tree) => add_imports(&tree.tree, &path(&tree.ident), names),
        UseTree::Group(tree) => tree.items.iter().for_each(|tree| add_imports(tree, parent, names)),
        UseTree::Name(tree) if tree.ident == "self" => {
            names.insert(parent.last().unwrap().clone(), parent.to_vec());
        }
        UseTree::Name(tree) => drop(names.insert(tree.ident.to_string(), path(&tree.ident))),
        UseTree::Rename(tree) => drop(names.insert(tree.rename.to_string(), path(&tree.ident))),
        UseTree::Glob(_) => {}
    }
}

pub(crate) fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}
