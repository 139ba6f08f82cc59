//! Messages as the tests compare them.

use std::error::Error;

/// Without the test's own paths, and without positions, which change whenever a test file does:
/// `it::findings::Page (crates/shared/.../findings.rs:30:10)` -> `Page (findings.rs)`.
pub fn shortened(text: &str) -> String {
    let text = text.replace('\\', "/").replace("crates/shared/container/tests/it/", "");
    let text = text.replace("container::keyed::", "");
    let mut words = text.split("it::");
    let mut text = words.next().unwrap().to_string();
    for word in words {
        text.push_str(word.split_once("::").unwrap().1);
    }
    let mut parts = text.split(".rs:");
    let mut result = parts.next().unwrap().to_string();
    for part in parts {
        result.push_str(".rs");
        let (line, rest) = part.split_once(':').unwrap();
        assert!(line.parse::<u32>().is_ok(), "{part}");
        result.push_str(rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    result
}

/// The error and what caused it, outermost first.
pub fn with_causes(error: &dyn Error) -> String {
    shortened(&kernel::with_causes(error))
}
