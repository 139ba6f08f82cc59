//! What `cargo xtask hooks install` costs each commit: the whole hook where nothing has changed, seconds by the clock on the wall.

use std::{process::Command, time::Instant};

use crate::{
    case::{Case, Contender, Race, Setting},
    row::Unit,
};

/// Beside `cargo fmt --check`, which is a part of it and the least that a commit can ask for.
pub fn cases(_: &Setting) -> Vec<Case> {
    vec![Case::new("hooks/unchanged", Unit::Seconds, Some("cargo-fmt-check"), |setting| {
        let cargo = |args: &[&str]| {
            let mut command = Command::new("cargo");
            command.args(args).current_dir(&setting.workspace);
            command
        };
        let hook = passed_in(cargo(&["xtask", "hooks", "pre-commit"]));
        Ok(Race { subject: hook, reference: Some(passed_in(cargo(&["fmt", "--check"]))) })
    })]
}

/// One that fails has not done all of its work.
fn passed_in(mut command: Command) -> Contender {
    Contender::sampled(move || {
        let began = Instant::now();
        let output = command.output()?;
        if output.status.success() {
            Ok(began.elapsed().as_secs_f64())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).trim().into())
        }
    })
}
