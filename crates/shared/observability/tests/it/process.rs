//! What one process does once: it installs the log, on stderr.

use std::{env, process::Command};

use observability::{InitError, Options, init};

const LINE: &str = "an error that only stderr may show";

/// Also run by the test below, in a process of its own.
#[test]
fn second_init_is_an_error() {
    init(Options::default()).unwrap();
    tracing::error!("{LINE}");
    let error = init(Options { verbosity: 3, ..Options::default() }).unwrap_err();
    assert!(matches!(error, InitError::Twice(_)), "{error}");
}

#[test]
fn stderr_has_the_log_and_stdout_does_not() {
    let output = Command::new(env::current_exe().unwrap())
        .args(["process::second_init_is_an_error", "--exact", "--nocapture"])
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}{stderr}");
    assert!(stderr.contains(LINE), "{stderr}");
    assert!(!stdout.contains(LINE) && !stdout.contains("ERROR"), "{stdout}");
}

#[test]
fn invalid_filter_in_the_environment_is_an_error() {
    let output = Command::new(env::current_exe().unwrap())
        .args(["process::second_init_is_an_error", "--exact", "--nocapture"])
        .env("RUST_LOG", "mlops=loud")
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && stderr.contains("mlops=loud"), "{stderr}");
}
