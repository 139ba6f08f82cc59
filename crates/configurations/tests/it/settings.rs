//! Defaults < `borough.toml` < environment < flags.

use std::collections::BTreeSet;

use crate::home::Home;

#[test]
fn each_layer_overrides_the_one_below() {
    let home = Home::with_data();
    let stores =
        |home: &Home| ["default.db", "file.db", "env.db", "flag.db", "borough.db"].map(|f| home.path(f).exists());
    assert_eq!(home.run(&["run", "data.csv"]).code, Some(0));
    assert_eq!(stores(&home), [false, false, false, false, true]);
    home.write("borough.toml", "[store]\npath = \"file.db\"\n");
    assert_eq!(home.run(&["run", "data.csv"]).code, Some(0));
    assert_eq!(stores(&home), [false, true, false, false, true]);
    assert_eq!(home.run_with(&["run", "data.csv"], &[("BOROUGH__STORE__PATH", "env.db")]).code, Some(0));
    assert_eq!(stores(&home), [false, true, true, false, true]);
    let all = home.run_with(&["run", "data.csv", "--store", "flag.db"], &[("BOROUGH__STORE__PATH", "env.db")]);
    assert_eq!(all.code, Some(0));
    assert_eq!(stores(&home), [false, true, true, true, true]);
}

#[test]
fn an_unknown_key_is_an_error_that_names_the_closest() {
    let home = Home::with_data();
    home.write("borough.toml", "[pipeline]\nmin_scor = 0.5\n");
    let ended = home.run(&["run", "data.csv"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("borough.toml:2:1"), "{}", ended.stderr);
    assert!(ended.stderr.contains("min_score"), "{}", ended.stderr);
    assert!(!home.path("borough.db").exists(), "nothing is done on wrong settings");

    home.write("borough.toml", "[monitoring.prometheus]\nlisten = \"0.0.0.0:9464\"\n");
    let told = home.run(&["describe"]).stderr;
    let there_are = "there are `monitoring.prometheus.address`, `monitoring.prometheus.enabled`";
    assert!(
        told.contains("borough.toml:2:1: unknown key `monitoring.prometheus.listen`") && told.contains(there_are),
        "{told}"
    );

    home.write("borough.toml", "");
    let ended = home.run_with(&["describe"], &[("BOROUGH__STORE__PAHT", "x")]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("BOROUGH__STORE__PAHT") && ended.stderr.contains("store.path"), "{}", ended.stderr);
}

#[test]
fn nobody_may_do_what_the_settings_do_not_grant() {
    let home = Home::with_data();
    let mut others = home.permissions();
    others.retain(|permission| permission != "mlops:run");
    home.write("borough.toml", format!("[access.grants]\nlocal = [\"mlops:run\"]\nother = {others:?}\n"));
    let ended = home.run(&["run", "data.csv"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("needs permission"), "{}", ended.stderr);
}

/// Who mends the settings begins anew.
#[test]
fn where_nothing_starts_there_is_no_store() {
    let home = Home::with_data();
    home.write("borough.toml", "[access.grants]\nlocal = [\"mlops:run\"]\n");
    for verb in [&["serve"][..], &["run", "data.csv"]] {
        let ended = home.run(verb);
        assert!(ended.code == Some(2) && ended.stderr.contains("grant"), "{}", ended.stderr);
    }
    assert!(!home.path("borough.db").exists());
}

#[test]
fn a_module_can_be_left_out() {
    let home = Home::with_data();
    home.write("borough.toml", "[modules]\ndisabled = [\"machine-learning\"]\n");
    let ended = home.run(&["run", "data.csv"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("module `machine-learning` is stopped"), "{}", ended.stderr);
    assert!(home.run(&["describe"]).stdout.contains("machine-learning (left out): "));

    let ended = home.run_with(&["describe"], &[("BOROUGH__MODULES__DISABLED", "[\"mlop\"]")]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("did you mean `mlops`?"), "{}", ended.stderr);
}

#[test]
fn one_module_alone_or_with_those_that_it_needs() {
    let home = Home::with_data();
    let left_out = |settings: &str| {
        home.write("borough.toml", settings);
        let described = home.json(&["describe", "--json"]);
        let modules = described["modules"].as_array().unwrap().iter();
        let left_out = modules.filter(|module| module["left_out"] == true);
        left_out.map(|module| module["name"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let alone = left_out("[modules]\nalone = [\"machine-learning\"]\n");
    assert!(["data-quality", "anomaly-detection", "mlops"].iter().all(|other| alone.contains(*other)), "{alone:?}");
    assert!(!alone.contains("machine-learning"), "{alone:?}");
    assert_eq!(left_out("[modules]\nwith_dependencies = [\"machine-learning\"]\n"), alone, "it needs nobody");
    let with = left_out("[modules]\nwith_dependencies = [\"mlops\"]\n");
    let needed = ["data-quality", "anomaly-detection", "machine-learning", "mlops"];
    assert!(needed.iter().all(|needed| !with.contains(*needed)), "{with:?}");
    home.write("borough.toml", "[modules]\nalone = [\"mlops\"]\ndisabled = [\"mlops\"]\n");
    let both = home.run(&["describe"]);
    assert!(both.code == Some(2) && both.stderr.contains("choose one of them"), "{}", both.stderr);
}

#[test]
fn what_is_out_of_its_range_is_refused_where_it_stands_with_the_range() {
    let home = Home::with_data();
    let (otlp, prometheus, events) = ("monitoring.otlp", "monitoring.prometheus", "events");
    for (section, setting, told) in [
        (otlp, "ratio = 2.0", "2 is out of range: choose from 0 to 1"),
        (otlp, "ratio = nan", "NaN is out of range: choose from 0 to 1"),
        (otlp, "queue = 0", "0 is out of range: choose from 1 to 1000000"),
        (otlp, "queue = 4611686018427387904", "4611686018427387904 is out of range"),
        (otlp, "timeout_seconds = 0", "0 is out of range: choose from 1 to 31622400"),
        (otlp, "endpoint = \"\"", "`` is no endpoint to export spans to: write http://HOST:PORT"),
        (otlp, "endpoint = \"ftp://here:4317\"", "`ftp://here:4317` is no endpoint"),
        (otlp, "endpoint = \"http://here:99999\"", "`http://here:99999` is no endpoint"),
        (prometheus, "address = \"here\"", "`here` is no address to listen on: write IP:PORT"),
        (events, "attempts = 0", "0 is out of range: choose from 1 to 4294967295"),
        (events, "depth = 0", "0 is out of range: choose from 1 to 4294967295"),
        (events, "caused = 0", "0 is out of range: choose from 1 to 4294967295"),
        (events, "lease_seconds = 0", "0 is out of range: choose from 1 to 86400"),
    ] {
        home.write("borough.toml", format!("[{section}]\n{setting}\n"));
        let refused = home.run(&["serve"]);
        let (key, _) = setting.split_once(' ').unwrap();
        let whole = format!("borough.toml:2:1: `{section}.{key}`: {told}");
        assert!(refused.code == Some(2) && refused.stderr.contains(&whole), "{setting}: {}", refused.stderr);
    }
    assert!(!home.path("borough.db").exists(), "nothing is done on wrong settings");
}

#[test]
fn times_that_nobody_can_wait_are_refused_where_they_stand() {
    let home = Home::with_data();
    for key in ["start_seconds", "stop_seconds", "check_seconds", "check_every_seconds"] {
        home.write("borough.toml", format!("[modules]\n{key} = 9223372036854775807\n"));
        let refused = home.run(&["describe"]);
        assert_eq!(refused.code, Some(2), "{key}");
        assert!(
            refused.stderr.contains("borough.toml:2") && refused.stderr.contains("more than a year"),
            "{}",
            refused.stderr
        );
    }
}
