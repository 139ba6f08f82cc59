use std::{fmt, path::Path, sync::Arc};

/// Where a setting came from. Displayed the way a person would look for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The text the program embeds.
    Defaults(Position),
    /// A settings file, by the path that it was read from.
    File(Arc<Path>, Position),
    /// The variable's name, as it was written.
    Environment(Arc<str>),
    /// The flag's key.
    Flag(Arc<str>),
}

/// Where something starts in a text; both count from one, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// From 1; a line ends with its LF.
    pub line: usize,
    /// From 1, in characters and not in bytes.
    pub column: usize,
}

impl Position {
    pub(crate) fn at(text: &str, offset: usize) -> Self {
        let before = &text[..text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defaults(position) => write!(f, "defaults:{position}"),
            Self::File(path, position) => write!(f, "{}:{position}", path.display()),
            Self::Environment(variable) => write!(f, "environment variable {variable}"),
            Self::Flag(key) => write!(f, "flag {key}"),
        }
    }
}
