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
    fn depth_counts_folders() {
        let depth = |pattern| Pattern::new(pattern).expect("the pattern is well formed").depth();
        assert_eq!([depth("xtask"), depth("crates/{ai,data}/*"), depth("crates/**")], [1, 3, usize::MAX]);
    }
}
