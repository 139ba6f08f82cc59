//! The forms of a report, each as its readers' own rules want it.

use std::path::Path;
use std::process::{Command, Output};

use expect_test::{Expect, expect, expect_file};
use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{CLEAN, run, stdout};
use crate::fixture::{plain, workspace, write};

/// A new violation, a warning, one that the baseline knows, and a stale entry.
fn mixed() -> TempDir {
    workspace(
        r#"
//- boundaries.toml
version = 1
[severity]
same-layer = "warn"
[[layer]]
name = "low"
members = ["low/*"]
[[layer]]
name = "high"
members = ["high"]
//- boundaries-baseline.toml
version = 1
entries = [
    { rule = "may-use", from = "low/a", to = "high", kind = "normal", reason = "older" },
    { rule = "may-use", from = "low/c", to = "high", kind = "normal", reason = "older" },
]
//- low/a
[dependencies]
high = { path = "../../high" }
[build-dependencies]
high = { path = "../../high" }
[dev-dependencies]
b = { path = "../b" }
//- low/b
//- high
"#,
    )
}

fn unknown() -> TempDir {
    workspace("//- boundaries.toml\nversion = 1\nlayers = []\n//- a\n")
}

fn said(root: &Path, format: &str) -> String {
    plain(&stdout(&run(root, &["--format", format])), root)
}

#[track_caller]
fn assert_valid(schema: &Value, document: &Value) {
    let validator = jsonschema::validator_for(schema).expect("the schema is one");
    let faults: Vec<_> =
        validator.iter_errors(document).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
    assert!(faults.is_empty(), "{faults:#?}\n{document:#}");
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("the output is JSON")
}

#[test]
fn the_published_schema_is_that_of_the_program() {
    let schema = stdout(&run(Path::new("."), &["schema"]));
    expect_file!["../../../../../docs/schemas/boundaries-report.schema.json"].assert_eq(&schema);
}

#[test]
fn json_follows_its_schema() {
    let schema = json(&stdout(&run(Path::new("."), &["schema"])));
    for root in [workspace(CLEAN), mixed()] {
        assert_valid(&schema, &json(&said(root.path(), "json")));
    }
    let errors = String::from_utf8(run(unknown().path(), &["--json"]).stderr).expect("the output is text");
    assert_valid(&schema, &json(&errors));
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    assert!(!validator.is_valid(&serde_json::json!({ "violations": [] })), "the schema refuses other documents");
}

#[test]
fn sarif_follows_the_schema_of_its_standard() {
    let mut schema = json(include_str!("../fixtures/sarif-2.1.0.schema.json"));
    // The published pattern has a bracket too many and is no regular expression; nothing here writes a language.
    for owner in ["run", "toolComponent"] {
        let language = schema["definitions"][owner]["properties"]["language"].as_object_mut();
        assert!(language.expect("the schema describes a language").remove("pattern").is_some());
    }
    for root in [workspace(CLEAN), mixed(), unknown()] {
        assert_valid(&schema, &json(&said(root.path(), "sarif")));
    }
}

#[test]
fn sarif_says_what_is_new_known_and_gone() {
    let document = json(&said(mixed().path(), "sarif"));
    let results = document["runs"][0]["results"].as_array().expect("a run has results");
    let row = |result: &Value| {
        let print = &result["partialFingerprints"]["boundary/v1"];
        format!("{} {} {} {}\n", result["baselineState"], result["level"], result["ruleId"], print).replace('"', "")
    };
    expect![[r#"
        unchanged error may-use may-use:low/a:high:normal
        new error may-use may-use:low/a:high:build
        new warning same-layer same-layer:low/a:low/b:dev
        absent error stale-baseline the baseline excuses the normal dependency of low/c on high (may-use), which is no violation
    "#]].assert_eq(&results.iter().map(row).collect::<String>());
}

#[test]
fn a_fingerprint_knows_no_lines() {
    let root = mixed();
    let prints = |root: &Path| -> Vec<Value> {
        let document = json(&said(root, "sarif"));
        let results = document["runs"][0]["results"].as_array().expect("a run has results").clone();
        results.into_iter().map(|result| result["partialFingerprints"].clone()).collect()
    };
    let before = prints(root.path());
    for file in ["low/a/Cargo.toml", "boundaries.toml", "boundaries-baseline.toml"] {
        let text = std::fs::read_to_string(root.path().join(file)).expect("the file can be read");
        write(root.path(), file, &format!("# one\n# two\n{text}"));
    }
    assert_eq!(prints(root.path()), before);
}

#[track_caller]
fn check_format(root: &Path, format: &str, expect: Expect) {
    expect.assert_eq(&said(root, format));
}

#[test]
fn annotations_start_with_what_is_new_and_fails() {
    let said = said(mixed().path(), "github");
    let annotations: String =
        said.lines().take_while(|line| line.starts_with("::")).map(|line| format!("{line}\n")).collect();
    expect![[r#"
        ::error file=low/a/Cargo.toml,line=9,col=1,endColumn=4,title=boundaries%3A may-use::`a` must not depend on `high`: layer `low` may use the layers that stand before it%0Adelete the line; what both need belongs into a layer before `low`
        ::error file=boundaries-baseline.toml,line=4,col=5,endColumn=88,title=boundaries%3A stale-baseline::the baseline excuses the normal dependency of low/c on high (may-use), which is no violation%0Adelete this line
        ::warning file=low/a/Cargo.toml,line=11,col=1,endColumn=1,title=boundaries%3A same-layer::`a` must not depend on `b`: layer `low` has no `edges` between its crates%0Adelete the line; or add "a -> b" to `edges`, if the architecture is to change
        ::stop-commands::d6cee93a42474d6619437e689918c13ffe5d9245cdec0e80b7f41c16c6aa6d27
    "#]].assert_eq(&annotations);
    let last: Vec<_> = said.lines().rev().take(2).collect();
    assert!(last[1].ends_with("1 violation, 1 warning, 1 stale entry in the baseline"), "{said}");
    let end = last[0].trim_matches(':');
    assert_eq!(said.matches(end).count(), 2, "{said}");
    assert!(said.contains(&format!("\n::stop-commands::{end}\nlow/a (layer `low`)")), "{said}");
}

/// Whoever opens a pull request chooses the names of files and what stands in them.
#[test]
#[cfg(unix)]
fn no_file_gives_a_host_commands() {
    let root = workspace(CLEAN);
    let file = "x\n::warning::owned|.rs";
    let rules = std::fs::read_to_string(root.path().join("boundaries.toml")).expect("the rules can be read");
    let rules = rules + "\n[[modules]]\ncrates = [\"low\"]\nprivate = [\"a::inner\"]\n";
    write(root.path(), "boundaries.toml", &rules);
    write(root.path(), "low/src/lib.rs", &format!("mod a {{ pub mod inner {{}} }}\n#[path = \"{file}\"]\nmod b;\n"));
    write(root.path(), &format!("low/src/{file}"), "use crate::a::inner; /* ##[warning]owned */\n");
    let summary = root.path().join("summary.md");
    let (output, _) = on_github(root.path(), &summary);
    let said = stdout(&output);
    assert!(said.starts_with("::error file="), "{said}");
    let (annotations, text) = said.split_once("\n::stop-commands::").expect("the text begins");
    assert!(annotations.lines().all(|line| line.starts_with("::error ")), "{said}");
    assert!(text.contains(r" --> low/src/x\n::warning::owned|.rs:1:"), "{said}");
    assert!(!text.lines().any(|line| line.trim_start().starts_with("::warning")), "{said}");
    let summary = std::fs::read_to_string(summary).expect("the summary was written");
    let row = summary.lines().last().unwrap_or_default();
    assert!(row.contains(r"| low/src/x\n::warning::owned\|.rs:1 |"), "{summary}");
}

/// What the program says in a step of a job whose checkout is the folder around the workspace, and the workspace's folder.
fn on_github(root: &Path, summary: &Path) -> (Output, String) {
    let checkout = root.canonicalize().expect("the folder is there");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-boundaries"));
    command.current_dir(root).env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", summary);
    command.env("GITHUB_WORKSPACE", checkout.parent().expect("a temporary folder has a parent"));
    let folder = checkout.file_name().expect("a temporary folder has a name").display().to_string();
    (command.output().expect("the program starts"), folder)
}

#[test]
fn on_github_a_check_that_cannot_be_carried_out_is_told_in_its_place_and_in_the_summary() {
    let root = unknown();
    let summary = root.path().join("summary.md");
    let (output, folder) = on_github(root.path(), &summary);
    let start = format!("::error file={folder}/boundaries.toml,line=2,");
    assert!(stdout(&output).starts_with(&start), "{}", stdout(&output));
    let summary = std::fs::read_to_string(summary).expect("the summary was written");
    expect![[r#"
        ### Boundaries

        could not check the boundaries: 1 problem

        | | what | where | what to do |
        | --- | --- | --- | --- |
        | `unknown-key` | unknown key `layers` in the configuration | boundaries.toml:2 | write `layer` |
    "#]]
    .assert_eq(&summary);
}

#[test]
fn on_github_annotations_and_a_summary_come_by_themselves() {
    let root = mixed();
    let summary = root.path().join("summary.md");
    let (output, folder) = on_github(root.path(), &summary);
    let start = format!("::error file={folder}/low/a/Cargo.toml,line=9,");
    assert!(stdout(&output).starts_with(&start), "{}", stdout(&output));
    let summary = std::fs::read_to_string(summary).expect("the summary was written");
    expect![[r####"
        ### Boundaries

        checked 3 crates, 3 edges, 0 external dependencies, 3 files, a baseline of 2 entries: 1 violation, 1 warning, 1 stale entry in the baseline

        | | rule | what | where | what to do |
        | --- | --- | --- | --- | --- |
        | ❌ | `may-use` | `a` must not depend on `high` | low/a/Cargo.toml:9 | delete the line; what both need belongs into a layer before `low` |
        | ⚠️ | `same-layer` | `a` must not depend on `b` | low/a/Cargo.toml:11 | delete the line; or add "a -> b" to `edges`, if the architecture is to change |

        - the baseline excuses the normal dependency of low/c on high (may-use), which is no violation: delete this line
    "####]].assert_eq(&summary);
}

#[test]
fn junit() {
    check_format(
        mixed().path(),
        "junit",
        expect![[r#"
            <?xml version="1.0" encoding="UTF-8"?>
            <testsuites>
            <testsuite name="boundaries" tests="22" failures="2" errors="0" skipped="1">
              <testcase classname="boundaries.may-use" name="low/a -&gt; high (normal)"><skipped message="`a` must not depend on `high`"></skipped></testcase>
              <testcase classname="boundaries.may-use" name="low/a -&gt; high (build)"><failure message="`a` must not depend on `high`">low/a/Cargo.toml:9: build-dependency on high
            boundaries.toml:5: layer `low` may use the layers that stand before it
            `a` may use no other crate of this workspace
            no path in its sources names it
            delete the line; what both need belongs into a layer before `low`
            </failure></testcase>
              <testcase classname="boundaries.same-layer" name="low/a -&gt; low/b (dev)"><system-out>low/a/Cargo.toml:11: dev-dependency on low/b
            boundaries.toml:5: layer `low` has no `edges` between its crates
            `a` may use no other crate of this workspace
            no path in its sources names it
            delete the line; or add &quot;a -&gt; b&quot; to `edges`, if the architecture is to change
            </system-out></testcase>
              <testcase classname="boundaries.stale-baseline" name="line 4"><failure message="the baseline excuses the normal dependency of low/c on high (may-use), which is no violation">delete this line</failure></testcase>
              <testcase classname="boundaries.independent" name="all crates"/>
              <testcase classname="boundaries.dev-only" name="all crates"/>
              <testcase classname="boundaries.visibility" name="all crates"/>
              <testcase classname="boundaries.forbid" name="all crates"/>
              <testcase classname="boundaries.deprecated" name="all crates"/>
              <testcase classname="boundaries.cycle" name="all crates"/>
              <testcase classname="boundaries.external-allow" name="all crates"/>
              <testcase classname="boundaries.external-deny" name="all crates"/>
              <testcase classname="boundaries.external-reachable" name="all crates"/>
              <testcase classname="boundaries.external-only" name="all crates"/>
              <testcase classname="boundaries.workspace-lints" name="all crates"/>
              <testcase classname="boundaries.workspace-versions" name="all crates"/>
              <testcase classname="boundaries.folder-name" name="all crates"/>
              <testcase classname="boundaries.used-dependencies" name="all crates"/>
              <testcase classname="boundaries.no-glob-re-exports" name="all crates"/>
              <testcase classname="boundaries.module-order" name="all crates"/>
              <testcase classname="boundaries.module-private" name="all crates"/>
              <testcase classname="boundaries.module-api" name="all crates"/>
            </testsuite>
            </testsuites>
        "#]],
    );
}

#[test]
fn rustc_of_a_warning() {
    let said = said(mixed().path(), "rustc");
    let warning = said.lines().map(json).find(|diagnostic| diagnostic["level"] == "warning").expect("one warns");
    expect![[r#"
        {
          "$message_type": "diagnostic",
          "children": [
            {
              "children": [],
              "code": null,
              "level": "note",
              "message": "`a` may use no other crate of this workspace",
              "rendered": null,
              "spans": []
            },
            {
              "children": [],
              "code": null,
              "level": "note",
              "message": "no path in its sources names it",
              "rendered": null,
              "spans": []
            },
            {
              "children": [],
              "code": null,
              "level": "help",
              "message": "delete the line; or add \"a -> b\" to `edges`, if the architecture is to change",
              "rendered": null,
              "spans": []
            }
          ],
          "code": {
            "code": "boundaries::same-layer",
            "explanation": null
          },
          "level": "warning",
          "message": "`a` must not depend on `b`",
          "rendered": "warning[same-layer]: `a` must not depend on `b`\nnote: `a` may use no other crate of this workspace\nnote: no path in its sources names it\nhelp: delete the line; or add \"a -> b\" to `edges`, if the architecture is to change\n",
          "spans": [
            {
              "byte_end": 175,
              "byte_start": 174,
              "column_end": 2,
              "column_start": 1,
              "expansion": null,
              "file_name": "low/a/Cargo.toml",
              "is_primary": true,
              "label": "dev-dependency on low/b",
              "line_end": 11,
              "line_start": 11,
              "suggested_replacement": null,
              "suggestion_applicability": null,
              "text": [
                {
                  "highlight_end": 2,
                  "highlight_start": 1,
                  "text": "b = { path = \"../b\" }"
                }
              ]
            },
            {
              "byte_end": 65,
              "byte_start": 60,
              "column_end": 13,
              "column_start": 8,
              "expansion": null,
              "file_name": "boundaries.toml",
              "is_primary": false,
              "label": "layer `low` has no `edges` between its crates",
              "line_end": 5,
              "line_start": 5,
              "suggested_replacement": null,
              "suggestion_applicability": null,
              "text": [
                {
                  "highlight_end": 13,
                  "highlight_start": 8,
                  "text": "name = \"low\""
                }
              ]
            }
          ]
        }
    "#]].assert_eq(&format!("{warning:#}\n"));
}

#[test]
fn rustc_of_what_stands_in_the_way() {
    let said = said(unknown().path(), "rustc");
    let codes: Vec<_> = said.lines().map(|line| json(line)["code"]["code"].clone()).collect();
    assert_eq!(codes, ["boundaries::unknown-key"], "{said}");
}

/// An editor shows nothing in a file that rust-analyzer does not know: the rules, the baseline, a root without a package.
#[test]
fn rustc_of_a_file_that_no_editor_shows_stands_in_a_member() {
    let stale = workspace(
        "//- boundaries.toml\nversion = 1\n[[layer]]\nname = \"all\"\nmembers = [\"*\"]\n//- boundaries-baseline.toml\nversion = 1\nentries = [{ rule = \"cycle\", from = \"a\", reason = \"r\" }]\n//- a\n",
    );
    for (root, beside) in [(unknown(), "boundaries.toml"), (stale, "boundaries-baseline.toml")] {
        let said = json(said(root.path(), "rustc").trim_end());
        let spans = said["spans"].as_array().expect("a diagnostic has spans");
        let spans: Vec<_> = spans.iter().map(|span| (&span["file_name"], &span["is_primary"])).collect();
        assert_eq!(spans, [(&"a/Cargo.toml".into(), &true.into()), (&beside.into(), &false.into())], "{said:#}");
    }
}
