//! Any bytes, and any soup of tokens, are read without a panic, the same way each time, in linear time.

use proptest::prelude::*;
use source_graph::{ProblemKind, SourceGraph};

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
    fn any_tokens(soup in proptest::collection::vec(proptest::sample::select(TOKENS), 0..120), blank in any::<bool>()) {
        let text = soup.join(if blank { " " } else { "" });
        let (once, again) = (read(text.as_bytes()), read(text.as_bytes()));
        prop_assert_eq!(format!("{once:?}").len(), format!("{again:?}").len());
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
    ];
    for pattern in repeated {
        let time = |copies: usize| {
            let text = pattern.repeat(copies);
            let fixture = Fixture::new("").bytes("lib.rs", text.as_bytes());
            let runs = (0..3).map(|_| {
                let begin = cpu_time::ThreadTime::now();
                drop(fixture.graph());
                begin.elapsed()
            });
            runs.min().unwrap_or_default().as_secs_f64()
        };
        let (small, large) = (time(2_000), time(8_000));
        assert!(large < small * 9.0 + 0.02, "`{pattern}`: {small} s, four times as much {large} s");
    }
}
