use std::{
    env::{self, consts::EXE_EXTENSION},
    ffi::{OsStr, OsString},
    io,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

/// The folder of the workspace's root manifest.
///
/// Asked when the program runs, not when it was built: checkouts that share a target folder share its programs.
pub fn root() -> PathBuf {
    let xtask = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    xtask.parent().expect("xtask is a folder of the workspace").to_owned()
}

/// Where cargo builds: `CARGO_TARGET_DIR`, the configuration, or `target`.
pub fn target_dir() -> Result<PathBuf, cargo_metadata::Error> {
    let metadata = cargo_metadata::MetadataCommand::new().current_dir(root()).no_deps().exec()?;
    Ok(metadata.target_directory.into())
}

/// A cargo command in the workspace's root, with the cargo that runs this program.
pub fn cargo<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root());
    command
}

/// Shows a command, runs it, and answers its exit code: 2 if it cannot be started, 1 if a signal ended it.
pub fn run(command: &mut Command) -> u8 {
    eprintln!("$ {}", shown(command));
    match command.status() {
        Ok(status) => status.code().map_or(1, |code| u8::try_from(code).unwrap_or(1)),
        Err(error) => {
            eprintln!("error: {}", not_started(command, &error));
            2
        }
    }
}

/// Builds a program of the workspace and runs it with these arguments: one that this one shall not have to be built with. 2 if it
/// cannot be built.
pub fn program(name: &str, args: &[OsString]) -> ExitCode {
    let target = match target_dir() {
        Ok(target) => target,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    if run(&mut cargo(["build", "--quiet", "--package", name])) != 0 {
        return ExitCode::from(2);
    }
    let mut program = Command::new(target.join("debug").join(name).with_extension(EXE_EXTENSION));
    run(program.args(args).current_dir(root())).into()
}

/// Runs commands until one fails, and answers its exit code.
pub fn run_all(commands: impl IntoIterator<Item = Command>) -> ExitCode {
    let failed = commands.into_iter().map(|mut command| run(&mut command)).find(|&code| code != 0);
    failed.unwrap_or(0).into()
}

pub fn not_started(command: &Command, error: &io::Error) -> String {
    format!("cannot start `{}`: {error}", shown(command))
}

/// The command as somebody would type it in the workspace's root.
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut words = vec![program.file_stem().unwrap_or(program.as_os_str()).to_string_lossy()];
    words.extend(command.get_args().map(OsStr::to_string_lossy));
    words
        .iter()
        .map(|word| if word.contains(' ') { format!("'{word}'") } else { word.to_string() })
        .collect::<Vec<_>>()
        .join(" ")
}
