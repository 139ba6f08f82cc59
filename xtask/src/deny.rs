use std::process::{Command, ExitCode, Stdio};

use crate::step;

/// Check licences, sources and duplicates of all dependencies with cargo-deny
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask deny                   needs cargo-deny; exits 2 and says how to install it when it is not there\n  \
    cargo xtask deny --if-installed    does nothing when it is not there")]
pub struct Args {
    /// Succeed when cargo-deny is not installed
    #[arg(long)]
    if_installed: bool,
}

pub fn run(args: &Args) -> ExitCode {
    if !installed() {
        eprintln!("cargo-deny is not installed: `cargo install cargo-deny --locked` builds it from crates.io");
        return if args.if_installed { ExitCode::SUCCESS } else { ExitCode::from(2) };
    }
    // Advisories change without a change here, so they have a schedule of their own on the code host.
    step::run(&mut step::cargo(["deny", "check", "bans", "licenses", "sources"])).into()
}

fn installed() -> bool {
    let mut version = Command::new("cargo-deny");
    version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}
