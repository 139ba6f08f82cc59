//! `borough db`: what operators do with the store.

use rusqlite::Connection;
use serde_json::Value;

use crate::home::{Ended, Home};

fn with_a_run() -> Home {
    let home = Home::with_data();
    let ended = home.run(&["run", "data.csv"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    home
}

#[track_caller]
fn is(ended: &Ended, code: i32, stdout: &str, stderr: &str) {
    assert_eq!(ended.code, Some(code), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains(stdout), "{}", ended.stdout);
    assert!(ended.stderr.contains(stderr), "{}", ended.stderr);
}

#[test]
fn what_is_not_there_is_not_sound() {
    let home = Home::new();
    for args in [&["db", "verify"][..], &["db", "verify", "--json"], &["db", "verify", "--store", "/dev/null"]] {
        let ended = home.run(args);
        is(&ended, 2, "", "there is no store");
        assert_eq!(ended.stdout, "");
    }
    home.write("borough.db", "");
    is(&home.run(&["db", "verify"]), 2, "", "there is no store at borough.db to verify: check --store");
}

#[cfg(unix)]
#[test]
fn a_path_that_is_not_utf_8_is_no_other_one() {
    use std::os::unix::ffi::OsStrExt;
    let home = Home::new();
    let path = std::ffi::OsStr::from_bytes(b"caf\xe9.db");
    let ended = home.borough().args(["db", "stats", "--store"]).arg(path).output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert!(stderr.contains("is not UTF-8: choose a path that is"), "{stderr}");
}

#[test]
fn a_store_is_looked_at_and_verified() {
    let home = with_a_run();
    let events = home.json(&["db", "stats", "--json"])["events"].as_u64().unwrap();
    assert!(events as usize >= home.events().len() && events > 0);
    let stats = home.run(&["db", "stats"]);
    for part in
        ["borough.db, schema ", "saga.runs", "found by by_state", "checkpoints", " behind", "tables and indexes"]
    {
        is(&stats, 0, part, "");
    }
    is(&home.run(&["db", "verify"]), 0, "borough.db is sound\n", "");
    assert_eq!(home.json(&["db", "verify", "--json"]), Value::Array(Vec::new()));

    let damage = "UPDATE events SET key = 'other' WHERE position = 1";
    Connection::open(home.path("borough.db")).unwrap().execute(damage, []).unwrap();
    let says = "events 1: it is not what was written there: restore the store from a copy, with no `-wal` file of the old one beside it\n";
    is(&home.run(&["db", "verify"]), 1, says, "borough.db is not sound: 1 finding");
    let ended = home.run(&["db", "verify", "--json"]);
    is(&ended, 1, "", "1 finding");
    let findings: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((findings[0]["table"].as_str(), findings[0]["row"].as_str()), (Some("events"), Some("1")));
    is(&home.run(&["db", "backup", "copy.db"]), 2, "", "is damaged, so no backup was made of it (events 1:");
    is(&home.run(&["db", "export"]), 2, "", "cannot be read back in full (event 1:");
    home.write("borough.db", "no store");
    is(&home.run(&["db", "verify"]), 2, "", "is not a Borough store");
}

/// A limit of the shell, which ends programs that do not expect it.
#[cfg(unix)]
#[test]
fn a_file_that_may_not_become_so_large_is_an_error() {
    let home = Home::with_data();
    let limited = |blocks: u32| {
        let script = format!("ulimit -f {blocks}; exec \"$0\" run data.csv");
        let mut shell = std::process::Command::new("sh");
        let ended = shell.args(["-c", &script, env!("CARGO_BIN_EXE_borough")]).current_dir(home.path("")).output();
        let ended = ended.unwrap();
        (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
    };
    for blocks in [1, 120] {
        let (code, told) = limited(blocks);
        let is_said = told.contains("borough.db` cannot be written") && told.contains("whether `ulimit -f` allows");
        assert!(code == Some(2) && is_said, "{code:?}: {told}");
    }
    is(&home.run(&["db", "verify"]), 0, "borough.db is sound", "");
    is(&home.run(&["sagas", "resume"]), 0, "", "");
    is(&home.run(&["run", "data.csv"]), 0, "", "");
}

#[test]
fn a_store_is_copied_and_carried_elsewhere() {
    let home = with_a_run();
    is(&home.run(&["db", "backup", "copy.db"]), 0, "copy.db: ", "");
    is(&home.run(&["db", "backup", "copy.db"]), 2, "", "copy.db` is there already and a backup overwrites nothing");
    let export = |store: &str| home.run(&["db", "export", "--store", store]);
    let whole = export("borough.db");
    is(&whole, 0, "{\"header\":{\"format\":\"borough-store\",\"version\":1}}\n", "");
    assert_eq!(export("copy.db").stdout, whole.stdout);

    is(&home.run(&["db", "export", "whole.jsonl"]), 0, "whole.jsonl: ", "");
    assert_eq!(std::fs::read_to_string(home.path("whole.jsonl")).unwrap(), whole.stdout);
    assert_eq!(home.run(&["db", "export", "-"]).stdout, whole.stdout);
    is(
        &home.run(&["db", "export", "whole.jsonl"]),
        2,
        "",
        "whole.jsonl` is there already and an export overwrites nothing",
    );
    let mut unread = home.borough();
    unread.args(["db", "export"]).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut unread = unread.spawn().unwrap();
    drop(unread.stdout.take());
    let unread = unread.wait_with_output().unwrap();
    let told = String::from_utf8(unread.stderr).unwrap();
    assert!(unread.status.code() == Some(2) && told.contains("the export` cannot be written"), "{told}");

    let import = |file: &str| home.run(&["db", "import", file, "--store", "other.db"]);
    home.write("cut.jsonl", &whole.stdout[..whole.stdout.len() / 2]);
    is(&import("cut.jsonl"), 2, "", "other.db` was not imported: line ");
    assert!(!home.path("other.db").exists());
    is(&import("none.jsonl"), 2, "", "none.jsonl` cannot be read");
    is(&import("whole.jsonl"), 0, "other.db: ", "");
    is(&import("whole.jsonl"), 2, "", "is not empty, and an import adds nothing to a store");
    assert_eq!(export("other.db").stdout, whole.stdout);
    let events = |store: &str| home.run(&["events", "--json", "--all", "--store", store]).stdout;
    assert_eq!(events("other.db"), events("borough.db"));
}

#[test]
fn a_store_that_is_not_there_is_empty() {
    let home = Home::new();
    assert_eq!(home.json(&["db", "stats", "--json"]), Value::Null);
    let make_one = "check --store; `borough run`, `call` and `serve` make one\n";
    let lists = [
        &["audit"][..],
        &["db", "stats"],
        &["dead-letters"],
        &["dead-letters", "--discarded"],
        &["events"],
        &["events", "refused"],
        &["projections"],
        &["sagas"],
        &["sagas", "resume"],
        &["subscribers"],
    ];
    for list in lists {
        is(&home.run(list), 0, "", &format!("note: there is no store at borough.db yet: {make_one}"));
    }
    let work = "00000000-0000-7000-8000-000000000000";
    let others: [(&[&str], _); 14] = [
        (&["db", "verify"], "verify"),
        (&["db", "backup", "copy.db"], "back up"),
        (&["db", "export"], "export"),
        (&["dead-letters", "show", "mail/1"], "read"),
        (&["dead-letters", "retry", "--all"], "order anything of"),
        (&["dead-letters", "discard", "--all", "--reason", "x"], "order anything of"),
        (&["events", "trace", work], "read"),
        (&["events", "trace", work, "--json"], "read"),
        (&["projections", "pause", "mlops.catalogue"], "order anything of"),
        (&["projections", "rebuild", "mlops.catalogue"], "order anything of"),
        (&["sagas", "resume", work], "read"),
        (&["sagas", "show", work], "read"),
        (&["subscribers", "pause", "mlops.experiments"], "order anything of"),
        (&["subscribers", "resume", "mlops.experiments"], "order anything of"),
    ];
    for (verb, what) in others {
        let ended = home.run(verb);
        is(&ended, 2, "", &format!("error: there is no store at borough.db to {what}: {make_one}"));
        assert_eq!(ended.stdout, "", "{verb:?}");
    }
    for verb in ["status", "metrics"] {
        is(&home.run(&[verb]), 2, "", "no process serves borough.db: start one with `borough serve`");
    }
    is(&home.run(&["db", "stats", "--store", "missing/borough.db"]), 2, "", "there is no folder missing");
    assert!(!home.path("borough.db").exists());
}
