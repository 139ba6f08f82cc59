//! Text files and the places in them that people can jump to.

use std::cmp::Ordering;
use std::ops::Range;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

/// A place in a manifest, in a source file or in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Site {
    /// Path relative to the workspace root with `/` between its parts; as given when it lies outside of the root.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// First column, from 1, in characters.
    pub column: usize,
    /// The column after the last one, in characters; at least `column + 1`. A place ends with its first line.
    pub end_column: usize,
    /// The whole line.
    pub text: String,
    /// The same place in bytes of the file.
    #[serde(skip)]
    pub(crate) bytes: Range<usize>,
}

impl Ord for Site {
    fn cmp(&self, other: &Self) -> Ordering {
        let place = |site: &Self| (site.line, site.column, site.end_column);
        self.file.cmp(&other.file).then_with(|| place(self).cmp(&place(other)))
    }
}

impl PartialOrd for Site {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A file's text under the name it has in messages.
#[derive(Debug)]
pub(crate) struct Source {
    pub file: String,
    pub text: String,
}

impl Source {
    pub fn read(path: &Path, file: String) -> std::io::Result<Self> {
        Ok(Self { text: std::fs::read_to_string(path)?, file })
    }

    pub fn site(&self, span: Range<usize>) -> Site {
        let start = self.text.floor_char_boundary(span.start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |newline| start + newline);
        let text = self.text[line_start..line_end].trim_end_matches('\r');
        let end = self.text.floor_char_boundary(span.end).min(line_start + text.len());
        let column = self.text[line_start..start].chars().count() + 1;
        let width = self.text.get(start..end).map_or(0, |marked| marked.chars().count());
        Site {
            file: self.file.clone(),
            line: self.text[..line_start].matches('\n').count() + 1,
            column,
            end_column: column + width.max(1),
            text: text.to_owned(),
            bytes: start..end.max(start),
        }
    }
}

/// `path` relative to `root` in the form of [`Site::file`]; the root itself is `.`.
pub(crate) fn relative(path: &Path, root: &Path) -> String {
    let Ok(inside) = path.strip_prefix(root) else {
        return path.display().to_string();
    };
    let parts: Vec<_> = inside.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(text: &str, marked: &str) -> (usize, usize, usize, String) {
        let source = Source { file: "f".to_owned(), text: text.to_owned() };
        let start = text.find(marked).expect("the marked text is in the text");
        let site = source.site(start..start + marked.len());
        (site.line, site.column, site.end_column, site.text)
    }

    #[test]
    fn places() {
        assert_eq!(site("a\nbc = 1\n", "bc"), (2, 1, 3, "bc = 1".to_owned()));
        assert_eq!(site("é = \"ü\"\r\nx", "\"ü\""), (1, 5, 8, "é = \"ü\"".to_owned()));
        assert_eq!(site("x = [\n1]", "[\n1]"), (1, 5, 6, "x = [".to_owned()), "a place ends with its line");
        assert_eq!(site("a\n", ""), (1, 1, 2, "a".to_owned()));
    }

    #[test]
    fn relative_paths() {
        assert_eq!(relative(Path::new("/w/crates/a"), Path::new("/w")), "crates/a");
        assert_eq!(relative(Path::new("/w"), Path::new("/w")), ".");
        assert_eq!(relative(Path::new("/v"), Path::new("/w")), "/v");
    }
}
