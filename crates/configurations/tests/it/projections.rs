//! Projections, with and without a serving process.

use serde_json::json;

use crate::home::Home;

const CATALOGUE: &str = "mlops.catalogue";

fn listed(home: &Home) -> serde_json::Value {
    let all = home.json(&["projections", "--json"]);
    let [one] = &all.as_array().unwrap()[..] else { panic!("{all}") };
    one.clone()
}

#[test]
fn the_catalogue_follows_a_run_and_is_asked_by_name() {
    let home = Home::with_data();
    assert_eq!(home.run(&["run", "data.csv"]).code, Some(0));
    let status = listed(&home);
    assert_eq!((&status["name"], &status["live"]["behind"]), (&json!(CATALOGUE), &json!(0)), "{status}");
    assert_eq!((&status["live"]["number"], &status["live"]["applied"]), (&json!(1), &json!(2)));
    let models = home.json(&["call", "mlops.list-models", "{}"]);
    assert_eq!((&models[0]["versions"], &models[0]["champion"]), (&json!(1), &json!(1)), "{models}");
    assert!(home.run(&["projections"]).stdout.starts_with("mlops.catalogue  generation 1 of version 1, at "));
}

#[test]
fn it_is_rebuilt_without_a_serving_process() {
    let home = Home::with_data();
    assert_eq!(home.run(&["run", "data.csv"]).code, Some(0));
    let before = home.json(&["call", "mlops.list-models", "{}"]);
    let rebuilt = home.json(&["projections", "rebuild", CATALOGUE, "--json"]);
    assert_eq!((&rebuilt["live"]["number"], &rebuilt["live"]["behind"]), (&json!(2), &json!(0)), "{rebuilt}");
    assert_eq!(home.json(&["call", "mlops.list-models", "{}"]), before);
    assert_eq!(listed(&home)["live"]["number"], json!(2));
    let unknown = home.run(&["projections", "rebuild", "mlops.catalog"]);
    assert!(unknown.code == Some(2) && unknown.stderr.contains("mlops.catalog"), "{}", unknown.stderr);
}

#[test]
fn the_serving_process_carries_orders_out_and_a_pause_survives_it() {
    let home = Home::with_data();
    let mut serving = home.spawn(&["serve"], &[]);
    assert!(serving.prints("serving"));
    let paused = home.json(&["projections", "pause", CATALOGUE, "--json"]);
    assert!(paused["paused"].is_string(), "{paused}");
    assert_eq!(home.run(&["run", "data.csv"]).code, Some(0));
    assert_eq!(serving.signal("-TERM").code, Some(0));
    let status = listed(&home);
    assert!(status["live"]["behind"].as_u64().unwrap() > 0, "{status}");

    let mut serving = home.spawn(&["serve"], &[]);
    assert!(serving.prints("serving"));
    assert!(
        home.run(&["projections"]).stdout.contains("paused: go on with `borough projections resume mlops.catalogue`")
    );
    assert_eq!(home.run(&["projections", "resume", CATALOGUE]).code, Some(0));
    home.wait_for(&["projections"], ", 2 applied");
    let rebuilt = home.run(&["projections", "rebuild", CATALOGUE]);
    assert_eq!(rebuilt.code, Some(0), "{}", rebuilt.stderr);
    assert!(rebuilt.stdout.contains("generation 2 of version 1"), "{}", rebuilt.stdout);
    assert_eq!(serving.signal("-TERM").code, Some(0));
}
