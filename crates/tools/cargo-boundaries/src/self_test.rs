//! Plants a violation of each rule into a scratch copy of the manifests and of the sources that rules are about, and expects every one to be found.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cargo_metadata::MetadataCommand;
use tempfile::TempDir;

use crate::architecture::Architecture;
use crate::baseline::Key;
use crate::check::{Inputs, Options, check_declared};
use crate::judge::{Case, judge};
use crate::modules::Modules;
use crate::query::Answer;
use crate::report::{Cause, Finding, Report, Rule};
use crate::resolved::Resolved;
use crate::source::relative;
use crate::workspace::{Kind, Target, Workspace, ask};

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
    let modules = Modules::load(&architecture)?;
    let bed = Bed { options, inputs: &inputs, architecture: &architecture, modules: &modules };
    let known: BTreeSet<Key> = bed.check(|_| Ok(()))?.violations.iter().map(Key::of).collect();
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
    modules: &'a Modules,
}

impl Bed<'_> {
    fn rule(&self, rule: Rule, known: &BTreeSet<Key>) -> Result<Outcome, Vec<Finding>> {
        let Some((what, plant)) = self.plant(rule) else { return Ok(Outcome::Unbreakable) };
        if let Plant::Reach(member, name) = &plant {
            return self.reach(*member, name, what);
        }
        let report = self.check(|root| plant.put(root, &self.inputs.workspace))?;
        let fresh = report.violations.iter().any(|one| one.rule == rule && !known.contains(&Key::of(one)));
        Ok(if fresh { Outcome::Found(what) } else { Outcome::Missed(what) })
    }

    /// What must not be read as clean.
    fn fail_closed(&self) -> impl Iterator<Item = (&'static str, Result<Outcome, Vec<Finding>>)> {
        let refused = |text: &'static str, front: bool, cause: Cause| {
            let plant = move |root: &Path| {
                let path = root.join("boundaries.toml");
                let rules = fs::read_to_string(&path)?;
                fs::write(&path, if front { format!("{text}{rules}") } else { format!("{rules}\n{text}") })
            };
            let said = match self.outcome(plant)? {
                Err(findings) => findings.iter().any(|finding| finding.cause == cause),
                Ok(_) => false,
            };
            let what = text.lines().last().unwrap_or_default().to_owned();
            Ok(if said { Outcome::Found(what) } else { Outcome::Missed(what) })
        };
        let nothing = "[[forbid]]\nto = \"planted/nowhere\"\nreason = \"planted\"\nfrom = \"planted/nowhere\"\n";
        let stale = || {
            let what = "an entry that excuses nothing".to_owned();
            let report = self.with_baseline(STALE)?;
            Ok(if report.stale.is_empty() { Outcome::Missed(what) } else { Outcome::Found(what) })
        };
        [
            ("unknown-key", refused("planted-key = 1\n", true, Cause::UnknownKey)),
            ("matches-nothing", refused(nothing, false, Cause::MatchesNothing)),
            ("stale-baseline", stale()),
        ]
        .into_iter()
    }

    fn with_baseline(&self, text: &str) -> Result<Report, Vec<Finding>> {
        let copy = self.copy().map_err(scratch)?;
        let baseline = copy.path().join("planted-baseline.toml");
        fs::write(&baseline, text).map_err(scratch)?;
        let options = Options { baseline: Some(baseline), ..self.options_for(copy.path()) };
        check_declared(&options)
    }

    fn check(&self, plant: impl FnOnce(&Path) -> io::Result<()>) -> Result<Report, Vec<Finding>> {
        self.outcome(plant)?
    }

    fn outcome(
        &self,
        plant: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<Result<Report, Vec<Finding>>, Vec<Finding>> {
        let copy = self.copy().map_err(scratch)?;
        plant(copy.path()).map_err(scratch)?;
        Ok(check_declared(&self.options_for(copy.path())))
    }

    fn options_for(&self, root: &Path) -> Options {
        let rules = root.join("boundaries.toml");
        let manifest_path = Some(root.join("Cargo.toml"));
        Options { manifest_path, config: Some(rules), baseline: None, today: self.options.today }
    }

    /// Manifests and the sources under rules as they are, empty files where the other sources are, and the rules.
    fn copy(&self) -> io::Result<TempDir> {
        let root = self.inputs.root();
        let copy = tempfile::tempdir()?;
        let metadata = ask(MetadataCommand::new().manifest_path(root.join("Cargo.toml")).no_deps());
        let packages = metadata.map_err(io::Error::other)?.packages;
        let manifests = packages.iter().map(|package| package.manifest_path.clone().into_std_path_buf());
        let outside = self.inputs.workspace.dependencies.iter().filter_map(|dependency| match &dependency.to {
            Target::External { dir: Some(dir), .. } => Some(root.join(dir).join("Cargo.toml")),
            Target::External { dir: None, .. } | Target::Member(_) => None,
        });
        let outside: BTreeSet<PathBuf> = outside.filter(|path| path.exists() && path.starts_with(root)).collect();
        for manifest in manifests.chain(outside.clone()).chain([root.join("Cargo.toml")]) {
            write(copy.path(), &relative(&manifest, root), &fs::read_to_string(&manifest)?)?;
        }
        for manifest in outside {
            write(copy.path(), &relative(&manifest.with_file_name("src/lib.rs"), root), "")?;
        }
        for target in packages.iter().flat_map(|package| &package.targets) {
            write(copy.path(), &relative(target.src_path.as_std_path(), root), "")?;
        }
        for file in self.modules.files() {
            write(copy.path(), &relative(file, root), &fs::read_to_string(file)?)?;
        }
        let rules = fs::read_to_string(self.inputs.config())?;
        write(copy.path(), "boundaries.toml", &rules)?;
        if let Some(named) = &self.inputs.rules.baseline {
            write(copy.path(), &named.value, "version = 1\nentries = []\n")?;
        }
        Ok(copy)
    }

    /// In memory: a scratch copy has no Cargo.lock that fits.
    fn reach(&self, member: usize, name: &str, what: String) -> Result<Outcome, Vec<Finding>> {
        let resolved = Resolved::load(&self.inputs.workspace, &self.inputs.rules)?;
        let planted = resolved.and_then(|resolved| resolved.planted(member, name));
        let Some(planted) = planted else { return Ok(Outcome::Unbreakable) };
        let violations = judge(self.architecture, Some(&planted), self.modules)?;
        let dir = &self.inputs.workspace.members[member].dir;
        let found = violations
            .iter()
            .any(|one| one.rule == Rule::ExternalReachable && one.from.dir == *dir && one.to.as_deref() == Some(name));
        Ok(if found { Outcome::Found(what) } else { Outcome::Missed(what) })
    }

    fn plant(&self, rule: Rule) -> Option<(String, Plant)> {
        let workspace = &self.inputs.workspace;
        let hygiene = &self.inputs.rules.hygiene;
        let mut tidy = (0..workspace.members.len()).filter(|member| !self.architecture.unkempt.contains(member));
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
            Rule::ModuleOrder => self.naming()?,
            _ => self.dependency(rule)?,
        };
        on.then_some(plant)
    }

    /// A module that names one above it, which no module below it does yet.
    fn naming(&self) -> Option<(String, Plant)> {
        for (rule, governed) in self.inputs.rules.modules.iter().zip(&self.architecture.ordered) {
            for (member, modules) in governed.iter().filter_map(|member| Some((*member, self.modules.of(*member)?))) {
                for (rank, to) in rule.order.items.iter().map(|name| &name.value).enumerate() {
                    if modules.namings.iter().any(|one| one.to == *to && rule.rank(&one.from) < Some(rank)) {
                        continue;
                    }
                    let file = |from| Some((from, modules.file_beside(from, to)?));
                    if let Some((from, file)) = rule.below(rank).find_map(file) {
                        let what = format!("{}: {from} -> {to}", self.inputs.workspace.members[member].dir);
                        let file = relative(file, self.inputs.root());
                        return Some((what, Plant::Naming(file, to.clone())));
                    }
                }
            }
        }
        None
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
    /// The file of a module, and the module that it is to name.
    Naming(String, String),
}

impl Plant {
    fn put(&self, root: &Path, workspace: &Workspace) -> io::Result<()> {
        let manifest = |member: usize| root.join(&workspace.members[member].dir).join("Cargo.toml");
        let path = match self {
            Self::Dependency(member, ..)
            | Self::WithoutLints(member)
            | Self::OtherName(member)
            | Self::Reach(member, _) => manifest(*member),
            Self::Naming(file, _) => root.join(file),
        };
        let mut text = fs::read_to_string(&path)?;
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
            Self::Naming(_, module) => text.push_str(&format!("\nuse crate::{module} as planted;\n")),
            Self::Reach(..) => {}
        }
        fs::write(path, text)
    }
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
