//! The baseline: it excuses what was there, only shrinks, and no run of it is silent.

use std::fs;
use std::path::{Path, PathBuf};

use boundaries::{Growth, Options, check, update_baseline};
use expect_test::{Expect, expect};

use crate::fixture::{git, plain, workspace, write};

const VIOLATED: &str = r#"
//- boundaries.toml
version = 1
[[layer]]
name = "low"
members = ["low/*"]
[[layer]]
name = "high"
members = ["high"]
//- low/a
[dependencies]
high = { path = "../../high" }
[dev-dependencies]
b = { path = "../b" }
//- low/b
[dependencies]
high = { path = "../../high" }
//- high
"#;

fn options(root: &Path) -> Options {
    let today = "2026-11-21".parse().expect("a date");
    Options { manifest_path: Some(root.join("Cargo.toml")), config: None, baseline: None, today, cache: false }
}

fn grow(root: &Path, until: Option<&str>) -> usize {
    let until = until.map(|day| day.parse().expect("a date"));
    let growth = Growth { reason: "older than the rule".to_owned(), owner: Some("platform".to_owned()), until };
    update_baseline(&options(root), Some(&growth)).expect("the baseline can be updated").added
}

#[track_caller]
fn said(root: &Path, expect: Expect) {
    let text = match check(&options(root)) {
        Ok(report) => report.text(),
        Err(error) => error.text(),
    };
    expect.assert_eq(&plain(&text, root));
}

fn file(root: &Path) -> PathBuf {
    root.join("boundaries-baseline.toml")
}

fn text(root: &Path) -> String {
    fs::read_to_string(file(root)).expect("the baseline can be read")
}

#[test]
fn an_update_that_may_grow_makes_the_check_green() {
    let root = workspace(VIOLATED);
    assert_eq!(grow(root.path(), None), 3);
    expect![[r#"
        # Violations that were there before their rule. The list only shrinks: `cargo boundaries baseline update` deletes what is
        # gone, and the check fails until it is.
        version = 1
        entries = [
            { rule = "may-use", from = "low/a", to = "high", kind = "normal", reason = "older than the rule", owner = "platform" },
            { rule = "same-layer", from = "low/a", to = "low/b", kind = "dev", reason = "older than the rule", owner = "platform" },
            { rule = "may-use", from = "low/b", to = "high", kind = "normal", reason = "older than the rule", owner = "platform" },
        ]
    "#]]
    .assert_eq(&text(root.path()));
    said(
        root.path(),
        expect![[r#"
            checked 3 crates, 3 edges, 0 external dependencies, 3 files, a baseline of 3 entries: clean
        "#]],
    );
}

#[test]
fn a_new_violation_fails_and_so_does_a_stale_entry() {
    let root = workspace(VIOLATED);
    grow(root.path(), None);
    let package = "[package]\nname = \"b\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n";
    write(
        root.path(),
        "low/b/Cargo.toml",
        &format!("{package}[build-dependencies]\nhigh = {{ path = \"../../high\" }}\n"),
    );
    said(
        root.path(),
        expect![[r#"
            low/b (layer `low`): 1 violation

            error[may-use]: `b` must not depend on `high`
             --> low/b/Cargo.toml:7:1
              |
            7 | high = { path = "../../high" }
              | ^^^^ build-dependency on high
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "low"
              |        ^^^^^ layer `low` may use the layers that stand before it
              = note: `b` may use no other crate of this workspace
              = note: no path in its sources names it
              = help: delete the line; what both need belongs into a layer before `low`

            error[stale-baseline]: the baseline excuses the normal dependency of low/b on high (may-use), which is no violation
             --> boundaries-baseline.toml:7:5
              |
            7 |     { rule = "may-use", from = "low/b", to = "high", kind = "normal", reason = "older than the rule", owner = "platform" },
              |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
              = help: delete this line

            checked 3 crates, 3 edges, 0 external dependencies, 3 files, a baseline of 3 entries: 1 violation, 1 stale entry in the baseline
        "#]],
    );
    let update = update_baseline(&options(root.path()), None).expect("the baseline can be updated");
    assert_eq!((update.added, update.deleted, update.report.is_clean()), (0, 1, false));
    assert!(!text(root.path()).contains("from = \"low/b\""), "{}", text(root.path()));
}

/// `app` names `bad` through a re-export of `low`.
const BY_NAME: &str = r#"
//- boundaries.toml
version = 1
[workspace]
same-layer = "allow"
[[layer]]
name = "bad"
members = ["bad"]
[[layer]]
name = "low"
members = ["low"]
[[layer]]
name = "app"
members = ["app"]
[[forbid]]
from = "app"
to = "bad"
reachable = true
reason = "no"
//- bad
//- bad/src/lib.rs
pub struct X;
//- low
[dependencies]
bad = { path = "../bad" }
//- low/src/lib.rs
pub mod prelude { pub use bad; }
//- app
[dependencies]
low = { path = "../low" }
//- app/src/lib.rs
use low::prelude::bad::X;
"#;

fn fails(root: &Path) -> Vec<String> {
    let report = check(&options(root)).expect("the check can be carried out");
    report.fresh().map(|violation| format!("{} {:?}", violation.message, violation.by)).collect()
}

#[test]
fn an_entry_excuses_one_way_to_a_crate_and_no_other_one() {
    let root = workspace(BY_NAME);
    assert_eq!(grow(root.path(), None), 2);
    let lines: Vec<_> = text(root.path()).lines().skip(4).map(str::to_owned).collect();
    expect![[r#"
            { rule = "forbid", from = "app", to = "bad", kind = "normal", by = "re-export", reason = "older than the rule", owner = "platform" },
            { rule = "forbid", from = "app", to = "bad", kind = "normal", by = "chain", reason = "older than the rule", owner = "platform" },
        ]"#]]
    .assert_eq(&lines.join("\n"));
    assert!(fails(root.path()).is_empty());
    write(root.path(), "app/src/lib.rs", "use low::prelude::bad::X;\n#[path = \"../../bad/src/lib.rs\"] mod stolen;\n");
    assert_eq!(fails(root.path()), ["`app` must not compile files of `bad` Some(File)"]);
    write(root.path(), "app/src/lib.rs", "use bad::X;\n");
    let manifest = "[package]\nname = \"app\"\nversion = \"0.1.0\"\n[dependencies]\nbad = { path = \"../bad\" }\n";
    write(root.path(), "app/Cargo.toml", manifest);
    assert_eq!(fails(root.path()), ["`app` must not depend on `bad` None"]);
}

#[test]
fn a_day_that_is_over_is_none_to_grow_until() {
    let root = workspace(VIOLATED);
    let until = Some("2026-11-20".parse().expect("a date"));
    let growth = Growth { reason: "r".to_owned(), owner: None, until };
    let error = update_baseline(&options(root.path()), Some(&growth)).expect_err("nothing is excused");
    expect![[r#"
        error[argument]: an entry until 2026-11-20 would excuse nothing: the day is over
          = help: name the last day on which the violations are excused, or leave out `--until`

        could not check the boundaries: 1 problem
    "#]]
    .assert_eq(&plain(&error.text(), root.path()));
    assert!(!file(root.path()).exists());
}

/// As written before entries said how.
#[test]
fn an_entry_that_says_no_way_excuses_the_manifest() {
    let root = workspace(BY_NAME);
    let entry = "{ rule = \"forbid\", from = \"app\", to = \"bad\", kind = \"normal\", reason = \"old\" }";
    write(root.path(), "boundaries-baseline.toml", &format!("version = 1\nentries = [{entry}]\n"));
    let report = check(&options(root.path())).expect("the check can be carried out");
    assert_eq!((report.fresh().count(), report.stale.len()), (2, 1));
}

#[test]
fn a_run_says_how_the_baseline_has_changed_on_this_branch() {
    let root = workspace(VIOLATED);
    git(root.path(), &["init", "--quiet"]);
    grow(root.path(), None);
    git(root.path(), &["add", "."]);
    git(root.path(), &["commit", "--quiet", "-m", "all"]);
    git(root.path(), &["update-ref", "refs/remotes/origin/HEAD", "HEAD"]);
    said(
        root.path(),
        expect![[r#"
            checked 3 crates, 3 edges, 0 external dependencies, 3 files, a baseline of 3 entries (as at the merge base): clean
        "#]],
    );
    let package = "[package]\nname = \"b\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
    write(root.path(), "low/b/Cargo.toml", package);
    update_baseline(&options(root.path()), None).expect("the baseline can be updated");
    git(root.path(), &["commit", "--quiet", "-a", "-m", "one less"]);
    said(
        root.path(),
        expect![[r#"
            checked 3 crates, 2 edges, 0 external dependencies, 3 files, a baseline of 2 entries (-1 since the merge base): clean
        "#]],
    );
}

#[test]
fn an_entry_holds_until_its_last_day() {
    let root = workspace(VIOLATED);
    grow(root.path(), Some("2026-11-21"));
    assert!(check(&options(root.path())).expect("the check can be carried out").is_clean());
    let late = text(root.path()).replacen("2026-11-21", "2026-11-20", 1);
    fs::write(file(root.path()), late).expect("the file can be written");
    said(
        root.path(),
        expect![[r#"
            low/a (layer `low`): 1 violation

            error[may-use]: `a` must not depend on `high`
             --> low/a/Cargo.toml:7:1
              |
            7 | high = { path = "../../high" }
              | ^^^^ normal dependency on high
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "low"
              |        ^^^^^ layer `low` may use the layers that stand before it
              = note: `a` may use no other crate of this workspace
              = note: no path in its sources names it
              = note: the baseline entry in boundaries-baseline.toml:5 held until 2026-11-20
              = help: delete the line; what both need belongs into a layer before `low`

            checked 3 crates, 3 edges, 0 external dependencies, 3 files, a baseline of 3 entries: 1 violation
        "#]],
    );
}

#[test]
fn a_baseline_with_mistakes() {
    let root = workspace(VIOLATED);
    let entries = r#"
version = 1
entries = [
    { rule = "may-use", from = "low/a", to = "high", kind = "normal", reason = "r" },
    { rule = "may-use", from = "low/a", to = "high", kind = "normal", reason = "other" },
    { rule = "may-us", from = "low/b", to = "high", kind = "normal", reason = "r" },
    { rule = "may-use", from = "low/b", to = "high", kind = "normal", reason = "" },
    { rule = "may-use", from = "low/b", to = "high", kind = "normal", reason = "r", expires = 2027-01-01 },
]
"#;
    fs::write(file(root.path()), entries.trim_start()).expect("the file can be written");
    said(
        root.path(),
        expect![[r#"
            error[ambiguous]: an entry stands twice in the baseline
             --> boundaries-baseline.toml:4:5
              |
            4 |     { rule = "may-use", from = "low/a", to = "high", kind = "normal", reason = "other" },
              |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
              = help: delete this line

            error[bad-value]: `may-us` is none of the 20 values that this key takes
             --> boundaries-baseline.toml:5:14
              |
            5 |     { rule = "may-us", from = "low/b", to = "high", kind = "normal", reason = "r" },
              |              ^^^^^^^^
              = help: write `may-use`

            error[bad-value]: expected the reason in words, found ``
             --> boundaries-baseline.toml:6:80
              |
            6 |     { rule = "may-use", from = "low/b", to = "high", kind = "normal", reason = "" },
              |                                                                                ^^
              = help: write the reason in words

            error[unknown-key]: unknown key `expires` in an entry of the baseline
             --> boundaries-baseline.toml:7:85
              |
            7 |     { rule = "may-use", from = "low/b", to = "high", kind = "normal", reason = "r", expires = 2027-01-01 },
              |                                                                                     ^^^^^^^
              = help: delete it, or write one of `rule`, `from`, `to`, `kind`, `by`, `reason`, `owner`, `until`

            could not check the boundaries: 4 problems
        "#]],
    );
}

#[test]
fn a_baseline_that_the_rules_name_must_be_there() {
    let root = workspace(&VIOLATED.replacen("[[layer]]", "[workspace]\nbaseline = \"known.toml\"\n[[layer]]", 1));
    said(
        root.path(),
        expect![[r#"
        error[baseline]: cannot read the baseline known.toml: No such file or directory (os error 2)
         --> boundaries.toml:3:12
          |
        3 | baseline = "known.toml"
          |            ^^^^^^^^^^^^
          = help: restore the file; or write it with `baseline update --grow --reason ..`

        could not check the boundaries: 1 problem
    "#]],
    );
    let named = Options { baseline: Some(root.path().join("none.toml")), ..options(root.path()) };
    assert!(check(&named).is_err(), "one that the caller names must be there as well");
    assert!(update_baseline(&named, None).is_err(), "without growth none is made");
    assert_eq!(grow(root.path(), None), 3);
    assert!(check(&options(root.path())).expect("the check can be carried out").is_clean());
}

#[test]
fn a_warning_needs_no_entry() {
    let root = workspace(&VIOLATED.replacen("[[layer]]", "[severity]\nmay-use = \"warn\"\n[[layer]]", 1));
    assert_eq!(grow(root.path(), None), 1, "{}", text(root.path()));
}

/// An entry excuses from its rule, not from another one that the same dependency breaks.
#[test]
fn a_rule_that_comes_later_is_no_known_violation() {
    let rules = |more: &str| {
        format!(
            "//- boundaries.toml\nversion = 1\n[[layer]]\nname = \"low\"\nmembers = [\"low\"]\n[[layer]]\nname = \"high\"\nmembers = [\"high\"]\n{more}//- low\n[dependencies]\nhigh = {{ path = \"../high\" }}\n//- high\n//- boundaries-baseline.toml\nversion = 1\nentries = [{{ rule = \"may-use\", from = \"low\", to = \"high\", kind = \"normal\", reason = \"older\" }}]\n"
        )
    };
    let fresh = |text: &str| -> Vec<boundaries::Rule> {
        let root = workspace(text);
        let report = crate::fixture::outcome(root.path()).expect("the baseline can be read");
        assert!(report.stale.is_empty());
        report.fresh().map(|one| one.rule).collect()
    };
    assert_eq!(fresh(&rules("")), []);
    let forbid = "[[forbid]]\nfrom = \"low\"\nto = \"high\"\nreason = \"never\"\n";
    assert_eq!(fresh(&rules(forbid)), [boundaries::Rule::Forbid]);
    let hidden = "[[visibility]]\nof = [\"high\"]\nto = []\n";
    assert_eq!(fresh(&rules(hidden)), [boundaries::Rule::Visibility]);
    let excused =
        "[[except]]\nfrom = \"low\"\nto = \"high\"\nrules = [\"forbid\"]\nowner = \"team\"\nreason = \"older\"\n";
    assert_eq!(fresh(&rules(&format!("{forbid}{excused}{hidden}"))), [boundaries::Rule::Visibility]);
}
