//! The modules of every root.

use expect_test::{Expect, expect};
use source_graph::RootKind;

use crate::fixture::Fixture;

fn check(fixture: &Fixture, expected: Expect) {
    let graph = fixture.graph();
    let told = graph.modules.iter().map(|module| {
        let file = fixture.relative(&graph.files[module.file as usize].path);
        let public = if module.public && &*module.path != "crate" { "pub " } else { "" };
        let test = if module.under_test { " [test]" } else { "" };
        let standard = if module.has_standard_glob { " and a glob of std" } else { "" };
        let names = format!(": {}{standard}", module.names.join(" "));
        format!("{} {public}{} in {file}{test}{names}\n", module.root, module.path)
    });
    expected.assert_eq(&told.collect::<String>());
}

#[test]
fn where_they_stand_and_whether_for_tests_only() {
    let fixture = Fixture::new(
        r#"
mod a; pub mod b; mod inline { pub mod deep { } #[cfg(test)] mod tests { mod more; } }
#[cfg(windows)] mod missing; #[cfg(windows)] mod twice { } #[cfg(unix)] mod twice;
#[cfg(all(test, windows))] mod gone;
#[cfg(test)] mod both { } #[cfg(not(test))] mod both { }
mod inner { #![cfg(test)] mod child {} }
fn f() { mod within { } impl S { #![cfg(test)] } }
//- a.rs
#[cfg(any(test, unix))] mod either { } include!("a.in");
//- a.in
pub mod included { }
//- b.rs
#![cfg(test)] pub mod helper { } pub(crate) mod within { }
//- twice.rs
//- inline/tests/more.rs
//- main.rs
mod a;
//- tests/t.rs
mod common { }
"#,
    );
    let fixture = fixture.root(RootKind::Binary, "main.rs").root(RootKind::Test, "tests/t.rs");
    let fixture = fixture.root(RootKind::Bench, "benches/absent.rs");
    check(
        &fixture,
        expect![[r#"
            0 crate in lib.rs: a b both f gone inline inner missing twice
            0 crate::a in a.rs: either included
            0 crate::a::either in a.rs: 
            0 crate::a::included in a.in: 
            0 pub crate::b in b.rs [test]: 
            0 pub crate::b::helper in b.rs [test]: 
            0 crate::b::within in b.rs [test]: 
            0 crate::both in lib.rs: 
            0 crate::gone in lib.rs [test]: 
            0 crate::inline in lib.rs: deep tests
            0 crate::inline::deep in lib.rs: 
            0 crate::inline::tests in lib.rs [test]: 
            0 crate::inline::tests::more in inline/tests/more.rs [test]: 
            0 crate::inner in lib.rs [test]: 
            0 crate::inner::child in lib.rs [test]: 
            0 crate::missing in lib.rs: 
            0 crate::twice in lib.rs: 
            0 crate::within in lib.rs: 
            1 crate in main.rs: 
            1 crate::a in a.rs: 
            1 crate::a::either in a.rs: 
            1 crate::a::included in a.in: 
            2 crate in tests/t.rs [test]: 
            2 crate::common in tests/t.rs [test]: 
        "#]],
    );
}

#[test]
fn names_that_no_glob_of_another_crate_brings() {
    let fixture = Fixture::new(
        r"
mod facade { pub use d::*; pub use serde::{de, ser as s}; use log::Level; struct Own; fn f() {} mod m {} fn g() { struct Inner; } }
mod part { pub(crate) use anyhow::sub::*; pub struct P; }
mod indirect { pub use super::facade::*; pub use super::plain::*; pub const X: u8 = 1; }
mod plain { pub struct Seen; struct Unseen; pub use log::Level as Renamed; pub use std::io::*; }
mod private { use d::*; pub struct Q; }
mod round { pub use super::trip::*; pub struct A; }
mod trip { pub use super::round::*; pub use tokio::*; pub struct B; }
",
    );
    check(
        &fixture,
        expect![[r#"
            0 crate in lib.rs: facade indirect part plain private round trip
            0 crate::facade in lib.rs: Level Own de f g m s
            0 crate::facade::m in lib.rs: 
            0 crate::indirect in lib.rs: Renamed Seen X de s and a glob of std
            0 crate::part in lib.rs: P
            0 crate::plain in lib.rs: Renamed Seen Unseen and a glob of std
            0 crate::private in lib.rs: Q
            0 crate::round in lib.rs: A B
            0 crate::trip in lib.rs: A B
        "#]],
    );
}
