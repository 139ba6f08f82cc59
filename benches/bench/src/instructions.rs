//! Instructions per operation, counted by callgrind: steadier than any time on a machine that others use too.

use std::{env, process::Command};

use crate::case::Failure;

/// What the subject of a case takes each time.
///
/// # Errors
/// There is no valgrind, or it does not say how much it collected.
pub fn per_op(name: &str) -> Result<f64, Failure> {
    // What two runs have in common is everything but the operations that one does more.
    let (few, many) = (1_000, 11_000);
    let more = collected(name, many)? - collected(name, few)?;
    Ok(more / f64::from(many - few))
}

fn collected(name: &str, times: u32) -> Result<f64, Failure> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(env::current_exe()?);
    valgrind.args(["--repeat", name, "--times", &times.to_string()]);
    let output = valgrind.output().map_err(|error| format!("instructions are counted by valgrind: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let count = said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    count.filter(|_| output.status.success()).ok_or_else(|| format!("callgrind counted nothing: {said}").into())
}
