//! What a path leads to.

use expect_test::expect;

use crate::fixture::{Fixture, check};
use source_graph::RootKind;

#[test]
fn own_modules() {
    check(
        r"
mod a {
    pub mod b { pub struct T; pub fn f() { super::g(); super::super::a::g(); self::T; crate::c::X; } }
    pub fn g() { b::f(); self::b::T; crate::root() }
    pub use self::b::T as Renamed;
}
mod c { use crate::a::{self, b::{self, T}}; fn f() { b::f(); T::new(); a::Renamed::new(); super::a::g() } }
fn root() { a::b::f() }
",
        expect![[r#"
            lib.rs:3 crate::a::b `super::g` -> crate::a g
            lib.rs:3 crate::a::b `super::super::a::g` -> crate::a g
            lib.rs:3 crate::a::b `crate::c::X` -> crate::c X
            lib.rs:4 crate::a `b::f` -> crate::a::b f
            lib.rs:4 crate::a `self::b::T` -> crate::a::b T
            lib.rs:4 crate::a `crate::root` -> crate root
            lib.rs:5 crate::a ReExport `self::b::T as Renamed` -> crate::a::b T
            lib.rs:7 crate::c Use `self` as a -> crate::a
            lib.rs:7 crate::c Use `self` as b -> crate::a::b
            lib.rs:7 crate::c Use `T` -> crate::a::b T
            lib.rs:7 crate::c `b::f` -> crate::a::b f
            lib.rs:7 crate::c `T::new` -> crate::a::b T::new
            lib.rs:7 crate::c `a::Renamed::new` -> crate::a::b T::new through crate::a
            lib.rs:7 crate::c `super::a::g` -> crate::a g
            lib.rs:8 crate `a::b::f` -> crate::a::b f
        "#]],
    );
}

#[test]
fn a_local_name_hides_a_crate() {
    check(
        r"
mod serde { pub struct S; }
fn module() { serde::S; ::serde::S }
mod inner { fn f() { serde::S } }
struct log;
fn value_of_a_type() { log::new() }
fn tokio() {}
fn a_function_hides_nothing() { tokio::spawn() }
fn generic<anyhow: Trait>() { anyhow::new() }
fn after() { anyhow::Error }
fn block() { { mod d { pub fn x() {} } d::x() } d::y() }
impl<b_c> S<b_c> { fn f() { b_c::x() } }
fn gone() { b_c::y() }
impl Trait for S { type anyhow = u8; fn f() { anyhow::Error } }
",
        expect![[r#"
            lib.rs:3 crate `serde::S` -> crate::serde S
            lib.rs:3 crate `::serde::S` -> <serde>::S
            lib.rs:4 crate::inner `serde::S` -> <serde>::S
            lib.rs:8 crate `tokio::spawn` -> <tokio>::spawn
            lib.rs:10 crate `anyhow::Error` -> <anyhow>::Error
            lib.rs:11 crate `d::x` -> crate::d x
            lib.rs:11 crate `d::y` -> <d>::y
            lib.rs:13 crate `b_c::y` -> <b_c>::y
            lib.rs:14 crate `anyhow::Error` -> <anyhow>::Error
        "#]],
    );
}

#[test]
fn aliases_are_followed() {
    check(
        r"
use d as e;
use e::f::{self, g as h};
extern crate tokio as rt;
fn f1() { e::x(); f::y(); h::z(); crate::h::z(); rt::spawn() }
mod m { use super::h; use rt::sync; fn g() { h::w(); sync::x(); super::e::y() } }
mod facade { pub use log::Level; pub use d::*; pub(crate) use anyhow; }
fn f2() { facade::Level::Debug; facade::Unknown::new(); facade::anyhow::Error }
use facade::Level as L;
fn f3() { L::Info }
fn f4() { { use serde::de as inner; inner::x() } inner::y() }
",
        expect![[r#"
            lib.rs:2 crate Use `d as e` -> <d>
            lib.rs:3 crate Use `self` -> <d>::f
            lib.rs:3 crate Use `g as h` -> <d>::f::g
            lib.rs:4 crate ExternCrate `tokio as rt` -> <tokio>
            lib.rs:5 crate `e::x` -> <d>::x
            lib.rs:5 crate `f::y` -> <d>::f::y
            lib.rs:5 crate `h::z` -> <d>::f::g::z
            lib.rs:5 crate `crate::h::z` -> <d>::f::g::z
            lib.rs:5 crate `rt::spawn` -> <tokio>::spawn
            lib.rs:6 crate::m Use `super::h` -> <d>::f::g through crate
            lib.rs:6 crate::m Use `rt::sync` -> <tokio>::sync
            lib.rs:6 crate::m `h::w` -> <d>::f::g::w through crate
            lib.rs:6 crate::m `sync::x` -> <tokio>::sync::x
            lib.rs:6 crate::m `super::e::y` -> <d>::y through crate
            lib.rs:7 crate::facade ReExport `log::Level` -> <log>::Level
            lib.rs:7 crate::facade GlobReExport `d::*` -> <d>
            lib.rs:7 crate::facade Use `anyhow` -> <anyhow>
            lib.rs:8 crate `facade::Level::Debug` -> <log>::Level::Debug through crate::facade
            lib.rs:8 crate `facade::Unknown::new` -> crate::facade Unknown::new
            lib.rs:8 crate `facade::anyhow::Error` -> <anyhow>::Error through crate::facade
            lib.rs:9 crate Use `facade::Level as L` -> <log>::Level through crate::facade
            lib.rs:10 crate `L::Info` -> <log>::Level::Info through crate::facade
            lib.rs:11 crate Use `serde::de as inner` -> <serde>::de
            lib.rs:11 crate `inner::x` -> <serde>::de::x
            lib.rs:8 `facade::Unknown::new`: Unknown::new of <d>::*
            unresolved 1
        "#]],
    );
}

/// What another crate has only the other crate's sources say; a name that the module has itself comes from no glob.
#[test]
fn names_that_globs_of_other_crates_may_bring() {
    check(
        r#"
mod user { use tokio::prelude::*; use serde::*; fn f() { log2::info!(); Own::new(); serde::X } struct Own; }
mod one { use d::*; mod inner { fn f() { super::hidden::A; super::Known } } struct Known; }
mod offers { pub use d::api::*; pub fn call() {} #[cfg(test)] mod tests { fn f() { super::b::B } } }
mod asks { fn f() { crate::offers::c::C; crate::offers::call(); crate::one::Known; crate::one::hidden::A } }
mod through { use super::offers::*; fn f() { c::C } }
mod block { use serde::*; fn f() { { use tokio::*; inner::X } outer::Y } fn g() { String::new() } }
mod private { use std::fmt::*; fn f() { nowhere::Z } }
mod imports { use tokio::*; use runtime::Handle; pub use self::runtime::Builder; }
"#,
        expect![[r#"
            lib.rs:2 crate::user Glob `tokio::prelude::*` -> <tokio>::prelude
            lib.rs:2 crate::user Glob `serde::*` -> <serde>
            lib.rs:2 crate::user `serde::X` -> <serde>::X
            lib.rs:3 crate::one Glob `d::*` -> <d>
            lib.rs:3 crate::one::inner `super::hidden::A` -> crate::one hidden::A
            lib.rs:3 crate::one::inner `super::Known` -> crate::one Known
            lib.rs:4 crate::offers GlobReExport `d::api::*` -> <d>::api
            lib.rs:4 crate::offers::tests `super::b::B` -> crate::offers b::B [test]
            lib.rs:5 crate::asks `crate::offers::c::C` -> crate::offers c::C
            lib.rs:5 crate::asks `crate::offers::call` -> crate::offers call
            lib.rs:5 crate::asks `crate::one::Known` -> crate::one Known
            lib.rs:5 crate::asks `crate::one::hidden::A` -> crate::one hidden::A
            lib.rs:6 crate::through Glob `super::offers::*` -> crate::offers
            lib.rs:7 crate::block Glob `serde::*` -> <serde>
            lib.rs:7 crate::block Glob `tokio::*` -> <tokio>
            lib.rs:9 crate::imports Glob `tokio::*` -> <tokio>
            lib.rs:9 crate::imports ReExport `self::runtime::Builder` -> crate::imports runtime::Builder
            lib.rs:2 `log2::info`: log2::info of <tokio>::prelude::*, <serde>::*
            lib.rs:3 `super::hidden::A`: hidden::A of <d>::*
            lib.rs:4 `super::b::B`: b::B of <d>::api::* [test]
            lib.rs:5 `crate::offers::c::C`: c::C of <d>::api::*
            lib.rs:6 `c::C`: c::C of <d>::api::*
            lib.rs:7 `inner::X`: inner::X of <tokio>::*, <serde>::*
            lib.rs:7 `outer::Y`: outer::Y of <serde>::*
            lib.rs:9 `runtime::Handle`: runtime::Handle of <tokio>::*
            lib.rs:9 `self::runtime::Builder`: runtime::Builder of <tokio>::*
            unresolved 1
        "#]],
    );
}

#[test]
fn globs_of_modules_are_followed() {
    check(
        r"
mod a { pub mod deep {} pub use log::Level; use anyhow::Error; pub(crate) use d::X; mod hidden {} }
use a::*;
fn f() { deep::x(); Level::Info; X::new(); Error::new(); hidden::y() }
#[cfg(test)]
mod tests { use super::*; use super::a::*; fn g() { deep::x(); Level::Info; f::z(); d::X } }
mod round { pub use super::trip::*; }
mod trip { pub use super::round::*; fn f() { nowhere::x() } }
mod lone { use std::*; fn f() { perhaps::x() } }
",
        expect![[r#"
            lib.rs:2 crate::a ReExport `log::Level` -> <log>::Level
            lib.rs:2 crate::a Use `anyhow::Error` -> <anyhow>::Error
            lib.rs:2 crate::a Use `d::X` -> <d>::X
            lib.rs:3 crate Glob `a::*` -> crate::a
            lib.rs:4 crate `deep::x` -> crate::a::deep x
            lib.rs:4 crate `Level::Info` -> <log>::Level::Info through crate::a
            lib.rs:4 crate `X::new` -> <d>::X::new through crate::a
            lib.rs:6 crate::tests Glob `super::*` -> crate [test]
            lib.rs:6 crate::tests Glob `super::a::*` -> crate::a [test]
            lib.rs:6 crate::tests `deep::x` -> crate::a::deep x through crate [test]
            lib.rs:6 crate::tests `Level::Info` -> <log>::Level::Info through crate::a [test]
            lib.rs:6 crate::tests `d::X` -> <d>::X [test]
            lib.rs:7 crate::round GlobReExport `super::trip::*` -> crate::trip
            lib.rs:8 crate::trip GlobReExport `super::round::*` -> crate::round
            unresolved 5
        "#]],
    );
}

#[test]
fn the_module_whose_import_leads_on() {
    check(
        r"
pub use api::Kept; pub use domain::Plain; extern crate log as logger;
mod domain {
    pub struct Plain; pub struct Kept; pub mod part { pub struct P; }
    use crate::api::Back; fn f() { Back::new(); crate::api::Kept; crate::Kept; self::Kept; crate::Plain; super::api::part::P }
    mod tests { use super::*; fn g() { Back::new(); Kept::new(); super::Back::new() } }
}
mod api { pub use crate::domain::{Kept, Plain as Back, part}; pub use super::deep::Item; pub struct Own; }
mod deep { pub use crate::lowest::Item; pub use log::Level; pub use d::*; use super::logger; fn h() { logger::x() } }
mod lowest { pub struct Item; }
mod user { fn f() { crate::api::Item; crate::api::Own; crate::api::part::P; crate::Kept; crate::deep::Level; crate::Plain } }
mod globs { pub use crate::api::*; fn f() { Item::new() } }
mod part { use crate::api::part::*; fn f() { P::new() } }
mod beyond { fn f() { super::globs::Item; super::globs::Own; super::logger::info!(); logger::warn!() } }
",
        expect![[r#"
            lib.rs:2 crate ReExport `api::Kept` -> crate::domain Kept through crate::api
            lib.rs:2 crate ReExport `domain::Plain` -> crate::domain Plain
            lib.rs:2 crate ExternCrate `log as logger` -> <log>
            lib.rs:5 crate::domain Use `crate::api::Back` -> crate::domain Plain through crate::api
            lib.rs:5 crate::domain `Back::new` -> crate::domain Plain::new through crate::api
            lib.rs:5 crate::domain `crate::api::Kept` -> crate::domain Kept through crate::api
            lib.rs:5 crate::domain `crate::Kept` -> crate::domain Kept through crate::api
            lib.rs:5 crate::domain `crate::Plain` -> crate::domain Plain through crate
            lib.rs:5 crate::domain `super::api::part::P` -> crate::domain::part P through crate::api
            lib.rs:6 crate::domain::tests Glob `super::*` -> crate::domain
            lib.rs:6 crate::domain::tests `Back::new` -> crate::domain Plain::new through crate::domain
            lib.rs:6 crate::domain::tests `Kept::new` -> crate::domain Kept::new
            lib.rs:6 crate::domain::tests `super::Back::new` -> crate::domain Plain::new through crate::domain
            lib.rs:8 crate::api ReExport `Kept` -> crate::domain Kept
            lib.rs:8 crate::api ReExport `Plain as Back` -> crate::domain Plain
            lib.rs:8 crate::api ReExport `part` -> crate::domain::part
            lib.rs:8 crate::api ReExport `super::deep::Item` -> crate::lowest Item through crate::deep
            lib.rs:9 crate::deep ReExport `crate::lowest::Item` -> crate::lowest Item
            lib.rs:9 crate::deep ReExport `log::Level` -> <log>::Level
            lib.rs:9 crate::deep GlobReExport `d::*` -> <d>
            lib.rs:9 crate::deep Use `super::logger` -> <log>
            lib.rs:9 crate::deep `logger::x` -> <log>::x
            lib.rs:11 crate::user `crate::api::Item` -> crate::lowest Item through crate::api
            lib.rs:11 crate::user `crate::api::Own` -> crate::api Own
            lib.rs:11 crate::user `crate::api::part::P` -> crate::domain::part P through crate::api
            lib.rs:11 crate::user `crate::Kept` -> crate::domain Kept through crate::api
            lib.rs:11 crate::user `crate::deep::Level` -> <log>::Level through crate::deep
            lib.rs:11 crate::user `crate::Plain` -> crate::domain Plain through crate
            lib.rs:12 crate::globs GlobReExport `crate::api::*` -> crate::api
            lib.rs:12 crate::globs `Item::new` -> crate::lowest Item::new through crate::api
            lib.rs:13 crate::part Glob `crate::api::part::*` -> crate::domain::part through crate::api
            lib.rs:13 crate::part `P::new` -> crate::domain::part P::new through crate::api
            lib.rs:14 crate::beyond `super::globs::Item` -> crate::lowest Item through crate::globs
            lib.rs:14 crate::beyond `super::globs::Own` -> crate::api Own through crate::globs
            lib.rs:14 crate::beyond Macro `super::logger::info` -> <log>::info
            lib.rs:14 crate::beyond Macro `logger::warn` -> <log>::warn
        "#]],
    );
}

#[test]
fn a_macro_of_the_crate_s_name_hides_nothing() {
    check(
        r"
use anyhow::anyhow;
fn f() -> anyhow::Result<()> { anyhow!(1) }
mod util { pub fn log() {} pub fn d() {} pub mod b_c {} }
use util::{log, b_c};
fn g() { log::info!(); b_c::x() }
use tokio::tokio as d;
use serde;
use serde::serde as again;
fn h() { d::x(); serde::y() }
",
        expect![[r#"
            lib.rs:2 crate Use `anyhow::anyhow` -> <anyhow>::anyhow
            lib.rs:3 crate `anyhow::Result` -> <anyhow>::Result
            lib.rs:3 crate Macro `anyhow` -> <anyhow>::anyhow
            lib.rs:5 crate Use `log` -> crate::util log
            lib.rs:5 crate Use `b_c` -> crate::util::b_c
            lib.rs:6 crate Macro `log::info` -> <log>::info
            lib.rs:6 crate `b_c::x` -> crate::util::b_c x
            lib.rs:7 crate Use `tokio::tokio as d` -> <tokio>::tokio
            lib.rs:8 crate Use `serde` -> <serde>
            lib.rs:9 crate Use `serde::serde as again` -> <serde>::serde
            lib.rs:10 crate `d::x` -> <tokio>::tokio::x
            lib.rs:10 crate `serde::y` -> <serde>::y
        "#]],
    );
}

#[test]
fn standard_crates_and_the_own_library() {
    let fixture = Fixture::new(
        r"
use std::fs::File;
extern crate alloc;
use alloc::vec;
extern crate unknown_here;
extern crate self as me;
fn f() { core::mem::swap; Vec::new(); u8::MAX; String::from; File::open; me::f(); unknown_here::x(); Missing::y() }
fn g() { this_one::f() }
//- main.rs
use this_one::f;
fn main() { this_one::f(); f::x() }
//- build.rs
fn main() { this_one::f(); d::x() }
",
    );
    let fixture = fixture.root(RootKind::Binary, "main.rs").root(RootKind::BuildScript, "build.rs");
    expect![[r#"
        lib.rs:5 crate ExternCrate `unknown_here` -> <unknown_here> (Unknown)
        lib.rs:7 crate `unknown_here::x` -> <unknown_here>::x (Unknown)
        main.rs:1 crate Use `this_one::f` -> <this_one>::f (Library)
        main.rs:2 crate `this_one::f` -> <this_one>::f (Library)
        main.rs:2 crate `f::x` -> <this_one>::f::x (Library)
        build.rs:1 crate `d::x` -> <d>::x
        unresolved 3
    "#]]
    .assert_eq(&fixture.told());
}

#[test]
fn edition_2015_reads_imports_from_the_root() {
    let text = r"
extern crate log as logger;
mod a { pub mod b {} }
mod m {
    use a::b;
    use logger::Level;
    use self::n::x;
    use serde::de;
    use ::a::b as c;
    mod n {}
    fn f() { b::x(); ::a::y(); ::logger::z(); n::w(); d::v(); a::u() }
}
";
    expect![[r#"
        lib.rs:2 crate ExternCrate `log as logger` -> <log>
        lib.rs:5 crate::m Use `a::b` -> crate::a::b
        lib.rs:6 crate::m Use `logger::Level` -> <log>::Level
        lib.rs:7 crate::m Use `self::n::x` -> crate::m::n x
        lib.rs:8 crate::m Use `serde::de` -> <serde>::de
        lib.rs:9 crate::m Use `a::b as c` -> crate::a::b
        lib.rs:11 crate::m `b::x` -> crate::a::b x
        lib.rs:11 crate::m `::a::y` -> crate::a y
        lib.rs:11 crate::m `::logger::z` -> <log>::z
        lib.rs:11 crate::m `n::w` -> crate::m::n w
        lib.rs:11 crate::m `d::v` -> <d>::v
        unresolved 1
    "#]]
    .assert_eq(&Fixture::new(text).edition_2015().told());
    expect![[r#"
        lib.rs:2 crate ExternCrate `log as logger` -> <log>
        lib.rs:6 crate::m Use `logger::Level` -> <log>::Level
        lib.rs:7 crate::m Use `self::n::x` -> crate::m::n x
        lib.rs:8 crate::m Use `serde::de` -> <serde>::de
        lib.rs:11 crate::m `::logger::z` -> <log>::z
        lib.rs:11 crate::m `n::w` -> crate::m::n w
        lib.rs:11 crate::m `d::v` -> <d>::v
        unresolved 5
    "#]]
    .assert_eq(&Fixture::new(text).told());
}

#[test]
fn crates_under_other_names_by_condition() {
    check(
        r#"
#[cfg(feature = "std")] extern crate std as core;
#[cfg(feature = "x")] mod m { extern crate tokio as serde; use self::serde::spawn; fn f() { serde::x() } }
#[cfg(feature = "l")] use log as logging;
#[cfg(not(feature = "l"))] use d as logging;
fn f() { core::mem::swap; serde::y(); logging::info!() }
"#,
        expect![[r#"
            lib.rs:3 crate::m ExternCrate `tokio as serde` -> <tokio> [feature = "x"]
            lib.rs:3 crate::m Use `self::serde::spawn` -> <tokio>::spawn [feature = "x"]
            lib.rs:3 crate::m `serde::x` -> <tokio>::x [feature = "x"]
            lib.rs:4 crate Use `log as logging` -> <log> [feature = "l"]
            lib.rs:5 crate Use `d as logging` -> <d> [not(feature = "l")]
            lib.rs:6 crate `serde::y` -> <serde>::y
            lib.rs:6 crate Macro `logging::info` -> <log>::info
        "#]],
    );
}

#[test]
fn a_macro_is_no_module_of_its_name() {
    check(
        r"
macro_rules! span { () => { $crate::span!(); $crate::a::event! {} } }
pub mod span { fn f() { crate::span!(); crate::span::f(); crate::a::event!(); super::a::other!() } }
pub mod a { pub mod event {} pub use d::other; }
fn f() { crate::span!(); self::span!() }
",
        expect![[r#"
            lib.rs:2 crate Macro `$crate::a::event` -> crate::a event
            lib.rs:3 crate::span Macro `crate::span` -> crate span
            lib.rs:3 crate::span Macro `crate::a::event` -> crate::a event
            lib.rs:3 crate::span Macro `super::a::other` -> <d>::other through crate::a
            lib.rs:4 crate::a ReExport `d::other` -> <d>::other
        "#]],
    );
}
