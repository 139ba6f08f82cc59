use std::{
    env::consts::EXE_EXTENSION,
    ffi::OsString,
    process::{Command, ExitCode},
};

use crate::step;

const PROGRAM: &str = "simulation";

/// A program of its own, so that this one does not have to be built with what is simulated.
pub fn run(args: &[OsString]) -> ExitCode {
    let target = match step::target_dir() {
        Ok(target) => target,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    if step::run(&mut step::cargo(["build", "--quiet", "--package", PROGRAM])) != 0 {
        return ExitCode::from(2);
    }
    let mut program = Command::new(target.join("debug").join(PROGRAM).with_extension(EXE_EXTENSION));
    step::run(program.args(args).current_dir(step::root())).into()
}
