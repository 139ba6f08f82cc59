//! The main job on the sample and on data of its own.

use std::path::Path;

use serde_json::{Value, json};

use crate::home::Home;

fn sample(name: &str) -> String {
    Path::new("../../samples").canonicalize().unwrap().join(name).display().to_string()
}

#[test]
fn the_sample_from_file_to_registered_model() {
    let home = Home::new();
    let report = home.json(&["run", &sample("flights-week.csv"), "--json", "--report", "out.html"]);

    assert_eq!(report["saga"]["state"], "completed");
    assert_eq!(report["quality"]["rows"], 6099);
    let columns = report["quality"]["columns"].as_array().unwrap();
    assert_eq!(columns.len(), 19);
    assert!(columns.iter().all(|column| column["name"].is_string() && column["nulls"].is_u64()));
    let anomalies = report["anomalies"].as_array().unwrap();
    assert_eq!(anomalies.len(), 10);
    assert!(anomalies.iter().all(|a| a["row"].as_u64() >= Some(1) && !a["drivers"].as_array().unwrap().is_empty()));
    assert!(anomalies.windows(2).all(|pair| pair[0]["score"].as_f64() >= pair[1]["score"].as_f64()));

    let model = &report["model"];
    assert_eq!(model["status"], "trained");
    assert!(model["metrics"]["accuracy"].as_f64() > model["baseline"]["accuracy"].as_f64(), "{model}");
    assert!(model["metrics"]["auc"].as_f64() > Some(0.6), "{model}");
    let target = model["target"].as_str().unwrap();
    let features: Vec<&str> = model["features"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(!features.is_empty() && !features.iter().any(|feature| target.contains(feature)), "{features:?}");
    assert_eq!((&report["registry"]["status"], &report["registry"]["version"]), (&json!("promoted"), &json!(1)));

    let events: Vec<&str> =
        report["events"].as_array().unwrap().iter().filter_map(|e| e["event_type"].as_str()).collect();
    let expected = [
        "data_quality.check_completed",
        "anomaly_detection.detection_completed",
        "machine_learning.model_trained",
        "mlops.model_registered",
        "mlops.model_promoted",
    ];
    assert_eq!(events, expected);
    assert_eq!(home.events(), expected);

    let page = std::fs::read_to_string(home.path("out.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") || page.starts_with("<!doctype html>"));
    assert!(!page.contains("src=\"http") && !page.contains("href=\"http"), "the page is self-contained");
    let model = report["registry"]["model"].as_str().unwrap().trim_start_matches("sha256:");
    assert!(
        home.path("borough.db.models").join(&model[..2]).join(model).is_file(),
        "the model's bytes are beside the store"
    );
}

#[test]
fn the_same_run_again_gives_the_same_results_and_a_tie_is_not_promoted() {
    let home = Home::with_data();
    let first = home.json(&["run", "data.csv", "--json"]);
    let second = home.json(&["run", "data.csv", "--json"]);
    for key in ["quality", "anomalies", "model"] {
        assert_eq!(first[key], second[key], "{key}");
    }
    assert_eq!((&second["registry"]["status"], &second["registry"]["version"]), (&json!("registered"), &json!(2)));
    assert_eq!(second["registry"]["champion"], 1);
    assert!(second["registry"]["reason"].as_str().unwrap().contains("tie"));
    assert_ne!(first["saga"]["correlation_id"], second["saga"]["correlation_id"]);
    assert_eq!(second["events"].as_array().unwrap().len(), 4, "the report has the events of its own run");
}

#[test]
fn parquet_gives_what_the_same_rows_in_csv_give() {
    use std::{fs::File, sync::Arc};

    use arrow::{
        array::{Float64Array, Int64Array, RecordBatch, StringArray},
        datatypes::{DataType, Field, Schema},
    };

    let home = Home::new();
    home.write("a.csv", "n,x,word\n1,0.5,one\n2,,two\n3,2.5,\n4,3.5,four\n");
    let schema = Arc::new(Schema::new(vec![
        Field::new("n", DataType::Int64, true),
        Field::new("x", DataType::Float64, true),
        Field::new("word", DataType::Utf8, true),
    ]));
    let batch = RecordBatch::try_new(
        Arc::clone(&schema),
        vec![
            Arc::new(Int64Array::from(vec![1, 2, 3, 4])),
            Arc::new(Float64Array::from(vec![Some(0.5), None, Some(2.5), Some(3.5)])),
            Arc::new(StringArray::from(vec![Some("one"), Some("two"), None, Some("four")])),
        ],
    )
    .unwrap();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(File::create(home.path("b.parquet")).unwrap(), schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();

    let csv = home.json(&["run", "a.csv", "--json"]);
    let parquet = home.json(&["run", "b.parquet", "--json"]);
    assert_eq!(csv["quality"]["columns"], parquet["quality"]["columns"]);
    assert_eq!(csv["quality"]["score"], parquet["quality"]["score"]);
    assert_eq!(csv["anomalies"], parquet["anomalies"]);
}

#[test]
fn without_a_target_model_and_registry_are_skipped_and_say_why() {
    let home = Home::with_data();
    std::fs::remove_file(home.path("data.toml")).unwrap();
    let report = home.json(&["run", "data.csv", "--json"]);
    assert_eq!(report["model"]["status"], "skipped");
    assert_eq!(report["model"]["reason"], "no target was given");
    assert_eq!(report["registry"]["status"], "skipped");
    assert!(!home.path("borough.db.models").exists(), "nothing was kept");
}

#[test]
fn a_closed_gate_stops_the_run_undoes_it_and_says_so() {
    let home = Home::with_data();
    home.write("checks.toml", "[[check]]\nrule = \"range\"\ncolumn = \"hour\"\nmax = 20\n");
    let by_check: &[&str] = &["run", "data.csv", "--json", "--checks", "checks.toml"];
    let by_score: &[&str] = &["run", "data.csv", "--json", "--min-score", "1"];
    for (args, reason) in [(by_check, "hour"), (by_score, "below the minimum of 1.0000")] {
        let ended = home.run(args);
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains("quality gate is closed") && ended.stderr.contains(reason), "{}", ended.stderr);
        let report: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(report["saga"]["state"], "compensated");
        assert_eq!(report["quality"]["rows"], 400);
        assert_eq!((&report["model"]["status"], &report["registry"]["status"]), (&json!("skipped"), &json!("skipped")));
        assert_eq!(
            (&report["anomalies"], &report["model"]["reason"]),
            (&json!([]), &json!("the run did not come to it"))
        );
        assert_eq!(report["events"].as_array().unwrap().last().unwrap()["event_type"], "mlops.pipeline_failed");
    }
    let runs = home.json(&["sagas", "list", "--json"]);
    assert!(runs.as_array().unwrap().iter().all(|run| run["state"] == "compensated"));
    assert!(!home.path("borough.db.models").exists(), "no model is left behind");
}

#[test]
fn a_check_of_severity_warn_is_reported_and_lets_pass() {
    let home = Home::with_data();
    home.write("checks.toml", "[[check]]\nrule = \"range\"\ncolumn = \"hour\"\nmax = 20\nseverity = \"warn\"\n");
    let report = home.json(&["run", "data.csv", "--json", "--checks", "checks.toml"]);
    let checks = report["quality"]["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["origin"] == "declared").unwrap();
    assert_eq!((&check["passed"], &check["column"]), (&json!(false), &json!("hour")));
    assert_eq!(check["failing"].as_u64().unwrap(), 50);
    assert_eq!(check["failing_rows"][0], 4, "the first row is 1");
}

#[test]
fn a_column_of_mixed_types_is_text_and_named_in_a_finding() {
    let home = Home::new();
    home.write("mixed.csv", "n,code\n1,1\n2,2\n3,x\n4,4\n");
    let report = home.json(&["run", "mixed.csv", "--json"]);
    let column = &report["quality"]["columns"][1];
    assert_eq!((&column["name"], &column["type"]), (&json!("code"), &json!("text")));
    let checks = report["quality"]["checks"].as_array().unwrap();
    let finding = checks.iter().find(|check| check["kind"] == "type" && check["column"] == "code").unwrap();
    assert_eq!((&finding["passed"], &finding["failing_rows"]), (&json!(false), &json!([3])));
}

#[test]
fn flags_win_over_the_sidecar() {
    let home = Home::with_data();
    let report = home.json(&[
        "run",
        "data.csv",
        "--json",
        "--target",
        "wind > 20",
        "--exclude",
        "delay,leak",
        "--model-name",
        "windy",
    ]);
    assert_eq!(report["model"]["target"], "wind > 20");
    assert_eq!(report["registry"]["model_name"], "windy");
    let features = report["model"]["features"].as_array().unwrap();
    assert!(!features.iter().any(|f| f == "wind" || f == "delay" || f == "leak"), "{features:?}");
}

#[test]
fn the_terminal_report_has_every_part() {
    let home = Home::with_data();
    let ended = home.run(&["run", "data.csv"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for part in
        ["400 rows", "hour", "carrier", "AUC", "accuracy", "v1", "mlops.model_promoted", "correlation", "borough.db"]
    {
        assert!(ended.stdout.contains(part), "{part} is missing in\n{}", ended.stdout);
    }
    assert!(!ended.stdout.contains('\u{1b}'), "NO_COLOR is honoured");
    for step in 1..=5 {
        assert!(ended.stderr.contains(&format!("[{step}/5]")), "a plain line a step: {}", ended.stderr);
    }
}

/// The bars are drawn over themselves; where nobody looks at a terminal, each state is a line.
#[cfg(target_os = "linux")]
#[test]
fn progress_is_bars_on_a_terminal_and_lines_elsewhere() {
    let home = Home::with_data();
    let lines = home.run(&["run", "data.csv"]).stderr;
    assert!(lines.starts_with("[1/5] check-quality ...\n[1/5] check-quality: done in "), "{lines}");
    assert!(!lines.contains('\x1b'), "{lines}");

    // Gives the program a terminal of its own.
    let binary = env!("CARGO_BIN_EXE_borough");
    let mut script = std::process::Command::new("script");
    script.args(["--quiet", "--return", "--command", &format!("{binary} run data.csv"), "/dev/null"]);
    script.current_dir(home.path(".")).stdin(std::process::Stdio::null()).env("TERM", "xterm").env_remove("NO_COLOR");
    let output = script.output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}");
    let erase_line = "\r\x1b[2K";
    assert!(shown.contains(erase_line) && shown.contains("[1/5] check-quality: done in "), "{shown}");
    assert!(shown.contains("\x1b[36m"), "the bar is coloured: {shown}");
    assert!(shown.contains("Registry"), "the report follows: {shown}");
}

#[test]
fn a_gate_is_closed_also_for_a_reader_that_goes_away() {
    let home = Home::with_data();
    let mut run = home.borough();
    run.args(["run", "data.csv", "--min-score", "1"]).stdout(std::process::Stdio::piped());
    let mut child = run.stderr(std::process::Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn identifiers_among_many_integers_are_a_finding_and_a_column_of_them_is_none() {
    let home = Home::new();
    let column = |identifiers: usize| {
        let rows: Vec<String> =
            (0..200).map(|row| if row < identifiers { format!("0{row:03}") } else { row.to_string() }).collect();
        format!("zip\n{}\n", rows.join("\n"))
    };
    for (identifiers, told) in [(1, true), (60, false)] {
        home.write("zip.csv", column(identifiers));
        let report = home.json(&["run", "zip.csv", "--json"]);
        assert_eq!(report["quality"]["columns"][0]["type"], "text");
        let checks = report["quality"]["checks"].as_array().unwrap();
        assert_eq!(checks.iter().any(|check| check["kind"] == "type"), told, "{identifiers}");
    }
}

#[test]
fn long_values_are_cut_in_the_report() {
    let home = Home::new();
    home.write("long.csv", format!("n,text\n1,{}\n2,b\n", "x".repeat(100_000)));
    let report = home.run(&["run", "long.csv", "--json"]).stdout;
    assert!(report.len() < 20_000, "{}", report.len());
}
