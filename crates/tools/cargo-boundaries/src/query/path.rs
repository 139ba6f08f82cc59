//! `can FILE PATH`: whether a source file may name something, before anybody writes it.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Answer;
use crate::affected::owner;
use crate::architecture::Architecture;
use crate::judge::{Case, broken_inside, deepest, hidden, hidden_why};
use crate::report::{Cause, Finding, Rule};
use crate::rules::{Severity, closest};
use crate::source::{Site, relative};
use crate::sources::{Of, Sources};
use crate::workspace::{Kind, Target};

/// What keeps a file from naming a path.
#[derive(Debug, Serialize)]
struct Obstacle {
    rule: &'static str,
    /// The crate or module that the path leads to, as reports call it.
    to: String,
    why: String,
    rule_site: Site,
}

#[derive(Debug, Serialize)]
struct Verdict<'a> {
    allowed: bool,
    /// The crate of the file, its module and the kind of dependency that its place asks for.
    from: &'a str,
    module: String,
    kind: Kind,
    obstacles: Vec<Obstacle>,
    notes: Vec<String>,
}

/// A place in the workspace that asks.
struct Asker<'a, 'w> {
    architecture: &'a Architecture<'w>,
    sources: &'a Sources<'w>,
    member: usize,
    module: String,
    kind: Kind,
}

/// Whether a file may name a path. Neither has to be there yet: a module that is not known is taken from the file's place.
pub(crate) fn can_name(
    architecture: &Architecture<'_>,
    sources: &Sources<'_>,
    file: &str,
    path: &str,
    kind: Option<Kind>,
    json: bool,
) -> Result<Answer, Vec<Finding>> {
    let workspace = architecture.workspace;
    let unknown = |what: String, help: &str| vec![Finding::new(Cause::Argument, what, help)];
    let place =
        std::path::absolute(file).map_err(|error| unknown(format!("`{file}` is no path: {error}"), "name a file"))?;
    let place = place.canonicalize().unwrap_or(place);
    let inside = relative(&place, &workspace.root);
    let member = owner(workspace, &inside).filter(|_| !Path::new(&inside).is_absolute());
    let help = "name a file below the directory of a member of the workspace";
    let member = member.ok_or_else(|| unknown(format!("`{file}` lies in no crate of this workspace"), help))?;
    if !is_path(path) {
        let help = "write one path, as the file would have it: `a::b::C`";
        return Err(unknown(format!("`{path}` is no path"), help));
    }
    let (module, usual) = module_of(sources, member, &place);
    let asker = Asker { architecture, sources, member, module, kind: kind.unwrap_or(usual) };
    let mut notes = Vec::new();
    let obstacles = match asker.led(&place, path)? {
        Some(obstacles) => obstacles,
        None => asker.obstacles(path, &mut notes)?,
    };
    let allowed = obstacles.is_empty();
    let from = workspace.members[member].dir.as_str();
    let Asker { module, kind, .. } = asker;
    let verdict = Verdict { allowed, from, module, kind, obstacles, notes };
    Ok(Answer::of(&verdict, json, u8::from(!allowed), || verdict.text(path)))
}

/// Names with `::` between them.
fn is_path(path: &str) -> bool {
    let is_name = |name: &str| {
        let name = name.strip_prefix("r#").unwrap_or(name);
        name.starts_with(|first: char| first.is_alphabetic() || first == '_')
            && name.chars().all(|one| one.is_alphanumeric() || one == '_')
    };
    path.strip_prefix("::").unwrap_or(path).split("::").all(is_name)
}

/// The module that a file holds, and the kind of dependency that its target needs; of a file that is not there yet by its
/// place.
fn module_of(sources: &Sources<'_>, member: usize, file: &Path) -> (String, Kind) {
    let place = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let digest = sources.of(member);
    let same = |path: &Path| path == file || path.canonicalize().is_ok_and(|path| path == place);
    let index = digest.files.iter().position(|path| same(path));
    // Code under test in the library needs what tests need.
    let kind_of = |of: Of, root: u32| match sources.kind(member, root) {
        Kind::Normal if of == Of::Other => Kind::Dev,
        kind => kind,
    };
    let found = index.and_then(|index| digest.modules.iter().find(|module| module.file as usize == index));
    if let Some(found) = found {
        return (found.path.to_string(), kind_of(found.of, found.root));
    }
    let root = sources.folder(member);
    let inside = relative(file, &root);
    let mut parts: Vec<&str> = inside.trim_end_matches(".rs").split('/').collect();
    let usual = match parts[0] {
        "tests" | "examples" | "benches" => Some(Kind::Dev),
        "build" if parts.len() == 1 => Some(Kind::Build),
        _ => None,
    };
    parts.remove(0);
    let parts = parts.into_iter().filter(|part| !["lib", "main", "mod"].contains(part));
    let module = ["crate"].into_iter().chain(parts).collect::<Vec<_>>().join("::");
    let around = module.rsplit_once("::").map_or("crate", |(around, _)| around);
    let shipped = |root: u32| sources.kind(member, root) == Kind::Normal;
    let around = digest.modules.iter().filter(|module| &*module.path == around && shipped(module.root));
    let kind = usual.or_else(|| around.map(|module| kind_of(module.of, module.root)).min());
    (module, kind.unwrap_or(Kind::Normal))
}

impl<'w> Asker<'_, 'w> {
    /// What is in the way where the path leads in the file as it is, through its imports and globs; nothing where that
    /// leads nowhere.
    fn led(&self, file: &Path, path: &str) -> Result<Option<Vec<Obstacle>>, Vec<Finding>> {
        let same = |read: &&PathBuf| read.canonicalize().is_ok_and(|read| read == file);
        let Some(file) = self.sources.of(self.member).files.iter().find(same) else { return Ok(None) };
        let asked = Sources::asked(self.architecture.workspace, self.sources.is_cached(), self.member, file, path);
        let Some(asked) = asked else { return Ok(None) };
        let (mut found, mut leads) = (Vec::new(), false);
        for one in asked.paths(self.member) {
            leads = true;
            found.extend(self.outside(&one.name, &one.rest, &mut Vec::new())?);
        }
        for naming in &asked.of(self.member).namings {
            leads = true;
            found.extend(self.modules(&naming.to));
        }
        found.dedup_by(|later, first| (later.rule, &later.to) == (first.rule, &first.to));
        Ok(leads.then_some(found))
    }

    fn obstacles(&self, path: &str, notes: &mut Vec<String>) -> Result<Vec<Obstacle>, Vec<Finding>> {
        let path = path.trim_start_matches("::");
        let (head, rest) = path.split_once("::").unwrap_or((path, ""));
        match head {
            "crate" | "self" | "super" => Ok(self.inside(path)),
            _ if self.is_own_library(head) => Ok(self.inside(&format!("crate::{rest}"))),
            "std" | "core" | "alloc" | "proc_macro" => Ok(Vec::new()),
            _ => self.outside(head, rest, notes),
        }
    }

    /// The library of the package, as its other targets see it.
    fn is_own_library(&self, head: &str) -> bool {
        let own = &self.architecture.workspace.members[self.member];
        own.sources.library.as_ref().is_some_and(|library| library.replace('-', "_") == head)
    }

    /// A path into the crate of the file.
    fn inside(&self, path: &str) -> Vec<Obstacle> {
        let mut module: Vec<&str> = self.module.split("::").collect();
        let mut rest = Vec::new();
        for segment in path.split("::") {
            match segment {
                "crate" => module.truncate(1),
                "self" => {}
                "super" => _ = module.pop(),
                name => rest.push(name),
            }
        }
        let known = &self.sources.of(self.member).modules;
        let mut to = module.join("::");
        for segment in rest {
            let inner = format!("{to}::{segment}");
            if !known.iter().any(|one| *one.path == *inner) {
                break;
            }
            to = inner;
        }
        self.modules(&to)
    }

    /// The rules about the modules of the file's crate.
    fn modules(&self, to: &str) -> Vec<Obstacle> {
        let mut found = Vec::new();
        for rule in self.architecture.module_rules(self.member).filter(|_| self.kind != Kind::Dev) {
            let Some((broken, site, why)) = broken_inside(rule, &self.module, to) else { continue };
            found.extend(self.module_obstacle(broken, site, why, self.member, to));
        }
        found
    }

    /// A path into another crate: the crate itself, its modules, and what it re-exports of others.
    fn outside(&self, head: &str, rest: &str, notes: &mut Vec<String>) -> Result<Vec<Obstacle>, Vec<Finding>> {
        let workspace = self.architecture.workspace;
        let mut found = Vec::new();
        let to = match workspace.members[self.member].externs.get(head) {
            Some(to) => to.clone(),
            None => {
                notes.push(format!("its manifest declares no `{head}`"));
                self.undeclared(head)?
            }
        };
        found.extend(self.crate_obstacles(&to, false));
        let Target::Member(member) = to else { return Ok(found) };
        found.extend(self.hidden(member, rest));
        if !self.architecture.rules.ignores_re_exports {
            for hop in self.sources.behind(member, rest) {
                found.extend(self.crate_obstacles(hop.to, true));
                if let Target::Member(behind) = hop.to {
                    found.extend(self.hidden(*behind, &hop.rest));
                }
            }
        }
        Ok(found)
    }

    /// The rules of another crate about its modules.
    fn hidden(&self, member: usize, rest: &str) -> Vec<Obstacle> {
        let module = deepest(self.sources.of(member), rest);
        let rules = self.architecture.module_rules(member).filter(|_| member != self.member);
        let hidden = rules.filter_map(|rule| hidden(rule, &module));
        let obstacle = |it: crate::judge::Hidden<'_>| {
            self.module_obstacle(it.rule, it.key, hidden_why(it.rule), member, &it.module)
        };
        hidden.filter_map(obstacle).collect()
    }

    /// What a name means that the manifest does not have.
    fn undeclared(&self, head: &str) -> Result<Target, Vec<Finding>> {
        let workspace = self.architecture.workspace;
        let plain = |name: &str| name.replace('-', "_");
        let library = |index: &usize| {
            let member = &workspace.members[*index];
            member.sources.library.as_deref().is_some_and(|library| plain(library) == head)
                || plain(&member.name) == head
        };
        if let Some(member) = (0..workspace.members.len()).find(library) {
            return Ok(Target::Member(member));
        }
        if let Some(name) = workspace.external.iter().find(|name| plain(name) == head) {
            return Ok(Target::External { name: name.clone(), dir: None });
        }
        let members = workspace.members.iter().map(|member| plain(&member.name));
        let names: Vec<String> = members.chain(workspace.external.iter().map(|name| plain(name))).collect();
        let help = match closest(head, names.iter().map(String::as_str)) {
            Some(close) => format!("write `{close}`"),
            None => {
                "begin the path with `crate`, or with a crate that some manifest of this workspace names".to_owned()
            }
        };
        Err(vec![Finding::new(Cause::Argument, format!("nothing here is called `{head}`"), help)])
    }

    fn crate_obstacles(&self, to: &Target, by_name: bool) -> Vec<Obstacle> {
        let case = Case::new(self.architecture, self.member, self.kind);
        let broken = if by_name { case.broken_by_name(to) } else { case.broken(to) };
        let excused = |rule| self.architecture.excuses(self.member, to, self.kind, rule);
        let forbidding =
            broken.into_iter().filter(|breach| breach.severity == Severity::Error && !excused(breach.rule));
        let obstacle = |breach: crate::judge::Breach| {
            let why = breach.notes.iter().fold(breach.why, |why, note| format!("{why}; {note}"));
            let to = self.architecture.target_name(to).to_owned();
            Obstacle { rule: breach.rule.name(), to, why, rule_site: breach.site }
        };
        forbidding.map(obstacle).collect()
    }

    fn module_obstacle(&self, rule: Rule, site: &Site, why: &str, member: usize, to: &str) -> Option<Obstacle> {
        let free = self.architecture.rules.severity(rule) != Severity::Error
            || self.architecture.excuses_module((self.member, &self.module), (member, to), rule);
        let to = self.architecture.workspace.members[member].dir.clone() + to.trim_start_matches("crate");
        (!free).then(|| Obstacle { rule: rule.name(), to, why: why.to_owned(), rule_site: site.clone() })
    }
}

impl Verdict<'_> {
    fn text(&self, path: &str) -> String {
        let answer = if self.allowed { "yes" } else { "no" };
        let mut text = format!("{answer}: `{}` of {} -> `{path}` ({})\n", self.module, self.from, self.kind.name());
        for Obstacle { rule, to, why, rule_site } in &self.obstacles {
            let Site { file, line, .. } = rule_site;
            writeln!(text, "  {to}: {rule}: {why} ({file}:{line})").expect("a string accepts it");
        }
        for note in &self.notes {
            writeln!(text, "  {note}").expect("a string accepts it");
        }
        text
    }
}
