//! `kill -9` before and after each commit of the job, then `borough sagas resume`.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::home::Home;

/// Everything that a completed run leaves, ids and times aside.
fn effects(home: &Home) -> Value {
    let store = Connection::open(home.path("borough.db")).unwrap();
    let documents = |collection: &str| -> Vec<Value> {
        let mut rows = store.prepare("SELECT body FROM documents WHERE collection = ? ORDER BY key").unwrap();
        let rows = rows.query_map([collection], |row| row.get::<_, String>(0)).unwrap();
        rows.map(|body| serde_json::from_str(&body.unwrap()).unwrap()).collect()
    };
    let times: Vec<Value> = documents("mlops.experiments").iter().map(|e| e["times"].clone()).collect();
    let versions: Vec<Value> = documents("mlops.versions").iter().map(|v| v["version"].clone()).collect();
    let models = files(&home.path("borough.db.models"));
    json!({
        "events": home.events(),
        "audit": home.audit(),
        "experiments": times,
        "versions": versions,
        "lines": documents("mlops.models"),
        "models": models,
        "states": home.json(&["sagas", "list", "--json"]).as_array().unwrap().iter().map(|s| s["state"].clone()).collect::<Vec<_>>(),
    })
}

/// All below a folder, drafts included.
fn files(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).map(|entries| entries.map(|entry| entry.unwrap().path()).collect());
    let entries: Vec<_> = entries.unwrap_or_default();
    entries.iter().map(|path| if path.is_dir() { files(path) } else { 1 }).sum()
}

#[test]
fn killed_at_any_commit_a_run_is_resumed_and_every_effect_is_there_once() {
    let kills = at_every_commit(&["run", "data.csv"], 0, "completed");
    assert!(kills >= 30, "a run has at least 15 commits, only {kills} kills were tried");
}

#[test]
fn killed_at_any_commit_a_run_that_goes_back_goes_back_and_leaves_nothing() {
    let kills = at_every_commit(&["run", "data.csv", "--min-score", "1"], 1, "compensated");
    assert!(kills >= 10, "only {kills} kills were tried");
}

/// Kills the verb at each of its commits, resumes, and compares; answers how often.
fn at_every_commit(run: &[&str], code: i32, state: &str) -> u32 {
    let undisturbed = Home::with_data();
    assert_eq!(undisturbed.run(run).code, Some(code));
    let reference = effects(&undisturbed);
    assert_eq!(reference["states"], json!([state]));

    let (mut kills, mut has_begun) = (0, false);
    for commit in 1.. {
        for point in ["before", "after"] {
            let at = format!("{point}:{commit}");
            let home = Home::with_data();
            let mut run = home.spawn(run, &[("BOROUGH_HALT_AT_COMMIT", &at)]);
            if !run.says(&format!("halted {point} commit {commit}")) {
                assert_eq!(run.end().code, Some(code), "{at}");
                return kills;
            }
            run.kill();
            kills += 1;
            let resumed = home.run(&["sagas", "resume"]);
            // Subscribers and projections may write before the run is begun, in one process and not in the next.
            if home.json(&["sagas", "list", "--json"]) == json!([]) {
                assert_eq!((resumed.code, resumed.stdout.trim()), (Some(0), "nothing to resume"), "{at}");
                assert!(!has_begun, "{at}: a run that had begun at an earlier commit is not known");
                continue;
            }
            has_begun = true;
            // Killed after the run's last commit there is nothing to resume, but events may still be on their way: any
            // process that starts the subscribers delivers them.
            if resumed.stdout.trim() == "nothing to resume" {
                assert_eq!((resumed.code, &effects(&home)["states"]), (Some(0), &json!([state])), "{at}");
                deliver(&home);
            } else {
                assert_eq!(resumed.code, Some(code), "{at}: {}", resumed.stderr);
            }
            assert_eq!(effects(&home), reference, "{at}");
        }
    }
    unreachable!("commits end")
}

/// Starts the subscribers and stops them again.
fn deliver(home: &Home) {
    let mut serving = home.spawn(&["serve"], &[]);
    assert!(serving.prints("serving"));
    assert_eq!(serving.signal("-TERM").code, Some(0));
}

#[test]
fn resuming_with_nothing_open_says_so() {
    let home = Home::new();
    let ended = home.run(&["sagas", "resume"]);
    assert_eq!((ended.code, ended.stdout.trim()), (Some(0), "nothing to resume"));
    assert!(!home.path("borough.db").exists(), "looking makes no store");
}

#[test]
fn interrupted_a_run_ends_with_130_and_is_resumed() {
    for signal in ["-INT", "-TERM"] {
        let home = Home::with_data();
        home.write("data.csv", crate::home::dataset(60_000));
        let mut run = home.spawn(&["run", "data.csv"], &[]);
        assert!(run.says("detect-anomalies ..."), "the run reaches its third step");
        let ended = run.signal(signal);
        assert_eq!(ended.code, Some(130), "{}", ended.stderr);
        assert!(ended.stderr.contains("borough sagas resume"), "{}", ended.stderr);
        assert_eq!(home.json(&["sagas", "list", "--json"])[0]["state"], "running");

        let resumed = home.run(&["sagas", "resume"]);
        assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
        let runs = home.json(&["sagas", "list", "--json"]);
        assert_eq!((&runs[0]["state"], runs.as_array().unwrap().len()), (&json!("completed"), 1));
    }
}

#[test]
fn a_resumed_run_ends_as_it_would_have_ended() {
    let home = Home::with_data().begun();
    let mut run = home.spawn(&["run", "data.csv"], &[("BOROUGH_HALT_AT_COMMIT", "after:1")]);
    assert!(run.says("halted after commit 1"));
    run.kill();
    // The draft of a model that the killed process did not come to the end of.
    std::fs::create_dir_all(home.path("borough.db.models/ab")).unwrap();
    home.write("borough.db.models/ab/abcd.7-0.tmp", "half");
    home.write("data.csv", crate::home::dataset(300));
    let resumed = home.run(&["sagas", "resume"]);
    assert_eq!(resumed.code, Some(2), "{}", resumed.stdout);
    assert!(resumed.stderr.contains("error: `") && resumed.stderr.contains("has changed"), "{}", resumed.stderr);
    let runs = home.json(&["sagas", "--json"]);
    assert_eq!(runs[0]["state"], "compensated");
    assert_eq!(files(&home.path("borough.db.models")), 0, "nothing is left over");

    let id = runs[0]["id"].as_str().unwrap();
    let again = home.run(&["sagas", "resume", id]);
    assert_eq!((again.code, again.stdout.trim()), (Some(0), "nothing to resume"));
}

#[test]
fn a_model_whose_bytes_are_gone_is_not_registered() {
    let killed_after = |commit: u32| {
        let home = Home::with_data();
        let mut run = home.spawn(&["run", "data.csv"], &[("BOROUGH_HALT_AT_COMMIT", &format!("after:{commit}"))]);
        assert!(run.says("halted"));
        run.kill();
        home
    };
    let has_trained = |home: &Home| home.events().iter().any(|event| event == "machine_learning.model_trained");
    let home = (1..).map(killed_after).find(has_trained).unwrap();
    std::fs::remove_dir_all(home.path("borough.db.models")).unwrap();
    let resumed = home.run(&["sagas", "resume"]);
    assert_eq!(resumed.code, Some(2), "{}", resumed.stdout);
    assert!(resumed.stderr.contains("are gone from the folder of the models"), "{}", resumed.stderr);
    assert!(!home.events().iter().any(|event| event == "mlops.model_registered"));
}
