//! The tests of a crate with one of its mutants, and without.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt, fs,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use super::scan::Mutant;
use crate::{
    step,
    test::{Program, build},
};

/// No test binary takes so long, unless a mutant keeps it waiting.
const PATIENCE: Duration = Duration::from_secs(180);

/// What came of a mutant.
pub enum Verdict {
    /// This test fails with it and passes without.
    Killed {
        target: String,
        by: String,
    },
    /// The tests of this target do not end any more.
    Hangs {
        target: String,
    },
    Survived,
    NotBuilt,
    /// It fails without it too.
    Spoilt {
        by: String,
    },
}

impl Verdict {
    pub fn code(&self) -> u8 {
        match self {
            Self::Killed { .. } | Self::Hangs { .. } => 0,
            Self::Survived => 1,
            Self::NotBuilt | Self::Spoilt { .. } => 2,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Killed { target, by } => write!(f, "killed by {target}: {}", by),
            Self::Hangs { target } => write!(f, "killed by {target}: no end within {} s", PATIENCE.as_secs()),
            Self::Survived => write!(f, "SURVIVED: no test of the crate fails"),
            Self::NotBuilt => write!(f, "NOT BUILT: see above"),
            Self::Spoilt { by } => write!(f, "NOT TRIED: {} fails without it too", by),
        }
    }
}

/// Builds and runs, in a folder of its own: what is built otherwise stays built.
pub struct Court {
    target: PathBuf,
    /// The test programs of each crate without a mutant.
    sound: BTreeMap<String, Vec<Program>>,
}

/// How a test program ended.
enum Ended {
    Well,
    /// This test failed; where the program died otherwise, its own name.
    Failed(String),
    Never,
}

impl Court {
    pub fn open() -> Result<Self, String> {
        let target = step::target_dir().map_err(|error| error.to_string())?.join("torture");
        Ok(Self { target, sound: BTreeMap::new() })
    }

    /// How long it took, and what came of it.
    pub fn judge(&mut self, mutant: &Mutant) -> (Duration, Verdict) {
        let start = Instant::now();
        let verdict = self.tried(mutant).unwrap_or_else(|error| {
            eprintln!("error: {error}");
            Verdict::NotBuilt
        });
        (start.elapsed(), verdict)
    }

    fn tried(&mut self, mutant: &Mutant) -> io::Result<Verdict> {
        let mut cargo = self.cargo(&mutant.package);
        // Cargo keeps what was built by one wrapper apart from what another one built, for the crates of the workspace alone.
        cargo.env("RUSTC_WORKSPACE_WRAPPER", self.wrapper(&mutant.name)?);
        let Ok(mut programs) = build(cargo) else { return Ok(Verdict::NotBuilt) };
        // Those inside of the crate are quick.
        programs.sort_by_key(|program| program.target == "it");
        let mut ended = Verdict::Survived;
        for program in &programs {
            ended = match run(program.command(None))? {
                Ended::Well => continue,
                Ended::Never => match self.without(mutant, program.target.clone(), program.target.clone())? {
                    Verdict::Killed { target, .. } => Verdict::Hangs { target },
                    spoilt => spoilt,
                },
                Ended::Failed(by) => self.without(mutant, program.target.clone(), by)?,
            };
            break;
        }
        // Test programs are large, and each mutant has some.
        programs.iter().try_for_each(|program| fs::remove_file(&program.executable))?;
        Ok(ended)
    }

    /// Whether the same test passes without the mutant.
    fn without(&mut self, mutant: &Mutant, target: String, by: String) -> io::Result<Verdict> {
        let cargo = self.cargo(&mutant.package);
        let programs = match self.sound.entry(mutant.package.clone()) {
            Entry::Occupied(built) => built.into_mut(),
            Entry::Vacant(none) => match build(cargo) {
                Ok(programs) => none.insert(programs),
                Err(_) => return Ok(Verdict::NotBuilt),
            },
        };
        let Some(program) = programs.iter().find(|program| program.target == target) else {
            return Ok(Verdict::NotBuilt);
        };
        let mut same = program.command(None);
        if by != target {
            same.arg("--exact").arg(&by);
        }
        match run(same)? {
            Ended::Well => Ok(Verdict::Killed { target, by }),
            Ended::Failed(_) | Ended::Never => Ok(Verdict::Spoilt { by }),
        }
    }

    fn cargo(&self, package: &str) -> Command {
        let mut cargo = step::cargo(["test", "--quiet", "--no-run", "--message-format", "json-render-diagnostics"]);
        cargo.args(["--package", package, "--lib", "--tests"]);
        cargo.env("CARGO_TARGET_DIR", &self.target);
        // Nobody looks into these programs, and there are many of them.
        cargo.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_INCREMENTAL", "0");
        cargo
    }

    /// A program that cargo calls in place of the compiler for the crates of the workspace.
    fn wrapper(&self, mutant: &str) -> io::Result<PathBuf> {
        let folder = self.target.join("mutants");
        fs::create_dir_all(&folder)?;
        let path = folder.join(mutant);
        if !path.exists() {
            fs::write(&path, format!("#!/bin/sh\nexec \"$@\" --cfg 'mutant=\"{mutant}\"'\n"))?;
            make_executable(&path)?;
        }
        Ok(path)
    }
}

#[cfg(unix)]
fn make_executable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> io::Result<()> {
    Err(io::Error::other("mutants are built by a shell script in place of the compiler, which only Unix can run"))
}

/// Runs a test program to its end, or to the first test that fails: what others do with a mutant may take for ever, and all of
/// the machine's memory.
fn run(mut command: Command) -> io::Result<Ended> {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    command.env("RUST_BACKTRACE", "0").env_remove("BOROUGH_SEED");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let output = child.stdout.take().expect("stdout was just piped");
    let (failed, failures) = mpsc::channel();
    // Ends with the program, or when nobody waits for failures any more.
    thread::spawn(move || {
        let lines = BufReader::new(output).lines().map_while(Result::ok);
        lines.filter_map(|line| failure(&line)).try_for_each(|failure| failed.send(failure))
    });
    match failures.recv_timeout(PATIENCE) {
        Ok(test) => {
            child.kill()?;
            child.wait()?;
            Ok(Ended::Failed(test))
        }
        Err(RecvTimeoutError::Timeout) => {
            child.kill()?;
            child.wait()?;
            Ok(Ended::Never)
        }
        Err(RecvTimeoutError::Disconnected) if child.wait()?.success() => Ok(Ended::Well),
        // Without the number that cargo gives to the file.
        Err(RecvTimeoutError::Disconnected) => {
            Ok(Ended::Failed(name.rsplit_once('-').map_or(name.clone(), |(target, _)| target.to_owned())))
        }
    }
}

/// The test that failed, if a test program says so in this line.
fn failure(line: &str) -> Option<String> {
    Some(line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_test_that_fails_names_it() {
        let lines = ["running 3 tests", "test a::b ... ok", "test a::c ... FAILED", "failures:", "    a::c"];
        assert_eq!(lines.map(failure), [None, None, Some("a::c".to_owned()), None, None]);
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_dies_without_naming_a_test_is_named_itself() {
        let script = |text: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", text]);
            command
        };
        assert!(matches!(run(script("exit 0")).unwrap(), Ended::Well));
        let Ended::Failed(by) = run(script("kill -9 $$")).unwrap() else { panic!("it did not end well") };
        assert_eq!(by, "sh");
        let endless = "echo 'test x ... FAILED'; while true; do :; done";
        let Ended::Failed(by) = run(script(endless)).unwrap() else { panic!("it failed") };
        assert_eq!(by, "x", "nobody waits for what comes after");
    }
}
