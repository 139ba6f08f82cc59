use std::{
    env, fs, io,
    path::Path,
    process::{Command, ExitCode},
};

use crate::step;

/// Debian's package of Prometheus and of promtool, its checker.
const PACKAGE: &str = "prometheus";

/// Programs of it that tests run.
const PROGRAMS: [&str; 2] = ["prometheus", "promtool"];

/// Fetch the programs that tests run and cargo does not build: Prometheus and promtool, from Debian's package
#[derive(clap::Args)]
#[command(after_help = "Example:\n  \
    cargo xtask tools    unpacks the package into the target folder; nothing is installed, nobody has to be root")]
pub struct Args {}

pub fn run(_: &Args) -> ExitCode {
    match fetch() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::from(2)
        }
    }
}

/// Unpacks the package below the target folder, unless its programs are there or on the path.
pub fn fetch() -> Result<(), String> {
    let target = step::target_dir().map_err(|error| error.to_string())?;
    let folder = target.join("tools").join(PACKAGE);
    if are_in(&folder.join("usr/bin"))
        || env::split_paths(&env::var_os("PATH").unwrap_or_default()).any(|path| are_in(&path))
    {
        return Ok(());
    }
    let cannot = |error: io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(cannot)?;
    // A machine that was made just now has no lists of packages.
    if !ran(apt_get(&folder, ["download", PACKAGE])) {
        ran(apt_get(&folder, ["update", "--quiet"]));
        if !ran(apt_get(&folder, ["download", PACKAGE])) {
            return Err(format!(
                "install `{}` by hand: there is no apt-get that has the package",
                PROGRAMS.join("`, `")
            ));
        }
    }
    let files = fs::read_dir(&folder).map_err(cannot)?.filter_map(Result::ok).map(|entry| entry.path());
    let package = files.filter(|path| path.extension().is_some_and(|extension| extension == "deb")).max();
    let package = package.ok_or_else(|| format!("{}: apt-get has put no package there", folder.display()))?;
    let mut unpack = Command::new("dpkg-deb");
    unpack.arg("--extract").arg(&package).arg(&folder);
    if !ran(unpack) || !are_in(&folder.join("usr/bin")) {
        return Err(format!("{}: cannot be unpacked", package.display()));
    }
    fs::remove_file(&package).map_err(cannot)
}

fn are_in(folder: &Path) -> bool {
    PROGRAMS.iter().all(|program| folder.join(program).is_file())
}

fn ran(mut command: Command) -> bool {
    step::run(&mut command) == 0
}

fn apt_get<const N: usize>(folder: &Path, args: [&str; N]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(args).current_dir(folder);
    command
}
