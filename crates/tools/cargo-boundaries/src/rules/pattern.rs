//! Globs over directories and crate names: `*` stays inside of one folder, `**` crosses folders, `{a,b}` is a choice.

use globset::{GlobBuilder, GlobMatcher};

#[derive(Debug)]
pub(crate) struct Pattern {
    matcher: GlobMatcher,
    depth: usize,
}

impl Pattern {
    pub fn new(text: &str) -> Result<Self, globset::Error> {
        let glob = GlobBuilder::new(text).literal_separator(true).backslash_escape(false).build()?;
        let depth = if text.contains("**") { usize::MAX } else { text.split('/').count() };
        Ok(Self { matcher: glob.compile_matcher(), depth })
    }

    /// As for Cargo, no wildcard stands for the workspace's root, which is called `.`.
    pub fn matches(&self, text: &str) -> bool {
        if text == "." { self.matcher.glob().glob() == "." } else { self.matcher.is_match(text) }
    }

    /// The greatest number of folders in a directory that can match.
    pub fn depth(&self) -> usize {
        self.depth
    }
}

/// The patterns that come of one alternative of a choice each; those of a choice within another one stay together.
pub(crate) fn alternatives(text: &str) -> Vec<String> {
    let (mut found, mut marks, mut depth) = (Vec::new(), Vec::new(), 0_usize);
    for (at, mark) in text.match_indices(['{', ',', '}']) {
        depth += usize::from(mark == "{");
        if depth == 1 {
            marks.push(at);
        }
        depth = depth.saturating_sub(usize::from(mark == "}"));
        if depth == 0
            && let [first, .., last] = *marks
        {
            let (before, after) = (&text[..first], &text[last + 1..]);
            found.extend(marks.windows(2).map(|pair| format!("{before}{}{after}", &text[pair[0] + 1..pair[1]])));
            marks.clear();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern).expect("the pattern is well formed").matches(text)
    }

    #[test]
    fn a_star_stays_in_its_folder() {
        assert!(matches("crates/*", "crates/kernel"));
        assert!(!matches("crates/*", "crates/shared/kernel"));
        assert!(!matches("crates/*", "crates"));
        assert!(matches("**/kernel", "crates/shared/kernel"));
        assert!(matches(".", "."));
        assert!(!matches("*", "."));
    }

    #[test]
    fn braces_are_a_choice() {
        assert!(matches("crates/{ai,data}/*", "crates/ai/mlops"));
        assert!(!matches("crates/{ai,data}/*", "crates/enterprise/security"));
        assert!(Pattern::new("crates/{ai").is_err());
    }

    #[test]
    fn alternatives_of_choices() {
        assert_eq!(alternatives("a/{b,c{d,e}}/{f}"), ["a/b/{f}", "a/c{d,e}/{f}", "a/{b,c{d,e}}/f"]);
        assert!(alternatives("a/*").is_empty() && alternatives("a}{").is_empty());
    }

    #[test]
    fn depth_counts_folders() {
        let depth = |pattern| Pattern::new(pattern).expect("the pattern is well formed").depth();
        assert_eq!([depth("xtask"), depth("crates/{ai,data}/*"), depth("crates/**")], [1, 3, usize::MAX]);
    }
}
