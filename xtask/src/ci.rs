use std::{process::ExitCode, time::Instant};

use crate::step;

/// Everything that must pass before a change lands, in this order. The one list of it: `.ci/run` runs this verb.
const STEPS: [&[&str]; 6] = [
    &["fmt", "--check"],
    &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
    &["xtask", "check-boundaries"],
    &["xtask", "check-contracts", "--locked"],
    &["xtask", "deny", "--if-installed"],
    &["xtask", "test"],
];

/// Run what CI runs, and stop at the first step that fails
#[derive(clap::Args)]
#[command(after_help = "Example:\n  \
    cargo xtask ci    format, lints, boundaries, contracts and tests, with the time each took")]
pub struct Args {}

pub fn run(_: &Args) -> ExitCode {
    let mut times = Vec::new();
    let mut code = 0;
    for step in STEPS {
        let start = Instant::now();
        code = step::run(&mut step::cargo(step));
        times.push((start.elapsed(), step.join(" "), code));
        if code != 0 {
            break;
        }
    }
    println!();
    for (time, step, code) in times {
        let outcome = if code == 0 { "ok" } else { "FAILED" };
        println!("{:>8.1} s  {outcome:<6}  cargo {step}", time.as_secs_f64());
    }
    code.into()
}
