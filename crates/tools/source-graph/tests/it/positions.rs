//! Every position of a path.

use expect_test::expect;

use crate::fixture::check;

#[test]
fn use_trees() {
    check(
        r"
use serde;
use serde::de;
use serde::{self as s, ser::{Serialize as Ser, Serializer}, *};
use {log::info, tokio::{self}};
use ::anyhow::Result as _;
pub use b_c::Item;
pub(crate) use d::*;
pub use d::*;
extern crate log as logger;
pub extern crate serde as reserde;
fn f() { use tokio::sync::{mpsc::{self, Sender}}; }
",
        expect![[r#"
            lib.rs:2 crate Use `serde` -> <serde>
            lib.rs:3 crate Use `serde::de` -> <serde>::de
            lib.rs:4 crate Use `self as s` -> <serde>
            lib.rs:4 crate Use `Serialize as Ser` -> <serde>::ser::Serialize
            lib.rs:4 crate Use `Serializer` -> <serde>::ser::Serializer
            lib.rs:4 crate Glob `*` -> <serde>
            lib.rs:5 crate Use `log::info` -> <log>::info
            lib.rs:5 crate Use `self` as tokio -> <tokio>
            lib.rs:6 crate Use `anyhow::Result as _` -> <anyhow>::Result
            lib.rs:7 crate ReExport `b_c::Item` -> <b_c>::Item
            lib.rs:8 crate Glob `d::*` -> <d>
            lib.rs:9 crate GlobReExport `d::*` -> <d>
            lib.rs:10 crate ExternCrate `log as logger` -> <log>
            lib.rs:11 crate ExternCrateReExport `serde as reserde` -> <serde>
            lib.rs:12 crate Use `self` as mpsc -> <tokio>::sync::mpsc
            lib.rs:12 crate Use `Sender` -> <tokio>::sync::mpsc::Sender
        "#]],
    );
}

#[test]
fn expressions_types_patterns_and_bounds() {
    check(
        r##"
fn f<T: serde::Serialize>(a: &'static dyn log::Log, b: Vec<anyhow::Error>) -> impl Iterator<Item = d::Item>
where
    T: serde::de::DeserializeOwned,
    for<'a> &'a T: ::tokio::io::AsyncRead,
{
    let x = d::CONST + a.b.c::<b_c::X>();
    let y = <d::A as d::B>::C::new();
    if let d::Some(ref v) = ::d::opt() { }
    match x { d::One | d::Two { .. } => {}, 0..d::MAX => {}, _ => unreachable!() }
    d::Struct { field: d::VALUE, ..::d::default() };
    [d::A; d::LEN];
    b as d::Num;
    d::a::<d::T>::b(|x: d::Y| -> d::Z { x });
    Vec::<d::T>::new()
}
impl d::Trait for b_c::Type<d::Arg> { type Out = d::Out; const N: d::N = <d::Q>::N; }
pub(in crate::m) struct S(pub(crate) ::d::Field);
mod m { pub(in super::m) fn g() {} }
static R: d::S = (r#"d::no " d::no"#, r"d::no", b"d::no", "\" d::no");
// d::comment /* d::no */
/* d::a /* d::nested */ d::no */
const C: char = 'd'; fn l<'d>(x: &'d d::L) {}
"##,
        expect![[r#"
            lib.rs:2 crate `serde::Serialize` -> <serde>::Serialize
            lib.rs:2 crate `log::Log` -> <log>::Log
            lib.rs:2 crate `anyhow::Error` -> <anyhow>::Error
            lib.rs:2 crate `d::Item` -> <d>::Item
            lib.rs:4 crate `serde::de::DeserializeOwned` -> <serde>::de::DeserializeOwned
            lib.rs:5 crate `::tokio::io::AsyncRead` -> <tokio>::io::AsyncRead
            lib.rs:7 crate `d::CONST` -> <d>::CONST
            lib.rs:7 crate `b_c::X` -> <b_c>::X
            lib.rs:8 crate `d::A` -> <d>::A
            lib.rs:8 crate `d::B` -> <d>::B
            lib.rs:9 crate `d::Some` -> <d>::Some
            lib.rs:9 crate `::d::opt` -> <d>::opt
            lib.rs:10 crate `d::One` -> <d>::One
            lib.rs:10 crate `d::Two` -> <d>::Two
            lib.rs:10 crate `d::MAX` -> <d>::MAX
            lib.rs:11 crate `d::Struct` -> <d>::Struct
            lib.rs:11 crate `d::VALUE` -> <d>::VALUE
            lib.rs:11 crate `::d::default` -> <d>::default
            lib.rs:12 crate `d::A` -> <d>::A
            lib.rs:12 crate `d::LEN` -> <d>::LEN
            lib.rs:13 crate `d::Num` -> <d>::Num
            lib.rs:14 crate `d::a` -> <d>::a
            lib.rs:14 crate `d::T` -> <d>::T
            lib.rs:14 crate `d::Y` -> <d>::Y
            lib.rs:14 crate `d::Z` -> <d>::Z
            lib.rs:15 crate `d::T` -> <d>::T
            lib.rs:17 crate `d::Trait` -> <d>::Trait
            lib.rs:17 crate `b_c::Type` -> <b_c>::Type
            lib.rs:17 crate `d::Arg` -> <d>::Arg
            lib.rs:17 crate `d::Out` -> <d>::Out
            lib.rs:17 crate `d::N` -> <d>::N
            lib.rs:17 crate `d::Q` -> <d>::Q
            lib.rs:18 crate Visibility `crate::m` -> crate::m
            lib.rs:18 crate `::d::Field` -> <d>::Field
            lib.rs:20 crate `d::S` -> <d>::S
            lib.rs:23 crate `d::L` -> <d>::L
        "#]],
    );
}

#[test]
fn macros() {
    check(
        r#"
use log::info;
log::warn!("{}", d::value());
fn f() {
    info!(target: "x", d::a, [d::b; 2]);
    ::log::error! { d::c }
    unknown!();
    vec![d::e].method(d::f);
}
macro_rules! own {
    ($x:ident, d::pattern) => { $crate::m::hidden!($x::no::path); $crate::m::Type::new(::d::g(), d::h) };
}
#[macro_export]
macro_rules! exported { () => { use d::in_body; mod made; } }
mod m { fn f() { crate::exported!(); $crate::exported!(crate::S) } }
fn g() { let t = quote! { #name::no::path #(#x)* ::d::j #[derive(d::K)] struct Y { a: d::l } }; }
cfg_if! { if #[cfg(unix)] { use d::sys; } else { use b_c as sys; } }
fn h() { sys::x() }
"#,
        expect![[r#"
            lib.rs:2 crate Use `log::info` -> <log>::info
            lib.rs:3 crate Macro `log::warn` -> <log>::warn
            lib.rs:3 crate `d::value` -> <d>::value
            lib.rs:5 crate Macro `info` -> <log>::info
            lib.rs:5 crate `d::a` -> <d>::a
            lib.rs:5 crate `d::b` -> <d>::b
            lib.rs:6 crate Macro `::log::error` -> <log>::error
            lib.rs:6 crate `d::c` -> <d>::c
            lib.rs:8 crate `d::e` -> <d>::e
            lib.rs:8 crate `d::f` -> <d>::f
            lib.rs:11 crate `d::pattern` -> <d>::pattern
            lib.rs:11 crate Macro `$crate::m::hidden` -> crate::m hidden
            lib.rs:11 crate `$crate::m::Type::new` -> crate::m Type::new
            lib.rs:11 crate `::d::g` -> <d>::g
            lib.rs:11 crate `d::h` -> <d>::h
            lib.rs:14 crate Use `d::in_body` -> <d>::in_body
            lib.rs:15 crate::m Macro `crate::exported` -> crate exported
            lib.rs:15 crate::m Macro `$crate::exported` -> crate exported
            lib.rs:15 crate::m `crate::S` -> crate S
            lib.rs:16 crate `::d::j` -> <d>::j
            lib.rs:16 crate Derive `d::K` -> <d>::K
            lib.rs:16 crate `d::l` -> <d>::l
            lib.rs:17 crate Use `d::sys` -> <d>::sys [unix]
            lib.rs:17 crate Use `b_c as sys` -> <b_c>
            lib.rs:18 crate `sys::x` -> <d>::sys::x
            unseen Module at lib.rs:361
        "#]],
    );
}

#[test]
fn attributes_and_derives() {
    check(
        r#"
use serde::{Serialize, Deserialize};
use tokio::main as start;
#[derive(Debug, Serialize, d::Derive)]
#[cfg_attr(feature = "x", derive(Deserialize), serde(crate = "self::s"))]
#[d::attr(d::arg, key = d::value, skip)]
#[serde(with = "not::seen")]
struct S { #[d::field] a: u8 }
#[start]
#[unsafe(d::x)]
fn f() {}
#![d::inner]
#[doc = include_str!("a.md")]
mod after_doc { fn f() { d::x } }
"#,
        expect![[r#"
            lib.rs:2 crate Use `Serialize` -> <serde>::Serialize
            lib.rs:2 crate Use `Deserialize` -> <serde>::Deserialize
            lib.rs:3 crate Use `tokio::main as start` -> <tokio>::main
            lib.rs:4 crate Derive `Serialize` -> <serde>::Serialize
            lib.rs:4 crate Derive `d::Derive` -> <d>::Derive
            lib.rs:5 crate Derive `Deserialize` -> <serde>::Deserialize
            lib.rs:6 crate Attribute `d::attr` -> <d>::attr
            lib.rs:6 crate Attribute `d::arg` -> <d>::arg
            lib.rs:6 crate Attribute `d::value` -> <d>::value
            lib.rs:8 crate Attribute `d::field` -> <d>::field
            lib.rs:9 crate Attribute `start` -> <tokio>::main
            lib.rs:10 crate Attribute `d::x` -> <d>::x
            lib.rs:12 crate Attribute `d::inner` -> <d>::inner
            lib.rs:14 crate::after_doc `d::x` -> <d>::x
        "#]],
    );
}

/// The attributes below stand in the text that is read, those of the test harness among them.
#[test]
fn code_in_the_strings_of_attributes() {
    check(
        r###"
mod codec { pub mod hex { } pub fn f() {} }
use codec::hex; use d as dd; mod hidden { }
#[serde(crate = "dd", bound(serialize = "T: d::Bound + 'static, for<'a> U<'a>: crate::codec::Own"))]
#[schemars(with = "Vec<d::Item>", crate = "tokio")] #[serde(default = "crate::codec::f", from = r#"codec::Wire<u8>"#)]
#[cfg_attr(feature = "d::no", serde(remote = "::d::Remote", getter = "super::no"))] #[wasm_bindgen(extends = ::d::Object)]
struct S {
    #[serde(with = "hex", skip_serializing_if = "Option::is_none", rename = "d::no")] a: u8,
    #[serde(with = "d")] b: u8, #[serde(serialize_with = "log", default = "d", getter = "anyhow")] c: u8,
    #[serde(with = "<d::A as d::B>::C", default = "d::f(1)?.g::<d::D>", as = "&'static mut dyn d::E")] d: u8,
    #[builder(default = "d::say(\"d::no\")", value = "d::of::<T>::no::further")] e: u8,
}
#[doc = "d::no"] #[must_use = "d::no"] #[path = "d::no"] #[deprecated(since = "1", note = "d::no")]
#[expect(lint, reason = "d::no")] #[cfg(x = "d::no")] #[error("d::no")] #[instrument(name = "d::no", target = "d::no")]
#[ui(text = "use d::no", text = "See d::no.", text = "a d::no", text = "`d::no`", text = "d::no #1", text = "d::no(", key, "d::no")]
#[should_panic(expected = "d::no")] #[cfg(feature = "d::no")] #[unknown(x = "unknown::no", y = "", z = "::", w = "d::")]
fn f() {}
"###,
        expect![[r#"
            lib.rs:3 crate Use `codec::hex` -> crate::codec::hex
            lib.rs:3 crate Use `d as dd` -> <d>
            lib.rs:4 crate AttributeText `dd` -> <d>
            lib.rs:4 crate AttributeText `d::Bound` -> <d>::Bound
            lib.rs:4 crate AttributeText `crate::codec::Own` -> crate::codec Own
            lib.rs:5 crate AttributeText `d::Item` -> <d>::Item
            lib.rs:5 crate AttributeText `tokio` -> <tokio>
            lib.rs:5 crate AttributeText `crate::codec::f` -> crate::codec f
            lib.rs:5 crate AttributeText `codec::Wire` -> crate::codec Wire
            lib.rs:6 crate AttributeText `::d::Remote` -> <d>::Remote
            lib.rs:6 crate Attribute `::d::Object` -> <d>::Object
            lib.rs:8 crate AttributeText `hex` -> crate::codec::hex
            lib.rs:9 crate AttributeText `d` -> <d>
            lib.rs:10 crate AttributeText `d::A` -> <d>::A
            lib.rs:10 crate AttributeText `d::B` -> <d>::B
            lib.rs:10 crate AttributeText `d::f` -> <d>::f
            lib.rs:10 crate AttributeText `d::D` -> <d>::D
            lib.rs:10 crate AttributeText `d::E` -> <d>::E
            lib.rs:11 crate AttributeText `d::of` -> <d>::of
        "#]],
    );
}

#[test]
fn paths_that_end_in_a_variable() {
    check(
        r#"
macro_rules! own {
    ($x:ident) => { d::$x; $crate::$x; crate::m::$x; Option::$x; unknown::$x; $x::d; [serde::de::$x; 2] };
}
mod m {
    macro_rules! inner { ($x:ident) => { super::$x(); crate::$x!(); self::$x; Self::$x } }
    fn f() { quote! { ::log::#x; d::#x::y; #x::d; tokio::#(#x)::* } }
}
fn g() { d::<u8> }
"#,
        expect![[r#"
            lib.rs:3 crate `d` -> <d>
            lib.rs:3 crate `crate::m` -> crate::m
            lib.rs:3 crate `serde::de` -> <serde>::de
            lib.rs:6 crate::m `super` -> crate
            lib.rs:6 crate::m `crate` -> crate
            lib.rs:7 crate::m `::log` -> <log>
            lib.rs:7 crate::m `d` -> <d>
            lib.rs:7 crate::m `tokio` -> <tokio>
        "#]],
    );
}

#[test]
fn global_paths_behind_words_of_a_macro() {
    check(
        r"
macro_rules! own {
    () => { own!(@parse ::d::A, key ::serde::B
        ::log::C, d :: D :: E, d::F ::tokio::G) };
}
fn f() { d ::H; d
    ::I }
",
        expect![[r#"
            lib.rs:3 crate `::d::A` -> <d>::A
            lib.rs:3 crate `::serde::B` -> <serde>::B
            lib.rs:4 crate `::log::C` -> <log>::C
            lib.rs:4 crate `d :: D :: E` -> <d>::D::E
            lib.rs:4 crate `d::F` -> <d>::F
            lib.rs:4 crate `::tokio::G` -> <tokio>::G
            lib.rs:6 crate `d ::H` -> <d>::H
            lib.rs:6 crate `d ::I` -> <d>::I
        "#]],
    );
}
