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
        Error::CargoMetadata { stderr } => stderr.trim().trim_start_matches("error: ").to_owned(),
        other => other.to_string(),
    })
}

/// The default toolchain of rustup, or any.
fn installed_toolchain() -> Option<String> {
    let output = Command::new("rustup").args(["toolchain", "list"]).output().ok()?;
    let list = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    let line = list.lines().find(|line| line.contains("default")).or_else(|| list.lines().next())?;
    line.split(' ').next().map(str::to_owned)
}
