use std::sync::Arc;

use container::Builder;
use expect_test::expect;

use crate::text::shortened;

trait Clock: Send + Sync {
    fn now(&self) -> u64;
}
struct System;
struct Fixed(u64);
impl Clock for System {
    fn now(&self) -> u64 {
        panic!("a replaced factory runs")
    }
}
impl Clock for Fixed {
    fn now(&self) -> u64 {
        self.0
    }
}
struct Socket;
struct Report(u64);

/// As an application is wired: the clock is the system's, and needs a socket that nobody provides in a test.
fn application() -> Builder {
    let mut b = Builder::new();
    b.singleton(|_: Arc<Socket>| System)
        .bind::<dyn Clock, System>(|s| s)
        .singleton(|clock: Arc<dyn Clock>| Report(clock.now()));
    b
}

fn findings(builder: &Builder) -> String {
    let findings: Vec<String> = builder.validate().iter().map(ToString::to_string).collect();
    shortened(&findings.join("\n"))
}

#[test]
fn override_replaces_all_of_a_type() {
    let mut b = application();
    b.override_with(|b| {
        b.instance::<dyn Clock>(Arc::new(Fixed(7))).value(System);
    });
    assert_eq!(findings(&b), "", "what only the replaced factory needs is needed no more");
    assert_eq!(b.build().unwrap().get::<Report>().0, 7);
}

#[test]
fn later_override_replaces_an_earlier_one_and_may_bring_what_it_needs() {
    let mut b = application();
    b.value(Socket);
    b.override_with(|b| {
        b.instance::<dyn Clock>(Arc::new(Fixed(7)));
    });
    b.override_with(|b| {
        b.value(Fixed(8)).bind::<dyn Clock, Fixed>(|s| s);
    });
    assert_eq!(b.build().unwrap().get::<Report>().0, 8);
}

#[test]
fn override_of_nothing_and_duplicates_within_one() {
    let mut b = application();
    b.value(Socket);
    b.override_with(|b| {
        b.value(7_u8);
    });
    b.override_with(|b| {
        b.value(Report(1)).value(Report(2));
    });
    expect![[r#"
        duplicate `Report`: registered at overrides.rs and at overrides.rs; keep one
        nothing overridden by `override_with` (overrides.rs); override a type that was registered before"#]]
    .assert_eq(&findings(&b));
}
