//! Some of the modules in this process, the others elsewhere.

use std::sync::Arc;

use expect_test::{Expect, expect};
use kernel::{ErrorKind, Json};
use module::{AssemblyError, Module, Options, Selection, assemble};
use request::Limits;

use crate::{
    shop::{infrastructure, now},
    town::{Ask, Diary, Said, built_with, states, town},
};

const WAYS: &str = "m0 asks m1, m1 asks m2, m1 hears m3";

fn options(selection: Selection) -> Options {
    Options { selection, ..Options::default() }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// Who starts, out of five modules.
async fn check(selection: Selection, expected: &str) {
    let diary = Diary::default();
    let modules = town(WAYS).into_iter().take(5).map(|module| diary.of(module)).collect();
    let mut application = built_with(modules, options(selection)).await;
    application.start().await.unwrap();
    assert_eq!(diary.take(), expected);
    for module in application.modules() {
        assert_eq!(module.state.to_string(), if expected.contains(module.name) { "up" } else { "stopped" });
        assert_eq!(module.services, [format!("{}.ask", module.name)]);
    }
    let hears = if expected.contains("m1") { 1 } else { 0 };
    assert_eq!(application.subscriptions.len(), hears, "subscribers of those that run");
}

#[tokio::test]
async fn one_alone_with_whom_it_needs_or_all() {
    check(Selection::default(), "+m2, +m3, +m1, +m0, +m4").await;
    check(Selection::Alone(names(&["m1"])), "+m1").await;
    check(Selection::Alone(names(&["m0", "m1"])), "+m1, +m0").await;
    check(Selection::WithDependencies(names(&["m0"])), "+m1, +m0").await;
    check(Selection::WithDependencies(names(&["m1"])), "+m2, +m3, +m1").await;
    check(Selection::AllBut(names(&["m1", "m4"])), "+m2, +m3, +m0").await;
}

#[tokio::test]
async fn what_a_left_out_module_serves_is_not_available() {
    let cx = testing::context(&[]);
    let mut application = built_with(town(WAYS), options(Selection::AllBut(names(&["m1"])))).await;
    application.start().await.unwrap();
    assert_eq!(application.requests.ask(&cx, Ask::<0>).await.unwrap(), "m0");
    let error = application.requests.ask(&cx, Ask::<1>).await.unwrap_err();
    assert_eq!((error.kind, error.code()), (ErrorKind::Unavailable, "module.stopped"));
    assert!(error.message.contains("module `m1`") && error.message.contains("modules.disabled"), "{error}");
    let by_name = application.requests.call(&cx, "m1.ask", None, &Json::of(&Ask::<1>).unwrap()).await.unwrap_err();
    assert_eq!(by_name, error);
    assert_eq!(states(&application), "m0 up, m1 stopped, m2 up, m3 up, m4 up, m5 up");
    let left_out: Vec<_> =
        application.description.modules.iter().filter(|module| module.left_out).map(|module| module.name).collect();
    assert_eq!(left_out, ["m1"], "it is described all the same");
}

#[tokio::test]
async fn without_a_start_the_selected_modules_can_be_let_answer() {
    let cx = testing::context(&[]);
    let diary = Diary::default();
    let modules = town(WAYS).into_iter().map(|module| diary.of(module)).collect();
    let application = built_with(modules, options(Selection::Alone(names(&["m1"])))).await.answering();
    assert_eq!(application.requests.ask(&cx, Ask::<1>).await.unwrap(), "m1");
    assert_eq!(application.requests.ask(&cx, Ask::<0>).await.unwrap_err().code(), "module.stopped");
    assert_eq!(diary.take(), "");
}

fn errors(refused: &AssemblyError) -> Vec<String> {
    match refused {
        AssemblyError::Findings(findings) => findings.errors().map(ToString::to_string).collect(),
        AssemblyError::Store(error) => panic!("{error}"),
    }
}

fn refused(modules: Vec<Module>, selection: Selection, expected: Expect) {
    let findings = now(assemble(modules, infrastructure(), options(selection))).map(|_| ()).unwrap_err();
    let errors = errors(&findings);
    expected.assert_eq(&errors.join("\n"));
}

#[test]
fn a_name_of_no_module() {
    let nobody = || names(&["m1", "m12", "mlops"]);
    refused(
        town(""),
        Selection::AllBut(nobody()),
        expect![[r#"
        module `settings`: `m12` is to be left out, and no module is named so: did you mean `m2`?
        module `settings`: `mlops` is to be left out, and no module is named so: there are m0, m1, m2, m3, m4, m5"#]],
    );
    refused(
        town(""),
        Selection::Alone(nobody()),
        expect![[r#"
        module `settings`: `m12` is to be started, and no module is named so: did you mean `m2`?
        module `settings`: `mlops` is to be started, and no module is named so: there are m0, m1, m2, m3, m4, m5"#]],
    );
}

#[test]
fn limits_that_cannot_be() {
    let mut limits = Limits::default();
    limits.bulkhead.concurrent = 0;
    let options = Options { limits, selection: Selection::Alone(names(&["m9"])), ..Options::default() };
    let findings = now(assemble(town(""), infrastructure(), options)).map(|_| ()).unwrap_err();
    let errors = errors(&findings);
    expect![[r#"
        module `settings`: `m9` is to be started, and no module is named so: there are m0, m1, m2, m3, m4, m5
        module `settings`: the limits of requests are out of range: /concurrent: must be 1 to 1000000: see [requests]"#]].assert_eq(&errors.join("\n"));
}

/// A mistake in the descriptors is one wherever they run; what a left-out module would register is not asked for.
#[test]
fn left_out_modules_are_verified_as_far_as_they_can_be() {
    let unregistered = || Module::new("attic", "misses a type").on_start("open", |_: Arc<String>| async { Ok(()) });
    let all = || {
        let lonely = Module::new("lonely", "hears nobody").subscribes::<Said<5>, crate::town::Citizen<5>>("lonely.5");
        town("m0 asks m5").into_iter().take(5).chain([lonely, unregistered()]).collect::<Vec<_>>()
    };
    refused(
        all(),
        Selection::All,
        expect![[r#"
        module `attic`: start hook `open` needs `alloc::string::String`, which is not registered: register it with `.provides(|c| c.singleton(..))`
        module `lonely`: subscriber `lonely.5` needs `it::town::Citizen<5>`, which is not registered: register it with `.provides(|c| c.singleton(..))`
        module `lonely`: subscriber `lonely.5` waits for event `m5.said`, which no module publishes: declare it with `.publishes` in the module that does
        module `m0`: asks `m5.ask`, which no module serves: add the module that serves it to the composition root"#]],
    );
    refused(
        all(),
        Selection::AllBut(names(&["m0", "lonely", "attic"])),
        expect![[r#"
        module `lonely`: subscriber `lonely.5` waits for event `m5.said`, which no module publishes: declare it with `.publishes` in the module that does
        module `m0`: asks `m5.ask`, which no module serves: add the module that serves it to the composition root"#]],
    );
}
