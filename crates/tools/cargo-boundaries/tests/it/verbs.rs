//! The verbs besides `check`.

use std::fs;
use std::path::Path;
use std::process::Command;

use expect_test::{Expect, expect};
use tempfile::TempDir;

use crate::cli::{VIOLATED, run, shape, stdout};
use crate::fixture::{plain, workspace, write};

/// Six crates in three layers.
pub const SHOP: &str = r#"
//- boundaries.toml
version = 1
[[layer]]
name = "shared"
members = ["shared/*"]
edges = ["bus -> kernel"]
dev-only = ["testing"]
[[layer]]
name = "domains"
members = ["domains/*"]
independent = true
external.deny = [{ name = "rusqlite", reason = "domains write no SQL", may-be-absent = true }]
[[layer]]
name = "root"
members = ["app"]
external.allow = ["clap"]
[[except]]
from = "domains/billing"
to = "domains/orders"
reason = "until the contract moves"
//- shared/kernel
//- shared/bus
[dependencies]
kernel = { path = "../kernel" }
//- shared/testing
//- domains/orders
[dependencies]
bus = { path = "../../shared/bus" }
[dev-dependencies]
testing = { path = "../../shared/testing" }
//- domains/billing
[dependencies]
orders = { path = "../orders" }
//- app
[dependencies]
orders = { path = "../domains/orders" }
clap = "4"
"#;

#[track_caller]
pub fn says(root: &Path, args: &[&str], code: i32, expect: Expect) {
    let output = run(root, args);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    expect.assert_eq(&plain(&(stdout(&output) + &stderr), root));
    assert_eq!(output.status.code(), Some(code));
}

#[test]
fn why() {
    let shop = workspace(SHOP);
    says(
        shop.path(),
        &["why", "app", "shared/kernel"],
        0,
        expect![[r#"
        app -> orders (normal dependency)
          app/Cargo.toml:7: orders = { path = "../domains/orders" }
        orders -> bus (normal dependency)
          domains/orders/Cargo.toml:7: bus = { path = "../../shared/bus" }
        bus -> kernel (normal dependency)
          shared/bus/Cargo.toml:7: kernel = { path = "../kernel" }
    "#]],
    );
    says(
        shop.path(),
        &["why", "app", "testing"],
        1,
        expect![[r#"
        `app` does not depend on `testing`
    "#]],
    );
    says(
        shop.path(),
        &["why", "orders", "testing", "--kinds", "normal"],
        1,
        expect![[r#"
        `orders` does not depend on `testing`
    "#]],
    );
    says(
        shop.path(),
        &["why", "app", "clap"],
        0,
        expect![[r#"
        app -> clap (normal dependency)
          app/Cargo.toml:8: clap = "4"
    "#]],
    );
    says(
        shop.path(),
        &["why", "app", "kernle"],
        2,
        expect![[r#"
        error[argument]: no crate of this workspace is called `kernle`
          = help: write `kernel`

        could not check the boundaries: 1 problem
    "#]],
    );
}

#[test]
fn can() {
    let shop = workspace(SHOP);
    says(
        shop.path(),
        &["can", "orders", "kernel"],
        0,
        expect![[r#"
        yes: `orders` -> `kernel` as a normal dependency
          normal yes
          build  yes
          dev    yes
    "#]],
    );
    says(
        shop.path(),
        &["can", "kernel", "orders"],
        1,
        expect![[r#"
        no: `kernel` -> `orders` as a normal dependency
          normal no  may-use: layer `shared` may use the layers that stand before it (boundaries.toml:3); `kernel` may use no other crate of this workspace
          build  no  may-use: layer `shared` may use the layers that stand before it (boundaries.toml:3); `kernel` may use no other crate of this workspace
          dev    no  may-use: layer `shared` may use the layers that stand before it (boundaries.toml:3); `kernel` may use no other crate of this workspace
    "#]],
    );
    says(
        shop.path(),
        &["can", "orders", "testing", "--kind", "dev"],
        0,
        expect![[r#"
        yes: `orders` -> `testing` as a dev-dependency
          normal no  dev-only: `testing` may be a dev-dependency only (boundaries.toml:6)
          build  no  dev-only: `testing` may be a dev-dependency only (boundaries.toml:6)
          dev    yes
    "#]],
    );
    says(
        shop.path(),
        &["can", "orders", "rusqlite"],
        1,
        expect![[r#"
        no: `orders` -> `rusqlite` as a normal dependency
          normal no  external-deny: denied in layer `domains`: domains write no SQL (boundaries.toml:11)
          build  no  external-deny: denied in layer `domains`: domains write no SQL (boundaries.toml:11)
          dev    yes
          no manifest of this workspace names `rusqlite` today
    "#]],
    );
    says(
        shop.path(),
        &["can", "billing", "orders"],
        0,
        expect![[r#"
        yes: `billing` -> `orders` as a normal dependency
          normal yes
          build  yes
          dev    yes
    "#]],
    );
}

#[test]
fn describe() {
    let shop = workspace(SHOP);
    says(
        shop.path(),
        &["describe", "billing"],
        0,
        expect![[r#"
        billing in domains/billing (layer `domains`)
          may use           shared/bus, shared/kernel, layer domains
          in tests          layer shared, layer domains
          may be used by    layer root
          uses              domains/orders
          is used by        nothing
          external crates   all but rusqlite
          exceptions        domains/billing -> domains/orders (boundaries.toml:16)
    "#]],
    );
    says(
        shop.path(),
        &["describe", "kernel", "--json"],
        0,
        expect![[r#"
        {
          "name": "kernel",
          "dir": "shared/kernel",
          "layer": "shared",
          "uses": [],
          "used_by": [
            "shared/bus"
          ],
          "may_use": [],
          "may_use_in_tests": [],
          "may_be_used_by": [
            "shared/bus",
            "layer domains",
            "layer root"
          ],
          "external_allowed": null,
          "external_denied": [],
          "exceptions": []
        }
    "#]],
    );
}

#[test]
fn graphs() {
    let violated = workspace(VIOLATED);
    says(
        violated.path(),
        &["graph"],
        0,
        expect![[r#"
        flowchart TB
          subgraph layer1["high"]
            n0["high"]
          end
          subgraph layer0["low"]
            n1["low"]
          end
          n1 --> n0
          linkStyle 0 stroke:red
    "#]],
    );
    says(
        violated.path(),
        &["graph", "--format", "dot"],
        0,
        expect![[r#"
        digraph boundaries {
          node [shape = box];
          subgraph cluster_1 {
            label = "high";
            n0 [label = "high", tooltip = "high"];
          }
          subgraph cluster_0 {
            label = "low";
            n1 [label = "low", tooltip = "low"];
          }
          n1 -> n0 [style = solid, color = red];
        }
    "#]],
    );
    says(
        violated.path(),
        &["graph", "--format", "c4"],
        0,
        expect![[r#"
        @startuml
        !include <C4/C4_Component>
        Container_Boundary(layer1, "high") {
          Component(n0, "high", "crate", "high")
        }
        Container_Boundary(layer0, "low") {
          Component(n1, "low", "crate", "low")
        }
        Rel(n1, n0, "must not use")
        @enduml
    "#]],
    );
    let shop = workspace(SHOP);
    says(
        shop.path(),
        &["graph", "--collapse", "--kinds", "normal"],
        0,
        expect![[r#"
        flowchart TB
          subgraph layer2["root"]
            n2["root"]
          end
          subgraph layer1["domains"]
            n1["domains"]
          end
          subgraph layer0["shared"]
            n0["shared"]
          end
          n1 --> n0
          n2 --> n1
    "#]],
    );
    says(
        shop.path(),
        &["graph", "--focus", "bus", "--format", "dot"],
        0,
        expect![[r#"
        digraph boundaries {
          node [shape = box];
          subgraph cluster_1 {
            label = "domains";
            n2 [label = "orders", tooltip = "domains/orders"];
          }
          subgraph cluster_0 {
            label = "shared";
            n3 [label = "bus", tooltip = "shared/bus"];
            n4 [label = "kernel", tooltip = "shared/kernel"];
          }
          n2 -> n3 [style = solid, color = black];
          n3 -> n4 [style = solid, color = black];
        }
    "#]],
    );
}

#[test]
fn a_page_needs_nothing_else() {
    let shop = workspace(SHOP);
    let page = stdout(&run(shop.path(), &["graph", "--format", "html"]));
    assert!(page.contains(r#"{"name":"domains","nodes":[{"id":1,"name":"billing","dir":"domains/billing"}"#), "{page}");
    for foreign in ["src=", "href=", "@import", "url(", "fetch(", "import("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    let addresses: Vec<_> = page.match_indices("http").map(|(at, _)| &page[at..at + 26]).collect();
    assert!(addresses.iter().all(|address| *address == "http://www.w3.org/2000/svg"), "{addresses:?}");
}

/// A workspace with rules of its own shape: what `init` writes is green, and a new violation is red.
#[track_caller]
fn assert_inits(crates: &str, rules: Expect) -> TempDir {
    let root = workspace(crates);
    let output = run(root.path(), &["init"]);
    assert_eq!(shape(&output), (Some(0), true, false), "{}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(root.path().join("boundaries.toml")).expect("the rules were written");
    rules.assert_eq(&text);
    let green = run(root.path(), &[]);
    assert_eq!(green.status.code(), Some(0), "{}", stdout(&green));
    assert_eq!(run(root.path(), &["init"]).status.code(), Some(2), "nothing is overwritten");
    assert_eq!(run(root.path(), &["init", "--force"]).status.code(), Some(0));
    root
}

#[test]
fn init_takes_folders_for_layers() {
    let root = assert_inits(
        r#"
//- crates/shared/kernel
//- crates/shared/bus
[dependencies]
kernel = { path = "../kernel" }
//- crates/domains/orders
[dependencies]
bus = { path = "../../shared/bus" }
kernel = { path = "../../shared/kernel" }
//- crates/domains/billing
//- crates/shared/wrong
[dependencies]
billing = { path = "../../domains/billing" }
//- xtask
"#,
        expect![[r##"
            # Written by `cargo boundaries init` from what was there. Layers stand from low to high, and each may use those before it.
            # Rename them, narrow them with `may-use`, and let the baseline shrink. `cargo boundaries explain` shows every rule.
            version = 1

            [workspace]
            kinds = ["normal", "build"]

            [[layer]]
            name = "xtask"
            members = ["xtask"]

            [[layer]]
            name = "shared"
            members = ["crates/shared/*"]
            edges = [
                "crates/shared/bus -> crates/shared/kernel",
            ]

            [[layer]]
            name = "domains"
            members = ["crates/domains/*"]
        "##]],
    );
    let baseline = fs::read_to_string(root.path().join("boundaries-baseline.toml")).expect("the baseline was written");
    expect![[r##"
        # Violations that were there before their rule. The list only shrinks: `cargo boundaries baseline update` deletes what is
        # gone, and the check fails until it is.
        version = 1
        entries = [
            { rule = "may-use", from = "crates/shared/wrong", to = "crates/domains/billing", kind = "normal", reason = "older than the rules" },
        ]
    "##]].assert_eq(&baseline);
}

/// Also where there is nothing to excuse: the next check names the same files.
#[test]
fn init_writes_the_baseline_that_it_is_given() {
    let root = workspace("//- crates/a\n//- crates/b\n[dependencies]\na = { path = \"../a\" }\n");
    let elsewhere = root.path().join("elsewhere");
    fs::create_dir(&elsewhere).expect("a folder of the test");
    let (config, baseline) = (elsewhere.join("rules.toml"), elsewhere.join("known.toml"));
    let files = ["--config", config.to_str().expect("UTF-8"), "--baseline", baseline.to_str().expect("UTF-8")];
    assert_eq!(run(root.path(), &["init", files[0], files[1], files[2], files[3]]).status.code(), Some(0));
    assert!(baseline.exists());
    assert_eq!(run(root.path(), &files).status.code(), Some(0));
}

#[test]
fn init_takes_heights_for_layers_where_all_lies_in_one_folder() {
    let root = assert_inits(
        r#"
//- crates/a
//- crates/b
[dependencies]
a = { path = "../a" }
//- crates/c
[dependencies]
a = { path = "../a" }
[dev-dependencies]
d = { path = "../d" }
//- crates/d
[dependencies]
b = { path = "../b" }
"#,
        expect![[r##"
            # Written by `cargo boundaries init` from what was there. Layers stand from low to high, and each may use those before it.
            # Rename them, narrow them with `may-use`, and let the baseline shrink. `cargo boundaries explain` shows every rule.
            version = 1

            [workspace]
            kinds = ["normal", "build"]

            [[layer]]
            name = "level-0"
            members = ["crates/a"]

            [[layer]]
            name = "level-1"
            members = ["crates/b"]

            [[layer]]
            name = "top"
            members = ["crates/c", "crates/d"]
        "##]],
    );
    assert!(!root.path().join("boundaries-baseline.toml").exists(), "nothing is to be excused");
}

#[test]
fn init_names_directories_where_a_glob_would_take_in_more() {
    assert_inits(
        r#"
//- Cargo.toml
[workspace]
members = ["crates/a", "crates/b", "tools/x", "tools/y"]
//- crates/a
//- crates/b
//- crates/left-out
//- tools/x
//- tools/y
"#,
        expect![[r##"
            # Written by `cargo boundaries init` from what was there. Layers stand from low to high, and each may use those before it.
            # Rename them, narrow them with `may-use`, and let the baseline shrink. `cargo boundaries explain` shows every rule.
            version = 1

            [workspace]
            kinds = ["normal", "build"]

            [[layer]]
            name = "crates"
            members = ["crates/a", "crates/b"]

            [[layer]]
            name = "tools"
            members = ["tools/x", "tools/y"]
        "##]],
    );
}

#[test]
fn ci_writes_no_baseline() {
    let violated = workspace(VIOLATED);
    let ci = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-boundaries"));
        command.args(args).current_dir(violated.path()).env("CI", "true").env_remove("GITHUB_ACTIONS");
        command.output().expect("the program starts").status.code()
    };
    let grow = ["baseline", "update", "--grow", "--reason", "r"];
    assert_eq!(ci(&grow), Some(2));
    assert_eq!(ci(&["baseline", "update"]), Some(2));
    assert_eq!(ci(&["init", "--force"]), Some(2));
    assert!(!violated.path().join("boundaries-baseline.toml").exists());
    assert_eq!(run(violated.path(), &["baseline", "update", "--grow"]).status.code(), Some(2), "growth needs a reason");
    assert_eq!(run(violated.path(), &["baseline", "update"]).status.code(), Some(1), "a violation is left");
    says(
        violated.path(),
        &grow,
        0,
        expect![[r#"
            checked 2 crates, 1 edge, 0 external dependencies, 2 files, a baseline of 1 entry: clean
            updated; boundaries-baseline.toml: 1 added, 0 deleted, 1 in all
        "#]],
    );
    says(
        violated.path(),
        &["baseline", "update"],
        0,
        expect![[r#"
            checked 2 crates, 1 edge, 0 external dependencies, 2 files, a baseline of 1 entry: clean
            updated; boundaries-baseline.toml: 0 added, 0 deleted, 1 in all
        "#]],
    );
}

/// Every rule but the resolved one, which a unit of its own tests.
#[test]
fn self_tests() {
    let rules = r#"
//- boundaries.toml
version = 1
[cycles]
[hygiene]
workspace-lints = true
workspace-versions = true
folder-name = true
except = ["domains", "root"]
[[visibility]]
of = ["shared/kernel"]
to = ["shared/bus"]
[[forbid]]
from = "app"
to = "shared/bus"
reason = "the domains do that"
[[deprecated]]
from = "app"
to = "clap"
reason = "too many flags"
[[external]]
name = "hyper"
only = ["app"]
reason = "one door"
may-be-absent = true
"#;
    let lints = "//- shared/kernel\n[lints]\nworkspace = true\n";
    let shop = SHOP
        .trim_start()
        .trim_start_matches("//- boundaries.toml\nversion = 1\n")
        .replace("//- shared/kernel\n", lints);
    let members = "[workspace]\nmembers = [\"shared/*\", \"domains/*\", \"app\"]\n[workspace.lints.rust]\n";
    let root = workspace(&format!("//- Cargo.toml\n{members}{rules}{shop}"));
    says(
        root.path(),
        &["self-test"],
        0,
        expect![[r#"
            found   may-use             domains/billing -> app (normal)
            found   same-layer          shared/bus -> testing (dev)
            found   independent         domains/orders -> billing (normal)
            found   dev-only            app -> testing (normal)
            found   visibility          app -> kernel (normal)
            found   forbid              app -> bus (normal)
            found   deprecated          app -> clap (build)
            found   cycle               domains/orders -> app
            found   external-allow      app -> hyper (normal)
            found   external-deny       domains/billing -> rusqlite (normal)
            -       external-reachable  nothing here can break it
            found   external-only       domains/billing -> hyper (normal)
            found   workspace-lints     shared/kernel
            found   workspace-versions  shared/bus -> planted
            found   folder-name         shared/bus
            -       used-dependencies   nothing here can break it
            -       no-glob-re-exports  nothing here can break it
            -       module-order        nothing here can break it
            -       module-private      nothing here can break it
            -       module-api          nothing here can break it
            found   unknown-key         planted-key = 1
            found   matches-nothing     from = "planted/nowhere"
            found   stale-baseline      an entry that excuses nothing
            found   broken-source       app/src/lib.rs
            planted 18, found 18
        "#]],
    );
}

/// A rule that is off finds nothing, and the self-test does not say otherwise.
#[test]
fn a_self_test_of_a_rule_that_is_off() {
    let shop = workspace(&SHOP.replacen("[[layer]]", "[severity]\nmay-use = \"off\"\n[[layer]]", 1));
    let said = stdout(&run(shop.path(), &["self-test"]));
    assert!(said.starts_with("-       may-use"), "{said}");
}

#[test]
fn explanations() {
    let clean = workspace(VIOLATED);
    says(
        clean.path(),
        &["explain", "dev-only"],
        0,
        expect![[r#"
        dev-only

        Some crates are for tests: everybody may have them as a dev-dependency, nobody otherwise.

        boundaries.toml
            version = 1

            [[layer]]
            name = "shared"
            members = ["shared/*"]
            dev-only = ["kernel"]

            [[layer]]
            name = "domains"
            members = ["domains/*"]

        broken by domains/orders/Cargo.toml
            [dependencies]
            kernel = { path = "../../shared/kernel" }

        [severity] dev-only = "error" is the default.
    "#]],
    );
    says(
        clean.path(),
        &["explain", "dev-olny"],
        2,
        expect![[r#"
        error[argument]: no rule is called `dev-olny`
          = help: write `dev-only`

        could not check the boundaries: 1 problem
    "#]],
    );
}

#[test]
fn completions_know_the_verbs() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = stdout(&run(Path::new("."), &["completions", shell]));
        assert!(script.contains("self-test") && script.contains("manifest-path"), "{shell}: {script}");
    }
}

#[test]
fn the_readme_names_every_rule_format_and_verb() {
    let readme = include_str!("../../README.md");
    let help = stdout(&run(Path::new("."), &["--help"]));
    let (_, listed) = help.split_once("Commands:\n").expect("the help lists the verbs");
    let verbs = listed.lines().take_while(|line| !line.is_empty()).filter_map(|line| {
        line.strip_prefix("  ").filter(|line| !line.starts_with(' ')).and_then(|line| line.split(' ').next())
    });
    let mut names: Vec<&str> = verbs.filter(|verb| *verb != "help").collect();
    assert!(names.contains(&"self-test"), "{names:?}");
    names.extend(boundaries::Rule::ALL.map(boundaries::Rule::name));
    names.extend(["text", "json", "sarif", "github", "junit", "rustc"]);
    for name in names {
        let named = readme.contains(&format!("`{name}`")) || readme.contains(&format!("| `{name} "));
        assert!(named, "{name}");
    }
}

#[test]
fn every_verb_has_an_example() {
    let verbs =
        ["check", "baseline", "baseline update", "graph", "why", "can", "describe", "init", "affected", "explain"];
    for verb in verbs.into_iter().chain(["self-test", "schema", "completions"]) {
        let args: Vec<_> = verb.split(' ').chain(["--help"]).collect();
        let help = stdout(&run(Path::new("."), &args));
        assert!(help.contains("Example:\n  $ cargo boundaries "), "{verb}: {help}");
    }
}

/// Who only listens to another crate does not depend on its code.
#[test]
fn messages_are_drawn_apart() {
    let root = workspace(
        "
//- boundaries.toml
version = 1
[[layer]]
name = \"all\"
members = [\"*\"]
edges = [\"a -> b\"]
//- a
[dependencies]
b = { path = \"../b\" }
//- b
//- c
",
    );
    let list =
        r#"[{ "from": "b", "to": "c", "what": "Order<\"Placed\">" }, { "from": "c", "to": "a", "what": "Ask" }]"#;
    write(root.path(), "messages.json", list);
    let drawn = |format: &str| stdout(&run(root.path(), &["graph", "--messages", "messages.json", "--format", format]));
    expect![[r#"
        flowchart TB
          subgraph layer0["all"]
            n0["a"]
            n1["b"]
            n2["c"]
          end
          n0 --> n1
          n1 --o|"Order&lt;&quot;Placed&quot;&gt;"| n2
          n2 --o|"Ask"| n0
    "#]]
    .assert_eq(&drawn("mermaid"));
    expect![[r#"
        digraph boundaries {
          node [shape = box];
          subgraph cluster_0 {
            label = "all";
            n0 [label = "a", tooltip = "a"];
            n1 [label = "b", tooltip = "b"];
            n2 [label = "c", tooltip = "c"];
          }
          n0 -> n1 [style = solid, color = black];
          n1 -> n2 [arrowhead = odot, color = blue, label = "Order<\"Placed\">"];
          n2 -> n0 [arrowhead = odot, color = blue, label = "Ask"];
        }
    "#]]
    .assert_eq(&drawn("dot"));
    assert!(drawn("c4").contains("Rel(n1, n2, \"says\", \"Order<'Placed'>\")"));
    assert!(drawn("html").contains("\"message\":\"Ask\""));
    let focused = stdout(&run(root.path(), &["graph", "--messages", "messages.json", "--focus", "a"]));
    assert!(focused.contains("Ask") && !focused.contains("Order"), "{focused}");
    for (list, said) in [
        ("[{ \"from\": \"b\", \"to\": \"d\", \"what\": \"x\" }]", "no crate of this workspace is called `d`"),
        ("[{ \"from\": \"b\" }]", "missing field `to`"),
        ("nothing", "cannot read the messages in messages.json"),
    ] {
        write(root.path(), "messages.json", list);
        let output = run(root.path(), &["graph", "--messages", "messages.json"]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && error.contains(said), "{error}");
    }
}
