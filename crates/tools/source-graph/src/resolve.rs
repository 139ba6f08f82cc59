//! From the paths of a module tree to what they name.

mod declared;
mod globs;
mod prelude;

use std::rc::Rc;

use crate::facts::{Declared, PathUse, Position};
use crate::names::{FastMap, Name, Names};
use crate::package::{Edition, Origin};
use crate::tree::ModuleTree;
use declared::{Declarations, What};
use globs::Behind;
pub(crate) use globs::MOST_GLOBS;
use prelude::{is_prelude_type, is_tool};

/// Chains of imports longer than this are given up.
const LONGEST_CHAIN: usize = 48;

/// Where a module has more globs, none of them brings the first name of an import: each glob is an import itself.
const MOST_GLOBS_FOR_IMPORTS: usize = 256;

/// From a block that is in more blocks which declare something the search goes on in the module.
const MOST_BLOCKS: usize = 256;

/// What a path names: a crate or module, and the segments after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub base: Base,
    pub rest: Vec<Name>,
    /// The other module whose import led there.
    pub through: Option<u32>,
    /// The first of `rest` is no name that the module declares.
    pub open: bool,
}

impl Place {
    fn of(base: Base) -> Self {
        Self { base, rest: Vec::new(), through: None, open: false }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    Crate(Name, Origin),
    Module(u32),
    /// A crate that comes with the compiler; nothing is asked about what it has.
    Standard,
}

/// What became of one path.
#[derive(Debug)]
pub(crate) enum Resolution {
    Place(Place),
    /// A type of the standard prelude, or a built-in one; or no path.
    Prelude,
    /// A name that nothing here declares, perhaps one that a macro or another crate's glob brings.
    Unknown,
    /// As [`Self::Unknown`], of an import of that name alone, which may well be a macro's.
    Import,
}

/// What the sources of a tree may name besides each other.
pub(crate) struct Surroundings<'a> {
    pub edition: Edition,
    pub externs: &'a [String],
    pub library: Option<&'a str>,
}

/// The names of one tree, and what is known of its imports.
pub(crate) struct Resolver<'a> {
    pub tree: &'a ModuleTree,
    pub names: Names<'a>,
    edition: Edition,
    externs: FastMap<Name, Base>,
    declarations: Declarations,
    imports: FastMap<(u32, u32), Import>,
    heads: FastMap<(u32, Name), Option<Place>>,
    /// What a module with globs has as a name, for paths in another module.
    members: FastMap<(u32, Name, u32), Option<Place>>,
    behind: FastMap<(u32, bool), Rc<Behind>>,
    /// How many imports are being resolved.
    busy: usize,
}

/// The state of an import: being resolved, or done.
#[derive(Clone)]
enum Import {
    Busy,
    Done(Option<Place>),
}

impl<'a> Resolver<'a> {
    pub fn new(tree: &'a ModuleTree, surroundings: &Surroundings<'a>) -> Self {
        let mut names = Names::with_room(tree.files.len() * 16);
        let mut externs = FastMap::default();
        for name in prelude::STANDARD_CRATES {
            externs.insert(names.name(name), Base::Standard);
        }
        for name in surroundings.externs {
            let name = names.name(name);
            externs.insert(name, Base::Crate(name, Origin::Dependency));
        }
        if let Some(library) = surroundings.library {
            let name = names.name(library);
            externs.insert(name, Base::Crate(name, Origin::Library));
        }
        let declarations = Declarations::of(tree, &externs, &mut names);
        Self {
            tree,
            names,
            edition: surroundings.edition,
            externs,
            declarations,
            imports: FastMap::default(),
            heads: FastMap::default(),
            members: FastMap::default(),
            behind: FastMap::default(),
            busy: 0,
        }
    }

    /// What the reference of a file names.
    pub fn resolve(&mut self, file: u32, reference: u32) -> Resolution {
        let path = &self.tree.files[file as usize].facts.references[reference as usize];
        let single = path.segments.len() == 1 && !path.global;
        let place = if path.position.imports() {
            self.import(file, reference, 0)
        } else if single && matches!(path.position, Position::Macro | Position::Attribute | Position::Derive) {
            self.imported_name(file, path)
        } else if path.position == Position::Macro {
            self.called(file, path)
        } else {
            self.place(file, path, 0)
        };
        match place {
            Some(place) => Resolution::Place(place),
            // What seems to be a path in a string may be none, and a name alone a macro.
            None if path.position == Position::AttributeText => Resolution::Prelude,
            None if single && !path.position.imports() => Resolution::Prelude,
            None => match self.head_of(file, path) {
                Some(head) if is_prelude_type(self.names.text(head)) => Resolution::Prelude,
                Some(head) if path.position == Position::Attribute && is_tool(self.names.text(head)) => {
                    Resolution::Prelude
                }
                _ if single => Resolution::Import,
                _ => Resolution::Unknown,
            },
        }
    }

    fn head_of(&self, file: u32, path: &PathUse) -> Option<Name> {
        let segments = &self.declarations.segments[file as usize];
        (!path.segments.is_empty()).then(|| segments[path.segments.start as usize])
    }

    pub fn segments(&self, file: u32, path: &PathUse) -> Vec<Name> {
        self.declarations.segments[file as usize][path.segments.start as usize..path.segments.end as usize].to_vec()
    }

    fn position(&self, file: u32, reference: u32) -> Position {
        self.tree.files[file as usize].facts.references[reference as usize].position
    }

    fn node(&self, file: u32, path: &PathUse) -> u32 {
        self.tree.files[file as usize].nodes[path.scope as usize]
    }

    /// What an import names, found once.
    fn import(&mut self, file: u32, reference: u32, depth: usize) -> Option<Place> {
        match self.imports.get(&(file, reference)) {
            Some(Import::Done(place)) => return place.clone(),
            Some(Import::Busy) => return None,
            None if depth > LONGEST_CHAIN => return None,
            None => {}
        }
        self.imports.insert((file, reference), Import::Busy);
        self.busy += 1;
        let path = &self.tree.files[file as usize].facts.references[reference as usize];
        let place = match path.position {
            position if position.is_extern_crate() => self.extern_crate(file, path),
            _ => self.place(file, path, depth),
        };
        self.busy -= 1;
        self.imports.insert((file, reference), Import::Done(place.clone()));
        place
    }

    fn extern_crate(&self, file: u32, path: &PathUse) -> Option<Place> {
        let name = self.head_of(file, path)?;
        if self.names.text(name) == "self" {
            return Some(Place::of(Base::Module(0)));
        }
        Some(Place::of(self.crate_of(name)))
    }

    fn crate_of(&self, name: Name) -> Base {
        self.externs.get(&name).copied().unwrap_or(Base::Crate(name, Origin::Unknown))
    }

    /// A macro, attribute or derive that an import brought into scope.
    fn imported_name(&mut self, file: u32, path: &PathUse) -> Option<Place> {
        let name = self.head_of(file, path)?;
        let mut node = Some(self.node(file, path));
        while let Some(at) = node {
            for index in self.declarations.of_name(at, name) {
                if let What::Import(file, reference) = self.declarations.get(index).what {
                    return self.import(file, reference, 0);
                }
            }
            let inner = self.tree.nodes[at as usize];
            node = if inner.is_module { None } else { inner.parent };
        }
        None
    }

    /// A macro called by its path. No module is a macro: one of this crate only has its name.
    fn called(&mut self, file: u32, path: &PathUse) -> Option<Place> {
        let place = self.place(file, path, 0)?;
        let (begin, end) = (path.segments.start, path.segments.end);
        if !matches!(place.base, Base::Module(_)) || !place.rest.is_empty() || end - begin < 2 {
            return Some(place);
        }
        let mut place = self.place(file, &PathUse { segments: begin..end - 1, ..path.clone() }, 0)?;
        place.rest.push(self.declarations.segments[file as usize][end as usize - 1]);
        Some(place)
    }

    fn place(&mut self, file: u32, path: &PathUse, depth: usize) -> Option<Place> {
        let all = Rc::clone(&self.declarations.segments[file as usize]);
        let segments = &all[path.segments.start as usize..path.segments.end as usize];
        let node = self.node(file, path);
        let own = self.tree.nodes[node as usize].module;
        let from_root = self.edition == Edition::E2015 && (path.global || path.position.imports());
        let head = segments.first().map_or("", |&head| self.names.text(head));
        let (base, used) = match head {
            "crate" | "$crate" if !path.global => (Base::Module(0), 1),
            "self" | "super" if !path.global => self.relative(own, segments)?,
            "" if from_root => (Base::Module(0), 0),
            "" => return None,
            _ => {
                let name = segments[0];
                let place = if from_root {
                    let named = self.named(0, name, own, depth);
                    let declared = named.or_else(|| self.globbed_for_import(0, name, own, depth));
                    declared.or_else(|| self.external(name))
                } else if path.global {
                    self.external(name)
                } else {
                    self.head(node, name, path.position.imports(), depth)
                };
                return self.follow(place?, &segments[1..], own, depth);
            }
        };
        self.follow(Place::of(base), &segments[used..], own, depth)
    }

    /// `self::`, `super::super::`: the module, and how many segments lead to it.
    fn relative(&self, own: u32, segments: &[Name]) -> Option<(Base, usize)> {
        let (mut module, mut used) = (own, 0);
        for &segment in segments {
            match self.names.text(segment) {
                "super" => module = self.tree.modules[module as usize].parent?,
                "self" if used == 0 => {}
                _ => break,
            }
            used += 1;
        }
        Some((Base::Module(module), used))
    }

    /// The first name of a path: what is declared around it, up to its module, then the crates. In an import a crate
    /// goes before a glob: rustc refuses a name that is both, and a glob may well need this import.
    fn head(&mut self, node: u32, name: Name, imports: bool, depth: usize) -> Option<Place> {
        if let Some(known) = self.heads.get(&(node, name)) {
            return known.clone();
        }
        let place = if imports {
            let named = self.around(node, |resolver, at, own| resolver.named(at, name, own, depth));
            named
                .or_else(|| self.external(name))
                .or_else(|| self.around(node, |resolver, at, own| resolver.globbed_for_import(at, name, own, depth)))
        } else {
            let declared =
                self.around(node, |resolver, at, own| resolver.declared(at, name, own, depth, &mut Vec::new()));
            declared.or_else(|| self.external(name))
        };
        // Inside of a chain an import may be busy and its name not found: only an answer from outside is kept.
        if self.busy == 0 {
            self.heads.insert((node, name), place.clone());
        }
        place
    }

    /// What the nodes from `node` up to its module find, the innermost first.
    fn around(&mut self, node: u32, find: impl Fn(&mut Self, u32, u32) -> Option<Place>) -> Option<Place> {
        let own = self.tree.nodes[node as usize].module;
        let (mut at, mut blocks) = (Some(node), 0);
        while let Some(inner) = at {
            if let Some(place) = find(self, inner, own) {
                return Some(place);
            }
            let scope = self.tree.nodes[inner as usize];
            blocks += 1;
            at = match scope.parent.filter(|_| !scope.is_module) {
                Some(_) if blocks == MOST_BLOCKS => Some(self.tree.modules[own as usize].node),
                outer => outer,
            };
        }
        None
    }

    fn of_type(&self, node: u32, name: Name) -> Place {
        Place { rest: vec![name], ..Place::of(Base::Module(self.tree.nodes[node as usize].module)) }
    }

    fn external(&self, name: Name) -> Option<Place> {
        let base = match self.declarations.extern_prelude.get(&name) {
            Some(&Some(real)) => self.crate_of(real),
            Some(None) => Base::Module(0),
            None => *self.externs.get(&name)?,
        };
        Some(Place::of(base))
    }

    /// A name as the module declares it, for a path that stands in the module `own`.
    fn in_module(&mut self, module: u32, name: Name, own: u32, depth: usize) -> Option<Place> {
        let node = self.tree.modules[module as usize].node;
        if self.declarations.globs_of(node).is_empty() {
            return self.named(node, name, own, depth);
        }
        if let Some(known) = self.members.get(&(module, name, own)) {
            return known.clone();
        }
        let place = self.declared(node, name, own, depth, &mut Vec::new());
        if self.busy == 0 {
            self.members.insert((module, name, own), place.clone());
        }
        place
    }

    /// What one node declares as `name` among the names that a path can lead through, its globs last. `from` is the
    /// module that asks: what is not exposed is seen from within only. `seen` are the nodes whose globs were asked.
    fn declared(&mut self, node: u32, name: Name, from: u32, depth: usize, seen: &mut Vec<u32>) -> Option<Place> {
        self.named(node, name, from, depth).or_else(|| self.globbed(node, name, from, depth, seen))
    }

    fn named(&mut self, node: u32, name: Name, from: u32, depth: usize) -> Option<Place> {
        if depth > LONGEST_CHAIN {
            return None;
        }
        let mut is_type = false;
        for index in self.declarations.of_name(node, name) {
            let declaration = self.declarations.get(index);
            if !(declaration.exposed || self.is_within(from, node)) {
                continue;
            }
            match declaration.what {
                What::Module(module) => {
                    return Some(Place::of(Base::Module(module)));
                }
                What::Plain(Declared::Type) => is_type = true,
                What::Plain(_) => {}
                What::Import(file, reference) => {
                    if let Some(place) = self.import(file, reference, depth + 1)
                        && !self.is_value(&place)
                    {
                        let place = crate_rather_than_its_macro(place, name);
                        // What the root says with `extern crate` every module can name without it.
                        let everywhere = node == 0 && self.position(file, reference).is_extern_crate();
                        return Some(if everywhere { place } else { self.led_through(place, node, from) });
                    }
                }
            }
        }
        is_type.then(|| self.of_type(node, name))
    }

    fn globbed_for_import(&mut self, node: u32, name: Name, from: u32, depth: usize) -> Option<Place> {
        let few = self.declarations.globs_of(node).len() <= MOST_GLOBS_FOR_IMPORTS;
        few.then(|| self.globbed(node, name, from, depth, &mut Vec::new())).flatten()
    }

    fn globbed(&mut self, node: u32, name: Name, from: u32, depth: usize, seen: &mut Vec<u32>) -> Option<Place> {
        if !self.declarations.knows(name) {
            return None;
        }
        let globs = self.declarations.globs_of(node);
        if globs.is_empty() || depth > LONGEST_CHAIN || seen.contains(&node) {
            return None;
        }
        seen.push(node);
        let (own, inside) = (self.tree.nodes[node as usize].module, self.is_within(from, node));
        for index in globs {
            let glob = self.declarations.glob(index);
            if !(inside || glob.exposed) {
                continue;
            }
            let place = self.import(glob.file, glob.reference, depth + 1);
            if let Some(Place { base: Base::Module(module), rest, through, .. }) = place
                && rest.is_empty()
            {
                let there = self.tree.modules[module as usize].node;
                if let Some(place) = self.declared(there, name, own, depth + 1, seen) {
                    let through = earlier(through, place.through, own);
                    return Some(self.led_through(Place { through, ..place }, node, from));
                }
            }
        }
        None
    }

    /// Notes that an import of the node, asked for by the module `from`, led to the place.
    fn led_through(&self, place: Place, node: u32, from: u32) -> Place {
        let module = Some(self.tree.nodes[node as usize].module).filter(|&module| module != from);
        Place { through: earlier(module, place.through, from), ..place }
    }

    /// Whether a module is the one of the node or lies in it.
    fn is_within(&self, module: u32, node: u32) -> bool {
        let outside = self.tree.nodes[node as usize].module;
        let mut at = Some(module);
        while let Some(module) = at {
            if module == outside {
                return true;
            }
            at = self.tree.modules[module as usize].parent;
        }
        false
    }

    /// Whether the place is known to be a function, a constant or a macro of this crate.
    fn is_value(&self, place: &Place) -> bool {
        let (Base::Module(module), [name]) = (place.base, &place.rest[..]) else {
            return false;
        };
        let node = self.tree.modules[module as usize].node;
        let mut found = self.declarations.of_name(node, *name).peekable();
        found.peek().is_some()
            && found.all(|index| matches!(self.declarations.get(index).what, What::Plain(Declared::Value)))
    }

    /// Goes on from a place along the segments of a path that stands in the module `own`.
    fn follow(&mut self, mut place: Place, segments: &[Name], own: u32, depth: usize) -> Option<Place> {
        for (index, &segment) in segments.iter().enumerate() {
            let module = match place.base {
                Base::Module(module) if place.rest.is_empty() => module,
                Base::Standard => return Some(place),
                Base::Module(_) | Base::Crate(..) => {
                    place.rest.extend_from_slice(&segments[index..]);
                    return Some(place);
                }
            };
            match self.names.text(segment) {
                "self" => continue,
                "super" => {
                    place.base = Base::Module(self.tree.modules[module as usize].parent?);
                    continue;
                }
                _ => {}
            }
            match self.in_module(module, segment, own, depth + 1) {
                Some(found) => {
                    let through = earlier(place.through, found.through, own);
                    place = Place { through, ..found };
                }
                None => {
                    place.rest.push(segment);
                    place.open = true;
                }
            }
        }
        Some(place)
    }
}

/// Which of two modules in a row a path leads through; the root gives way, but not to the module that asks.
fn earlier(first: Option<u32>, second: Option<u32>, from: u32) -> Option<u32> {
    match first {
        Some(0) => second.filter(|&module| module != from).or(first),
        first => first.or(second),
    }
}

/// `use anyhow::anyhow;` brings a macro; the crate can still be named.
fn crate_rather_than_its_macro(mut place: Place, name: Name) -> Place {
    if matches!(place.base, Base::Crate(own, _) if own == name) && place.rest == [name] {
        place.rest.clear();
    }
    place
}
