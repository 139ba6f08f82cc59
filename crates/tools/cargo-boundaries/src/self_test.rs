//! Plants a violation of each rule into a scratch copy of manifests and sources, and expects every one to be found.

mod plant;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cargo_metadata::MetadataCommand;
use plant::{Plant, Planter};

use crate::architecture::Architecture;
use crate::baseline::Key;
use crate::check::{Inputs, Options, check_declared};
use crate::judge::judge;
use crate::query::Answer;
use crate::report::{Cause, Finding, Report, Rule};
use crate::resolved::Resolved;
use crate::source::relative;
use crate::sources::Sources;
use crate::workspace::{Target, ask};

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
        let Self { inputs, architecture, sources, .. } = *self;
        let planter = Planter { inputs, architecture, sources };
        let Some((what, plant)) = planter.plant(rule) else { return Ok(Outcome::Unbreakable) };
        if let Plant::Reach(member, name) = &plant {
            return self.reach(*member, name, what);
        }
        let files = plant.files(self.root, &inputs.workspace);
        let report = self.planted(&files, |index, text| plant.put(index, text, self.root, &inputs.workspace))??;
        let fresh = report.violations.iter().any(|one| one.rule == rule && !known.contains(&Key::of(one)));
        Ok(if fresh { Outcome::Found(what) } else { Outcome::Missed(what) })
    }

    /// What must not be read as clean.
    fn fail_closed(&self) -> impl Iterator<Item = (&'static str, Result<Outcome, Vec<Finding>>)> {
        let refused = |text: &'static str, front: bool, cause: Cause| {
            let rules = self.root.join("boundaries.toml");
            let planted = |rules: String| if front { format!("{text}{rules}") } else { format!("{rules}\n{text}") };
            let said = match self.planted(&[rules], |_, rules| planted(rules))? {
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
        let outcome = self.planted(&[self.root.join(&file)], |_, text| text + "\n/* planted\n")?;
        let said = outcome.is_err_and(|findings| findings.iter().any(|finding| finding.cause == Cause::Source));
        Ok(if said { Outcome::Found(file) } else { Outcome::Missed(file) })
    }

    /// The outcome with files of the copy changed, which are then as they were.
    fn planted(
        &self,
        files: &[PathBuf],
        change: impl Fn(usize, String) -> String,
    ) -> Result<Result<Report, Vec<Finding>>, Vec<Finding>> {
        let texts: Vec<String> = files.iter().map(fs::read_to_string).collect::<io::Result<_>>().map_err(scratch)?;
        for (index, (file, text)) in files.iter().zip(&texts).enumerate() {
            fs::write(file, change(index, text.clone())).map_err(scratch)?;
        }
        let outcome = check_declared(&self.options());
        for (file, text) in files.iter().zip(texts) {
            fs::write(file, text).map_err(scratch)?;
        }
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
