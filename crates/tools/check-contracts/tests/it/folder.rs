//! The command on a scratch copy of `docs/contracts` in which one thing is different.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use contracts::{CheckError, Options, Report, check, declared};
use expect_test::{Expect, expect};
use kernel::{Contract, ContractKind, Event, Json, Priority, UpcastError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/contracts");
const EVENT: &str = "data_quality.check_completed.v1.json";
const REQUEST: &str = "anomaly-detection.detect.json";

/// How many messages there are is nothing that a test should know.
fn without_counts(text: &str) -> String {
    let neutral = |line: &str| match line.rsplit_once("; ") {
        Some((found, counts)) if counts.ends_with(" committed files") => {
            format!("{found}; N messages, N committed files")
        }
        _ => line.to_owned(),
    };
    text.split('\n').map(neutral).collect::<Vec<_>>().join("\n")
}

struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        let scratch = Self(tempfile::tempdir().unwrap());
        for entry in fs::read_dir(COMMITTED).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, scratch.file(path.file_name().unwrap().to_str().unwrap())).unwrap();
        }
        scratch
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn edit(&self, name: &str, edit: impl FnOnce(&mut Value)) {
        let mut document: Value = serde_json::from_str(&fs::read_to_string(self.file(name)).unwrap()).unwrap();
        edit(&mut document);
        fs::write(self.file(name), serde_json::to_string_pretty(&document).unwrap() + "\n").unwrap();
    }

    /// Exit code, standard output and standard error, without the place of the scratch folder.
    fn run(&self, args: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_check-contracts"));
        let output = command.args(args).arg("--folder").arg(self.0.path()).output().unwrap();
        let place = self.0.path().to_string_lossy().replace('\\', "/");
        let text = |bytes: Vec<u8>| without_counts(&String::from_utf8(bytes).unwrap()).replace(&place, "DIR");
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn check(&self, args: &[&str], code: i32, expected: Expect) {
        let (found, out, err) = self.run(args);
        expected.assert_eq(&format!("{out}{err}"));
        assert_eq!(found, code);
        assert!(out.is_empty() || err.is_empty(), "one of both is used");
    }
}

/// What `cargo xtask check-contracts --locked` says in CI.
#[test]
fn what_is_committed_is_what_the_code_has() {
    let report = check(&declared(), &Options { folder: COMMITTED.into(), update: false }).unwrap();
    assert_eq!((report.findings, report.outdated), (Vec::new(), Vec::new()), "cargo xtask check-contracts --update");
}

/// One file that is missing does not hide what another one breaks.
#[test]
fn a_break_is_named_also_where_something_cannot_be_compared() {
    let scratch = Scratch::new();
    scratch.edit(EVENT, |document| document["event"]["properties"]["owner"] = json!({ "type": "boolean" }));
    fs::remove_file(scratch.file(REQUEST)).unwrap();
    scratch.check(&[], 2, expect![[r#"
        error[removed-field]: `data_quality.check_completed` version 1: `/owner` was removed
          --> DIR/data_quality.check_completed.v1.json (event)
           = why: subscribers who read what they always read go wrong
           = help: raise `VERSION` to 2 and bring version 1 to it in `upcast`; then `cargo xtask check-contracts --update` writes the file of version 2 beside this one

        error: DIR/anomaly-detection.detect.json is not there: nothing says what was promised of `anomaly-detection.detect`
           = help: is the message new, `cargo xtask check-contracts --update` writes it; else restore it

        could not compare the contracts: 1 thing in the way; 1 breaking change
    "#]]);
    let (_, out, _) = scratch.run(&["--json"]);
    let said: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(said["findings"][0]["rule"], "removed-field");
}

/// The committed file promises something that the code does not have: as if the code had lost it.
#[test]
fn a_field_that_the_code_has_lost() {
    let scratch = Scratch::new();
    scratch.edit(EVENT, |document| document["event"]["properties"]["owner"] = json!({ "type": "boolean" }));
    scratch.check(&[], 1, expect![[r#"
        error[removed-field]: `data_quality.check_completed` version 1: `/owner` was removed
          --> DIR/data_quality.check_completed.v1.json (event)
           = why: subscribers who read what they always read go wrong
           = help: raise `VERSION` to 2 and bring version 1 to it in `upcast`; then `cargo xtask check-contracts --update` writes the file of version 2 beside this one

        1 breaking change; N messages, N committed files
    "#]]);
    let before = fs::read_to_string(scratch.file(EVENT)).unwrap();
    assert_eq!(scratch.run(&["--update"]).0, 1);
    assert_eq!(fs::read_to_string(scratch.file(EVENT)).unwrap(), before, "what breaks somebody is never written");
}

#[test]
fn a_field_of_a_request_and_of_its_response() {
    let scratch = Scratch::new();
    scratch.edit(REQUEST, |document| {
        document["request"]["properties"]["dataset"] = json!({ "type": "string" });
        document["request"]["required"] = json!(["dataset"]);
        document["response"]["required"].as_array_mut().unwrap().push(json!("took"));
        document["response"]["properties"]["took"] = json!({ "type": "integer" });
    });
    scratch.check(&[], 1, expect![[r#"
        error[retyped]: `anomaly-detection.detect`: `/dataset` was a text and is an object
          --> DIR/anomaly-detection.detect.json (request)
           = why: callers who send what they always sent are refused or not heard
           = help: declare another request, such as `anomaly-detection.detect-2`, and serve both until nobody asks this one

        error[required-field]: `anomaly-detection.detect`: `/top` was optional and is required
          --> DIR/anomaly-detection.detect.json (request)
           = why: callers who send what they always sent are refused or not heard
           = help: give it a default, as `#[serde(default)]` does; or declare another request, such as `anomaly-detection.detect-2`, and serve both until nobody asks this one

        error[removed-field]: `anomaly-detection.detect`: `/took` was removed
          --> DIR/anomaly-detection.detect.json (response)
           = why: callers who read what they always read go wrong
           = help: declare another request, such as `anomaly-detection.detect-2`, and serve both until nobody asks this one

        3 breaking changes; N messages, N committed files
    "#]]);
    let (code, out, err) = scratch.run(&["--json"]);
    assert_eq!((code, err.as_str()), (1, ""));
    let report: Value = serde_json::from_str(&out).unwrap();
    expect![[r#"
        {
          "file": "DIR/anomaly-detection.detect.json",
          "help": "declare another request, such as `anomaly-detection.detect-2`, and serve both until nobody asks this one",
          "message": "anomaly-detection.detect",
          "part": "request",
          "pointer": "/dataset",
          "rule": "retyped",
          "version": null,
          "what": "was a text and is an object",
          "why": "callers who send what they always sent are refused or not heard"
        }"#]].assert_eq(&serde_json::to_string_pretty(&report["findings"][0]).unwrap());
}

#[test]
fn an_added_field_passes_and_is_written() {
    let scratch = Scratch::new();
    scratch.edit(REQUEST, |document| {
        document["request"]["properties"].as_object_mut().unwrap().remove("forest").unwrap();
    });
    scratch.check(
        &[],
        0,
        expect![[r#"
        note[outdated]: DIR/anomaly-detection.detect.json is not what the code has; nobody is broken
           = help: `cargo xtask check-contracts --update` writes it

        compatible; N messages, N committed files
    "#]],
    );
    scratch.check(
        &["--locked"],
        1,
        expect![[r#"
        error[outdated]: DIR/anomaly-detection.detect.json is not what the code has; nobody is broken
           = help: `cargo xtask check-contracts --update` writes it

        1 outdated file; N messages, N committed files
    "#]],
    );
    scratch.check(
        &["--update"],
        0,
        expect![[r#"
        written: DIR/anomaly-detection.detect.json
        compatible; N messages, N committed files
    "#]],
    );
    scratch.check(
        &["--locked"],
        0,
        expect![[r#"
        compatible; N messages, N committed files
    "#]],
    );
    let (written, committed) = (scratch.file(REQUEST), Path::new(COMMITTED).join(REQUEST));
    assert_eq!(fs::read_to_string(written).unwrap(), fs::read_to_string(committed).unwrap());
}

#[test]
fn a_message_that_the_code_has_lost() {
    let scratch = Scratch::new();
    let event = fs::read_to_string(scratch.file(EVENT)).unwrap().replace("check_completed", "check_begun");
    fs::write(scratch.file("data_quality.check_begun.v1.json"), event).unwrap();
    let request = fs::read_to_string(scratch.file(REQUEST)).unwrap().replace("-detection.detect", "-detection.seek");
    fs::write(scratch.file("anomaly-detection.seek.json"), request).unwrap();
    scratch.check(&[], 1, expect![[r#"
        error[removed-message]: `anomaly-detection.seek` is in no `contracts()`: the command was removed or renamed
          --> DIR/anomaly-detection.seek.json
           = why: callers ask it
           = help: bring the type back and serve it; where nobody asks it any more, delete its file in the same commit

        error[removed-message]: `data_quality.check_begun` version 1 is in no `contracts()`: the event was removed or renamed
          --> DIR/data_quality.check_begun.v1.json
           = why: subscribers wait for it, and it is in stores
           = help: bring the type back; where nobody subscribes and no store has it, delete its files in the same commit

        2 breaking changes; N messages, N committed files
    "#]]);
}

#[test]
fn a_later_version_that_was_promised() {
    let scratch = Scratch::new();
    let event = fs::read_to_string(scratch.file(EVENT)).unwrap().replace("\"version\": 1", "\"version\": 3");
    fs::write(scratch.file("data_quality.check_completed.v3.json"), event).unwrap();
    scratch.check(
        &[],
        1,
        expect![[r#"
        error[lowered-version]: `data_quality.check_completed` version 1 has gone back from version 3
          --> DIR/data_quality.check_completed.v1.json
           = why: subscribers would take it for an older one
           = help: raise `VERSION` to 4, or to 3 if that has the form of its file

        1 breaking change; N messages, N committed files
    "#]],
    );
}

#[test]
fn a_command_that_was_a_query() {
    let scratch = Scratch::new();
    scratch.edit(REQUEST, |document| document["kind"] = json!("query"));
    scratch.check(&[], 1, expect![[r#"
        error[kind]: `anomaly-detection.detect` was of kind `query` and is of kind `command`
          --> DIR/anomaly-detection.detect.json
           = why: a query may be repeated by anybody, a command under an idempotency key only, and an event is not answered
           = help: leave it as it was, and declare another message under another name

        1 breaking change; N messages, N committed files
    "#]]);
}

#[test]
fn versions_begin_at_one() {
    let scratch = Scratch::new();
    let event = fs::read_to_string(scratch.file(EVENT)).unwrap().replace("\"version\": 1", "\"version\": 0");
    fs::write(scratch.file("data_quality.check_completed.v0.json"), event).unwrap();
    scratch.check(&[], 2, expect![[r#"
        error: DIR/data_quality.check_completed.v0.json cannot be read: invalid value: integer `0`, expected a nonzero u32
           = help: restore it: `git checkout` brings back what is committed

        could not compare the contracts: 1 thing in the way
    "#]]);
}

#[test]
fn what_cannot_be_compared_is_never_clean() {
    let scratch = Scratch::new();
    fs::remove_file(scratch.file("envelope.json")).unwrap();
    fs::write(scratch.file("billing.session_charged.v1.json"), "{").unwrap();
    scratch.edit("machine-learning.discard.json", |document| document["message"] = json!("machine-learning.forget"));
    scratch.edit(EVENT, |document| document["event"]["properties"]["score"] = json!({ "not": {} }));
    scratch.check(
        &[],
        2,
        expect![[r#"
        error: DIR/billing.session_charged.v1.json cannot be read: EOF while parsing an object at line 1 column 1
           = help: restore it: `git checkout` brings back what is committed

        error: DIR/machine-learning.discard.json has what belongs into `machine-learning.forget.json`
           = help: restore it: `git checkout` brings back what is committed

        error: DIR/data_quality.check_completed.v1.json cannot be compared: in `event`, `/score`: the keyword `not`
           = help: write the type in another way, or teach check-contracts/src/schema what it means

        error: DIR/envelope.json is not there: nothing says what was promised of `envelope`
           = help: is the message new, `cargo xtask check-contracts --update` writes it; else restore it

        could not compare the contracts: 4 things in the way
    "#]],
    );
    let (code, out, err) = scratch.run(&["--json"]);
    let errors: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, err.as_str(), errors["errors"].as_array().unwrap().len()),
        (2, "", 4),
        "as many as there are reasons"
    );
    assert_eq!(scratch.run(&["--update"]).0, 2);
    assert!(!scratch.file("envelope.json").exists(), "nothing is written then");
}

#[test]
fn a_folder_that_is_not_there() {
    let scratch = Scratch::new();
    let folder = scratch.file("none");
    let run = |update| check(&declared(), &Options { folder: folder.clone(), update });
    let error = run(false).unwrap_err();
    assert_eq!(
        (error.errors.len(), error.to_string().as_str()),
        (1, "could not compare the contracts: 1 thing in the way")
    );
    assert_eq!(run(true).unwrap().written.len(), declared().len());
    assert_eq!(run(true).unwrap().written, Vec::<String>::new(), "they are there now");
    assert!(run(false).unwrap().is_compatible());
}

/// `docs/contracts/README.md` shows what is really said.
#[test]
fn the_page_is_true() {
    let page = without_counts(&fs::read_to_string(Path::new(COMMITTED).join("README.md")).unwrap());
    let shows = |scratch: &Scratch, args: &[&str]| {
        let (_, out, err) = scratch.run(args);
        let said = format!("{out}{err}").replace("DIR", "docs/contracts");
        assert!(page.contains(&said), "the page shows something else than\n{said}");
    };
    let scratch = Scratch::new();
    scratch.edit(REQUEST, |document| {
        document["request"]["properties"].as_object_mut().unwrap().remove("forest").unwrap();
    });
    shows(&scratch, &[]);
    shows(&scratch, &["--update"]);
    scratch.edit(EVENT, |document| document["event"]["properties"]["owner"] = json!({ "type": "string" }));
    shows(&scratch, &[]);
    let scratch = Scratch::new();
    fs::remove_file(scratch.file(REQUEST)).unwrap();
    shows(&scratch, &[]);
}

#[test]
fn arguments_that_there_are_not() {
    assert_eq!(Scratch::new().run(&["--upgrade"]).0, 2);
    assert_eq!(Scratch::new().run(&["--update", "--locked"]).0, 2);
    let (code, help, _) = Scratch::new().run(&["--help"]);
    assert!(code == 0 && help.contains("Exit codes: 0 compatible, 1 somebody would be broken, 2 could not compare."));
}

/// An event in two versions of the code.
macro_rules! versions {
    ($($module:ident: $version:literal { $(#[$meta:meta] $field:ident: $type:ty),* };)*) => {$(
        mod $module {
            use super::*;

            #[derive(Serialize, Deserialize, JsonSchema)]
            pub struct Sold {
                $(#[$meta] pub $field: $type,)*
            }

            impl Event for Sold {
                const NAME: &'static str = "shop.sold";
                const VERSION: u32 = $version;

                fn key(&self) -> String {
                    String::new()
                }
            }
        }
    )*};
}

versions! {
    first: 1 { #[serde()] pieces: u32 };
    defaulted: 1 { #[serde()] pieces: u32, #[serde(default)] gift: bool };
    demanding: 1 { #[serde()] pieces: u32, #[serde()] gift: bool };
    second: 2 { #[serde()] pieces: String };
}

fn shop<E: Event>(folder: &Path, update: bool) -> Result<Report, CheckError> {
    check(&[Contract::of_event::<E>()], &Options { folder: folder.to_owned(), update })
}

fn said(report: &Report) -> Vec<String> {
    report
        .findings
        .iter()
        .map(|finding| format!("{} {:?} {}", finding.rule.name(), finding.part, finding.help))
        .collect()
}

/// Of an event that is stored, both ends count: what a field with a default is in what is written and in what is read.
#[test]
fn a_new_version_is_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let files = || {
        let mut files: Vec<_> =
            fs::read_dir(at).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        files
    };
    shop::<first::Sold>(at, true).unwrap();
    let demanding = shop::<demanding::Sold>(at, true).unwrap();
    expect![[r#"new-required-field Some("stored") give it a default, as `#[serde(default)]` does; or raise `VERSION` to 2 and bring version 1 to it in `upcast`; then `cargo xtask check-contracts --update` writes the file of version 2 beside this one"#]].assert_eq(&said(&demanding).join("\n"));
    assert!(shop::<defaulted::Sold>(at, true).unwrap().is_compatible());
    let document = fs::read_to_string(at.join("shop.sold.v1.json")).unwrap();
    assert!(document.contains("shop.sold:v1:stored"), "what is read is not what is written: {document}");

    assert_eq!(said(&shop::<first::Sold>(at, true).unwrap()).len(), 1, "the field was promised");
    let error = shop::<second::Sold>(at, false).unwrap_err();
    expect!["`cargo xtask check-contracts --update` writes it beside that of the version before"]
        .assert_eq(&error.errors[0].help);
    assert!(shop::<SoldInCents>(at, true).unwrap().is_compatible());
    assert_eq!(files(), ["shop.sold.v1.json", "shop.sold.v2.json"]);
    assert!(shop::<SoldInCents>(at, false).unwrap().is_compatible());
    assert_eq!(shop::<defaulted::Sold>(at, false).unwrap().findings[0].rule.name(), "lowered-version");
}

/// Sold by the euro in version 1, by the cent since.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct SoldInCents {
    cents: u32,
}

impl Event for SoldInCents {
    const NAME: &'static str = "shop.sold";
    const VERSION: u32 = 2;

    fn key(&self) -> String {
        String::new()
    }

    fn upcast(from: u32, data: &Json) -> Result<Json, UpcastError> {
        #[derive(Deserialize)]
        struct First {
            euros: u32,
        }
        match from {
            1 => Ok(Json::of(&json!({ "cents": data.read::<First>()?.euros * 100 }))?),
            _ => Err(UpcastError::Unknown),
        }
    }
}

/// Whoever raises the version and forgets what is stored of the one before is told, as long as that has its file.
#[test]
fn an_upcaster_reads_the_version_before() {
    let folder = tempfile::tempdir().unwrap();
    shop::<first::Sold>(folder.path(), true).unwrap();
    assert_eq!(shop::<second::Sold>(folder.path(), true).unwrap().written, Vec::<String>::new());
    shop::<SoldInCents>(folder.path(), true).unwrap();
    assert!(shop::<SoldInCents>(folder.path(), false).unwrap().is_compatible());
    let report = shop::<second::Sold>(folder.path(), false).unwrap();
    let finding = report.findings.iter().find(|finding| finding.rule.name() == "no-upcaster").unwrap();
    expect![[r#"
        Some(1): has no upcaster to version 2
        events that are stored would not be read
        add the step from version 1 to its `upcast`; where no store has that version, delete the file in the same commit"#]]
    .assert_eq(&format!("{:?}: {}\n{}\n{}", finding.version, finding.what, finding.why, finding.help));
    assert!(finding.file.ends_with("shop.sold.v1.json"), "{}", finding.file);
    fs::remove_file(folder.path().join("shop.sold.v1.json")).unwrap();
    let report = shop::<second::Sold>(folder.path(), false).unwrap();
    assert!(report.findings.iter().all(|finding| finding.rule.name() != "no-upcaster"), "{:?}", report.findings);
}

#[test]
fn two_types_with_one_name() {
    let folder = tempfile::tempdir().unwrap();
    let twice = [Contract::of_event::<first::Sold>(), Contract::of_event::<second::Sold>()];
    let report = check(&twice, &Options { folder: folder.path().to_owned(), update: true }).unwrap();
    let finding = &report.findings[0];
    expect![[r#"
        one-name: `shop.sold` is the name of two types: `it::folder::first::Sold` and `it::folder::second::Sold`
        whoever receives one cannot tell which it is
        rename the one that is newer, or list it once"#]]
    .assert_eq(&format!(
        "{}: `{}` {}\n{}\n{}",
        finding.rule.name(),
        finding.message,
        finding.what,
        finding.why,
        finding.help
    ));
    assert!(report.written.is_empty(), "neither is promised");
}

#[test]
fn names_that_no_file_can_have() {
    let folder = tempfile::tempdir().unwrap();
    let of = |name| Contract { name, ..Contract::of_event::<first::Sold>() };
    for name in ["", "../shop", "Shop", "shop sold"] {
        let error = check(&[of(name)], &Options { folder: folder.path().to_owned(), update: true }).unwrap_err();
        assert_eq!(error.errors[0].help, "make wire names of a-z, 0-9, `.`, `-` and `_`", "{name}");
    }
    assert!(check(&[], &Options { folder: folder.path().to_owned(), update: true }).is_err());
    let kinds = of("shop.sold").kind;
    assert_eq!(kinds, ContractKind::Event { version: 1, priority: Priority::Normal });
}
