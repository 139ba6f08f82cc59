//! Dead letters, held subscribers and traces, with and without a serving process.

use event_bus::{DeadLetter, KeptEvent, RefusedPublish};
use event_sourcing::{Expected, LogQuery, Position, Store as _, StoreExt as _, Unit};
use kernel::{Clock as _, Envelope, Error, ErrorKind, EventId, Ids as _, Json, SystemClock, SystemIds};
use serde_json::{Value, json};
use storage_sqlite::{Options, SqliteStore};

use crate::home::Home;

const LEDGER: &str = "mlops.experiments";
const TRAINED: &str = "machine_learning.model_trained";

/// Does something with the store of a home in which no process is at work.
fn with_store<T>(home: &Home, act: impl AsyncFnOnce(&SqliteStore) -> T) -> T {
    let options = Options::new("a test", SystemClock.now());
    let store = SqliteStore::open(&home.path("borough.db"), options).unwrap();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(act(&store))
}

fn reworded(data: &Json, from: &str, to: &str) -> Json {
    Json::from_text(data.text().replace(from, to)).unwrap()
}

/// After a run, with one more event that the ledger cannot read, as a program might have published it that misread the contract.
fn with_a_letter() -> Home {
    let home = Home::with_data();
    assert_eq!(home.run(&["run", "data.csv"]).code, Some(0));
    with_store(&home, async |store| {
        let log = store.log(LogQuery::after(Position(0), usize::MAX)).await.unwrap();
        let trained = log.iter().find(|event| event.event_type == TRAINED).unwrap();
        let (event_id, data) =
            (EventId::new(SystemIds.next()), reworded(&trained.data, "\"accuracy\"", "\"precision\""));
        let mut unit = Unit::new(testing::origin("mlops"));
        unit.take_up("misread", Envelope { event_id, data, ..Envelope::clone(trained) }, Vec::new());
        store.commit(unit).await.unwrap();
    });
    home
}

/// Gives the event of the letter the form that its contract has.
fn mend(home: &Home) {
    with_store(home, async |store| {
        let [letter] = &store.list::<DeadLetter>(None, 9).await.unwrap()[..] else { panic!("one letter") };
        let data = reworded(&letter.value.event.data, "\"precision\"", "\"accuracy\"");
        let event = Envelope { data, ..letter.value.event.clone() };
        let mut unit = Unit::new(testing::origin("mlops"));
        unit.put(&*letter.key, &DeadLetter { event, ..letter.value.clone() }, Expected::Exact(letter.revision));
        store.commit(unit).await.unwrap();
    });
}

#[test]
fn what_was_refused_when_its_time_had_come_is_listed() {
    let home = Home::with_data();
    assert_eq!(home.run(&["events", "refused"]).stdout, "");
    assert_eq!(home.run(&["run", "data.csv"]).code, Some(0));
    let name = with_store(&home, async |store| {
        let log = store.log(LogQuery::after(Position(0), usize::MAX)).await.unwrap();
        let event = Envelope::clone(log.iter().find(|event| event.event_type == TRAINED).unwrap());
        let name = format!("mlops/{}", event.event_id);
        let kept = KeptEvent { stream: "models".into(), event, tags: Vec::new() };
        let error = Error::new(ErrorKind::Rejected, "the quarter is closed").with_code("ledger.closed");
        let mut unit = Unit::new(testing::origin("mlops"));
        unit.put(&*name, &RefusedPublish { events: vec![kept], error }, Expected::Absent);
        store.commit(unit).await.unwrap();
        name
    });
    let line = home.run(&["events", "refused"]).stdout;
    assert_eq!(line, format!("{name}  {TRAINED}  the quarter is closed\n"));
    let listed = home.json(&["events", "refused", "--json"]);
    assert_eq!(listed["publish"], json!(name));
    assert_eq!(
        (&listed["error"]["code"], &listed["events"][0]["event"]["event_type"]),
        (&json!("ledger.closed"), &json!(TRAINED))
    );
}

#[test]
fn dead_letters_are_listed_shown_and_retried_by_the_serving_process() {
    let home = with_a_letter();
    assert_eq!(home.run(&["dead-letters"]).stdout, "", "nobody has tried it yet");
    let mut serving = home.spawn(&["serve"], &[]);
    assert!(serving.prints("serving"));
    home.wait_for(&["dead-letters"], TRAINED);
    let letter = home.json(&["dead-letters", "--json"]);
    let name = letter["letter"].as_str().unwrap().to_owned();
    assert_eq!((&letter["subscriber"], &letter["attempts"]), (&json!(LEDGER), &json!(1)));
    assert_eq!(home.json(&["dead-letters", "show", &name]), letter);
    let (subscriber, position) = name.rsplit_once('/').unwrap();
    let short = format!("{subscriber}/{}", position.trim_start_matches('0'));
    assert_eq!(home.json(&["dead-letters", "show", &short]), letter);
    assert!(home.run(&["status"]).stdout.contains("1 key is parked: see `borough dead-letters --subscriber"));

    let again = home.run(&["dead-letters", "retry", &name]);
    assert_eq!((again.code, again.stdout.trim()), (Some(1), "0 delivered, 1 failed again, 0 wait behind those"));
    assert_eq!(home.json(&["dead-letters", "--json"])["attempts"], json!(2), "tries are counted on");
    assert_eq!(serving.signal("-TERM").code, Some(0));
    mend(&home);
    let mut serving = home.spawn(&["serve"], &[]);
    assert!(serving.prints("serving"));
    let retried = home.json(&["dead-letters", "retry", "--subscriber", LEDGER, "--json"]);
    assert_eq!((&retried["delivered"], &retried["failed"]), (&json!(1), &json!(0)));
    assert_eq!(home.run(&["dead-letters"]).stdout, "");
    assert_eq!(serving.signal("-TERM").code, Some(0));
}

#[test]
fn dead_letters_are_discarded_with_a_reason_and_without_a_serving_process() {
    let home = with_a_letter();
    let none = home.run(&["dead-letters", "discard", "--key", "nobody's", "--reason", "a test"]);
    let is_said =
        none.stderr.contains("error: there is no dead letter of key `nobody's`: see `borough dead-letters`\n");
    assert!(none.code == Some(2) && none.stdout.is_empty() && is_said, "{}{}", none.stdout, none.stderr);
    assert!(home.run(&["dead-letters", "--subscriber", LEDGER]).stdout.starts_with(LEDGER), "it was tried meanwhile");
    assert_eq!(home.run(&["dead-letters", "--subscriber", "nobody"]).stdout, "");
    let steered = home.run(&["subscribers", "pause", "no\u{9b}31m\u{202e}body"]);
    assert!(steered.code == Some(2) && steered.stderr.contains("no\\u{9b}31m\\u{202e}body"), "{}", steered.stderr);
    let nobody = home.run(&["dead-letters", "--subscriber", "nobody"]);
    assert!(nobody.code == Some(2) && nobody.stderr.contains("there is no subscriber `nobody`"), "{}", nobody.stderr);
    let silent = home.run(&["dead-letters", "discard", "--all", "--reason", " "]);
    assert!(silent.code == Some(2) && silent.stderr.contains("say why"), "{}", silent.stderr);
    let discarded = home.run(&["dead-letters", "discard", "--all", "--reason", "a test"]);
    assert_eq!((discarded.code, discarded.stdout.trim()), (Some(0), "1 discarded"), "{}", discarded.stderr);
    assert_eq!(home.run(&["dead-letters"]).stdout, "");
    let listed = home.run(&["dead-letters", "--discarded"]).stdout;
    assert!(listed.starts_with(LEDGER) && listed.trim().ends_with("by local: a test"), "{listed}");
    let listed = home.json(&["dead-letters", "list", "--discarded", "--subscriber", LEDGER, "--json"]);
    assert_eq!((&listed["reason"], &listed["subscriber"]), (&json!("a test"), &json!(LEDGER)));
    let correlation = listed["event"]["metadata"]["correlation_id"].as_str().unwrap();
    let traced = home.run(&["events", "trace", correlation]).stdout;
    assert!(traced.contains("discarded") && !traced.contains("parked"), "{traced}");
    let named = ["--subscriber", LEDGER, "--key", "nobody's", "--event", TRAINED];
    for args in [&["retry"][..], &["retry", "--json"], &["discard", "--reason", "x"]] {
        let none = home.run(&[&["dead-letters"], args, &named].concat());
        let is_said = none.stderr.contains(
            "no dead letter of subscriber `mlops.experiments` and event `machine_learning.model_trained` and key",
        );
        assert!(none.code == Some(2) && is_said, "{args:?}: {}", none.stderr);
        let all = home.run(&[&["dead-letters"], args, &["--all"]].concat());
        assert_eq!((all.code, all.stderr.as_str()), (Some(0), ""), "{args:?}: of all there may be none");
    }
    for letter in [LEDGER, "nobody"] {
        let letter = format!("{letter}/1");
        for args in [&["retry", &letter][..], &["discard", &letter, "--reason", "x"], &["show", &letter]] {
            let unknown = home.run(&[&["dead-letters"], args].concat());
            let is_said = unknown.stderr.contains(&format!("there is no dead letter {letter}"));
            assert!(unknown.code == Some(2) && is_said, "{args:?}: {}", unknown.stderr);
        }
    }
    let silent = home.run(&["dead-letters", "discard", "--all", "--reason", ""]);
    assert_eq!(silent.code, Some(2), "{}", silent.stderr);
    for args in [&["retry"][..], &["discard", "--reason", "x"], &["retry", "nonsense"], &["show", "no/1"]] {
        assert_eq!(home.run(&[&["dead-letters"], args].concat()).code, Some(2), "{args:?}");
    }
}

#[test]
fn a_paused_subscriber_stays_so_over_a_restart() {
    let home = Home::with_data();
    for order in [&["subscribers", "pause", LEDGER][..], &["projections", "rebuild", "mlops.catalogue"]] {
        let nowhere = home.run(order);
        let is_said = nowhere.stderr.contains("there is no store");
        assert!(
            nowhere.code == Some(2) && is_said && !home.path("borough.db").exists(),
            "{order:?}: {}",
            nowhere.stderr
        );
    }
    assert_eq!(home.run(&["call", "mlops.list-models", "{}"]).code, Some(0), "which makes one");
    assert_eq!(home.run(&["subscribers", "pause", LEDGER]).code, Some(0));
    assert_eq!(home.run(&["run", "data.csv"]).code, Some(0));
    let nobody_serves = home.run(&["subscribers"]);
    assert!(nobody_serves.stderr.contains("note: no process serves borough.db"), "{}", nobody_serves.stderr);
    assert!(
        nobody_serves.stdout.contains("paused: go on with `borough subscribers resume"),
        "{}",
        nobody_serves.stdout
    );
    let left = home.json(&["subscribers", "--json"]);
    let mut serving = home.spawn(&["serve"], &[]);
    assert!(serving.prints("serving"));
    let held = home.json(&["subscribers", "--json"]);
    let of_ledger = |all: &Value| all.as_array().unwrap().iter().find(|one| one["name"] == LEDGER).unwrap().clone();
    let (left, held) = (of_ledger(&left), of_ledger(&held));
    for told in ["event", "parked_keys", "paused"] {
        assert_eq!(left[told], held[told], "{told}");
    }
    assert_eq!(held["paused"], true);
    assert!(held["behind"].as_u64().unwrap() > 0, "{held}");
    assert!(home.run(&["subscribers"]).stdout.contains("paused: go on with `borough subscribers resume"));
    assert_eq!(home.run(&["subscribers", "resume", LEDGER]).stdout.trim(), "mlops.experiments goes on");
    home.wait_for(&["subscribers"], "  up to date");
    let unknown = home.run(&["subscribers", "pause", "mlops.experiment"]);
    assert!(unknown.code == Some(2) && unknown.stderr.contains("mlops.experiment"), "{}", unknown.stderr);
    assert_eq!(serving.signal("-TERM").code, Some(0));
}

/// Also one between two tries: the store hears of it when it has come to its end.
#[test]
fn a_trace_shows_what_is_not_delivered_yet() {
    let home = Home::with_data();
    home.json(&["run", "data.csv", "--json"]);
    assert_eq!(home.run(&["subscribers", "pause", LEDGER]).code, Some(0));
    let report = home.json(&["run", "data.csv", "--json"]);
    let id = report["saga"]["correlation_id"].as_str().unwrap();
    let traced = || home.run(&["events", "trace", id]).stdout;
    let line = |how: &str| format!("delivery {LEDGER} of mlops: {how}");
    let tree = traced();
    assert!(tree.contains(&line("pending\n")) && !tree.contains(&line("done")), "{tree}");
    assert_eq!(home.run(&["subscribers", "resume", LEDGER]).code, Some(0));
    home.json(&["run", "data.csv", "--json"]);
    let tree = traced();
    assert!(tree.contains(&line("done")) && !tree.contains("pending"), "{tree}");
}

#[test]
fn a_trace_is_the_tree_of_one_piece_of_work() {
    let home = Home::with_data();
    let report = home.json(&["run", "data.csv", "--json"]);
    let id = report["saga"]["correlation_id"].as_str().unwrap_or_else(|| panic!("{}", report["saga"]));
    let tree = home.run(&["events", "trace", id]).stdout;
    let lines: Vec<&str> = tree.lines().collect();
    let has = |parts: &[&str]| lines.iter().any(|line| parts.iter().all(|part| line.contains(part)));
    assert!(has(&["─ command mlops.start-pipeline of mlops @", ": done"]), "{tree}");
    assert!(has(&["─ event machine_learning.model_trained of machine-learning @"]), "{tree}");
    assert!(has(&["└─ delivery mlops.experiments of mlops: done, ", " ms"]), "{tree}");
    assert!(has(&["└─ run mlops.pipeline of mlops: completed, "]), "{tree}");
    let command = lines.iter().position(|line| line.contains("command data-quality.check of data-quality @")).unwrap();
    assert!(lines[command].contains(": done, ") && lines[command].ends_with(" ms"), "{tree}");
    assert!(lines[command + 1].contains("─ event data_quality.check_completed of data-quality @"), "{tree}");
    assert!(!lines[command + 1].starts_with("├─"), "it is a part of its command: {tree}");
    assert!(has(&["   ├─ step check-quality: done, "]), "{tree}");
    let picture = home.run(&["events", "trace", id, "--format", "mermaid"]).stdout;
    assert!(picture.starts_with("flowchart TD\n") && picture.contains(" --> n"), "{picture}");
    let data = home.json(&["events", "trace", id, "--json"]);
    let nodes = data.as_array().unwrap();
    let above = |node: &Value| node["below"].as_u64().map(|above| &nodes[above as usize]);
    let trained = nodes.iter().find(|node| node["name"] == "machine_learning.model_trained");
    let way: Vec<_> = std::iter::successors(trained, |node| above(node)).map(|node| &node["name"]).collect();
    let whole = [
        "machine_learning.model_trained",
        "machine-learning.train",
        "train-model",
        "mlops.pipeline",
        "mlops.start-pipeline",
    ];
    assert_eq!(way, whole, "{tree}");
    let step = nodes.iter().find(|node| node["kind"] == "step").unwrap();
    assert_eq!((&step["module"], &step["run_id"]), (&json!("mlops"), &report["saga"]["id"]), "{step}");
    assert!(step["started"].is_string() && step["seconds"].is_f64(), "{step}");
    let roots: Vec<_> = nodes.iter().filter(|node| above(node).is_none()).map(|node| &node["name"]).collect();
    assert_eq!(roots, ["mlops.start-pipeline"], "all of it was set off by that: {tree}");
    assert!(!tree.contains("pending"), "the verb waits for the subscribers: {tree}");
    let unknown = home.run(&["events", "trace", "00000000-0000-7000-8000-000000000000"]);
    assert!(unknown.code == Some(2) && unknown.stderr.contains("knows nothing of"), "{}", unknown.stderr);
    let misspelt = home.run(&["events", "trace", "42"]);
    assert!(misspelt.code == Some(2) && misspelt.stderr.contains("an id is a UUID"), "{}", misspelt.stderr);
}
