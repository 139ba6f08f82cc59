//! Requests by name: `borough call`, `requests`, `audit`.

use expect_test::{expect, expect_file};
use serde_json::{Value, json};

use crate::home::Home;

/// A check of `data.csv` as JSON: where the file is, and its fingerprint.
fn check(home: &Home) -> String {
    use sha2::{Digest, Sha256};
    let path = home.path("data.csv").canonicalize().unwrap();
    let digest: String =
        Sha256::digest(std::fs::read(&path).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();
    let dataset = json!({ "url": format!("file://{}", path.display()), "format": "csv", "fingerprint": format!("sha256:{digest}") });
    json!({ "dataset": dataset }).to_string()
}

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_request_is_called_by_name_and_answers_in_json() {
    let home = Home::with_data();
    let called = home.run(&["call", "data-quality.check", &check(&home)]);
    assert_eq!(called.code, Some(0), "{}", called.stderr);
    assert_eq!(document(&called.stdout)["rows"], 400);
    assert_eq!(home.events(), ["data_quality.check_completed"]);
    assert_eq!(home.audit(), ["local - data-quality.check done -"]);
}

/// What is refused is a problem document on stdout and one line on stderr.
#[test]
fn what_is_refused_is_a_problem() {
    let home = Home::with_data();
    let cases: [&[&str]; 5] = [
        &["call", "data-quality.chek", "{}"],
        &["call", "data-quality.check", "{\"dataset\":3}"],
        &["call", "data-quality.check", "no json"],
        &["call", "mlops.get-pipeline-run", "{\"saga_id\":\"00000000-0000-0000-0000-000000000001\"}"],
        &["call", "data-quality.check", "{}", "--timeout", "-1"],
    ];
    let mut told = String::new();
    for args in cases {
        let called = home.run(args);
        assert_eq!(called.code, Some(2), "{args:?}");
        told.push_str(&format!("{}{}\n", called.stdout, called.stderr));
    }
    expect_file!["snapshots/call-problems.txt"].assert_eq(&told);
}

#[test]
fn acting_as_somebody_else_has_their_permissions_and_is_audited() {
    let home = Home::with_data();
    home.write("borough.toml", "[access.grants]\nanna = [\"data-quality:check\"]\nbert = [\"mlops:read\"]\n");
    let check = check(&home);
    let as_user = |user: &str| home.run(&["call", "data-quality.check", &check, "--as", user]);
    assert_eq!(as_user("anna").code, Some(0));
    let refused = as_user("bert");
    assert_eq!((refused.code, document(&refused.stdout)["status"].as_u64()), (Some(2), Some(403)));
    let unknown = as_user("carl");
    assert!(unknown.code == Some(2) && unknown.stderr.contains("grant nothing to `carl`"), "{}", unknown.stderr);
    let audit = home.audit();
    assert_eq!(audit, ["anna local data-quality.check done -", "bert local data-quality.check refused denied"]);
    let lines = home.run(&["audit", "--user", "bert", "--outcome", "refused"]).stdout;
    assert!(
        lines.lines().count() == 1 && lines.contains("local as bert") && lines.contains("refused: denied"),
        "{lines}"
    );
    assert!(lines.contains("data.csv"), "on what: {lines}");
}

/// What a caller writes is shown as what it is, in one line.
#[test]
fn an_audit_line_cannot_be_forged() {
    let home = Home::with_data();
    let forged = check(&home).replace("data.csv", "x\\n2026-01-01 boss mlops.start-pipeline - done \\u001b[2K");
    home.run(&["call", "data-quality.check", &forged, "--purpose", "fun\nand profit"]);
    let lines = home.run(&["audit"]).stdout;
    assert_eq!(lines.lines().count(), 1, "{lines}");
    assert!(
        lines.contains("\\n2026-01-01 boss") && lines.contains("\\u{1b}[2K") && lines.contains("for fun\\nand"),
        "{lines}"
    );
}

/// A run that a call begins is driven, here or by the serving process.
#[test]
fn what_a_call_begins_is_carried_out() {
    let home = Home::with_data();
    let dataset = document(&check(&home))["dataset"].clone();
    let options = serde_json::json!({"model_name": "m", "min_score": 0.1, "top_anomalies": 3, "folds": 2, "seed": 1});
    let start = serde_json::json!({"dataset": dataset, "options": options}).to_string();
    assert_eq!(home.run(&["call", "mlops.start-pipeline", &start]).code, Some(0));
    assert_eq!(home.json(&["sagas", "list", "--json"])[0]["state"], "completed");
    let mut serving = home.spawn(&["serve"], &[]);
    assert!(serving.prints("serving"));
    assert_eq!(home.run(&["call", "mlops.start-pipeline", &start]).code, Some(0));
    serving.signal("-TERM");
    assert_eq!(home.json(&["sagas", "list", "--json"])[1]["state"], "completed");
}

/// Here and in the serving process, just above the limit and far above it.
#[test]
fn a_payload_over_the_limit_is_refused_by_whoever_would_carry_it_out() {
    let home = Home::with_data();
    home.write("borough.toml", "[requests]\npayload_bytes = 1000\n");
    let too_large = |bytes: usize| {
        let called = home.run(&["call", "data-quality.check", &format!("{{\"name\":\"{}\"}}", "x".repeat(bytes))]);
        assert_eq!(called.code, Some(2));
        assert_eq!(document(&called.stdout)["code"], "request.too_large", "{}", called.stdout);
        assert!(called.stdout.contains("requests.payload_bytes"), "{}", called.stdout);
    };
    too_large(1000);
    let mut serving = home.spawn(&["serve"], &[]);
    assert!(serving.prints("serving"));
    too_large(1000);
    too_large(100_000);
    serving.signal("-TERM");
}

/// What became of it counts, and not who reads of it.
#[cfg(unix)]
#[test]
fn a_call_that_fails_fails_where_nobody_reads_why() {
    let home = Home::with_data();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = home.borough().args(["call", "data-quality.check", "{}"]).stdout(writer).output().unwrap();
    assert_eq!(ended.status.code(), Some(2), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// A command that is killed at any commit and sent again under its key is done once.
#[test]
fn a_key_survives_kill_9() {
    for at in ["before:1", "after:1"] {
        let home = Home::with_data().begun();
        let args = ["call", "data-quality.check", &check(&home), "--key", "monday"];
        let mut call = home.spawn(&args, &[("BOROUGH_HALT_AT_COMMIT", at)]);
        assert!(call.says("halted"), "{at}");
        call.kill();
        let (again, third) = (home.run(&args), home.run(&args));
        assert_eq!((again.code, &again.stdout), (Some(0), &third.stdout), "{at}: {}", again.stderr);
        assert_eq!(home.events(), ["data_quality.check_completed"], "{at}");
        assert_eq!(home.audit(), ["local - data-quality.check done -"], "{at}");
        let other = home.run(&["call", "machine-learning.discard", &discard(), "--key", "monday"]);
        assert_eq!(document(&other.stdout)["code"], "request.key_reused", "{at}");
    }
}

fn discard() -> String {
    json!({ "model": format!("sha256:{}", "0".repeat(64)) }).to_string()
}

/// While another process serves the store, that one answers.
#[test]
fn the_serving_process_answers_calls() {
    let home = Home::with_data();
    let mut serving = home.spawn(&["serve"], &[]);
    assert!(serving.prints("serving"));
    let check = check(&home);
    let called = home.run(&["call", "data-quality.check", &check]);
    assert_eq!((called.code, document(&called.stdout)["rows"].as_u64()), (Some(0), Some(400)), "{}", called.stderr);
    let refused = home.run(&["call", "data-quality.chek", "{}"]);
    assert_eq!((refused.code, &document(&refused.stdout)["code"]), (Some(2), &json!("request.unknown")));
    let large = format!("{{\"dataset\":\"{}\"}}", "x".repeat(1 << 21));
    let mut call = home.borough();
    let large = home.write("large.json", large);
    let called =
        call.args(["call", "data-quality.check", "-"]).stdin(std::fs::File::open(large).unwrap()).output().unwrap();
    assert_eq!(document(std::str::from_utf8(&called.stdout).unwrap())["code"], "request.too_large");
    let acting = home.run(&["call", "data-quality.check", &check, "--as", "local"]);
    assert!(acting.code == Some(2) && acting.stderr.contains("`borough serve` holds it"), "{}", acting.stderr);
    let unknown = "local - data-quality.chek refused request.unknown";
    assert_eq!(home.audit(), ["local - data-quality.check done -", unknown]);
}

#[test]
fn what_can_be_called_is_listed() {
    let home = Home::new();
    let listed = home.run(&["requests"]).stdout;
    let line =
        |line: &&str| ["data-quality.check ", "mlops.get-pipeline-run "].iter().any(|name| line.starts_with(name));
    let two: Vec<Vec<&str>> = listed.lines().filter(line).map(|line| line.split_whitespace().collect()).collect();
    let check = ["data-quality.check", "command", "data-quality:check"];
    assert_eq!(two, [check, ["mlops.get-pipeline-run", "query", "mlops:read"]]);
    let one = home.run(&["requests", "mlops.get-pipeline-run"]).stdout;
    expect!["mlops.get-pipeline-run: query of mlops, mlops:read"].assert_eq(one.split("\n\nrequest").next().unwrap());
    let all = home.json(&["requests", "--json"]);
    assert_eq!(all.as_array().unwrap().len(), listed.lines().count());
    for request in all.as_array().unwrap() {
        assert!(request["request"]["type"] == "object" && request["response"].is_object(), "{request}");
    }
    assert_eq!(home.run(&["requests", "no.such"]).code, Some(2));
}

/// The id of the caller's trace is the correlation id of the work, in the process of the verb as in one that serves.
#[test]
fn a_call_is_a_part_of_its_callers_trace() {
    let home = Home::with_data();
    let check = check(&home);
    let trace = |digits: &str| format!("00-{digits}-00f067aa0ba902b7-01");
    let call = |digits: &str| {
        let called = home.run_with(&["call", "data-quality.check", &check], &[("TRACEPARENT", &trace(digits))]);
        assert_eq!(called.code, Some(0), "{}", called.stderr);
    };
    call("4bf92f3577b34da6a3ce929d0e0e4736");
    let mut serving = home.spawn(&["serve"], &[]);
    assert!(serving.prints("serving"));
    call("4bf92f3577b34da6a3ce929d0e0e4737");
    assert_eq!(serving.signal("-TERM").code, Some(0));
    call("no trace");
    let events = home.run(&["events", "--json"]).stdout;
    let work: Vec<Value> = events.lines().map(|line| document(line)["metadata"]["correlation_id"].clone()).collect();
    assert_eq!(work[..2], ["4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "4bf92f35-77b3-4da6-a3ce-929d0e0e4737"]);
    assert!(!work[2].as_str().unwrap().starts_with("4bf92f35"), "what is no traceparent begins a trace of its own");
}
