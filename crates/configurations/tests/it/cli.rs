//! Help, descriptions, and habits of the command line.

use expect_test::{ExpectFile, expect_file};

use crate::home::Home;

fn check(args: &[&str], expected: ExpectFile) {
    let home = Home::new();
    let ended = home.run(args);
    assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.stderr);
    assert!(ended.stderr.is_empty(), "{args:?}: {}", ended.stderr);
    expected.assert_eq(&ended.stdout);
}

#[test]
fn help_of_every_verb() {
    check(&["--help"], expect_file!["snapshots/help.txt"]);
    check(&["run", "--help"], expect_file!["snapshots/help-run.txt"]);
    check(&["describe", "--help"], expect_file!["snapshots/help-describe.txt"]);
    check(&["requests", "--help"], expect_file!["snapshots/help-requests.txt"]);
    check(&["call", "--help"], expect_file!["snapshots/help-call.txt"]);
    check(&["audit", "--help"], expect_file!["snapshots/help-audit.txt"]);
    check(&["events", "--help"], expect_file!["snapshots/help-events.txt"]);
    check(&["events", "trace", "--help"], expect_file!["snapshots/help-events-trace.txt"]);
    check(&["events", "refused", "--help"], expect_file!["snapshots/help-events-refused.txt"]);
    check(&["subscribers", "--help"], expect_file!["snapshots/help-subscribers.txt"]);
    check(&["dead-letters", "--help"], expect_file!["snapshots/help-dead-letters.txt"]);
    check(&["dead-letters", "retry", "--help"], expect_file!["snapshots/help-dead-letters-retry.txt"]);
    check(&["dead-letters", "discard", "--help"], expect_file!["snapshots/help-dead-letters-discard.txt"]);
    check(&["projections", "--help"], expect_file!["snapshots/help-projections.txt"]);
    check(&["sagas", "--help"], expect_file!["snapshots/help-sagas.txt"]);
    check(&["sagas", "list", "--help"], expect_file!["snapshots/help-sagas-list.txt"]);
    check(&["sagas", "show", "--help"], expect_file!["snapshots/help-sagas-show.txt"]);
    check(&["sagas", "resume", "--help"], expect_file!["snapshots/help-sagas-resume.txt"]);
    check(&["db", "--help"], expect_file!["snapshots/help-db.txt"]);
    check(&["db", "stats", "--help"], expect_file!["snapshots/help-db-stats.txt"]);
    check(&["db", "verify", "--help"], expect_file!["snapshots/help-db-verify.txt"]);
    check(&["db", "backup", "--help"], expect_file!["snapshots/help-db-backup.txt"]);
    check(&["db", "export", "--help"], expect_file!["snapshots/help-db-export.txt"]);
    check(&["db", "import", "--help"], expect_file!["snapshots/help-db-import.txt"]);
    check(&["serve", "--help"], expect_file!["snapshots/help-serve.txt"]);
    check(&["status", "--help"], expect_file!["snapshots/help-status.txt"]);
    check(&["metrics", "--help"], expect_file!["snapshots/help-metrics.txt"]);
    check(&["completions", "--help"], expect_file!["snapshots/help-completions.txt"]);
    check(&["man", "--help"], expect_file!["snapshots/help-man.txt"]);
}

#[test]
fn the_modules_and_their_context_map() {
    check(&["describe", "mlops"], expect_file!["snapshots/describe-mlops.txt"]);
    check(&["describe", "mlops", "--json"], expect_file!["snapshots/describe-mlops.json"]);
    check(&["describe", "mlops", "--format", "json"], expect_file!["snapshots/describe-mlops.json"]);
    let home = Home::new();
    let all = home.json(&["describe", "--json"]);
    let text = home.run(&["describe"]).stdout;
    for module in all["modules"].as_array().unwrap() {
        let heading = format!("{}: {}", module["name"].as_str().unwrap(), module["about"].as_str().unwrap());
        assert!(text.lines().any(|line| line == heading), "{heading}\n{text}");
    }
    let asks = ["mlops", "asks", "data-quality", "(data-quality.check)"];
    assert!(text.lines().any(|line| line.split_whitespace().eq(asks)), "{text}");
    check(&["describe", "--pipeline"], expect_file!["snapshots/describe-pipeline.txt"]);
}

#[test]
fn one_module_and_pictures_of_it() {
    let home = Home::new();
    let shown = |args: &[&str]| home.run(&[&["describe"], args].concat());
    let mlops = shown(&["mlops"]).stdout;
    assert!(mlops.starts_with("mlops: ") && mlops.contains("listens to  machine-learning"), "{mlops}");
    assert!(!mlops.contains("data-quality: "), "{mlops}");
    assert_eq!(home.json(&["describe", "mlops", "--json"])["module"]["name"], "mlops");
    let map = shown(&["--format", "mermaid"]).stdout;
    assert!(map.starts_with("flowchart LR") && map.contains(" -->|\"asks<br/>data-quality.check\"| n"), "{map}");
    let canvas = shown(&["data-quality", "--format", "c4"]).stdout;
    assert!(canvas.starts_with("@startuml") && canvas.contains("\"data-quality.check\", \"command\""), "{canvas}");
    assert_eq!(home.json(&["describe", "--pipeline", "--json"])[0]["name"], "span");
    for (args, told) in [
        (&["mlop"][..], "did you mean `mlops`?"),
        (&["--pipeline", "--format", "c4"], "`--format text` or `json`"),
        (&["mlops", "--pipeline"], "cannot be used with"),
    ] {
        let ended = shown(args);
        assert_eq!(ended.code, Some(2), "{args:?}");
        assert!(ended.stderr.contains(told), "{args:?}: {}", ended.stderr);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn help_that_cannot_be_written_is_told() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let ended = Home::new().borough().arg("--help").stdout(full).output().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.code() == Some(2) && told.contains("the results cannot be written: "), "{told}");
}

#[test]
fn every_verb_has_an_example_in_its_help() {
    let home = Home::new();
    let help = home.run(&["--help"]).stdout;
    let verbs = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let verbs: Vec<&str> = verbs
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|verb| !verb.is_empty()))
        .filter(|verb| *verb != "help")
        .collect();
    assert!(verbs.len() >= 7, "{help}");
    for verb in verbs {
        assert!(home.run(&[verb, "--help"]).stdout.contains("Example"), "{verb}");
    }
}

#[test]
fn a_store_that_does_not_exist_reads_as_empty() {
    let home = Home::new();
    for args in [
        &["events"][..],
        &["events", "--json"],
        &["events", "refused"],
        &["audit"],
        &["sagas"],
        &["sagas", "list"],
        &["projections"],
        &["subscribers"],
        &["dead-letters"],
    ] {
        let ended = home.run(args);
        assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.stderr);
    }
    assert_eq!(home.run(&["sagas", "list", "--json"]).stdout.trim(), "[]");
    assert_eq!(home.run(&["projections", "list", "--json"]).stdout.trim(), "[]");
    assert_eq!(home.run(&["subscribers", "--json"]).stdout.trim(), "[]");
    assert!(!home.path("borough.db").exists());
}

#[test]
fn one_run_as_a_timeline() {
    let home = Home::with_data();
    let report = home.json(&["run", "data.csv", "--json"]);
    let id = report["saga"]["id"].as_str().unwrap();
    let shown = home.run(&["sagas", "show", &id[..13]]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    for part in ["mlops.pipeline", "completed", "check-quality", "register-model", id] {
        assert!(shown.stdout.contains(part), "{}", shown.stdout);
    }
    let unknown = home.run(&["sagas", "show", "nothing"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("borough sagas list"), "{}", unknown.stderr);
}

#[test]
fn following_the_log_shows_what_comes() {
    let home = Home::with_data();
    let mut follow = home.spawn(&["events", "--follow"], &[]);
    home.json(&["run", "data.csv", "--json"]);
    assert!(follow.prints("mlops.model_promoted"), "{}", follow.end().stderr);
    assert_eq!(follow.signal("-INT").code, Some(0));
}

#[test]
fn logs_go_to_stderr_with_module_message_and_correlation() {
    let home = Home::with_data();
    let ended = home.run(&["-v", "run", "data.csv", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let correlation = report["saga"]["correlation_id"].as_str().unwrap();
    let line = ended.stderr.lines().find(|line| line.contains("machine-learning.train")).unwrap();
    assert!(line.contains(correlation) && line.contains("machine-learning"), "{line}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::with_data();
    home.json(&["run", "data.csv", "--json"]);
    let mut child = home.borough().args(["events", "--json"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn completion_scripts() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ended = home.run(&["completions", shell]);
        assert!(ended.code == Some(0) && ended.stdout.contains("sagas"), "{shell}");
    }
}

#[test]
fn manual_pages() {
    let home = Home::new();
    let page = |verb: &[&str]| home.run(&[&["man"], verb].concat());
    let title = |verb: &[&str]| {
        let page = page(verb).stdout;
        page.lines().find(|line| line.starts_with(".TH")).unwrap_or_default().to_owned()
    };
    assert!(title(&[]).starts_with(".TH borough 1"), "{}", title(&[]));
    assert!(title(&["sagas", "resume"]).starts_with(".TH borough-sagas-resume 1"), "{}", title(&["sagas", "resume"]));
    assert!(page(&["run"]).stdout.contains("\\-\\-min\\-score"));
    let unknown = page(&["sagas", "resurrect"]);
    assert_eq!(
        (unknown.code, unknown.stderr.as_str()),
        (Some(2), "error: `resurrect` is no verb of `borough sagas`: see its --help\n")
    );
}
