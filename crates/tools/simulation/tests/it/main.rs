//! The program: what it prints, and that it prints the same again.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::process::{Command, Output};

use serde_json::Value;

fn simulate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_simulation")).args(args).output().unwrap()
}

fn text(output: &[u8]) -> String {
    String::from_utf8(output.to_vec()).unwrap()
}

#[test]
fn every_process_runs_a_seed_alike() {
    for args in [["--seeds", "4"].as_slice(), &["--nodes", "3", "--seed", "0x2a", "--trace"]] {
        let [first, second] = [simulate(args), simulate(args)];
        assert!(first.stdout.len() > 200, "{}", text(&first.stderr));
        assert_eq!(text(&first.stdout), text(&second.stdout), "{args:?}");
    }
}

#[test]
fn a_replay_is_the_run_that_it_replays() {
    let all: Value =
        serde_json::from_slice(&simulate(&["orders", "--seeds", "1", "--from", "7", "--json"]).stdout).unwrap();
    let output = simulate(&["orders", "--seed", "0x7", "--json", "--trace"]);
    assert_eq!(output.status.code(), Some(0), "one seed need not have every kind of fault: {}", text(&output.stdout));
    let one: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(one["scenarios"], all["scenarios"]);
    assert!(one["trace"].as_array().unwrap().len() > 1000 && all["trace"].is_null());
}

#[test]
fn the_last_line_has_the_numbers_and_kinds_that_are_missing_fail() {
    let output = simulate(&["clockwork", "--seeds", "1"]);
    let stdout = text(&output.stdout);
    assert!(stdout.contains("never injected: "), "one seed has not every kind: {stdout}");
    assert_eq!(output.status.code(), Some(1));
    let last = stdout.lines().last().unwrap();
    assert!(last.starts_with("1 seeds, ") && last.ends_with("; 0 failures"), "{last}");
}

#[test]
fn what_cannot_be_run_is_said() {
    let refused = [
        (["market", "--seeds", "1"], "there is no such scenario: name one of orders, storms, clockwork, projections"),
        (["orders", "--nodes", "9"], "name a number from 1 to 8"),
        (["orders", "--seed", "x"], "name a whole number, such as 42 or 0x2a"),
        (["orders", "--seeds", "0"], "0 is not in 1.."),
    ];
    for (args, said) in refused {
        let output = simulate(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    }
}

#[test]
fn a_crash_that_never_came_is_no_success() {
    let output = simulate(&["storms", "--seed", "0", "--crash-before", "999999"]);
    let stdout = text(&output.stdout);
    assert!(stdout.contains("the machine was not stopped at commit 999999: there were "), "{stdout}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_last_seed_is_run_as_any_other() {
    let last = u64::MAX.to_string();
    let output = simulate(&["clockwork", "--seed", &last]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let alone = text(&output.stdout);
    assert!(alone.lines().last().unwrap().starts_with("1 seeds, "), "{alone}");
    let ranged = text(&simulate(&["clockwork", "--from", &last, "--seeds", "1"]).stdout);
    assert_eq!(ranged.lines().next(), alone.lines().next());
}

#[test]
fn seeds_behind_the_last_one_are_refused() {
    let output = simulate(&["clockwork", "--from", "18446744073709551613", "--seeds", "100"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
    let said = "there are no 100 seeds from 18446744073709551613 on, the last is 18446744073709551615";
    assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
}

/// Two for each commit, and a point by itself is the run that it was among the others.
#[test]
fn the_machine_stops_at_every_commit() {
    let output = simulate(&["clockwork", "--seed", "3", "--at-every-commit", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    let whole: Value = serde_json::from_slice(&simulate(&["clockwork", "--seed", "3", "--json"]).stdout).unwrap();
    let commits = whole["scenarios"][0]["commits"].as_u64().unwrap();
    assert!(commits > 20 && whole["crash_points"] == 0, "{whole}");
    assert_eq!((&all["crash_points"], &all["seeds"]), (&(2 * commits).into(), &1.into()));
    let point = ["clockwork", "--seed", "3", "--crash-after", "20", "--trace"];
    let [first, second] = [simulate(&point), simulate(&point)].map(|output| text(&output.stdout));
    assert_eq!(first, second);
    assert_eq!(
        first.lines().filter(|line| line.contains(" stops") && line.contains("the machine of")).count(),
        1,
        "{first}"
    );
    assert!(first.contains("1 seeds, 1 crash points, "), "{first}");
}
