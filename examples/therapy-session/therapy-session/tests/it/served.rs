//! The practice as a program that serves, and what people order of it from other terminals.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::Duration,
};

use tempfile::TempDir;

const README: &str = include_str!("../../../README.md");

/// What the README tells a stranger to write.
fn settings() -> &'static str {
    let (_, settings) = README.split_once("```toml\n").unwrap();
    settings.split_once("```").unwrap().0
}

const SESSION: &str =
    r#"{"patient_id": 1, "therapist_id": 2, "scheduled_at": "2099-12-01T09:00:00Z", "session_type": "individual"}"#;

struct Practice(TempDir);

impl Practice {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("borough.toml"), settings()).unwrap();
        Self(folder)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_therapy"));
        command.current_dir(self.0.path()).env_remove("RUST_LOG").env("NO_COLOR", "1").args(args).stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> (Option<i32>, String) {
        let Output { status, stdout, stderr } = self.command(args).output().unwrap();
        (status.code(), [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat())
    }

    fn wait_for(&self, args: &[&str], text: &str) {
        let mut told = String::new();
        let is_said = (0..300).any(|_| {
            sleep(Duration::from_millis(50));
            told = self.run(args).1;
            told.contains(text)
        });
        assert!(is_said, "{args:?} never said `{text}`: {told}");
    }
}

/// Killed when the test is done with it.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn mail_that_fails_is_parked_and_sent_by_command_while_the_practice_serves() {
    let practice = Practice::new();
    let mut serving =
        Serving(practice.command(&["serve"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(serving.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("serving borough.db"), "{line}");

    assert!(README.contains(&format!("therapy call mental-health.schedule-session '{SESSION}'\n")));
    let (code, told) = practice.run(&["call", "mental-health.schedule-session", SESSION]);
    assert_eq!(code, Some(0), "{told}");
    practice.wait_for(&["events"], "billing.");
    practice.wait_for(&["dead-letters"], "notifications.session-messages/");
    let (_, letters) = practice.run(&["dead-letters"]);
    assert!(letters.contains("2 tries") && letters.contains("cannot be put into the folder `mail`"), "{letters}");
    let (code, told) = practice.run(&["dead-letters", "retry", "--all"]);
    assert_eq!(
        (code, told.lines().next()),
        (Some(1), Some("0 delivered, 1 failed again, 0 wait behind those")),
        "{told}"
    );

    std::fs::create_dir(practice.0.path().join("mail")).unwrap();
    let (code, told) = practice.run(&["dead-letters", "retry", "--all"]);
    assert_eq!((code, told.trim()), (Some(0), "1 delivered, 0 failed again, 0 wait behind those"));
    assert!(README.contains(told.trim()));
    assert_eq!(practice.run(&["dead-letters"]).1, "");
    let mail = std::fs::read_to_string(practice.0.path().join("mail/ada@example.org")).unwrap();
    assert_eq!(mail.lines().count(), 1, "{mail}");

    // An address that looks like a path leads nowhere else.
    let user = r#"{"user_id": 41, "name": "Bo", "email": "../escaped@example.org"}"#;
    let (code, told) = practice.run(&["call", "users.register-user", user]);
    assert_eq!(code, Some(0), "{told}");
    practice.wait_for(&["dead-letters"], "it is no name of a file");
    assert!(!practice.0.path().join("escaped@example.org").exists());
}

#[test]
fn it_has_its_own_name_and_its_modules_are_heard() {
    let practice = Practice::new();
    assert_eq!(practice.run(&["--version"]), (Some(0), format!("therapy {}\n", env!("CARGO_PKG_VERSION"))));
    let (_, help) = practice.run(&["--help"]);
    assert!(help.starts_with("A practice for therapy") && help.contains("Usage: therapy [OPTIONS]"), "{help}");
    let (_, script) = practice.run(&["completions", "bash"]);
    assert!(script.contains("complete -F _therapy"), "{script}");
    std::fs::create_dir(practice.0.path().join("mail")).unwrap();
    let (_, said) = practice.run(&["call", "mental-health.schedule-session", SESSION, "-v"]);
    assert!(said.contains(" therapy: put into the folder "), "{said}");
}

/// Callers may have one trace for any number of calls: what each sets off is counted by itself.
#[test]
fn calls_of_one_trace_are_no_storm_and_each_has_its_limit() {
    let practice = Practice::new();
    std::fs::create_dir(practice.0.path().join("mail")).unwrap();
    let call = |caused: &str| {
        let mut call = practice.command(&["call", "mental-health.schedule-session", SESSION]);
        call.env("TRACEPARENT", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let Output { status, stderr, .. } = call.env("BOROUGH__EVENTS__CAUSED", caused).output().unwrap();
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    };
    // Two messages in one unit, and what is charged for the session.
    call("3");
    call("3");
    assert_eq!(practice.run(&["dead-letters"]).1, "");
    call("1");
    let (_, letters) = practice.run(&["dead-letters"]);
    assert!(letters.contains("1 events go back to event") && letters.contains("raise `events.caused`"), "{letters}");
}
