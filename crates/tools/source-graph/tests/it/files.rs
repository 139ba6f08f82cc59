//! From a root file to all files of its tree.

use expect_test::expect;
use source_graph::RootKind;

use crate::fixture::{Fixture, check};

#[test]
fn where_a_module_s_file_lies() {
    check(
        r#"
mod flat;
mod folder;
mod inline { mod deep; #[path = "elsewhere.rs"] mod named; }
#[path = "other/place.rs"] mod moved;
#[path = "dir"] mod renamed { mod child; #[path = "x.rs"] mod y; }
mod r#type;
fn f() { #[path = "block.rs"] mod block; }
//- flat.rs
mod below; #[path = "beside.rs"] mod beside; mod inside { mod far; #[path = "near.rs"] mod near; }
//- flat/below.rs
use d::below;
//- beside.rs
use d::beside; mod next;
//- next.rs
use d::next;
//- flat/inside/far.rs
use d::far;
//- flat/inside/near.rs
use d::near;
//- folder/mod.rs
mod leaf;
//- folder/leaf.rs
use d::leaf;
//- inline/deep.rs
use d::deep;
//- inline/elsewhere.rs
use d::elsewhere;
//- other/place.rs
mod sibling;
//- other/sibling.rs
use super::super::flat; use d::sibling;
//- dir/child.rs
use d::child;
//- dir/x.rs
use d::x;
//- type.rs
use d::raw;
//- block.rs
use d::block;
//- never.rs
use d::never;
"#,
        expect![[r#"
            beside.rs:1 crate::flat::beside Use `d::beside` -> <d>::beside
            block.rs:1 crate::block Use `d::block` -> <d>::block
            dir/child.rs:1 crate::renamed::child Use `d::child` -> <d>::child
            dir/x.rs:1 crate::renamed::y Use `d::x` -> <d>::x
            flat/below.rs:1 crate::flat::below Use `d::below` -> <d>::below
            flat/inside/far.rs:1 crate::flat::inside::far Use `d::far` -> <d>::far
            flat/inside/near.rs:1 crate::flat::inside::near Use `d::near` -> <d>::near
            folder/leaf.rs:1 crate::folder::leaf Use `d::leaf` -> <d>::leaf
            inline/deep.rs:1 crate::inline::deep Use `d::deep` -> <d>::deep
            inline/elsewhere.rs:1 crate::inline::named Use `d::elsewhere` -> <d>::elsewhere
            next.rs:1 crate::flat::beside::next Use `d::next` -> <d>::next
            other/sibling.rs:1 crate::moved::sibling Use `super::super::flat` -> crate::flat
            other/sibling.rs:1 crate::moved::sibling Use `d::sibling` -> <d>::sibling
            type.rs:1 crate::type Use `d::raw` -> <d>::raw
        "#]],
    );
}

#[test]
fn what_a_cfg_leaves_out() {
    check(
        r#"
#[cfg(windows)] mod missing;
#[cfg(unix)] mod present;
#[cfg(test)] mod lost;
#[cfg_attr(unix, path = "unix.rs")] #[cfg_attr(windows, path = "windows.rs")] mod sys;
#[cfg_attr(feature = "x", path = "a.rs")] #[cfg_attr(not(feature = "x"), path = "b.rs")] mod either;
#[cfg(feature = "y")] mod twice { use d::one; }
#[cfg(not(feature = "y"))] mod twice;
mod gone;
//- present.rs
use d::present; #[cfg(test)] mod within; #[cfg(all(x, y))] mod nowhere;
//- present/within.rs
use d::within;
//- unix.rs
use d::unix;
//- a.rs
use d::a;
//- b.rs
use d::b;
//- twice.rs
use d::two;
"#,
        expect![[r#"
            a.rs:1 crate::either Use `d::a` -> <d>::a
            b.rs:1 crate::either Use `d::b` -> <d>::b
            lib.rs:7 crate::twice Use `d::one` -> <d>::one [feature = "y"]
            present/within.rs:1 crate::present::within Use `d::within` -> <d>::within [test] [unix]
            present.rs:1 crate::present Use `d::present` -> <d>::present [unix]
            twice.rs:1 crate::twice Use `d::two` -> <d>::two [not(feature = "y")]
            unix.rs:1 crate::sys Use `d::unix` -> <d>::unix
            problem lib.rs:69: no file for it: looked for lost.rs, lost/mod.rs
            problem lib.rs:353: no file for it: looked for gone.rs, gone/mod.rs
            absent under [windows]: missing.rs, missing/mod.rs
            absent under []: windows.rs
            absent under [unix, all(x, y)]: present/nowhere.rs, present/nowhere/mod.rs
        "#]],
    );
}

#[test]
fn tests_and_conditions() {
    check(
        r#"
use d::product;
#[cfg(test)] use d::test_import;
#[cfg(test)] mod tests { use d::in_tests; #[cfg(unix)] fn f() { d::both() } }
#[test] fn t() { d::in_test() }
#[tokio::test(flavor = "x")] async fn u() { d::in_tokio_test() }
#[cfg(all(test, feature = "z"))] impl S { fn f() { d::all() } }
#[cfg(any(test, feature = "z"))] fn any() { d::any() }
#[cfg(not(test))] fn not() { d::not() }
struct S { #[cfg(test)] a: Map<d::K, d::V>, b: d::after_field }
enum E { #[cfg(test)] A(d::variant), B(d::after_variant) }
fn arms() {
    match x { #[cfg(test)] 1 => { d::arm() } 2 => d::after_arm(), #[cfg(test)] 3 => d::arm3(), _ => d::last() }
    #[cfg(test)] let x = { d::statement() }; d::after_statement();
    #[cfg(test)] if a { d::then() } else { d::otherwise() } d::after_if();
    #[cfg(test)] { d::block() } d::after_block();
    #[cfg(test)] d::call(a < b, c); d::after_call();
    #[cfg(test)] mac! { d::in_macro } d::after_macro();
    #[cfg(test)] 'a: loop { d::label() } d::after_label(); #[cfg(test)] async move { d::later() } d::after_async();
    #[cfg(test)] const { d::constant() } d::after_constant();
    match x { #[cfg(test)] 1 => if a { d::arm4() } else { d::arm5() } 2 => d::after_if_arm(), _ => {} }
    match x { #[cfg(test)] 1 => match y { _ => d::arm6() } 2 => d::after_match_arm(), _ => {} }
}
#[cfg(test)] #[derive(d::Derive)] struct T<const N: usize = { 1 }>(d::tuple); fn g(_: d::after_tuple) {}
#[cfg(test)] const fn c() -> A<{ N }> { d::const_fn() } const D: d::after_const = 1;
#[cfg(feature   =  "w")] mod w { #![cfg(test)] use d::inner; }
use d::end;
"#,
        expect![[r#"
            lib.rs:2 crate Use `d::product` -> <d>::product
            lib.rs:3 crate Use `d::test_import` -> <d>::test_import [test]
            lib.rs:4 crate::tests Use `d::in_tests` -> <d>::in_tests [test]
            lib.rs:4 crate::tests `d::both` -> <d>::both [test] [unix]
            lib.rs:5 crate `d::in_test` -> <d>::in_test [test]
            lib.rs:6 crate Attribute `tokio::test` -> <tokio>::test
            lib.rs:6 crate `d::in_tokio_test` -> <d>::in_tokio_test [test]
            lib.rs:7 crate `d::all` -> <d>::all [test] [all(test, feature = "z")]
            lib.rs:8 crate `d::any` -> <d>::any [any(test, feature = "z")]
            lib.rs:9 crate `d::not` -> <d>::not [not(test)]
            lib.rs:10 crate `d::K` -> <d>::K [test]
            lib.rs:10 crate `d::V` -> <d>::V [test]
            lib.rs:10 crate `d::after_field` -> <d>::after_field
            lib.rs:11 crate `d::variant` -> <d>::variant [test]
            lib.rs:11 crate `d::after_variant` -> <d>::after_variant
            lib.rs:13 crate `d::arm` -> <d>::arm [test]
            lib.rs:13 crate `d::after_arm` -> <d>::after_arm
            lib.rs:13 crate `d::arm3` -> <d>::arm3 [test]
            lib.rs:13 crate `d::last` -> <d>::last
            lib.rs:14 crate `d::statement` -> <d>::statement [test]
            lib.rs:14 crate `d::after_statement` -> <d>::after_statement
            lib.rs:15 crate `d::then` -> <d>::then [test]
            lib.rs:15 crate `d::otherwise` -> <d>::otherwise [test]
            lib.rs:15 crate `d::after_if` -> <d>::after_if
            lib.rs:16 crate `d::block` -> <d>::block [test]
            lib.rs:16 crate `d::after_block` -> <d>::after_block
            lib.rs:17 crate `d::call` -> <d>::call [test]
            lib.rs:17 crate `d::after_call` -> <d>::after_call
            lib.rs:18 crate `d::in_macro` -> <d>::in_macro [test]
            lib.rs:18 crate `d::after_macro` -> <d>::after_macro
            lib.rs:19 crate `d::label` -> <d>::label [test]
            lib.rs:19 crate `d::after_label` -> <d>::after_label
            lib.rs:19 crate `d::later` -> <d>::later [test]
            lib.rs:19 crate `d::after_async` -> <d>::after_async
            lib.rs:20 crate `d::constant` -> <d>::constant [test]
            lib.rs:20 crate `d::after_constant` -> <d>::after_constant
            lib.rs:21 crate `d::arm4` -> <d>::arm4 [test]
            lib.rs:21 crate `d::arm5` -> <d>::arm5 [test]
            lib.rs:21 crate `d::after_if_arm` -> <d>::after_if_arm
            lib.rs:22 crate `d::arm6` -> <d>::arm6 [test]
            lib.rs:22 crate `d::after_match_arm` -> <d>::after_match_arm
            lib.rs:24 crate Derive `d::Derive` -> <d>::Derive [test]
            lib.rs:24 crate `d::tuple` -> <d>::tuple [test]
            lib.rs:24 crate `d::after_tuple` -> <d>::after_tuple
            lib.rs:25 crate `d::const_fn` -> <d>::const_fn [test]
            lib.rs:25 crate `d::after_const` -> <d>::after_const
            lib.rs:26 crate::w Use `d::inner` -> <d>::inner [test] [feature = "w"]
            lib.rs:27 crate Use `d::end` -> <d>::end
        "#]],
    );
}

#[test]
fn inclusions() {
    check(
        r#"
mod m { include!("items.in"); fn f() { Alias::x(); included::y() } }
const TABLE: &[u8] = include!("folder/table.in");
include!(concat!(env!("OUT_DIR"), "/generated.rs"));
include!("missing.in");
#[cfg(feature = "generated")] include!("generated.in");
//- items.in
use d::X as Alias; mod included; fn g() { super::m::f(); Alias::z() }
//- included.rs
use d::included;
//- folder/table.in
[d::A, d::B]
"#,
        expect![[r#"
            folder/table.in:1 crate `d::A` -> <d>::A
            folder/table.in:1 crate `d::B` -> <d>::B
            included.rs:1 crate::m::included Use `d::included` -> <d>::included
            items.in:1 crate::m Use `d::X as Alias` -> <d>::X
            items.in:1 crate::m `Alias::z` -> <d>::X::z
            lib.rs:2 crate::m `Alias::x` -> <d>::X::x
            lib.rs:2 crate::m `included::y` -> crate::m::included y
            problem lib.rs:173: no file for it: looked for missing.in
            absent under [feature = "generated"]: generated.in
            unseen Include at lib.rs:120
        "#]],
    );
}

#[test]
fn files_from_the_manifest_s_folder_and_files_of_data() {
    check(
        r#"
include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/", "abc.rs"));
mod m;
include!(concat!("x", ".rs",),);
include!(concat!(env!("CARGO_MANIFEST_DIR"), "/gone.rs"));
include!(concat!(env!("CARGO_MANIFEST_DIR", "why"), "/src/abc.rs"));
include!(concat!(env!("OUT_DIR"), "/src/abc.rs"));
include!(concat!(env!("CARGO_MANIFEST_DIR"), NAME));
include!("abc.rs" + 1);
const A: &str = include_str!("data/a.sql");
const B: &[u8] = std::include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/../b.bin"));
const C: &str = include_str!(concat!(env!("OUT_DIR"), "/c.txt"));
//- src/abc.rs
use d::from_manifest;
//- x.rs
use d::joined;
//- m.rs
mod n { const D: &str = include_str!("d.txt"); }
"#,
        expect![[r#"
            src/abc.rs:1 crate Use `d::from_manifest` -> <d>::from_manifest
            x.rs:1 crate Use `d::joined` -> <d>::joined
            embedded b.bin
            embedded d.txt
            embedded data/a.sql
            unseen Include at lib.rs:107
            unseen Include at lib.rs:166
            unseen Include at lib.rs:235
            unseen Include at lib.rs:286
            unseen Include at lib.rs:339
        "#]],
    );
}

#[test]
fn a_module_with_two_files() {
    check(
        r#"
mod util; #[cfg(windows)] mod other; m! { mod third; } mod fine; #[path = "util/mod.rs"] mod again;
//- util.rs
use d::file;
//- util/mod.rs
use d::folder;
//- other.rs
//- other/mod.rs
//- third.rs
//- third/mod.rs
//- fine.rs
//- fine/below.rs
"#,
        expect![[r#"
            util/mod.rs:1 crate::again Use `d::folder` -> <d>::folder
            util.rs:1 crate::util Use `d::file` -> <d>::file
            problem lib.rs:1: more than one file for it: util.rs, util/mod.rs
        "#]],
    );
}

#[test]
fn names_of_files_with_escapes() {
    check(
        r##"
#[path = "a\x62c.rs"] mod q;
include!("a\u{62}\
          d.rs");
#[path = r"raw.rs"] mod raw;
#[path = "a\q.rs"] mod unknown;
//- abc.rs
use d::q;
//- abd.rs
use d::included;
//- raw.rs
use d::raw;
"##,
        expect![[r#"
            abc.rs:1 crate::q Use `d::q` -> <d>::q
            abd.rs:1 crate Use `d::included` -> <d>::included
            raw.rs:1 crate::raw Use `d::raw` -> <d>::raw
            problem lib.rs:115: no file for it: looked for unknown.rs, unknown/mod.rs
        "#]],
    );
}

#[test]
fn modules_within_macros() {
    check(
        r#"
cfg_if! { if #[cfg(unix)] { mod unix; pub use self::unix::x; } else { mod other; } }
items! { mod listed; use d::listed_import; }
macro_rules! m { ($n:ident) => { mod $n; mod fixed; mod inline { use d::inline; } } }
fn f() { unix::y(); listed::z() }
//- unix.rs
use d::unix;
//- listed.rs
use d::listed;
"#,
        expect![[r#"
            lib.rs:2 crate ReExport `self::unix::x` -> crate::unix x [unix]
            lib.rs:3 crate Use `d::listed_import` -> <d>::listed_import
            lib.rs:4 crate Use `d::inline` -> <d>::inline
            lib.rs:5 crate `unix::y` -> crate::unix y
            lib.rs:5 crate `listed::z` -> crate::listed z
            listed.rs:1 crate::listed Use `d::listed` -> <d>::listed
            unix.rs:1 crate::unix Use `d::unix` -> <d>::unix [unix]
            unseen Module at lib.rs:71
            unseen Module at lib.rs:164
            unseen Module at lib.rs:172
        "#]],
    );
}

#[test]
fn what_is_no_source() {
    let fixture = Fixture::new(
        r#"
mod latin; mod string; mod comment; mod brackets; mod folder; mod this; mod fine;
//- string.rs
use d::before; const A: &str = "open
//- comment.rs
use d::before; /* /* */
//- brackets.rs
fn f() { d::x(]; d::y() }} fn g() { d::z() }
//- this.rs
#[path = "this.rs"] mod again; #[path = "back.rs"] mod back;
//- back.rs
include!("this.rs");
//- folder.rs/file
//- fine.rs
use d::fine;
"#,
    );
    let fixture = fixture.bytes("latin.rs", b"use d::x; // caf\xe9\n").root(RootKind::Test, "tests/absent.rs");
    expect![[r#"
        brackets.rs:1 crate::brackets `d::x` -> <d>::x
        brackets.rs:1 crate::brackets `d::y` -> <d>::y
        brackets.rs:1 crate::brackets `d::z` -> <d>::z
        comment.rs:1 crate::comment Use `d::before` -> <d>::before
        fine.rs:1 crate::fine Use `d::fine` -> <d>::fine
        string.rs:1 crate::string Use `d::before` -> <d>::before
        problem back.rs:0: a file that contains itself, or files nested deeper than 64
        problem brackets.rs:13: is no Rust source: a bracket has no partner
        problem brackets.rs:14: is no Rust source: a bracket has no partner
        problem brackets.rs:25: is no Rust source: a bracket has no partner
        problem comment.rs:15: is no Rust source: a literal or a comment does not end
        problem folder.rs: cannot be read: it is no regular file
        problem latin.rs: is not UTF-8, from byte 16 on
        problem string.rs:31: is no Rust source: a literal or a comment does not end
        problem tests/absent.rs: no file for it: looked for tests/absent.rs
        problem this.rs:20: a file that contains itself, or files nested deeper than 64
    "#]]
    .assert_eq(&fixture.told());
}

/// Wherever they stand, but for literals and comments; what follows is read.
#[test]
fn characters_that_no_rust_has() {
    let fixture = Fixture::new(
        r#"
mod control; mod backslash; mod quotes; mod field; mod blank; mod call; mod fine;
//- backslash.rs
fn f() { d::before(); \ d::after() }
//- quotes.rs
const A: &str = “d::A”; use d::after;
//- field.rs
struct S { a: d::before, § b: d::after }
//- call.rs
m! { d::before ` d::after }
//- fine.rs
/* \ § */ const A: &str = "\\ “ §"; const B: char = '§'; // ` §
/// §
fn größe() { d::after() }
"#,
    );
    let fixture = fixture.bytes("control.rs", b"use d::before; \x01 use d::after;\n");
    let fixture = fixture.bytes("blank.rs", "use d::before;\u{a0}use d::after;\n".as_bytes());
    expect![[r#"
        backslash.rs:1 crate::backslash `d::before` -> <d>::before
        backslash.rs:1 crate::backslash `d::after` -> <d>::after
        blank.rs:1 crate::blank Use `d::before` -> <d>::before
        blank.rs:1 crate::blank Use `d::after` -> <d>::after
        call.rs:1 crate::call `d::before` -> <d>::before
        call.rs:1 crate::call `d::after` -> <d>::after
        control.rs:1 crate::control Use `d::before` -> <d>::before
        control.rs:1 crate::control Use `d::after` -> <d>::after
        field.rs:1 crate::field `d::before` -> <d>::before
        field.rs:1 crate::field `d::after` -> <d>::after
        fine.rs:3 crate::fine `d::after` -> <d>::after
        quotes.rs:1 crate::quotes `d::A` -> <d>::A
        quotes.rs:1 crate::quotes Use `d::after` -> <d>::after
        problem backslash.rs:22: is no Rust source: a character that no Rust has
        problem blank.rs:14: is no Rust source: a character that no Rust has
        problem call.rs:15: is no Rust source: a character that no Rust has
        problem control.rs:15: is no Rust source: a character that no Rust has
        problem field.rs:25: is no Rust source: a character that no Rust has
        problem quotes.rs:16: is no Rust source: a character that no Rust has
        problem quotes.rs:23: is no Rust source: a character that no Rust has
    "#]]
    .assert_eq(&fixture.told());
}

#[test]
fn the_beginning_of_a_file() {
    check(
        "\u{feff}#!/usr/bin/env run\nmod attribute; mod raw; use d::x;\n//- attribute.rs\n#![allow(d::lint)] use d::y;\n//- raw.rs\nuse r#d::r#type::r#fn as r#use; fn f() { r#use::x(); r#d::y() }\n",
        expect![[r#"
            attribute.rs:1 crate::attribute Attribute `d::lint` -> <d>::lint
            attribute.rs:1 crate::attribute Use `d::y` -> <d>::y
            lib.rs:2 crate Use `d::x` -> <d>::x
            raw.rs:1 crate::raw Use `r#d::r#type::r#fn as r#use` -> <d>::type::fn
            raw.rs:1 crate::raw `r#use::x` -> <d>::type::fn::x
            raw.rs:1 crate::raw `r#d::y` -> <d>::y
        "#]],
    );
}

#[test]
fn a_file_of_several_targets_is_told_for_each() {
    let fixture = Fixture::new(
        "use d::library;\n//- tests/a.rs\nmod common;\n//- tests/b.rs\nmod common;\n//- tests/common/mod.rs\nuse d::common;\n",
    );
    let fixture = fixture.root(RootKind::Test, "tests/a.rs").root(RootKind::Test, "tests/b.rs");
    let graph = fixture.graph();
    assert_eq!(graph.files.len(), 4);
    let roots: Vec<_> = graph.references.iter().map(|reference| (reference.root, reference.under_test)).collect();
    assert_eq!(roots, [(0, false), (1, true), (2, true)]);
}
