//! Plants a violation of each rule into a scratch copy of the manifests and of the sources that rules are about, and expects every one to be found.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cargo_metadata::MetadataCommand;
use source_graph::RootKind;

use crate::architecture::Architecture;
use crate::baseline::Key;
use crate::check::{Inputs, Options, check_declared};
use crate::judge::{Case, hidden, judge};
use crate::query::Answer;
use crate::report::{Cause, Finding, Report, Rule};
use crate::resolved::Resolved;
use crate::rules::{ModuleRules, rank};
use crate::source::relative;
use crate::sources::{Naming, Of, Sources};
use crate::workspace::{Dependency, Kind, Target, Workspace, ask};

const STALE: &str = "version = 1\nentries = [{ rule = \"may-use\", from = \"planted\", reason = \"planted\" }]\n";

/// What became of one planted violation.
enum Outcome {
    Found(String),
    Missed(String),
    /// The rules do not use it, or no dependency of these crates can break it.
    Unbreakable,
}

/// Says for each rule whether its violation was found; exit code 1 when one was missed.
pub(crate) fn self_test(options: &Options) -> Result<Answer, Vec<Finding>> {
    let inputs = Inputs::load(options)?;
    let architecture = inputs.architecture()?;
    let sources = Sources::load(&architecture, options.cache)?;
    let copy = tempfile::tempdir().map_err(scratch)?;
    let bed = Bed { options, inputs: &inputs, architecture: &architecture, sources: &sources, root: copy.path() };
    bed.copy().map_err(scratch)?;
    let known: BTreeSet<Key> = check_declared(&bed.options())?.violations.iter().map(Key::of).collect();
    let mut text = String::new();
    let (mut found, mut missed) = (0, 0);
    let rules = Rule::ALL.into_iter().map(|rule| (rule.name(), bed.rule(rule, &known)));
    for (name, outcome) in rules.chain(bed.fail_closed()) {
        let (mark, what) = match outcome? {
            Outcome::Found(what) => {
                found += 1;
                ("found", what)
            }
            Outcome::Missed(what) => {
                missed += 1;
                ("MISSED", what)
            }
            Outcome::Unbreakable => ("-", "nothing here can break it".to_owned()),
        };
        text.push_str(&format!("{mark:<7} {name:<19} {what}\n"));
    }
    text.push_str(&format!("planted {}, found {found}\n", found + missed));
    Ok(Answer { text, code: u8::from(missed > 0) })
}

struct Bed<'a> {
    options: &'a Options,
    inputs: &'a Inputs,
    architecture: &'a Architecture<'a>,
    sources: &'a Sources<'a>,
    /// The scratch copy.
    root: &'a Path,
}

impl Bed<'_> {
    fn rule(&self, rule: Rule, known: &BTreeSet<Key>) -> Result<Outcome, Vec<Finding>> {
        let Some((what, plant)) = self.plant(rule) else { return Ok(Outcome::Unbreakable) };
        if let Plant::Reach(member, name) = &plant {
            return self.reach(*member, name, what);
        }
        let report = self.planted(&plant.file(self.root, &self.inputs.workspace), |text| {
            plant.put(text, self.root, &self.inputs.workspace)
        })??;
        let fresh = report.violations.iter().any(|one| one.rule == rule && !known.contains(&Key::of(one)));
        Ok(if fresh { Outcome::Found(what) } else { Outcome::Missed(what) })
    }

    /// What must not be read as clean.
    fn fail_closed(&self) -> impl Iterator<Item = (&'static str, Result<Outcome, Vec<Finding>>)> {
        let refused = |text: &'static str, front: bool, cause: Cause| {
            let rules = self.root.join("boundaries.toml");
            let planted = |rules: String| if front { format!("{text}{rules}") } else { format!("{rules}\n{text}") };
            let said = match self.planted(&rules, planted)? {
                Err(findings) => findings.iter().any(|finding| finding.cause == cause),
                Ok(_) => false,
            };
            let what = text.lines().last().unwrap_or_default().to_owned();
            Ok(if said { Outcome::Found(what) } else { Outcome::Missed(what) })
        };
        let nothing = "[[forbid]]\nto = \"planted/nowhere\"\nreason = \"planted\"\nfrom = \"planted/nowhere\"\n";
        [
            ("unknown-key", refused("planted-key = 1\n", true, Cause::UnknownKey)),
            ("matches-nothing", refused(nothing, false, Cause::MatchesNothing)),
            ("stale-baseline", self.stale()),
            ("broken-source", self.broken_source()),
        ]
        .into_iter()
    }

    fn stale(&self) -> Result<Outcome, Vec<Finding>> {
        let what = "an entry that excuses nothing".to_owned();
        let baseline = self.root.join("planted-baseline.toml");
        fs::write(&baseline, STALE).map_err(scratch)?;
        let report = check_declared(&Options { baseline: Some(baseline), ..self.options() })?;
        Ok(if report.stale.is_empty() { Outcome::Missed(what) } else { Outcome::Found(what) })
    }

    /// A file of a module tree that no rule can be held about.
    fn broken_source(&self) -> Result<Outcome, Vec<Finding>> {
        let Some(file) = self.sources.files().into_iter().next() else { return Ok(Outcome::Unbreakable) };
        let file = relative(file, self.inputs.root());
        let outcome = self.planted(&self.root.join(&file), |text| text + "\n/* planted\n")?;
        let said = outcome.is_err_and(|findings| findings.iter().any(|finding| finding.cause == Cause::Source));
        Ok(if said { Outcome::Found(file) } else { Outcome::Missed(file) })
    }

    /// The outcome with a file of the copy changed, which is then as it was.
    fn planted(
        &self,
        file: &Path,
        change: impl FnOnce(String) -> String,
    ) -> Result<Result<Report, Vec<Finding>>, Vec<Finding>> {
        let text = fs::read_to_string(file).map_err(scratch)?;
        fs::write(file, change(text.clone())).map_err(scratch)?;
        let outcome = check_declared(&self.options());
        fs::write(file, text).map_err(scratch)?;
        Ok(outcome)
    }

    fn options(&self) -> Options {
        let (rules, manifest) = (self.root.join("boundaries.toml"), self.root.join("Cargo.toml"));
        Options {
            manifest_path: Some(manifest),
            config: Some(rules),
            baseline: None,
            today: self.options.today,
            cache: false,
        }
    }

    /// Manifests and the sources under rules as they are, empty files where the other sources are, and the rules.
    fn copy(&self) -> io::Result<()> {
        let (root, copy) = (self.inputs.root(), self.root);
        let metadata = ask(MetadataCommand::new().manifest_path(root.join("Cargo.toml")).no_deps());
        let packages = metadata.map_err(io::Error::other)?.packages;
        let manifests = packages.iter().map(|package| package.manifest_path.clone().into_std_path_buf());
        let outside = self.inputs.workspace.dependencies.iter().filter_map(|dependency| match &dependency.to {
            Target::External { dir: Some(dir), .. } => Some(root.join(dir).join("Cargo.toml")),
            Target::External { dir: None, .. } | Target::Member(_) => None,
        });
        let outside: BTreeSet<PathBuf> = outside.filter(|path| path.exists() && path.starts_with(root)).collect();
        for manifest in manifests.chain(outside.clone()).chain([root.join("Cargo.toml")]) {
            write(copy, &relative(&manifest, root), &fs::read_to_string(&manifest)?)?;
        }
        for manifest in outside {
            write(copy, &relative(&manifest.with_file_name("src/lib.rs"), root), "")?;
        }
        for target in packages.iter().flat_map(|package| &package.targets) {
            write(copy, &relative(target.src_path.as_std_path(), root), "")?;
        }
        for file in self.sources.files() {
            write(copy, &relative(file, root), &fs::read_to_string(file)?)?;
        }
        let rules = fs::read_to_string(self.inputs.config())?;
        write(copy, "boundaries.toml", &rules)?;
        if let Some(named) = &self.inputs.rules.baseline {
            write(copy, &named.value, "version = 1\nentries = []\n")?;
        }
        Ok(())
    }

    /// In memory: a scratch copy has no Cargo.lock that fits.
    fn reach(&self, member: usize, name: &str, what: String) -> Result<Outcome, Vec<Finding>> {
        let resolved = Resolved::load(&self.inputs.workspace, &self.inputs.rules)?;
        let planted = resolved.and_then(|resolved| resolved.planted(member, name));
        let Some(planted) = planted else { return Ok(Outcome::Unbreakable) };
        let violations = judge(self.architecture, Some(&planted), self.sources)?;
        let dir = &self.inputs.workspace.members[member].dir;
        let found = violations
            .iter()
            .any(|one| one.rule == Rule::ExternalReachable && one.from.dir == *dir && one.to.as_deref() == Some(name));
        Ok(if found { Outcome::Found(what) } else { Outcome::Missed(what) })
    }

    fn plant(&self, rule: Rule) -> Option<(String, Plant)> {
        let workspace = &self.inputs.workspace;
        let hygiene = &self.inputs.rules.hygiene;
        let mut tidy = self.architecture.tidy();
        let dir = |member: usize| workspace.members[member].dir.clone();
        let on = self.inputs.rules.severity(rule) != crate::rules::Severity::Off;
        let plant = match rule {
            Rule::WorkspaceLints => {
                let member = tidy.find(|member| hygiene.lints.is_some() && workspace.members[*member].shares_lints)?;
                (dir(member), Plant::WithoutLints(member))
            }
            Rule::WorkspaceVersions => {
                let member = tidy.find(|_| hygiene.versions.is_some())?;
                let to = Target::External { name: "planted".to_owned(), dir: None };
                (format!("{} -> planted", dir(member)), Plant::Dependency(member, to, Kind::Normal))
            }
            Rule::FolderName => {
                let member = tidy.find(|member| hygiene.folder.is_some() && dir(*member) != ".")?;
                (dir(member), Plant::OtherName(member))
            }
            Rule::Cycle => {
                let kinds = &self.inputs.rules.cycles.as_ref()?.kinds;
                let back = workspace.dependencies.iter().find_map(|dependency| match dependency.to {
                    Target::Member(to) if to != dependency.from && kinds.contains(&dependency.kind) => {
                        Some((to, dependency.from))
                    }
                    Target::Member(_) | Target::External { .. } => None,
                });
                let (from, to) = back?;
                let kind = if kinds.contains(&Kind::Dev) { Kind::Dev } else { *kinds.first()? };
                (format!("{} -> {}", dir(from), dir(to)), Plant::Dependency(from, Target::Member(to), kind))
            }
            Rule::ExternalReachable => {
                let member = (0..workspace.members.len()).find_map(|member| {
                    let rule = self.architecture.layer(member).deny.iter().find(|rule| rule.reachable)?;
                    Some((member, rule.names.items.first()?.value.clone()))
                });
                let (member, name) = member?;
                (format!("{} -> .. -> {name}", dir(member)), Plant::Reach(member, name))
            }
            Rule::UsedDependencies => {
                hygiene.used.as_ref()?;
                let declared = |from| move |one: &&Dependency| one.from == from && one.to != Target::Member(from);
                let (member, to) = tidy.find_map(|member| {
                    let mut own = workspace.dependencies.iter().filter(declared(member));
                    Some((member, own.find(|one| matches!(one.to, Target::Member(_)))?.to.clone()))
                })?;
                let what = format!("{} -> {}", dir(member), self.architecture.target_name(&to));
                (what, Plant::Dependency(member, to, Kind::Normal))
            }
            Rule::NoGlobReExports => {
                hygiene.no_globs.as_ref()?;
                let (member, name, file) = tidy.find_map(|member| {
                    let exports = &self.sources.of(member).exports;
                    let whole = |name: &String| exports.iter().any(|one| one.name.is_none() && *one.from == **name);
                    let name = workspace.members[member].externs.keys().find(|name| !whole(name))?;
                    Some((member, name.clone(), self.library(member)?))
                })?;
                (format!("{}: pub use {name}::*", dir(member)), Plant::Line(file, format!("pub use {name}::*;")))
            }
            Rule::ModuleOrder => self.upwards()?,
            Rule::ModulePrivate | Rule::ModuleApi => self.hidden(rule)?,
            _ => self.dependency(rule)?,
        };
        on.then_some(plant)
    }

    /// A module that names one above it, which no module below it does yet.
    fn upwards(&self) -> Option<(String, Plant)> {
        for (order, governed) in self.modular().filter_map(|(rule, governed)| Some((rule.order.as_ref()?, governed))) {
            for member in governed.iter().copied() {
                let digest = self.sources.of(member);
                let roots: Vec<(u32, u32)> =
                    digest.modules.iter().filter(|one| &*one.path == "crate").map(|one| (one.root, one.file)).collect();
                let tops =
                    digest.modules.iter().filter(|one| one.of != Of::Other && one.path.matches("::").count() == 1);
                let tops: Vec<(&str, u32, u32)> =
                    tops.map(|one| (one.path.trim_start_matches("crate::"), one.root, one.file)).collect();
                for (from, root, file) in &tops {
                    for (to, ..) in tops.iter().filter(|(_, of, _)| of == root) {
                        let known = |one: &Naming| is_in(&one.from, from) && is_in(&one.to, to);
                        let upward = rank(order, from).zip(rank(order, to)).is_some_and(|(low, high)| low < high);
                        let inline = roots.contains(&(*root, *file));
                        if upward && !inline && !digest.namings.iter().any(known) {
                            let what = format!("{}: {from} -> {to}", self.inputs.workspace.members[member].dir);
                            let file = relative(&digest.files[*file as usize], self.inputs.root());
                            return Some((what, Plant::Line(file, format!("use crate::{to} as planted;"))));
                        }
                    }
                }
            }
        }
        None
    }

    /// A crate that names a module of another one that is not for it.
    fn hidden(&self, rule: Rule) -> Option<(String, Plant)> {
        let workspace = &self.inputs.workspace;
        for (rules, governed) in self.modular() {
            let of_rule = |module: &str| hidden(rules, module).is_some_and(|hidden| hidden.rule == rule);
            for member in governed.iter().copied() {
                let digest = self.sources.of(member);
                let modules =
                    digest.modules.iter().filter(|one| one.of == Of::Library && one.public && of_rule(&one.path));
                for module in modules.map(|one| one.path.trim_start_matches("crate::")) {
                    let user = workspace.dependencies.iter().find(|one| {
                        let free = || self.sources.of(one.from).uses.iter().all(|it| !it.rest.starts_with(module));
                        one.to == Target::Member(member) && one.from != member && one.kind == Kind::Normal && free()
                    });
                    let planted = user.and_then(|user| Some((user, self.library(user.from)?)));
                    if let Some((user, file)) = planted {
                        let what = format!(
                            "{} -> {}::{module}",
                            workspace.members[user.from].dir, workspace.members[member].dir
                        );
                        return Some((
                            what,
                            Plant::Line(file, format!("use {}::{module} as planted;", user.extern_name)),
                        ));
                    }
                }
            }
        }
        None
    }

    fn modular(&self) -> impl Iterator<Item = (&ModuleRules, &BTreeSet<usize>)> {
        self.inputs.rules.modules.iter().zip(&self.architecture.modular)
    }

    /// The root file of a member's library.
    fn library(&self, member: usize) -> Option<String> {
        let mut roots = self.inputs.workspace.members[member].sources.roots.iter();
        let root = roots.find(|root| root.kind == RootKind::Library)?;
        Some(relative(&root.path, self.inputs.root()))
    }

    /// A dependency that nobody has, and that breaks the rule before any other.
    fn dependency(&self, rule: Rule) -> Option<(String, Plant)> {
        let workspace = &self.inputs.workspace;
        let members = (0..workspace.members.len()).map(Target::Member);
        let layers = self.inputs.rules.layers.iter().flat_map(|layer| &layer.deny);
        let named = layers.chain(self.inputs.rules.external.iter().map(|only| &only.rule));
        let named = named.flat_map(|rule| &rule.names.items).map(|name| name.value.clone());
        let external: BTreeSet<String> =
            named.chain(workspace.external.iter().cloned()).chain(["planted".to_owned()]).collect();
        let targets: Vec<Target> =
            members.chain(external.into_iter().map(|name| Target::External { name, dir: None })).collect();
        for from in 0..workspace.members.len() {
            for kind in Kind::ALL {
                let case = Case::new(self.architecture, from, kind);
                let declared = |to: &Target| {
                    let mut own = workspace.dependencies.iter().filter(|one| one.from == from && one.kind == kind);
                    own.any(|one| self.architecture.target_name(&one.to) == self.architecture.target_name(to))
                };
                let breaks = |to: &&Target| {
                    let breach = case.breach(to).filter(|breach| breach.rule == rule);
                    breach.is_some() && !declared(to) && self.architecture.exceptions(from, to, kind).next().is_none()
                };
                if let Some(to) = targets.iter().find(breaks) {
                    let (dir, name) = (&workspace.members[from].dir, self.architecture.target_name(to));
                    return Some((
                        format!("{dir} -> {name} ({})", kind.name()),
                        Plant::Dependency(from, to.clone(), kind),
                    ));
                }
            }
        }
        None
    }
}

/// A change of one manifest or source file.
enum Plant {
    Dependency(usize, Target, Kind),
    WithoutLints(usize),
    OtherName(usize),
    Reach(usize, String),
    /// A source file, and what is to stand at its end.
    Line(String, String),
}

impl Plant {
    fn file(&self, root: &Path, workspace: &Workspace) -> PathBuf {
        match self {
            Self::Dependency(member, ..)
            | Self::WithoutLints(member)
            | Self::OtherName(member)
            | Self::Reach(member, _) => root.join(&workspace.members[*member].dir).join("Cargo.toml"),
            Self::Line(file, _) => root.join(file),
        }
    }

    fn put(&self, mut text: String, root: &Path, workspace: &Workspace) -> String {
        match self {
            Self::Dependency(_, to, kind) => {
                let table = match kind {
                    Kind::Normal => "dependencies",
                    Kind::Build => "build-dependencies",
                    Kind::Dev => "dev-dependencies",
                };
                let place = match to {
                    Target::Member(to) => {
                        let used = &workspace.members[*to];
                        let path = root.join(&used.dir);
                        format!("package = {:?}\npath = {:?}", used.name, path.display().to_string())
                    }
                    Target::External { name, .. } => format!("package = {name:?}\nversion = \"*\""),
                };
                text.push_str(&format!("\n[{table}.planted]\n{place}\n"));
            }
            Self::WithoutLints(_) => {
                text =
                    text.replace("[lints]", "[package.metadata.lints]").replace("lints.workspace", "metadata.workspace")
            }
            Self::OtherName(member) => {
                text.replace_range(workspace.members[*member].site.bytes.clone(), "\"planted-name\"");
            }
            Self::Line(_, line) => text.push_str(&format!("\n{line}\n")),
            Self::Reach(..) => {}
        }
        text
    }
}

/// A module from `crate` on is the one directly below the root with this name, or in it.
fn is_in(module: &str, name: &str) -> bool {
    module.split("::").nth(1) == Some(name)
}

fn write(root: &Path, file: &str, text: &str) -> io::Result<()> {
    let path = root.join(file);
    if !path.starts_with(root) {
        return Err(io::Error::other(format!("{file} lies outside of the workspace")));
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

fn scratch(error: io::Error) -> Vec<Finding> {
    let help = "see that the temporary directory can be written, and that all members lie below the root";
    vec![Finding::new(Cause::Program, format!("cannot make a scratch copy of the manifests: {error}"), help)]
}
