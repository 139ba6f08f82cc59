//! Any bytes, any soup of tokens and any nest of items are read without a panic, the same way each time, in linear time.

use proptest::prelude::*;
use proptest::sample::select;
use source_graph::{FaultKind, ProblemKind, SourceGraph, Target};

use crate::fixture::Fixture;

fn read(content: &[u8]) -> SourceGraph {
    let graph = Fixture::new("").bytes("lib.rs", content).graph();
    for reference in &graph.references {
        let within = reference.span.start < reference.span.end && reference.span.end as usize <= content.len();
        assert!(within, "{:?} of {} bytes", reference.span, content.len());
        let text = std::str::from_utf8(content).expect("only text has references");
        assert!(text.is_char_boundary(reference.span.start as usize));
    }
    graph
}

const TOKENS: &[&str] = &[
    "use",
    "mod",
    "extern crate",
    "crate",
    "self",
    "super",
    "as",
    "pub",
    "pub(in",
    "struct",
    "enum",
    "fn",
    "impl",
    "trait",
    "type",
    "const",
    "static",
    "let",
    "for",
    "if",
    "else",
    "match",
    "macro_rules!",
    "include!",
    "dyn",
    "union",
    "a",
    "b",
    "d",
    "serde",
    "r#mod",
    "$crate",
    "$x",
    "#",
    "#[cfg(test)]",
    "#![cfg(x)]",
    "#[path = \"lib.rs\"]",
    "#[cfg_attr(a, path = \"lib.rs\")]",
    "#[derive(a, b::c)]",
    "::",
    ":",
    ";",
    ",",
    ".",
    "..",
    "<",
    ">",
    "->",
    "=>",
    "=",
    "!",
    "*",
    "&",
    "'a",
    "'a'",
    "\"s\"",
    "r#\"s\"#",
    "1.0",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "//x\n",
    "/* */",
    "é",
];

/// Items without items in them. Each `%` is a name that no other place has.
const LEAVES: &[&str] = &[
    "const C: ::serde::% = [::serde::%; 2];",
    "use ::serde::{% as _, a::{% as _, b::{self as _, % as _}}};",
    "#[derive(Debug, ::serde::%)] pub struct S<'a, T: ::serde::% = ::serde::%>(#[x] pub(crate) ::serde::%, &'a T);",
    "fn f<T: ::serde::%<T>>(a: impl ::serde::%) -> Vec<::serde::%> where T: ::serde::% { a::<::serde::%>(<T as ::serde::%>::b) }",
    "x!(\"{}\", ::serde::%, [::serde::%; 2], { ::serde::% {} }, key = ::serde::%(::serde::%!(::serde::%)));",
    "#[a(::serde::%, b(c = ::serde::%))] unsafe extern \"C\" { fn g(a: ::serde::%); }",
    "macro_rules! r { ($x:expr, $($y:tt)*) => { ::serde::%!($($y)*, ::serde::%); $crate::a::b } }",
    "/* ::serde::no /* ::serde::no */ */ const D: &str = r#\"::serde::no \" ::serde::no\"#; // ::serde::no\n",
    "fn h() { match a { ::serde::% { b, .. } | ::serde::%(c) if c < ::serde::% => ::serde::%, _ => loop {} } }",
];

/// Items with items in them, which stand for each `~`.
const NESTS: &[&str] = &[
    "mod m { ~ ~ }",
    "pub mod n { #![cfg(x)] use super::*; ~ }",
    "fn f<T>() { ~ if ::serde::% { ~ } else { { ~ } } }",
    "x! { ~ }",
    "x!([ ( { ~ } ), ::serde::% ]);",
    "macro_rules! r { ($x:expr) => { ~ }; (@k [$($z:ident),*]) => ( ~ ) }",
    "cfg_if! { if #[cfg(all(unix, not(test)))] { ~ } else if #[cfg(windows)] { ~ } else { ~ } }",
    "#[cfg(any(test, all(unix, not(windows))))] #[a(::serde::%)] mod o { ~ }",
    "impl<'a, T> ::serde::%<{ ::serde::% }> for S<'a, T> where T: ::serde::% { fn f() { ~ } type A = ::serde::%; }",
    "const _: () = { ~ };",
];

/// A nest of items, and how many names are in it.
fn nest() -> impl Strategy<Value = (String, usize)> {
    let nested = select(LEAVES).prop_map(str::to_owned).prop_recursive(6, 40, 3, |inner| {
        let parts = proptest::collection::vec(inner, 3);
        (select(NESTS), parts).prop_map(|(nest, parts)| {
            let around = nest.split('~').map(str::to_owned).collect::<Vec<_>>();
            let mut parts = parts.into_iter();
            around.into_iter().reduce(|text, rest| text + &parts.next().unwrap_or_default() + &rest).unwrap_or_default()
        })
    });
    nested.prop_map(|text| {
        let count = text.matches('%').count();
        let parts = text.split('%').enumerate();
        (
            parts
                .map(|(number, part)| if number == 0 { part.to_owned() } else { format!("N{number}{part}") })
                .collect(),
            count,
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(content in proptest::collection::vec(any::<u8>(), 0..300)) {
        let graph = read(&content);
        let is_text = std::str::from_utf8(&content).is_ok();
        let told = graph.problems.iter().any(|problem| matches!(problem.kind, ProblemKind::NotUtf8(_)));
        prop_assert_eq!(is_text, !told);
    }

    #[test]
    fn any_tokens(soup in proptest::collection::vec(select(TOKENS), 0..120), blank in any::<bool>()) {
        let text = soup.join(if blank { " " } else { "" });
        let (once, again) = (read(text.as_bytes()), read(text.as_bytes()));
        prop_assert_eq!(format!("{once:?}").len(), format!("{again:?}").len());
    }

    #[test]
    fn every_path_of_a_nest((text, names) in nest()) {
        let graph = read(text.as_bytes());
        let last = graph.references.iter().filter_map(|reference| match &reference.target {
            Target::Crate { name, rest, .. } if &**name == "serde" => rest.rsplit("::").next(),
            _ => None,
        });
        // `b` is the module of a use tree's `self`.
        let mut found: Vec<&str> = last.filter(|&name| name != "b").collect();
        let mut planted: Vec<String> = (1..=names).map(|number| format!("N{number}")).collect();
        found.sort_unstable();
        planted.sort_unstable();
        prop_assert_eq!(found, planted, "in {}", text);
        prop_assert!(graph.problems.is_empty(), "{:?} in {}", graph.problems, text);
    }
}

/// Texts that a fuzz target broke something with.
#[test]
fn texts_that_were_misread() {
    for text in ["use d::{self as a::{b", "use d::{a as b::{c, e}, f::g}; use a as b"] {
        read(text.as_bytes());
    }
}

/// Texts that a search without bounds would read again at each of its tokens: twice the text may not take much more
/// than twice the work. Work is counted in CPU time over texts large enough to tell 2 from 4.
#[test]
fn time_is_linear() {
    let repeated = [
        "(",
        "{",
        "a::<",
        "#[cfg(",
        "#[cfg(a)] x ",
        "fn a<",
        "fn a<(",
        "impl<",
        "use a::{",
        "use a::{b::{c,",
        "mod a {",
        "a!{",
        "macro_rules! a {",
        "] ",
        "a::",
        "#[cfg_attr(a, ",
        "for<'a, ",
        "/*",
        "struct a<b> ",
        "::",
        "use a as b; use b as a;",
        "use a* ",
        "use a; use a* ",
        "fn a<b :c d::e } ",
    ];
    let nested = [
        ("(a::b", ")"),
        ("{ d::x; ", "}"),
        ("{ use d::p::*; b::x(); ", "}"),
        ("mod a { ", "}"),
        ("a::<d::b, ", ">::c"),
        ("fn a<b>() { use d::b; ", "}"),
        ("use a::{b, ", "}"),
        ("a! { #b ", "}"),
        ("macro_rules! a { () => {", "} }"),
        ("#[cfg(all(a, ", "))]"),
        ("#[cfg_attr(a, b(d::c, ", "))]"),
        ("if d::a { ", "} else { d::b }"),
        ("impl<a: b<", ">>"),
        ("/* ", "*/"),
    ];
    // Each `#` is the number of the copy, each `%` the next one.
    let numbered = [
        "use a#::b as a%;",
        "mod a# { pub use super::a%::*; } fn f() { a#::b::c }",
        "use d::*; use super::a#::*; const C: a# = a#::b::c;",
        "macro_rules! a# { () => { $crate::a%!(); d::a# } }",
        "#[cfg(a#)] fn a#() { use a% as b#; b#::c }",
    ];
    for pattern in repeated {
        assert_linear(pattern, 2_000, |copies| pattern.repeat(copies));
    }
    for (begin, end) in nested {
        assert_linear(begin, 500, |copies| begin.repeat(copies) + &end.repeat(copies));
    }
    for pattern in numbered {
        let copy = |number: usize| pattern.replace('#', &number.to_string()).replace('%', &(number + 1).to_string());
        assert_linear(pattern, 2_000, |copies| (0..copies).map(copy).collect());
    }
}

#[test]
fn modules_that_are_nested_too_deep_are_refused() {
    let nested = |depth: usize| Fixture::new(&format!("{}{}", "mod a {".repeat(depth), "}".repeat(depth))).graph();
    assert!(nested(256).problems.is_empty());
    assert_eq!(nested(257).problems[0].kind, ProblemKind::Fault(FaultKind::TooDeep));
}

#[test]
fn time_is_linear_in_edition_2015() {
    let pattern = "use a::{b, {c::*, d}}use a:: :*, d}}; }";
    assert_linear_in(Fixture::edition_2015, pattern, 500, |copies| pattern.repeat(copies));
}

fn assert_linear(pattern: &str, copies: usize, text: impl Fn(usize) -> String) {
    assert_linear_in(|fixture| fixture, pattern, copies, text);
}

fn assert_linear_in(edition: fn(Fixture) -> Fixture, pattern: &str, copies: usize, text: impl Fn(usize) -> String) {
    let time = |copies: usize| {
        let fixture = edition(Fixture::new("").bytes("lib.rs", text(copies).as_bytes()));
        let runs = (0..3).map(|_| {
            let begin = cpu_time::ThreadTime::now();
            drop(fixture.graph());
            begin.elapsed()
        });
        runs.min().unwrap_or_default().as_secs_f64()
    };
    let (small, large) = (time(copies), time(4 * copies));
    assert!(large < small * 9.0 + 0.02, "`{pattern}`: {small} s, four times as much {large} s");
}
