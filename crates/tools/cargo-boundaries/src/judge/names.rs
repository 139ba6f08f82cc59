//! The rules about what sources name of other crates.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use super::graph::untidiness;
use super::{Breach, Charge, Court, identity, what};
use crate::judge::Case;
use crate::report::{By, Rule, Violation};
use crate::sources::{Place, Places};
use crate::workspace::{Dependency, Kind, Target};

/// Crates that a member names through what another one re-exports: to name `shared::sqlx::Pool` is to name `sqlx`.
/// Only rules that say what must not be used hold here; what a layer may use says nothing about a crate that another one
/// offers as a part of itself.
pub(super) fn through_re_exports(court: &mut Court<'_>) -> Vec<Violation> {
    if court.architecture.rules.ignores_re_exports {
        return Vec::new();
    }
    let mut found = Vec::new();
    for member in 0..court.architecture.workspace.members.len() {
        for Named { to, through, kind, places } in named_through(court, member) {
            for breach in Case::new(court.architecture, member, kind).broken_by_name(to) {
                let workspace = court.architecture.workspace;
                let (of, name) = (&workspace.members[member].name, court.architecture.target_name(to));
                let message = format!("`{of}` must not name `{name}`");
                let what = format!("leads to {name} through a re-export of {}", workspace.members[through].name);
                found.extend(undeclared(court, (member, to, kind), By::ReExport, places, (message, what), breach));
            }
        }
    }
    found
}

/// A crate that is named without being declared.
struct Named<'a> {
    to: &'a Target,
    through: usize,
    kind: Kind,
    places: Places,
}

fn named_through<'a>(court: &Court<'a>, member: usize) -> Vec<Named<'a>> {
    let workspace = court.architecture.workspace;
    let declared = |to: &Target, kind: Kind| {
        let mut own = workspace.dependencies.iter().filter(|one| one.from == member && one.to == *to);
        own.any(|one| one.kind == kind || (one.kind == Kind::Normal && kind == Kind::Dev))
    };
    let mut named: BTreeMap<(String, Kind), Named<'a>> = BTreeMap::new();
    for one in court.sources.paths(member) {
        let Some(used) = court.sources.used(member, &one.name) else { continue };
        for hop in court.sources.behind(used, &one.rest) {
            if *hop.to == Target::Member(member) || declared(hop.to, one.kind) {
                continue;
            }
            let (kind, places) = (one.kind, one.places);
            let known = named.entry((identity(hop.to, court.architecture), kind));
            let known = known.and_modify(|known| known.places.join(places));
            known.or_insert(Named { to: hop.to, through: hop.through, kind, places });
        }
    }
    named.into_values().collect()
}

/// Members whose files others compile as their own, by `#[path]`, `include!` or a link: that is to use them.
pub(super) fn foreign_files(court: &mut Court<'_>) -> Vec<Violation> {
    let (workspace, sources) = (court.architecture.workspace, court.sources);
    let mut found = Vec::new();
    // The workspace and its members may lie behind links themselves.
    let dir = |dir: &String| workspace.root.join(dir).canonicalize().unwrap_or_else(|_| workspace.root.join(dir));
    let dirs: Vec<PathBuf> = workspace.members.iter().map(|member| dir(&member.dir)).collect();
    for (member, digest) in sources.digests() {
        let links: HashMap<usize, &PathBuf> = digest.links.iter().map(|(of, lies)| (*of as usize, lies)).collect();
        let mut foreign: BTreeMap<usize, Places> = BTreeMap::new();
        for (file, path) in digest.files.iter().enumerate() {
            let lies = links.get(&file).copied().unwrap_or(path);
            let around = dirs.iter().enumerate().filter(|(_, dir)| lies.starts_with(dir));
            let owner = around.max_by_key(|(_, dir)| dir.as_os_str().len()).map(|(owner, _)| owner);
            if let Some(owner) = owner.filter(|owner| *owner != member) {
                let place = Places { first: Place { file: file as u32, start: 0, end: 0 }, further: 0 };
                foreign.entry(owner).and_modify(|places| places.join(place)).or_insert(place);
            }
        }
        for (owner, places) in foreign {
            let to = Target::Member(owner);
            for breach in Case::new(court.architecture, member, Kind::Normal).broken(&to) {
                let (of, name) = (&workspace.members[member].name, &workspace.members[owner].name);
                let message = format!("`{of}` must not compile files of `{name}`");
                let what = format!("a file of {name} is a module of {of}");
                found.extend(undeclared(court, (member, &to, Kind::Normal), By::File, places, (message, what), breach));
            }
        }
    }
    found
}

/// The violation by what sources name without a dependency on it, unless an exception excuses it.
fn undeclared(
    court: &mut Court<'_>,
    (from, to, kind): (usize, &Target, Kind),
    by: By,
    places: Places,
    (message, what): (String, String),
    mut breach: Breach,
) -> Option<Violation> {
    breach.notes.extend(places.more());
    let charge = Charge {
        from,
        module: None,
        to: Some(identity(to, court.architecture)),
        kind: Some(kind),
        by: Some(by),
        message,
        site: court.sources.site(from, places.first),
        what,
        code: None,
    };
    let exceptions: Vec<usize> = court.architecture.exceptions(from, to, kind).collect();
    court.sentence(&exceptions, charge, breach)
}

/// Dependencies on members that nothing in the sources names, or nothing but tests.
pub(super) fn unused(court: &mut Court<'_>) -> Vec<Violation> {
    let Some(rule) = &court.architecture.rules.hygiene.used else { return Vec::new() };
    let tidy: Vec<usize> = court.architecture.tidy().collect();
    let mut found = Vec::new();
    for dependency in &court.architecture.workspace.dependencies {
        let Target::Member(to) = dependency.to else { continue };
        if to == dependency.from || !tidy.contains(&dependency.from) {
            continue;
        }
        let Some((message, help)) = idle(court, dependency, to) else { continue };
        let why = "every dependency on a crate of the workspace is named in the sources";
        let breach = untidiness(court.architecture, Rule::UsedDependencies, rule, why, help);
        let charge = court.dependency(dependency, &dependency.to, Rule::UsedDependencies);
        let code = charge.code.or_else(|| court.code(dependency.from, &dependency.extern_name, Kind::Build));
        let charge = Charge { message, what: what(dependency, court.architecture), code, ..charge };
        let exceptions: Vec<usize> =
            court.architecture.exceptions(dependency.from, &dependency.to, dependency.kind).collect();
        found.extend(court.sentence(&exceptions, charge, breach));
    }
    found
}

/// What is wrong with a dependency that does nothing, and the way out.
fn idle(court: &Court<'_>, dependency: &Dependency, to: usize) -> Option<(String, String)> {
    let Dependency { from, kind, extern_name, .. } = dependency;
    let members = &court.architecture.workspace.members;
    let (of, name) = (&members[*from].name, &members[to].name);
    match court.sources.of(*from).uses_of(extern_name, *kind).map(|one| one.kind).min() {
        Some(Kind::Dev) if *kind == Kind::Normal => {
            let message = format!("`{of}` must not depend on `{name}` for its tests alone");
            Some((message, "move the line to [dev-dependencies]".to_owned()))
        }
        Some(_) => None,
        None if *kind != Kind::Build && is_said(court, *from, extern_name) => None,
        None if *kind != Kind::Build && in_build_script(court, *from, extern_name) => {
            let message = format!("`{of}` must not depend on `{name}` for its build script alone");
            let mut declared = court.architecture.workspace.dependencies.iter();
            let again = declared.any(|one| one.from == *from && one.to == dependency.to && one.kind == Kind::Build);
            let help = match again {
                true => "delete the line: build scripts see [build-dependencies] alone, which have it too",
                false => "move the line to [build-dependencies], the only ones that build scripts see",
            };
            Some((message, help.to_owned()))
        }
        None => {
            let message = format!("`{of}` must not depend on `{name}` without naming it");
            let help = "delete the line; or, if a macro or a feature needs it, excuse it with an [[except]]";
            Some((message, help.to_owned()))
        }
    }
}

fn in_build_script(court: &Court<'_>, member: usize, name: &str) -> bool {
    court.sources.of(member).uses_of(name, Kind::Build).next().is_some()
}

/// Whether some text has a path into the crate: examples in comments are compiled as tests, and macros may take a path
/// from a string. The paths of a build script are none of these.
fn is_said(court: &Court<'_>, member: usize, name: &str) -> bool {
    let path = format!("{name}::");
    if !in_build_script(court, member, name) {
        return court.sources.says(member, &path);
    }
    let digest = court.sources.of(member);
    let files_of = |script: bool| -> BTreeSet<u32> {
        let of_script = |root: u32| court.sources.kind(member, root) == Kind::Build;
        digest.modules.iter().filter(|module| of_script(module.root) == script).map(|module| module.file).collect()
    };
    let (script, others) = (files_of(true), files_of(false));
    let mut files =
        digest.files.iter().zip(0_u32..).filter(|(_, file)| !script.contains(file) || others.contains(file));
    files.any(|(file, _)| std::fs::read_to_string(file).is_ok_and(|text| text.contains(&path)))
}

/// `pub use other::*` of another crate.
pub(super) fn globs(court: &Court<'_>) -> Vec<Violation> {
    let Some(rule) = &court.architecture.rules.hygiene.no_globs else { return Vec::new() };
    let mut found = Vec::new();
    for member in court.architecture.tidy() {
        let workspace = court.architecture.workspace;
        let mut globs: BTreeMap<String, (&Target, Places)> = BTreeMap::new();
        for export in court.sources.of(member).exports.iter().filter(|export| export.name.is_none()) {
            let Some(to) = workspace.members[member].externs.get(&*export.from) else { continue };
            let place = Places { first: export.place, further: 0 };
            let known = globs.entry(identity(to, court.architecture)).and_modify(|(_, places)| places.join(place));
            known.or_insert((to, place));
        }
        for (identity, (to, places)) in globs {
            let (of, name) = (&workspace.members[member].name, court.architecture.target_name(to));
            let help = format!("name what of `{name}` belongs to the interface of `{of}`");
            let why = "nobody sees which names a glob re-exports, today or after an update";
            let mut breach = untidiness(court.architecture, Rule::NoGlobReExports, rule, why, help);
            breach.notes.extend(places.more());
            let charge = Charge {
                from: member,
                module: None,
                to: Some(identity),
                kind: None,
                by: None,
                message: format!("`{of}` must not re-export all of `{name}`"),
                site: court.sources.site(member, places.first),
                what: format!("re-exports all of {name}"),
                code: None,
            };
            found.extend(court.violation(charge, breach));
        }
    }
    found
}
