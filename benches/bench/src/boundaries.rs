//! The boundary checker on workspaces of real packages: CPU seconds and memory of its process and of all that it starts.

mod layers;
mod manifest;
mod registry;
mod selection;
mod workspace;

use std::{
    cell::{OnceCell, RefCell},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    rc::Rc,
};

use self::{
    registry::Package,
    selection::{Amount, Goal},
    workspace::{Plan, Workspace},
};
use crate::{
    case::{Case, Contender, Failure, Race, Setting},
    peer,
    row::Unit::{self, Bytes, BytesPerSecond, Seconds},
    usage::{Spent, nth_run, spent_by},
};

/// A check that uses nothing it could have kept from an earlier one.
const COLD: &[&str] = &["check", "--no-cache"];
/// A check after another one of the same files.
const WARM: &[&str] = &["check"];

/// The largest samples take a quarter of a minute, and no mark hangs on them.
const RUNS_OF_READERS: usize = 3;

/// The size of which the marks speak.
const OF_1600_FILES: Plan = Plan {
    folder: "boundaries",
    goal: Goal { first: files(1_600), second: Amount { of: |package| package.bytes, wanted: 45_000_000 } },
    modules: true,
};

const OF_200_CRATES: Plan =
    Plan { folder: "boundaries-200", goal: Goal { first: crates(200), second: files(8_000) }, modules: true };

/// As large as the largest of the workspaces that the marks were drawn from; no rule of its needs a source.
const OF_192_CRATES: Plan =
    Plan { folder: "boundaries-192", goal: Goal { first: crates(192), second: files(3_800) }, modules: false };

const fn files(wanted: u64) -> Amount {
    Amount { of: |package: &Package| package.files, wanted }
}

const fn crates(wanted: u64) -> Amount {
    Amount { of: |_: &Package| 1, wanted }
}

pub fn cases(setting: &Setting) -> Vec<Case> {
    let (marked, large, many) = (Subject::of(OF_1600_FILES), Subject::of(OF_200_CRATES), Subject::of(OF_192_CRATES));
    let parser = setting.peers.get("boundaries").cloned();
    let mut cases = vec![
        beside_parsing("boundaries/cold", &marked, COLD, parser.clone()),
        beside_parsing("boundaries/warm", &marked, WARM, parser.clone()),
        memory(&marked),
        alone("boundaries/cold-200", &large, COLD),
        alone("boundaries/warm-200", &large, WARM),
        alone("boundaries/crates-192", &many, COLD),
        beside_cargo_deny(),
    ];
    if let Some(parser) = parser {
        cases.extend(beside_a_reader(&large, "syn", "", &parser));
        cases.extend(beside_a_reader(&large, "ra-ap-syntax", "@ra-ap-syntax", &parser));
    }
    cases
}

/// A workspace that the first row to need it has written.
#[derive(Clone)]
struct Subject {
    plan: Plan,
    written: Rc<OnceCell<Workspace>>,
}

impl Subject {
    fn of(plan: Plan) -> Self {
        Self { plan, written: Rc::default() }
    }

    fn workspace(&self, setting: &Setting) -> Result<Workspace, Failure> {
        if let Some(workspace) = self.written.get() {
            return Ok(workspace.clone());
        }
        let workspace = self.plan.write(&setting.scratch, &checker(setting)?)?;
        Ok(self.written.get_or_init(|| workspace).clone())
    }
}

fn checker(setting: &Setting) -> Result<PathBuf, Failure> {
    setting.boundaries.clone().ok_or_else(|| "needs --boundaries, the checker's release binary".into())
}

/// With a target folder, as every workspace has one that cargo has built once: what is kept lies there.
fn command(program: &Path, args: &[&str], folder: &Path) -> Command {
    let target = folder.join("target");
    // Without it nothing is kept, which the row of the warm run tells.
    fs::create_dir_all(&target).ok();
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).env("CARGO_TARGET_DIR", target);
    command
}

fn cpu_seconds(command: Command) -> Contender {
    Contender::sampled(move || Ok(spent_by(&command)?.cpu_seconds))
}

/// What is kept from one check to the next is there before the first sample, for one turn warms up.
fn alone(name: &'static str, subject: &Subject, args: &'static [&str]) -> Case {
    let subject = subject.clone();
    Case::new(name, Seconds, None, move |setting| {
        let root = subject.workspace(setting)?.root;
        Ok(Race::alone(cpu_seconds(command(&checker(setting)?, args, &root))))
    })
}

/// The whole check beside parsing alone of the same files, which are in memory already.
fn beside_parsing(name: &'static str, subject: &Subject, args: &'static [&str], parser: Option<PathBuf>) -> Case {
    let subject = subject.clone();
    Case::new(name, Seconds, parser.is_some().then_some("ra-ap-syntax-parse"), move |setting| {
        let root = subject.workspace(setting)?.root;
        let parse = |parser: PathBuf| peer::contender(&parser, ["ra-ap-syntax".as_ref(), root.as_path()], "parse");
        let reference = parser.map(parse).transpose()?;
        Ok(Race { subject: cpu_seconds(command(&checker(setting)?, args, &root)), reference })
    })
}

fn memory(subject: &Subject) -> Case {
    let subject = subject.clone();
    Case::new("boundaries/memory", Bytes, Some("source-bytes"), move |setting| {
        let Workspace { root, bytes } = subject.workspace(setting)?;
        let check = command(&checker(setting)?, COLD, &root);
        Ok(Race::between(
            Contender::sampled(move || Ok(spent_by(&check)?.peak_bytes)),
            Contender::sampled(move || Ok(bytes as f64)),
        ))
    })
}

/// The whole check beside a program that only reads and parses the same files, one after another: three rows of the same runs.
fn beside_a_reader(subject: &Subject, reader: &'static str, variant: &str, program: &Path) -> [Case; 3] {
    let (ours, theirs) = (Rc::new(RefCell::new(Vec::new())), Rc::new(RefCell::new(Vec::new())));
    let row = |name: &str, unit: Unit, pick: fn(&Spent, f64) -> f64| {
        let (subject, program, ours, theirs) =
            (subject.clone(), program.to_owned(), Rc::clone(&ours), Rc::clone(&theirs));
        Case::new(format!("boundaries/{name}{variant}"), unit, Some(reader), move |setting| {
            let Workspace { root, bytes } = subject.workspace(setting)?;
            let check = command(&checker(setting)?, COLD, &root);
            let read = command(&program, &[reader, ".", "once"], &root);
            let sampled = |runs, command: Command| {
                nth_run(runs, move || spent_by(&command), move |spent| pick(spent, bytes as f64))
            };
            Ok(Race::between(sampled(ours, check), sampled(theirs, read)))
        })
        .runs(RUNS_OF_READERS)
    };
    [
        row("extraction", Seconds, |spent, _| spent.cpu_seconds),
        row("extraction-rate", BytesPerSecond, |spent, bytes| bytes / spent.cpu_seconds),
        row("extraction-memory", Bytes, |spent, _| spent.peak_bytes),
    ]
}

/// Both on the workspace that this program belongs to, for `cargo deny` needs a lock file and what it names.
fn beside_cargo_deny() -> Case {
    let mut version = Command::new("cargo-deny");
    version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    let installed = version.status().is_ok_and(|status| status.success());
    let reference = installed.then_some("cargo-deny-bans");
    Case::new("boundaries/this-workspace", Seconds, reference, move |setting| {
        if !installed {
            eprintln!("no reference: cargo-deny is not installed");
        }
        let folder = &setting.workspace;
        let subject = cpu_seconds(command(&checker(setting)?, COLD, folder));
        // What it finds is told by `cargo xtask deny`, and would end the measurement.
        let args = ["--offline", "--locked", "check", "--allow", "wildcard", "bans"];
        let deny = command(Path::new("cargo-deny"), &args, folder);
        Ok(Race { subject, reference: installed.then(|| cpu_seconds(deny)) })
    })
}
