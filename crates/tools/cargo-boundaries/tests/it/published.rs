//! What other repositories use of this one: the GitHub action, and the hook for pre-commit.com.

use std::fs;
use std::path::Path;
use std::process::Command;

use saphyr::{LoadableYamlNode, Yaml};

use crate::cli::{CLEAN, VIOLATED, run, stdout};
use crate::fixture::workspace;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../..");

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(file)).expect("the file can be read")
}

fn text<'y>(node: &'y Yaml<'_>) -> &'y str {
    node.as_str().expect("the value is a text")
}

/// `${{ inputs.name }}` with the default of the input, or with what somebody has written `with` the action.
#[cfg(unix)]
fn value(action: &Yaml<'_>, written: &str, with: &[(&str, &str)]) -> String {
    let Some(name) = written.strip_prefix("${{ inputs.").and_then(|rest| rest.strip_suffix(" }}")) else {
        return written.to_owned();
    };
    let given = with.iter().find(|(input, _)| *input == name).map(|(_, value)| *value);
    given.unwrap_or_else(|| text(&action["inputs"][name]["default"])).to_owned()
}

/// What the step that checks does in a workspace, with this program in the place of the one that the action installs.
#[cfg(unix)]
fn checked(rules: &str, with: &[(&str, &str)]) -> (Option<i32>, String) {
    let action = read("action.yml");
    let action = &Yaml::load_from_str(&action).expect("the action is YAML")[0];
    let steps = action["runs"]["steps"].as_sequence().expect("the action has steps");
    let [install, check] = steps.as_slice() else { panic!("the action has two steps") };
    let install = text(&install["run"]);
    let (_, path) = install.split_once("--path \"$ACTION/").expect("the action installs a crate of this repository");
    let (path, _) = path.split_once('"').expect("the path ends");
    assert!(Path::new(ROOT).join(path).join("Cargo.toml").is_file(), "{install}");
    let (root, temp) = (workspace(rules), tempfile::tempdir().expect("a temporary directory can be made"));
    let bin = temp.path().join("cargo-boundaries/bin");
    fs::create_dir_all(&bin).expect("the folder can be made");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_cargo-boundaries"), bin.join("cargo-boundaries"))
        .expect("the link can be made");
    let mut bash = Command::new("bash");
    bash.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", text(&check["run"])]).current_dir(root.path());
    for (name, written) in check["env"].as_mapping().expect("the step has variables") {
        bash.env(text(name), value(action, text(written), with));
    }
    let bash = bash.env("RUNNER_TEMP", temp.path()).env_remove("GITHUB_ACTIONS").env_remove("GITHUB_STEP_SUMMARY");
    let output = bash.output().expect("bash starts");
    let said = format!("{}{}", stdout(&output), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), said)
}

#[test]
#[cfg(unix)]
fn the_action_checks() {
    let clean = checked(CLEAN, &[]);
    assert_eq!(clean.0, Some(0), "{}", clean.1);
    let (code, said) = checked(VIOLATED, &[]);
    assert!(code == Some(1) && said.contains("error[may-use]"), "{said}");
    let (code, said) = checked(CLEAN, &[("self-test", "true"), ("manifest-path", "low/Cargo.toml")]);
    assert!(code == Some(0) && said.contains("may-use"), "{said}");
    let (code, said) = checked(CLEAN, &[("config", "none.toml")]);
    assert!(code == Some(2) && said.contains("cannot read the rules in none.toml"), "{said}");
}

#[test]
fn the_hook_checks() {
    let hooks = read(".pre-commit-hooks.yaml");
    let hooks = &Yaml::load_from_str(&hooks).expect("the hooks are YAML")[0];
    let hooks = hooks.as_sequence().expect("the hooks are a list");
    assert_eq!(hooks.iter().map(|hook| text(&hook["id"])).collect::<Vec<_>>(), ["cargo-boundaries"]);
    let mut words = text(&hooks[0]["entry"]).split(' ');
    assert_eq!(words.next(), Some("cargo-boundaries"), "the program, and not by way of cargo");
    let args: Vec<&str> = words.collect();
    for (rules, code) in [(CLEAN, 0), (VIOLATED, 1)] {
        let output = run(workspace(rules).path(), &args);
        assert_eq!(output.status.code(), Some(code), "{}", stdout(&output));
    }
}
