use std::{
    path::PathBuf,
    process::{Command, ExitStatus, Stdio},
};

use nix::sys::{
    resource::{Usage, UsageWho, getrusage},
    time::TimeVal,
};

use crate::case::Failure;

/// CPU seconds, user and system, of all threads of this process until now.
pub fn own_cpu_seconds() -> Result<f64, Failure> {
    Ok(cpu_seconds(&getrusage(UsageWho::RUSAGE_SELF)?))
}

/// What one run of a program took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spent {
    pub cpu_seconds: f64,
    pub peak_bytes: f64,
}

fn cpu_seconds(usage: &Usage) -> f64 {
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}
