//! Names and what they lead to, found anew for every question.

use std::collections::HashMap;

use source_graph::Edition;

use super::{Crate, STANDARD};

/// What a module or block declares in the namespace that paths lead through.
#[derive(Default, Clone)]
pub struct Module {
    pub names: HashMap<String, Vec<(Declared, Exposed)>>,
    pub globs: Vec<(Import, Exposed)>,
}

/// Whether a glob of another module brings the name.
pub type Exposed = bool;

#[derive(Clone)]
pub enum Declared {
    Type,
    Module,
    Value,
    /// Its own name, and whether only under some condition.
    Crate(String, bool),
    Import(Import),
}

/// The path of a `use`.
#[derive(Clone, PartialEq, Eq)]
pub struct Import {
    pub global: bool,
    pub path: Vec<String>,
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Crate(String),
    Module(Vec<String>),
    Item(Vec<String>, String),
}

/// Imports of imports are followed this far.
const DEEPEST: usize = 12;

fn visibility(item: &syn::Item) -> Option<&syn::Visibility> {
    match item {
        syn::Item::Struct(item) => Some(&item.vis),
        syn::Item::Enum(item) => Some(&item.vis),
        syn::Item::Union(item) => Some(&item.vis),
        syn::Item::Trait(item) => Some(&item.vis),
        syn::Item::TraitAlias(item) => Some(&item.vis),
        syn::Item::Type(item) => Some(&item.vis),
        syn::Item::Mod(item) => Some(&item.vis),
        syn::Item::ExternCrate(item) => Some(&item.vis),
        syn::Item::Use(item) => Some(&item.vis),
        _ => None,
    }
}

pub fn declare(item: &syn::Item, into: &mut Module) {
    let exposed = !matches!(visibility(item), None | Some(syn::Visibility::Inherited));
    let mut add = |name: &syn::Ident, what| into.names.entry(plain(name)).or_default().push((what, exposed));
    match item {
        syn::Item::Struct(item) => add(&item.ident, Declared::Type),
        syn::Item::Enum(item) => add(&item.ident, Declared::Type),
        syn::Item::Union(item) => add(&item.ident, Declared::Type),
        syn::Item::Trait(item) => add(&item.ident, Declared::Type),
        syn::Item::TraitAlias(item) => add(&item.ident, Declared::Type),
        syn::Item::Type(item) => add(&item.ident, Declared::Type),
        syn::Item::Fn(item) => add(&item.sig.ident, Declared::Value),
        syn::Item::Const(item) => add(&item.ident, Declared::Value),
        syn::Item::Static(item) => add(&item.ident, Declared::Value),
        syn::Item::Mod(item) => add(&item.ident, Declared::Module),
        syn::Item::Macro(item) => {
            if let Some(name) = &item.ident {
                add(name, Declared::Value);
            }
        }
        syn::Item::ExternCrate(item) => {
            let name = item.rename.as_ref().map_or(&item.ident, |(_, name)| name);
            let conditional = item.attrs.iter().any(|attribute| attribute.path().is_ident("cfg"));
            add(name, Declared::Crate(plain(&item.ident), conditional && item.rename.is_some()));
        }
        syn::Item::Use(item) => imports(&item.tree, (item.leading_colon.is_some(), exposed), &mut Vec::new(), into),
        _ => {}
    }
}

fn imports(tree: &syn::UseTree, (global, exposed): (bool, Exposed), before: &mut Vec<String>, into: &mut Module) {
    let mut import = |name: String, path: Vec<String>| {
        into.names.entry(name).or_default().push((Declared::Import(Import { global, path }), exposed));
    };
    match tree {
        syn::UseTree::Path(path) => {
            before.push(plain(&path.ident));
            imports(&path.tree, (global, exposed), before, into);
            before.pop();
        }
        syn::UseTree::Group(group) => {
            for tree in &group.items {
                imports(tree, (global, exposed), before, into);
            }
        }
        syn::UseTree::Name(leaf) => import(leaf_name(&plain(&leaf.ident), before), leaf_path(before, &leaf.ident)),
        syn::UseTree::Rename(leaf) => import(plain(&leaf.rename), leaf_path(before, &leaf.ident)),
        syn::UseTree::Glob(_) => into.globs.push((Import { global, path: before.clone() }, exposed)),
    }
}

fn leaf_name(name: &str, before: &[String]) -> String {
    if name == "self" { before.last().cloned().unwrap_or_default() } else { name.to_owned() }
}

pub fn leaf_path(before: &[String], leaf: &syn::Ident) -> Vec<String> {
    let mut path = before.to_vec();
    if leaf != "self" || before.is_empty() {
        path.push(plain(leaf));
    }
    path
}

pub fn plain(name: &syn::Ident) -> String {
    name.to_string().trim_start_matches("r#").to_owned()
}

impl Crate {
    /// Where a path leads that stands in `module` within `blocks`, innermost last.
    pub fn place(
        &self,
        import: &Import,
        is_use: bool,
        module: &[String],
        blocks: &[Module],
        depth: usize,
    ) -> Option<Place> {
        let (head, rest) = import.path.split_first()?;
        if depth > DEEPEST {
            return None;
        }
        let from_root = self.edition == Edition::E2015 && (is_use || import.global);
        let start = match &**head {
            "crate" => Place::Module(Vec::new()),
            "self" => Place::Module(module.to_vec()),
            "super" => Place::Module(module[..module.len().checked_sub(1)?].to_vec()),
            _ if from_root => self.in_module(&[], head, module, None, depth).or_else(|| self.external(head))?,
            _ if import.global => self.external(head)?,
            _ => {
                let skip = is_use.then_some(import);
                let inner = blocks
                    .iter()
                    .rev()
                    .find_map(|block| self.in_scope(block, head, (module, module), blocks, skip, depth));
                inner.or_else(|| self.in_module(module, head, module, skip, depth)).or_else(|| self.external(head))?
            }
        };
        Some(self.follow(start, rest, module, depth))
    }

    fn follow(&self, start: Place, rest: &[String], own: &[String], depth: usize) -> Place {
        let mut place = start;
        for name in rest {
            let Place::Module(module) = &place else {
                return place;
            };
            place = match &**name {
                "super" if !module.is_empty() => Place::Module(module[..module.len() - 1].to_vec()),
                "self" => continue,
                _ => match self.in_module(module, name, own, None, depth + 1) {
                    Some(found) => found,
                    None => return Place::Item(module.clone(), name.clone()),
                },
            };
        }
        place
    }

    fn external(&self, name: &str) -> Option<Place> {
        let declared = self.modules[&Vec::new()].names.get(name).into_iter().flatten();
        let mut renamed = declared.filter_map(|(declared, _)| match declared {
            Declared::Crate(real, _) if real == "self" => Some(Place::Module(Vec::new())),
            // Another crate under a standard one's name: the standard one stands for both.
            Declared::Crate(_, true) if STANDARD.contains(&name) => None,
            Declared::Crate(real, _) => Some(Place::Crate(real.clone())),
            _ => None,
        });
        let known = self.externs.iter().any(|known| known == name).then(|| Place::Crate(name.to_owned()));
        renamed.next().or(known)
    }

    fn in_module(
        &self,
        module: &[String],
        name: &str,
        from: &[String],
        skip: Option<&Import>,
        depth: usize,
    ) -> Option<Place> {
        self.in_scope(self.modules.get(module)?, name, (module, from), &[], skip, depth)
    }

    fn in_scope(
        &self,
        scope: &Module,
        name: &str,
        (module, from): (&[String], &[String]),
        blocks: &[Module],
        skip: Option<&Import>,
        depth: usize,
    ) -> Option<Place> {
        if depth > DEEPEST {
            return None;
        }
        let inside = from.starts_with(module);
        let mut fallback = None;
        let declared = scope.names.get(name).into_iter().flatten();
        for (declared, _) in declared.filter(|(_, exposed)| inside || *exposed) {
            match declared {
                Declared::Module => {
                    let mut path = module.to_vec();
                    path.push(name.to_owned());
                    return Some(Place::Module(path));
                }
                Declared::Type => fallback = Some(Place::Item(module.to_vec(), name.to_owned())),
                Declared::Value => {}
                Declared::Crate(_, true) if module.is_empty() && STANDARD.contains(&name) => {}
                Declared::Crate(real, _) if real == "self" => return Some(Place::Module(Vec::new())),
                Declared::Crate(real, _) => return Some(Place::Crate(real.clone())),
                Declared::Import(import) if Some(import) == skip => {}
                Declared::Import(import) => {
                    let place = self.place(import, true, module, blocks, depth + 1);
                    if place.as_ref().is_some_and(|place| !self.is_value(place)) {
                        return place;
                    }
                }
            }
        }
        if fallback.is_some() {
            return fallback;
        }
        let globs = scope.globs.iter().filter(|(glob, exposed)| Some(glob) != skip && (inside || *exposed));
        globs.map(|(glob, _)| glob).find_map(|glob| match self.place(glob, true, module, blocks, depth + 3)? {
            Place::Module(there) if there != module => self.in_module(&there, name, module, None, depth + 3),
            _ => None,
        })
    }

    /// Whether only a function, a constant or a macro has the name.
    fn is_value(&self, place: &Place) -> bool {
        let Place::Item(module, name) = place else {
            return false;
        };
        let declared = self.modules.get(module).and_then(|module| module.names.get(name));
        declared.is_some_and(|all| all.iter().all(|(declared, _)| matches!(declared, Declared::Value)))
    }
}
