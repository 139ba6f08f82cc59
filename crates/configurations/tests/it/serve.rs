//! The serving process: status, work on behalf of other processes, the end.

use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;

use crate::home::{Home, Running};

#[test]
fn it_serves_until_sigterm_and_does_what_others_ask() {
    let home = Home::with_data();
    let mut serving = home.spawn(&["serve", "-v"], &[]);
    assert!(serving.prints("serving borough.db"));

    let status = home.json(&["status", "--json"]);
    let modules = status["modules"].as_array().unwrap();
    let names: Vec<&str> = modules.iter().map(|module| module["name"].as_str().unwrap()).collect();
    for name in ["data-quality", "anomaly-detection", "machine-learning", "mlops"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let quality = json!({"name": "data-quality", "state": "up", "troubles": [], "services": ["data-quality.check"]});
    assert_eq!(modules[0], quality);
    assert_eq!((&status["head"], &status["driving"]), (&json!(0), &json!([])));
    assert!(home.run(&["status"]).stdout.contains("mlops.experiments"));

    let report = home.json(&["run", "data.csv", "--json"]);
    assert_eq!((&report["saga"]["state"], &report["registry"]["version"]), (&json!("completed"), &json!(1)));
    assert_eq!(report["events"].as_array().unwrap().len(), 5);
    assert_eq!(home.run(&["run", "data.csv", "--min-score", "1"]).code, Some(1), "the gate closes there as here");
    let resumed = home.run(&["sagas", "resume"]);
    assert_eq!((resumed.code, resumed.stdout.trim()), (Some(0), "nothing to resume"));

    let ended = serving.signal("-TERM");
    assert_eq!((ended.code, ended.stdout.trim()), (Some(0), "stopped"), "{}", ended.stderr);
    let logged = ["serving store=borough.db", "asked to stop", "stopped"];
    let places: Vec<_> = logged.iter().map(|line| ended.stderr.find(line)).collect();
    assert!(places.is_sorted() && places[0].is_some(), "{places:?}: {}", ended.stderr);
    let status = home.run(&["status"]);
    assert_eq!(status.code, Some(2));
    assert!(status.stderr.contains("borough serve"), "{}", status.stderr);
}

#[cfg(unix)]
#[test]
fn one_that_has_lost_its_store_says_so_and_is_stopped() {
    let home = Home::with_data();
    assert_eq!(home.run(&["run", "data.csv"]).code, Some(0));
    let mut serving = home.spawn(&["serve"], &[]);
    assert!(serving.prints("serving borough.db"));
    let (log, away) = (home.path("borough.db-wal"), home.path("away"));
    std::fs::rename(&log, &away).unwrap();
    for verb in [&["status"][..], &["subscribers", "pause", "mlops.experiments"]] {
        let told = home.run(verb);
        assert_eq!(told.code, Some(2), "{verb:?}");
        assert!(told.stderr.contains("was taken from under"), "{verb:?}: {}", told.stderr);
    }
    let ended = serving.signal("-TERM");
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    let missed = home.run(&["db", "verify"]);
    let missed = format!("{}{}", missed.stdout, missed.stderr);
    assert!(missed.contains("is gone"), "the next one is told: {missed}");
    std::fs::rename(&away, &log).unwrap();
    assert_eq!(home.run(&["db", "verify"]).code, Some(0), "as advised");
    assert_eq!(home.run(&["run", "data.csv"]).code, Some(0));
}

#[test]
fn the_next_serving_process_takes_up_what_the_killed_one_left() {
    let home = Home::with_data().begun();
    let mut serving = home.spawn(&["serve"], &[("BOROUGH_HALT_AT_COMMIT", "after:5")]);
    assert!(serving.prints("serving"));
    let mut client = home.spawn(&["run", "data.csv"], &[]);
    assert!(serving.says("halted after commit 5"));
    serving.kill();
    let ended = client.end();
    assert_eq!(ended.code, Some(2));
    let id = home.json(&["sagas", "list", "--json"])[0]["id"].as_str().unwrap().to_owned();
    let way_out = format!("nothing is lost: `borough sagas resume {id}`");
    assert!(ended.stderr.contains(&way_out), "{}", ended.stderr);

    let mut serving = home.spawn(&["serve"], &[]);
    assert!(serving.prints("serving"));
    let stopped = serving.signal("-TERM");
    assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    assert_eq!(home.json(&["sagas", "list", "--json"])[0]["state"], "completed", "draining lets the run end");
}

#[test]
fn a_held_store_without_an_endpoint_names_its_holder() {
    let home = Home::with_data().begun();
    let mut halted = home.spawn(&["run", "data.csv"], &[("BOROUGH_HALT_AT_COMMIT", "before:2")]);
    assert!(halted.says("halted"));
    for args in [&["run", "data.csv"][..], &["serve"], &["sagas", "resume"]] {
        let ended = home.run(args);
        assert_eq!(ended.code, Some(2), "{args:?}");
        assert!(ended.stderr.contains("borough.db") && ended.stderr.contains("`borough run`"), "{}", ended.stderr);
    }
    // What only reads does not mind.
    assert_eq!(home.json(&["sagas", "list", "--json"])[0]["state"], "running");
    assert_eq!(home.run(&["events"]).code, Some(0));
}

#[test]
fn the_endpoint_answers_nobody_without_the_token() {
    use std::{
        io::{Read, Write},
        net::TcpStream,
    };

    let home = Home::with_data();
    let mut serving = home.spawn(&["serve"], &[]);
    assert!(serving.prints("serving"));
    let ticket: serde_json::Value =
        serde_json::from_slice(&std::fs::read(home.path("borough.db.control")).unwrap()).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(home.path("borough.db.control")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "only the owner reads the token");
    }
    for (token, expected) in [("", "403"), ("Authorization: Bearer guess\r\n", "403")] {
        let mut stream = TcpStream::connect(ticket["address"].as_str().unwrap()).unwrap();
        write!(stream, "GET /status HTTP/1.1\r\nHost: localhost\r\n{token}Connection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{answer}");
    }
    assert_eq!(serving.signal("-TERM").code, Some(0));
    assert!(!home.path("borough.db.control").exists(), "the token goes with the process");
}

#[test]
fn a_store_that_another_program_has_locked_is_told() {
    let home = Home::with_data();
    home.json(&["run", "data.csv", "--json"]);
    let other = Connection::open(home.path("borough.db")).unwrap();
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").unwrap();
    let ended = home.run(&["run", "data.csv"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("borough.db"), "{}", ended.stderr);
}

#[test]
fn many_clients_at_once_all_get_their_model_registered() {
    let home = Home::with_data();
    let mut serving = home.spawn(&["serve"], &[]);
    assert!(serving.prints("serving"));
    let clients: Vec<_> = (0..8).map(|_| home.spawn(&["run", "data.csv", "--json"], &[])).collect();
    let mut versions: Vec<u64> = clients
        .into_iter()
        .map(|mut client| {
            let ended = client.end();
            assert_eq!(ended.code, Some(0), "{}", ended.stderr);
            let report: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
            report["registry"]["version"].as_u64().unwrap()
        })
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=8).collect::<Vec<_>>());
    assert_eq!(serving.signal("-TERM").code, Some(0));
}

#[cfg(unix)]
#[test]
fn an_interrupted_client_is_told_that_its_run_goes_on() {
    let home = Home::with_data();
    home.write("data.csv", crate::home::dataset(60_000));
    let mut serving = home.spawn(&["serve", "--drain", "600"], &[]);
    assert!(serving.prints("serving"));
    let mut client = home.spawn(&["run", "data.csv"], &[]);
    assert!(client.says("check-quality"));
    let ended = client.signal("-INT");
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    assert!(ended.stderr.contains("the serving process goes on with run "), "{}", ended.stderr);
    assert_eq!(serving.signal("-TERM").code, Some(0));
    assert_eq!(home.json(&["sagas", "list", "--json"])[0]["state"], "completed");
}

/// As below `head -0`.
#[cfg(unix)]
#[test]
fn it_serves_where_nobody_reads_what_it_says() {
    let home = Home::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut serving = home.borough().arg("serve").stdout(writer).stderr(std::process::Stdio::null()).spawn().unwrap();
    home.wait_for(&["status"], "ready");
    let stop = std::process::Command::new("kill").args(["-TERM", &serving.id().to_string()]).status().unwrap();
    assert!(stop.success() && serving.wait().unwrap().success());
    assert!(!home.path("borough.db.control").exists(), "it has stopped as any other");
}

/// Where it cannot do what it is to do, it ends as any other: what comes next finds nothing to be mended.
#[test]
fn what_cannot_serve_stops_what_it_has_started() {
    let home = Home::new();
    std::fs::create_dir_all(home.path("borough.db.control/x")).unwrap();
    let refused = home.run(&["serve", "-vv"]);
    assert!(refused.code == Some(2) && refused.stderr.contains("the token file"), "{}", refused.stderr);
    assert!(refused.stderr.contains("stopped module=\"mlops\""), "{}", refused.stderr);
}

/// Nobody else may read the token, whatever lay where it is drafted.
#[cfg(unix)]
#[test]
fn the_token_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::with_data();
    home.write("borough.db.control.partial", "");
    home.write("borough.db.control", "");
    for name in ["borough.db.control.partial", "borough.db.control"] {
        std::fs::set_permissions(home.path(name), std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    let mut serving = home.spawn(&["serve"], &[]);
    assert!(serving.prints("serving"));
    let mode = std::fs::metadata(home.path("borough.db.control")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read(home.path("borough.db.control.partial")).unwrap(), b"", "it is nobody's draft");
    serving.signal("-TERM");
}

/// The serving process acts for its own user only.
#[test]
fn nobody_is_acted_for_by_the_serving_process() {
    let home = Home::with_data();
    home.write("borough.toml", "[access.grants]\nintern = []\n");
    let mut serving = home.spawn(&["serve"], &[]);
    assert!(serving.prints("serving"));
    for args in [&["run", "data.csv", "--as", "intern"][..], &["call", "data-quality.check", "{}", "--as", "intern"]] {
        let refused = home.run(args);
        assert_eq!(refused.code, Some(2));
        assert!(refused.stderr.contains("--as acts as somebody else where"), "{}", refused.stderr);
    }
    assert_eq!(home.json(&["sagas", "list", "--json"]), json!([]), "nothing has begun");
    assert!(home.audit().is_empty());
    serving.signal("-TERM");
    let module = home.run(&["run", "data.csv", "--as", "module:mlops"]);
    assert!(module.code == Some(2) && module.stderr.contains("`module:mlops` is no user"), "{}", module.stderr);
}

#[test]
fn its_metrics_and_its_health_are_asked_of_the_serving_process() {
    let home = Home::with_data();
    let alone = home.run(&["metrics"]);
    assert_eq!((alone.code, alone.stderr.contains("borough serve")), (Some(2), true), "{}", alone.stderr);
    let mut serving = home.spawn(&["serve"], &[]);
    assert!(serving.prints("serving borough.db"));
    let health = &home.json(&["status", "--json"])["health"];
    assert_eq!((&health["status"], &health["ready"]), (&json!("healthy"), &json!(true)), "{health}");
    assert_eq!(health["components"][0], json!({"module": "data-quality", "status": "healthy"}));
    assert!(home.run(&["status"]).stdout.contains("healthy, ready for work"));

    home.json(&["run", "data.csv", "--json"]);
    let metrics = home.json(&["metrics", "--json"]);
    let runs = metrics.as_array().unwrap().iter().find(|metric| metric["name"] == "borough_saga_runs_total").unwrap();
    let labels = json!({"module": "mlops", "outcome": "completed", "saga": runs["samples"][0]["labels"]["saga"]});
    assert_eq!((&runs["kind"], &runs["samples"][0]["labels"]), (&json!("counter"), &labels));
    assert_eq!(runs["samples"][0]["value"], json!(1.0));
    let exposed = home.run(&["metrics", "--prometheus"]).stdout;
    assert!(exposed.contains("# TYPE borough_requests_total counter\n"), "{exposed}");
    let shown = home.run(&["metrics"]).stdout;
    assert!(shown.contains("borough_request_duration_seconds: ") && shown.contains(" on average"), "{shown}");
    assert_eq!(serving.signal("-TERM").code, Some(0));
}

/// Serves with an endpoint to be scraped; what is asked there, and how it answers.
fn probed(home: &Home, args: &[&str], environment: &[(&str, &str)]) -> (Running, impl Fn(&str) -> String + use<>) {
    use std::{
        io::{Read, Write},
        net::{TcpListener, TcpStream},
    };

    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    home.write("borough.toml", format!("[monitoring.prometheus]\nenabled = true\naddress = \"{free}\"\n"));
    let mut serving = home.spawn(args, environment);
    assert!(serving.prints("serving borough.db"));
    let ask = move |path: &str| {
        let mut stream = TcpStream::connect(free).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    (serving, ask)
}

/// Asks until it is answered so.
fn asked_until(ask: impl Fn(&str) -> String, path: &str, told: &str) {
    let mut answer = String::new();
    let is_so = (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        answer = ask(path);
        answer.contains(told)
    });
    assert!(is_so, "{path} never said `{told}`: {answer}");
}

#[test]
fn it_is_scraped_and_probed_where_the_settings_say() {
    let home = Home::with_data();
    let (serving, ask) = probed(&home, &["serve"], &[]);
    for (path, told) in [("/metrics", "borough_ready 1\n"), ("/ready", "\"ready\":true"), ("/live", "\"live\":true")] {
        let answer = ask(path);
        assert!(answer.starts_with("HTTP/1.0 200") && answer.contains(told), "{path}: {answer}");
    }
    assert_eq!(serving.signal("-TERM").code, Some(0));
}

/// A run that does not end, since its commit hangs: time to look at a process that ends what is under way.
#[cfg(unix)]
#[test]
fn while_it_ends_what_is_under_way_it_answers_and_is_not_ready_and_further_signals_end_that() {
    let home = Home::with_data().begun();
    let halted = [("BOROUGH_HALT_AT_COMMIT", "before:5")];
    let (mut serving, ask) = probed(&home, &["serve", "--drain", "600"], &halted);
    let mut client = home.spawn(&["run", "data.csv"], &[]);
    assert!(serving.says("halted"));
    serving.send("-TERM");
    asked_until(&ask, "/ready", "the process is stopping");
    assert!(ask("/ready").starts_with("HTTP/1.0 503") && ask("/live").starts_with("HTTP/1.0 200"));
    assert!(ask("/metrics").contains("borough_ready 0\n"));
    let status = home.json(&["status", "--json"]);
    assert_eq!(status["health"]["reasons"], json!(["the process is stopping"]));
    assert_eq!(status["driving"].as_array().unwrap().len(), 1, "whoever follows the run is told that it is driven");
    for verb in [&["call", "data-quality.check", "{}"][..], &["run", "data.csv"], &["dead-letters", "retry", "--all"]] {
        let told = home.run(verb);
        assert_eq!(told.code, Some(2), "{verb:?}");
        assert!(told.stderr.contains("the serving process is stopping"), "{verb:?}: {}", told.stderr);
    }
    serving.send("-TERM");
    let told = client.end();
    assert!(told.stderr.contains("nothing is lost"), "{}", told.stderr);
    // The store cannot be closed: a third one ends the process.
    let ended = serving.signal("-TERM");
    assert_eq!((ended.code, ended.stdout.trim()), (Some(2), ""));
    assert!(ended.stderr.contains("stopped before the store was closed"), "{}", ended.stderr);
    let resumed = home.run(&["sagas", "resume"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
}

/// Takes the place of what reads a file: while a file of this name is there, nothing is read.
#[cfg(target_os = "linux")]
const HANGING: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

ssize_t pread64(int fd, void *bytes, size_t count, off64_t at) {
    const char *hangs = getenv("READS_HANG_WHILE_THIS_IS_THERE");
    while (hangs && access(hangs, F_OK) == 0) usleep(10000);
    ssize_t (*real)(int, void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pread64");
    return real(fd, bytes, count, at);
}
"#;

/// A disk that hangs gives no error.
#[cfg(target_os = "linux")]
#[test]
fn a_store_that_does_not_answer_is_told_and_the_process_still_stops() {
    let home = Home::with_data();
    home.json(&["run", "data.csv", "--json"]);
    let (source, shim, hangs) = (home.write("shim.c", HANGING), home.path("shim.so"), home.path("hangs"));
    let mut cc = std::process::Command::new("cc");
    let compiled = cc.args(["-shared", "-fPIC", "-o"]).args([&shim, &source]).arg("-ldl").output().unwrap();
    assert!(compiled.status.success(), "{compiled:?}");
    let [shim, hangs] = [shim, hangs].map(|path| path.to_str().unwrap().to_owned());
    let environment = [("LD_PRELOAD", &*shim), ("READS_HANG_WHILE_THIS_IS_THERE", &*hangs)];
    let (mut serving, ask) = probed(&home, &["serve", "--drain", "1"], &environment);
    home.write("hangs", "");
    asked_until(&ask, "/ready", "the store has not answered for 2s");
    let told = home.run(&["status"]);
    assert_eq!((told.code, told.stderr.contains("look at the disk")), (Some(2), true), "{}", told.stderr);
    serving.send("-TERM");
    asked_until(&ask, "/ready", "the process is stopping");
    std::fs::remove_file(&hangs).unwrap();
    let ended = serving.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}
