//! Who takes care of a file, by the `CODEOWNERS` of the code host.

use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};

/// Where code hosts look for the file, first come, first served.
const PLACES: [&str; 4] = [".github/CODEOWNERS", ".gitlab/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];

/// The patterns of the file, in its order; none where there is no such file.
#[derive(Debug, Default)]
pub(crate) struct Owners(Vec<(Vec<GlobMatcher>, String)>);

impl Owners {
    pub fn read(root: &Path) -> Self {
        let text = PLACES.iter().find_map(|place| std::fs::read_to_string(root.join(place)).ok());
        Self::parse(&text.unwrap_or_default())
    }

    /// A line that is no pattern with owners owns nothing, as code hosts have it.
    fn parse(text: &str) -> Self {
        let lines = text.lines().map(|line| line.split(" #").next().unwrap_or_default().trim());
        let lines = lines.filter(|line| !line.starts_with(['#', '[', '^']));
        let entry = |line: &str| {
            let (pattern, owners) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            Some((matchers(pattern)?, owners.split_whitespace().collect::<Vec<_>>().join(", ")))
        };
        Self(lines.filter_map(entry).collect())
    }

    /// Of a file relative to the root. The last pattern that fits counts; one without owners says that there are none.
    pub fn of(&self, file: &str) -> Option<&str> {
        let fitting = self.0.iter().rev().find(|(matchers, _)| matchers.iter().any(|matcher| matcher.is_match(file)));
        fitting.map(|(_, owners)| owners.as_str()).filter(|owners| !owners.is_empty())
    }
}

/// As in a `.gitignore`: a pattern with a `/` before its end begins at the root, any other fits at every depth, and what
/// fits a folder fits all below it.
fn matchers(pattern: &str) -> Option<Vec<GlobMatcher>> {
    let name = pattern.trim_end_matches('/');
    let anchored = name.contains('/');
    let base = if anchored { name.trim_start_matches('/').to_owned() } else { format!("**/{name}") };
    let globs = if pattern.ends_with('/') { vec![format!("{base}/**")] } else { vec![format!("{base}/**"), base] };
    let matcher = |glob: &String| Some(GlobBuilder::new(glob).literal_separator(true).build().ok()?.compile_matcher());
    globs.iter().map(matcher).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_pattern_that_fits_counts() {
        let text = "* @all\n/domains/ @domains # ours\n*.rs @rust @lint\ndomains/orders @orders\n/docs/\n[Section]\n";
        let owners = Owners::parse(text);
        for (file, owner) in [
            ("Cargo.toml", Some("@all")),
            ("domains/billing/Cargo.toml", Some("@domains")),
            ("domains/billing/src/lib.rs", Some("@rust, @lint")),
            ("domains/orders/src/lib.rs", Some("@orders")),
            ("other/domains/orders/a.toml", Some("@all")),
            ("docs/a.md", None),
        ] {
            assert_eq!(owners.of(file), owner, "{file}");
        }
        assert_eq!(Owners::default().of("a"), None);
    }
}
