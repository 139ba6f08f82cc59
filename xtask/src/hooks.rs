use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use clap::Subcommand;

use crate::step;

/// What git runs before a commit
#[derive(clap::Args)]
#[command(after_help = "Example:\n  \
    cargo xtask hooks install    format, boundaries and contracts are checked before each commit")]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Have git check format, boundaries and contracts before each commit
    Install,
    /// What the hook runs
    PreCommit,
}

/// The whole hook: what it runs is this program's, and changes with it.
const HOOK: &str = "#!/bin/sh\n# Installed by `cargo xtask hooks install`; delete it to be rid of it.\nexec cargo xtask hooks pre-commit\n";

/// Files that a warning names. The rest it counts.
const NAMED: usize = 3;

pub fn run(args: &Args) -> ExitCode {
    match args.verb {
        Verb::PreCommit => check(),
        Verb::Install => match install(&step::root()) {
            Ok(hook) => {
                println!("{} checks format, boundaries and contracts before each commit", hook.display());
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("error: {error}");
                2.into()
            }
        },
    }
}

/// What is quick where nothing has changed, the form beside the rest. Lints and tests are CI's.
fn check() -> ExitCode {
    let mut cargo = step::cargo(["fmt", "--check"]);
    let form = match cargo.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => {
            eprintln!("error: {}", step::not_started(&cargo, &error));
            return 2.into();
        }
    };
    let boundaries = boundaries::cli::main([OsString::from("cargo xtask check-boundaries")]);
    let contracts = step::program("check-contracts", &[]);
    let form = match form.wait_with_output() {
        Ok(output) if output.status.success() => ExitCode::SUCCESS,
        Ok(output) => {
            print!("{}", String::from_utf8_lossy(&output.stdout));
            eprintln!("{}error: `cargo fmt` has not been run", String::from_utf8_lossy(&output.stderr));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: `cargo fmt --check` did not end: {error}");
            2.into()
        }
    };
    if let Some(files) = listed(&staged_otherwise(&step::root())) {
        eprintln!(
            "warning: what was checked is the folder; what is committed differs from it in {files}: see `git diff`"
        );
    }
    [boundaries, contracts, form].into_iter().find(|&code| code != ExitCode::SUCCESS).unwrap_or(ExitCode::SUCCESS)
}

/// The files that are staged and not as they are in the folder. None where git does not tell: the checks do not depend on it.
fn staged_otherwise(root: &Path) -> Vec<String> {
    let mut git = Command::new("git");
    // Whoever commits holds the lock of the index.
    git.args(["--no-optional-locks", "status", "--porcelain", "-z", "--untracked-files=no", "--no-renames"]);
    let Ok(output) = git.current_dir(root).output() else { return Vec::new() };
    let differing = |entry: &str| {
        let (state, file) = entry.split_at_checked(3)?;
        // The index against the commit before, then the folder against the index.
        let differs = match state.as_bytes() {
            [b' ', ..] => false,
            [b'D', b' ', _] => root.join(file).is_file(),
            [_, folder, _] => *folder != b' ',
            _ => false,
        };
        differs.then(|| file.to_owned())
    };
    String::from_utf8_lossy(&output.stdout).split_terminator('\0').filter_map(differing).collect()
}

/// The first few, and how many more; nothing where there are none.
fn listed(files: &[String]) -> Option<String> {
    let (named, rest) = files.split_at(files.len().min(NAMED));
    let named = Some(named.join(", ")).filter(|named| !named.is_empty())?;
    Some(if rest.is_empty() { named } else { format!("{named} and {} more", rest.len()) })
}

fn install(root: &Path) -> Result<PathBuf, String> {
    let hook = folder(root)?.join("pre-commit");
    let cannot = |error: io::Error| format!("{} cannot be written: {error}", hook.display());
    const LINE: &str = "cargo xtask hooks pre-commit";
    match fs::read_to_string(&hook) {
        Ok(present) if present == HOOK => {}
        // It is somebody's own and runs it.
        Ok(present) if present.lines().any(|line| line.trim().trim_start_matches("exec ") == LINE) => return Ok(hook),
        Ok(_) => return Err(format!("{} is there already: add the line `{LINE}` to it", hook.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(format!("{} cannot be read: {error}", hook.display())),
    }
    fs::create_dir_all(hook.parent().unwrap_or(root)).map_err(cannot)?;
    fs::write(&hook, HOOK).map_err(cannot)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).map_err(cannot)?;
    }
    Ok(hook)
}

/// Where git looks for hooks: `core.hooksPath`, or a folder of the repository that worktrees share.
fn folder(root: &Path) -> Result<PathBuf, String> {
    let mut git = Command::new("git");
    git.args(["rev-parse", "--git-path", "hooks"]).current_dir(root);
    let output = git.output().map_err(|error| step::not_started(&git, &error))?;
    if !output.status.success() {
        return Err(format!(
            "{} is no git repository: {}",
            root.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        ));
    }
    Ok(root.join(String::from_utf8_lossy(&output.stdout).trim()))
}
