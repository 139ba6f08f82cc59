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
    assert!(!home.path("borough.db.models").exists(), "a model is left behind");
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
    check(&home, &["run", "missing.csv"], expect!["error: `missing.csv` does not exist: check the path"]);
    check(
        &home,
        &["run", "empty.csv"],
        expect!["error: `empty.csv` is empty: a dataset needs a header and at least one row"],
    );
    check(
        &home,
        &["run", "header.csv"],
        expect!["error: `header.csv` has columns but no rows: a dataset needs at least one row"],
    );
    check(
        &home,
        &["run", "ragged.csv"],
        expect![[
            r#"error: `HOME/ragged.csv`, line 3: 3 fields where the header has 2: add or remove fields, or quote values that hold the delimiter `,`"#
        ]],
    );
    check(
        &home,
        &["run", "latin.csv"],
        expect![[r#"error: `HOME/latin.csv`, line 2, column `name`: not UTF-8: save the file as UTF-8"#]],
    );
    check(
        &home,
        &["run", "binary.csv"],
        expect!["error: `binary.csv` is neither text nor Parquet: save it as CSV in UTF-8 or as Parquet"],
    );
    check(
        &home,
        &["run", "twice.csv"],
        expect![[r#"error: `HOME/twice.csv`: more than one column is named `a`: rename all but one"#]],
    );
    check(
        &home,
        &["run", "broken.parquet"],
        expect![[r#"error: `HOME/broken.parquet` is a broken or truncated Parquet file: write or copy it again"#]],
    );
    check(&home, &["run", "folder"], expect!["error: `folder` is a directory: name one CSV or Parquet file in it"]);
}

#[test]
fn targets_that_cannot_be_learnt() {
    let home = Home::with_data();
    let run = |target: &'static str| ["run", "data.csv", "--target", target];
    check(
        &home,
        &run("dely > 15"),
        expect![
            "error: --target: no column is named `dely` (did you mean `delay`?): the columns are `id`, `hour`, `wind`, `carrier`, `delay`, `leak`"
        ],
    );
    check(
        &home,
        &run("delay >"),
        expect![
            "error: --target: `delay >` is not a SQL expression: Expected: an expression, found: EOF; write a condition such as `age >= 18 AND country = 'PT'`"
        ],
    );
    check(
        &home,
        &run("delay + 1"),
        expect!["error: --target: `delay + 1` yields an integer, not true or false: compare it with something"],
    );
    check(
        &home,
        &run("delay > 100000"),
        expect![[
            r#"error: target `delay > 100000` is false in all 400 rows where it is known, and true in none: choose a target that is sometimes true and sometimes false"#
        ]],
    );
    check(&home, &run(""), expect!["error: --target: no condition: give one on the columns, such as `delay > 15`"]);
    check(
        &home,
        &["run", "data.csv", "--exclude", "hour,leek"],
        expect![
            "error: --exclude: no column is named `leek` (did you mean `leak`?): the columns are `id`, `hour`, `wind`, `carrier`, `delay`, `leak`"
        ],
    );
}

#[test]
fn checks_that_cannot_be_made() {
    let home = Home::with_data();
    let run = |text: &str, expected: Expect| {
        home.write("checks.toml", text);
        check(&home, &["run", "data.csv", "--checks", "checks.toml"], expected);
    };
    run("", expect!["error: checks.toml:1:1: no [[check]] here: declare at least one, or leave --checks out"]);
    run("[[check]\n", expect!["error: checks.toml:1:9: unclosed array table, expected `]`"]);
    run(
        "[[check]]\nrule = \"rnage\"\ncolumn = \"hour\"\n",
        expect![
            "error: checks.toml:1:1: unknown rule `rnage`, did you mean `range`? (rules: not-null, unique, range, one-of, matches, expression)"
        ],
    );
    run(
        "[[check]]\nrule = \"range\"\ncolumn = \"hour\"\nmaximum = 3\n",
        expect![
            "error: checks.toml:4:1: unknown field `maximum`, expected one of `rule`, `name`, `severity`, `tolerance`, `column`, `min`, `max`, `values`, `pattern`, `expr`; did you mean `max`?"
        ],
    );
    run(
        "[[check]]\nrule = \"range\"\ncolumn = \"hour\"\n",
        expect!["error: checks.toml:1:1: rule `range` needs `min`, `max` or both"],
    );
    run(
        "[[check]]\nrule = \"range\"\ncolumn = \"hour\"\nmax = \"much\"\n",
        expect![[r#"error: checks.toml:4:7: invalid type: string "much", expected f64"#]],
    );
    run(
        "[[check]]\nrule = \"range\"\ncolumn = \"huor\"\nmax = 3\n",
        expect![
            "error: checks.toml:3:10: no column is named `huor` (did you mean `hour`?): the columns are `id`, `hour`, `wind`, `carrier`, `delay`, `leak`"
        ],
    );
    run(
        "[[check]]\nrule = \"matches\"\ncolumn = \"carrier\"\npattern = \"(\"\n",
        expect!["error: checks.toml:4:11: `(` is not a regular expression: unclosed group"],
    );
    run(
        "[[check]]\nrule = \"expression\"\nexpr = \"hour <\"\n",
        expect![
            "error: checks.toml:3:8: `hour <` is not a SQL expression: Expected: an expression, found: EOF; write a condition such as `age >= 18 AND country = 'PT'`"
        ],
    );
    run(
        "[[check]]\nrule = \"unique\"\ncolumn = \"id\"\nseverity = \"fatal\"\n",
        expect!["error: checks.toml:4:12: unknown variant `fatal`, expected `warn` or `error`"],
    );
    run(
        "[[check]]\nrule = \"unique\"\ncolumn = \"id\"\ntolerance = 2\n",
        expect!["error: checks.toml:1:1: tolerance 2 is not a share: choose one from 0 to below 1"],
    );
    check(
        &home,
        &["run", "data.csv", "--checks", "nowhere.toml"],
        expect!["error: nowhere.toml: cannot be read (No such file or directory (os error 2)): check the path"],
    );
    home.write("data.toml", "targt = \"delay > 15\"\n");
    check(
        &home,
        &["run", "data.csv"],
        expect![
            "error: data.toml:1:1: unknown field `targt`, expected one of `target`, `exclude`, `model_name`, `min_score`, `check`; did you mean `target`?"
        ],
    );
}

#[test]
fn settings_that_are_wrong() {
    let home = Home::with_data();
    check(
        &home,
        &["run", "data.csv", "--settings", "nowhere.toml"],
        expect![
            "error: cannot read the settings file nowhere.toml: check the path and who may read it: No such file or directory (os error 2)"
        ],
    );
    home.write("borough.toml", "[store\n");
    check(&home, &["run", "data.csv"], expect!["error: borough.toml:1:7: unclosed table, expected `]`"]);
    home.write("borough.toml", "[store]\npaht = \"x\"\n");
    check(
        &home,
        &["run", "data.csv"],
        expect!["error: borough.toml:2:1: unknown key `store.paht`; did you mean `store.path`?"],
    );
    home.write("borough.toml", "[pipeline]\nfolds = \"many\"\n");
    check(
        &home,
        &["run", "data.csv"],
        expect![[r#"error: borough.toml:2:1: `pipeline.folds`: invalid type: string "many", expected u32"#]],
    );
    home.write("borough.toml", "");
    check(
        &home,
        &["run", "data.csv", "--min-score", "7"],
        expect!["error: --min-score: 7 is no score: choose one from 0 to 1"],
    );
}

#[test]
fn a_report_never_overwrites_what_the_run_works_on() {
    let home = Home::with_data();
    home.json(&["run", "data.csv", "--json"]);
    let models = "borough.db.models/page.html";
    for file in ["data.csv", "data.toml", "borough.db", "./data.csv", models] {
        let before = std::fs::read(home.path(file)).ok();
        let ended = home.run(&["run", "data.csv", "--report", file]);
        let expected = format!("error: --report {file} would overwrite what the run works on: choose another path\n");
        assert_eq!((ended.code, ended.stderr), (Some(2), expected));
        assert_eq!(std::fs::read(home.path(file)).ok(), before);
    }
    assert_eq!(home.json(&["sagas", "list", "--json"]).as_array().unwrap().len(), 1, "nothing was begun");
}

#[cfg(unix)]
#[test]
fn a_report_goes_through_links_and_replaces_no_pipe() {
    use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};

    let home = Home::with_data();
    symlink("page.html", home.path("link.html")).unwrap();
    home.write("page.html", "old");
    home.json(&["run", "data.csv", "--json", "--report", "link.html"]);
    assert!(home.path("link.html").is_symlink());
    assert!(std::fs::read_to_string(home.path("page.html")).unwrap().starts_with("<!doctype html>"));
    assert_ne!(std::fs::metadata(home.path("page.html")).unwrap().mode() & 0o044, 0, "others may read it as any file");

    assert!(std::process::Command::new("mkfifo").arg(home.path("pipe")).status().unwrap().success());
    let ended = home.run(&["run", "data.csv", "--report", "pipe"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("it is not a regular file"), "{}", ended.stderr);
    assert!(std::fs::metadata(home.path("pipe")).unwrap().file_type().is_fifo());
    let drafts = std::fs::read_dir(home.path("."))
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(".report-"));
    assert_eq!(drafts.count(), 0);
}

#[test]
fn a_refused_request_leaves_a_closed_store() {
    let home = Home::with_data();
    assert_eq!(
        home.run(&["run", "data.csv", "--min-score", "-1"]).stderr,
        "error: --min-score: -1 is no score: choose one from 0 to 1\n"
    );
    for left in ["borough.db-wal", "borough.db-shm"] {
        assert!(!home.path(left).exists(), "{left}");
    }
    assert_eq!(home.run(&["sagas", "--store", "borough.db", "list"]).stdout, "no runs in borough.db\n");
}

#[test]
fn a_store_in_a_folder_that_is_not_there_is_no_empty_store() {
    let home = Home::new();
    for verb in [&["sagas", "--store", "nowhere/x.db"][..], &["events", "--store", "nowhere/x.db"]] {
        let ended = home.run(verb);
        assert_eq!(ended.code, Some(2));
        assert_eq!(ended.stderr, "error: store nowhere/x.db: there is no folder nowhere: check the path\n");
    }
}

#[test]
fn stores_that_cannot_be_used() {
    let home = Home::with_data();
    home.write("garbage.db", "this is not a database, whatever its name says".repeat(100));
    check(
        &home,
        &["run", "data.csv", "--store", "garbage.db"],
        expect![
            "error: `garbage.db` is not a Borough store (it is no SQLite database): move it away, restore it from a copy or choose another with --store"
        ],
    );
    check(
        &home,
        &["events", "--store", "garbage.db"],
        expect![
            "error: `garbage.db` is not a Borough store (it is no SQLite database): move it away, restore it from a copy or choose another with --store"
        ],
    );

    Connection::open(home.path("foreign.db"))
        .unwrap()
        .execute_batch("CREATE TABLE t(x); PRAGMA user_version = 1")
        .unwrap();
    check(
        &home,
        &["run", "data.csv", "--store", "foreign.db"],
        expect![
            "error: `foreign.db` is not a Borough store (it is the database of another program): move it away, restore it from a copy or choose another with --store"
        ],
    );

    std::fs::create_dir(home.path("folder.db")).unwrap();
    check(
        &home,
        &["run", "data.csv", "--store", "folder.db"],
        expect!["error: `folder.db` is a folder and a store is a file: name one in it, such as `folder.db/borough.db`"],
    );
    check(
        &home,
        &["run", "data.csv", "--store", "nowhere/borough.db"],
        expect![
            "error: the folder `nowhere` of the store `nowhere/borough.db` cannot be used (No such file or directory (os error 2)): create it or choose another place with --store"
        ],
    );

    assert_eq!(home.run(&["run", "data.csv", "--store", "newer.db", "--target", ""]).code, Some(2));
    Connection::open(home.path("newer.db")).unwrap().execute_batch("PRAGMA user_version = 1000").unwrap();
    check(
        &home,
        &["run", "data.csv", "--store", "newer.db"],
        expect![
            "error: `newer.db` was written by a newer version of Borough (its schema is 1000, this one knows 4): use that version or choose another store with --store"
        ],
    );
    check(
        &home,
        &["sagas", "--store", "newer.db"],
        expect![
            "error: `newer.db` was written by a newer version of Borough (its schema is 1000, this one knows 4): use that version or choose another store with --store"
        ],
    );
}

#[test]
fn a_full_disk_is_told_and_with_room_again_the_run_goes_on() {
    let home = Home::with_data();
    let mut resumed_runs = 0;
    // Wherever the room ends: page by page, until there is enough.
    for pages in 1.. {
        let pages = pages.to_string();
        let store = format!("{pages}.db");
        let ended = home.run_with(&["run", "data.csv", "--store", &store], &[("BOROUGH__STORE__MAX_PAGES", &pages)]);
        if ended.code == Some(0) {
            break;
        }
        assert_eq!(ended.code, Some(2), "{pages} pages: {}", ended.stderr);
        assert!(ended.stderr.contains(&store) && ended.stderr.contains("no room left"), "{}", ended.stderr);
        let told: Vec<&str> = ended.stderr.lines().filter(|line| !line.starts_with('[')).collect();
        assert!(matches!(told[..], [line] if line.starts_with("error: ")), "one sentence: {told:?}");

        let resumed = home.run(&["sagas", "resume", "--store", &store]);
        assert_eq!(resumed.code, Some(0), "{pages} pages: {}", resumed.stderr);
        for run in home.json(&["sagas", "list", "--json", "--store", &store]).as_array().unwrap() {
            assert_eq!(run["state"], "completed", "{pages} pages");
            resumed_runs += 1;
        }
    }
    assert!(resumed_runs > 0, "no run got far enough to be resumed");
}

#[test]
fn a_report_that_cannot_be_written() {
    let home = Home::with_data();
    let ended = home.run(&["run", "data.csv", "--report", "nowhere/out.html"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("nowhere/out.html") && ended.stderr.contains("--report"), "{}", ended.stderr);
}
