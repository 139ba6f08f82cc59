//! Bad input: one clear sentence, exit code 2, no panic, nothing half-written.

use expect_test::{Expect, expect};
use rusqlite::Connection;

use crate::home::Home;

/// Runs and compares the sentence. The store is not even made, or has no model in it.
fn check(home: &Home, args: &[&str], expected: Expect) {
    check_with(home, args, &[], expected);
}

fn check_with(home: &Home, args: &[&str], environment: &[(&str, &str)], expected: Expect) {
    let ended = home.run_with(args, environment);
    assert_eq!(ended.code, Some(2), "{args:?}\n{}\n{}", ended.stdout, ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    let sentence = ended.stderr.lines().filter(|line| !line.starts_with('[')).collect::<Vec<_>>().join("\n");
    expected.assert_eq(&home.neutral(&sentence));
    assert!(!home.path("borough.models").exists(), "a model is left behind");
}

#[test]
fn files_that_are_no_dataset() {
    let home = Home::new();
    home.write("empty.csv", "");
    home.write("header.csv", "a,b\n");
    home.write("ragged.csv", "a,b\n1,2\n3,4,5\n");
    home.write("latin.csv", b"name,n\nM\xfcller,1\n");
    home.write("binary.csv", (0..=255).cycle().take(4096).collect::<Vec<u8>>());
    home.write("twice.csv", "a,a\n1,2\n");
    home.write("broken.parquet", b"PAR1 this is not what it says PAR1");
    std::fs::create_dir(home.path("folder")).unwrap();
    check(&home, &["run", "missing.csv"], expect![[""]]);
    check(&home, &["run", "empty.csv"], expect![[""]]);
    check(&home, &["run", "header.csv"], expect![[""]]);
    check(&home, &["run", "ragged.csv"], expect![[""]]);
    check(&home, &["run", "latin.csv"], expect![[""]]);
    check(&home, &["run", "binary.csv"], expect![[""]]);
    check(&home, &["run", "twice.csv"], expect![[""]]);
    check(&home, &["run", "broken.parquet"], expect![[""]]);
    check(&home, &["run", "folder"], expect![[""]]);
}

#[test]
fn targets_that_cannot_be_learnt() {
    let home = Home::with_data();
    let run = |target: &'static str| ["run", "data.csv", "--target", target];
    check(&home, &run("dely > 15"), expect![[""]]);
    check(&home, &run("delay >"), expect![[""]]);
    check(&home, &run("delay + 1"), expect![[""]]);
    check(&home, &run("delay > 100000"), expect![[""]]);
    check(&home, &run(""), expect![[""]]);
    check(&home, &["run", "data.csv", "--exclude", "hour,leek"], expect![[""]]);
}

#[test]
fn checks_that_cannot_be_made() {
    let home = Home::with_data();
    let mut run = |text: &str, expected: Expect| {
        home.write("checks.toml", text);
        check(&home, &["run", "data.csv", "--checks", "checks.toml"], expected);
    };
    run("", expect![[""]]);
    run("[[check]\n", expect![[""]]);
    run("[[check]]\nrule = \"rnage\"\ncolumn = \"hour\"\n", expect![[""]]);
    run("[[check]]\nrule = \"range\"\ncolumn = \"hour\"\nmaximum = 3\n", expect![[""]]);
    run("[[check]]\nrule = \"range\"\ncolumn = \"hour\"\n", expect![[""]]);
    run("[[check]]\nrule = \"range\"\ncolumn = \"hour\"\nmax = \"much\"\n", expect![[""]]);
    run("[[check]]\nrule = \"range\"\ncolumn = \"huor\"\nmax = 3\n", expect![[""]]);
    run("[[check]]\nrule = \"matches\"\ncolumn = \"carrier\"\npattern = \"(\"\n", expect![[""]]);
    run("[[check]]\nrule = \"expression\"\nexpr = \"hour <\"\n", expect![[""]]);
    run("[[check]]\nrule = \"unique\"\ncolumn = \"id\"\nseverity = \"fatal\"\n", expect![[""]]);
    run("[[check]]\nrule = \"unique\"\ncolumn = \"id\"\ntolerance = 2\n", expect![[""]]);
    check(&home, &["run", "data.csv", "--checks", "nowhere.toml"], expect![[""]]);
    home.write("data.toml", "targt = \"delay > 15\"\n");
    check(&home, &["run", "data.csv"], expect![[""]]);
}

#[test]
fn settings_that_are_wrong() {
    let home = Home::with_data();
    check(&home, &["run", "data.csv", "--settings", "nowhere.toml"], expect![[""]]);
    home.write("borough.toml", "[store\n");
    check(&home, &["run", "data.csv"], expect![[""]]);
    home.write("borough.toml", "[store]\npaht = \"x\"\n");
    check(&home, &["run", "data.csv"], expect![[""]]);
    home.write("borough.toml", "[pipeline]\nfolds = \"many\"\n");
    check(&home, &["run", "data.csv"], expect![[""]]);
    home.write("borough.toml", "");
    check(&home, &["run", "data.csv", "--min-score", "7"], expect![[""]]);
}

#[test]
fn stores_that_cannot_be_used() {
    let home = Home::with_data();
    home.write("garbage.db", "this is not a database, whatever its name says".repeat(100));
    check(&home, &["run", "data.csv", "--store", "garbage.db"], expect![[""]]);
    check(&home, &["events", "--store", "garbage.db"], expect![[""]]);

    Connection::open(home.path("foreign.db"))
        .unwrap()
        .execute_batch("CREATE TABLE t(x); PRAGMA user_version = 1")
        .unwrap();
    check(&home, &["run", "data.csv", "--store", "foreign.db"], expect![[""]]);

    std::fs::create_dir(home.path("folder.db")).unwrap();
    check(&home, &["run", "data.csv", "--store", "folder.db"], expect![[""]]);
    check(&home, &["run", "data.csv", "--store", "nowhere/borough.db"], expect![[""]]);

    assert_eq!(home.run(&["run", "data.csv", "--store", "newer.db", "--target", ""]).code, Some(2));
    Connection::open(home.path("newer.db")).unwrap().execute_batch("PRAGMA user_version = 1000").unwrap();
    check(&home, &["run", "data.csv", "--store", "newer.db"], expect![[""]]);
    check(&home, &["sagas", "--store", "newer.db"], expect![[""]]);
}

#[test]
fn a_full_disk_is_told_and_with_room_again_the_run_goes_on() {
    let home = Home::with_data();
    let mut met = false;
    // Wherever the room ends, at the first page or in the middle of the run.
    for pages in [1_u32, 8, 16, 20, 24, 32] {
        let pages = pages.to_string();
        let store = format!("{pages}.db");
        let ended = home.run_with(&["run", "data.csv", "--store", &store], &[("BOROUGH__STORE__MAX_PAGES", &pages)]);
        assert_eq!(ended.code, Some(2), "{pages} pages: {}", ended.stderr);
        assert!(ended.stderr.contains(&store) && ended.stderr.contains("full"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);

        let resumed = home.run(&["sagas", "resume", "--store", &store]);
        assert_eq!(resumed.code, Some(0), "{pages} pages: {}", resumed.stderr);
        let runs = home.json(&["sagas", "list", "--json", "--store", &store]);
        met |= !runs.as_array().unwrap().is_empty();
        for run in runs.as_array().unwrap() {
            assert!(run["state"] == "completed" || run["state"] == "compensated", "{pages} pages: {}", run["state"]);
        }
    }
    assert!(met, "no run got far enough to be resumed");
}

#[test]
fn a_report_that_cannot_be_written() {
    let home = Home::with_data();
    let ended = home.run(&["run", "data.csv", "--report", "nowhere/out.html"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("nowhere/out.html") && ended.stderr.contains("--report"), "{}", ended.stderr);
}
