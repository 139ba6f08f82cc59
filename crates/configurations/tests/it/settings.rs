//! Defaults < `borough.toml` < environment < flags.

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

    home.write("borough.toml", "");
    let ended = home.run_with(&["describe"], &[("BOROUGH__STORE__PAHT", "x")]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("BOROUGH__STORE__PAHT") && ended.stderr.contains("store.path"), "{}", ended.stderr);
}

#[test]
fn nobody_may_do_what_the_settings_do_not_grant() {
    let home = Home::with_data();
    home.write("borough.toml", "[access.grants]\nlocal = [\"mlops:run\"]\nother = [\"mlops:read\", \"data-quality:check\", \"anomaly-detection:detect\", \"machine-learning:train\", \"machine-learning:discard\"]\n");
    let ended = home.run(&["run", "data.csv"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("needs permission"), "{}", ended.stderr);
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
