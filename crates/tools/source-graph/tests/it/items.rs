//! Files that lex and hold no items, and everything that may stand where an item begins.

use source_graph::{FaultKind, ProblemKind};

use crate::fixture::Fixture;

/// What stands where an item was expected, in each file for which that is told.
fn told(text: &str) -> Vec<(String, String)> {
    let fixture = Fixture::new(text);
    let problems = fixture.graph().problems;
    let told = problems.iter().map(|problem| {
        assert_eq!(problem.kind, ProblemKind::Fault(FaultKind::NoItem), "{text}");
        let content = std::fs::read_to_string(&problem.file).expect("the graph read it");
        let span = problem.span.expect("it has a place");
        (fixture.relative(&problem.file), format!("{}:{}", span.start, &content[span.range()]))
    });
    told.collect()
}

/// What rustc takes in some edition, or a nightly with a feature.
const ITEMS: &[&str] = &[
    "",
    ";;",
    "#![no_std] //! a\n#![doc = \"b\"]",
    "#[a] #[b(c)] pub(crate) struct D;",
    "pub(in a::b) const fn c() {}",
    "crate fn old() {}",
    "use a::{b, c as _, d::*}; pub use ::e; use f as r#g; extern crate self as h; extern crate core;",
    "extern \"C\" { fn a(); safe static B: u8; type C; } unsafe extern { } extern fn d() {} extern \"C\" fn e() {}",
    "const A: [u8; { 1 }] = if true { b } else { c }; const _: () = { d() }; static mut E: F = || {}; const async: u8 = 1;",
    "const A<T>: T = b; const { assert!(a) } type const B: u8 = 1;",
    "type A<T> where T: B = [T; { 1 + 2 }];",
    "fn a<const N: usize = { 1 }>() -> B<{ N }> where C<{ N }, D>: E {} fn f();",
    "async fn a() {} const async unsafe extern \"C\" fn b() {} gen fn c() {} async gen fn d() {} safe fn e() {}",
    "struct A; struct B(pub C); struct D<T>(T) where T: E; struct F { g: H } struct r#I {}",
    "enum A { B = { 1 }, C } union D { e: F } union r#try { e: F }",
    "trait A: B<{ 1 }> {} unsafe auto trait C {} auto trait D {} trait E = F + G; const unsafe trait H {}",
    "impl(crate) trait A {} pub impl(in a::b) unsafe trait B {}",
    "impl<T> !A for B<{ C }> {} unsafe impl D for E {} default unsafe impl F for G {} impl const H for I {} const impl J for K {}",
    "#[cfg(x)] mod a; mod b { #![c] use d::e; mod f { ; } } unsafe mod g { fn h() {} }",
    "macro_rules! a { () => { 1 + 2 } } macro_rules! b (() => {}); macro c($d:expr) { e } pub macro f { () => {} }",
    "a! { 1 + 2 } ::b::c!(d); crate::e![f]; self::g! {} super::h!{} r#i!(); r#j::k! {} ident! name { l }",
    "union! {} async!{} auto::a!{} default!(); reuse! {} builtin!(); macro_rules::a!();",
    "reuse a::b; reuse <C as D>::{e, f as g} { self.0 } pub reuse H::* { self.i() }",
    "builtin # global_asm(\"\")",
    "fn a() { let b = 1; b + 2; \"c\" } // }\n/* let */",
];

#[test]
fn every_item() {
    for text in ITEMS {
        assert_eq!(told(&format!("mod file;\n//- file.rs\n{text}")), [], "{text}");
        assert_eq!(told(&format!("mod inline {{ {text}\n}}")), [], "{text}");
    }
}

#[test]
fn no_item() {
    let texts = [
        ("This is a text, and a mod or a fn is named in it.", "0:This"),
        ("version = 1", "0:version"),
        ("[package]\nname = \"a\"", "0:["),
        ("{ \"a\": [1, 2] }", "0:{"),
        ("<html></html>", "0:<"),
        ("fn a() {}\n<<<<<<< ours\nfn b() {}\n=======\n", "10:<"),
        ("use a::b;\n=======\nuse a::c;", "10:="),
        ("use a::{\n<<<<<<< ours\n    b,\n=======\n    c,\n>>>>>>> theirs\n};", "0:use"),
        ("use a b c ..;", "0:use"),
        ("use a::;", "0:use"),
        ("use a as;", "0:use"),
        ("use a::{b c};", "0:use"),
        ("fn a() {} use b::c", "10:use"),
        ("mod a { use b::c }", "8:use"),
        ("pub pub pub unsafe unsafe ;", "0:pub"),
        ("unsafe;", "0:unsafe"),
        ("fn a() {} pub", "10:pub"),
        ("fn a() {} pub(crate)", "10:pub"),
        ("fn a() {} mod", "10:mod"),
        ("fn a() {} const B: u8 = 1", "10:const"),
        ("let a = 1;", "0:let"),
        ("fn a() {} a + b", "10:a"),
        ("fn a() {} 1", "10:1"),
        ("struct A {} \"b\"", "12:\"b\""),
        ("'a: loop {}", "0:'a"),
        ("if a {}", "0:if"),
        ("a::b;", "0:a"),
        ("a::b!;", "0:a"),
        ("macro_rules! a b {}", "0:macro_rules"),
        ("union;", "0:union"),
        ("async { a }", "0:async"),
        ("self.a()", "0:self"),
        ("Self { a: b }", "0:Self"),
        ("pub a: B,", "4:a"),
        ("#[a] b", "5:b"),
        ("# a", "0:#"),
        ("const fn a() {} -> b", "16:->"),
    ];
    for (text, place) in texts {
        let text = format!("mod file;\n//- file.rs\n{text}");
        assert_eq!(told(&text), [("file.rs".to_owned(), place.to_owned())], "{text}");
    }
}

/// Where a bracket has no partner nobody knows what lies in it.
#[test]
fn brackets_come_first() {
    let problems = Fixture::new("1 } fn a() {").graph().problems;
    assert!(problems.iter().all(|problem| matches!(problem.kind, ProblemKind::Fault(_))), "{problems:?}");
    assert_eq!(problems.len(), 2);
}

#[test]
fn what_stands_before_the_first_item() {
    let manifest = "---\n[dependencies]\na = \"1\"\n---\nuse d::e;";
    for before in ["", "\n\n", "\u{feff}", "#!/usr/bin/env run\n", "\u{feff}#!/usr/bin/env run\n\n"] {
        let text = format!("{before}{manifest}");
        assert_eq!(told(&text), [], "{text}");
        assert_eq!(Fixture::new(&text).graph().references.len(), 1, "{text}");
    }
}

#[test]
fn a_file_is_told_once_and_the_rest_of_it_is_read() {
    let text = "mod a;\n//- a.rs\nmod b { 1 2 } 3 mod c; use d::e;\n//- a/c.rs\n4";
    let place = |file: &str, place: &str| (file.to_owned(), place.to_owned());
    assert_eq!(told(text), [place("a/c.rs", "0:4"), place("a.rs", "8:1")]);
    assert_eq!(Fixture::new(text).graph().references.len(), 1);
}

/// Bodies, macros and what is included may hold anything.
#[test]
fn where_no_item_is_expected() {
    let text = r#"
const TABLE: &[u8] = include!("table.in");
include!("items.in");
m! { 1 + 2 mod file; } fn f() { let a = 1; } impl A { 1 2 } macro_rules! n { () => { = } }
//- table.in
[1, 2, include!("number.in")]
//- number.in
3
//- items.in
version = 1
//- file.rs
mod deeper;
//- file/deeper.rs
use d::e;
"#;
    assert_eq!(told(text), []);
}

/// A file that is included in one place and a module in another one holds items.
#[test]
fn what_is_a_module_too() {
    let text = "#[path = \"a.in\"] mod a; const B: u8 = include!(\"a.in\");\n//- a.in\n1\n";
    assert_eq!(told(text), [("a.in".to_owned(), "0:1".to_owned())]);
}
