//! Asks Cargo, also where the workspace pins a toolchain that this machine does not have.

use std::process::Command;

use cargo_metadata::{Error, Metadata, MetadataCommand};

/// What Cargo answers, or else the reason that it gives itself.
pub(crate) fn ask(command: &mut MetadataCommand) -> Result<Metadata, String> {
    let answer = command.exec().or_else(|error| match installed_toolchain() {
        // Any Cargo reads manifests. When none can, what the pinned one says is the reason.
        Some(toolchain) => command.env("RUSTUP_TOOLCHAIN", toolchain).exec().map_err(|_| error),
        None => Err(error),
    });
    // A manifest with `cargo-features` is for a nightly Cargo; what it declares any Cargo can read.
    let answer = answer.or_else(|error| {
        let for_nightly = matches!(&error, Error::CargoMetadata { stderr } if stderr.contains("requires a nightly"));
        command.env("RUSTC_BOOTSTRAP", "1").exec().map_err(|later| if for_nightly { later } else { error })
    });
    answer.map_err(|error| match error {
        Error::CargoMetadata { stderr } => reason(&stderr).to_owned(),
        other => other.to_string(),
    })
}

/// What follows `error: `. Before it stands what Cargo waited for and what it warns of.
fn reason(stderr: &str) -> &str {
    stderr.split_once("error: ").map_or(stderr, |(_, reason)| reason).trim()
}

/// The default toolchain of rustup, or any.
fn installed_toolchain() -> Option<String> {
    let output = Command::new("rustup").args(["toolchain", "list"]).output().ok()?;
    let list = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    let line = list.lines().find(|line| line.contains("default")).or_else(|| list.lines().next())?;
    line.split(' ').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_stands_behind_what_cargo_waited_for() {
        assert_eq!(reason("error: no manifest\n\nCaused by:\n  none\n"), "no manifest\n\nCaused by:\n  none");
        assert_eq!(
            reason("    Blocking waiting for file lock on package cache\nerror: no lock file\n"),
            "no lock file"
        );
        assert_eq!(reason(" no such command\n"), "no such command");
    }
}
