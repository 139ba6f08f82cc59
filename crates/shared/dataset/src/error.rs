use std::{error::Error, io, path::PathBuf};

use kernel::ErrorKind;

/// Why a dataset could not be named, read or asked.
///
/// Lines count from 1 and are those of the file, the header being line 1; rows count data rows from 1.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// There is nothing at the path.
    #[error("`{path}` does not exist: check the path")]
    Missing {
        /// As it was given, or as the URL of the reference says.
        path: PathBuf,
    },
    /// The path leads to a folder.
    #[error("`{path}` is a directory: name one CSV or Parquet file in it")]
    Directory {
        /// As it was given, or as the URL of the reference says.
        path: PathBuf,
    },
    /// The path leads to a pipe, a device or a socket, which cannot be read twice.
    #[error("`{path}` is neither a file nor a directory: copy the data into a regular file")]
    NotAFile {
        /// As it was given, or as the URL of the reference says.
        path: PathBuf,
    },
    /// The file is there, and the system does not hand it over.
    #[error("`{path}` cannot be read: check its permissions and the disk")]
    Unreadable {
        /// As it was given, or as the URL of the reference says.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A reference that is not to a file of this machine.
    #[error("`{url}` does not name a file of this machine: use `file:///` and an absolute path")]
    Url {
        /// As the reference has it.
        url: String,
    },
    /// The bytes are no longer those that the reference names.
    #[error(
        "`{path}` has changed while it was being worked on ({found} instead of {expected}): start again with the file as it is now"
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// First twelve digits of the fingerprint in the reference.
        expected: String,
        /// First twelve digits of the fingerprint of the bytes that are there now.
        found: String,
    },

    /// No byte, only blank lines, or Parquet without columns.
    #[error("`{path}` is empty: a dataset needs a header and at least one row")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A header, and nothing below it.
    #[error("`{path}` has columns but no rows: a dataset needs at least one row")]
    NoRows {
        /// The file.
        path: PathBuf,
    },
    /// It does not begin as Parquet does, and holds bytes that no text has.
    #[error("`{path}` is neither text nor Parquet: save it as CSV in UTF-8 or as Parquet")]
    Binary {
        /// The file.
        path: PathBuf,
    },

    /// CSV in another encoding.
    #[error("`{path}`, line {line}{}: not UTF-8: save the file as UTF-8", in_column(.column))]
    Encoding {
        /// The file.
        path: PathBuf,
        /// That of the first byte that is not UTF-8.
        line: u64,
        /// That of the first byte that is not UTF-8; absent in the header, and beyond its last name.
        column: Option<String>,
    },
    /// A record with more or fewer fields than the header.
    #[error(
        "`{path}`, line {line}: {} where the header has {expected}: \
         add or remove fields, or quote values that hold the delimiter `{delimiter}`",
        fields(*.found)
    )]
    Ragged {
        /// The file.
        path: PathBuf,
        /// Where the record begins.
        line: u64,
        /// How many fields the header has.
        expected: usize,
        /// How many fields the record has.
        found: usize,
        /// What was taken to separate fields: comma, semicolon, tab or bar.
        delimiter: char,
    },
    /// The file ends within quotes.
    #[error("`{path}`, line {line}{}: a quote is opened and never closed: close it, or write it twice", in_column(.column))]
    UnclosedQuote {
        /// The file.
        path: PathBuf,
        /// Where the quoted value begins.
        line: u64,
        /// That of the quoted value; absent in the header, and beyond its last name.
        column: Option<String>,
    },
    /// Between a closing quote and the next delimiter or line end there is something.
    #[error("`{path}`, line {line}{}: text follows a closing quote: write quotes inside a quoted value twice", in_column(.column))]
    StrayQuote {
        /// The file.
        path: PathBuf,
        /// Where the quoted value begins.
        line: u64,
        /// That of the quoted value; absent in the header, and beyond its last name.
        column: Option<String>,
    },
    /// Columns are found by name, so no two share one.
    #[error("`{path}`: more than one column is named {}: rename all but one", quoted(.names))]
    DuplicateColumns {
        /// The file.
        path: PathBuf,
        /// Each name that more than one column has, once, in the order of their bytes.
        names: Vec<String>,
    },
    /// Columns are found by name, so each has one.
    #[error("`{path}`: no name for column {} of the header: name every column", numbers(.positions))]
    UnnamedColumns {
        /// The file.
        path: PathBuf,
        /// The first column is 1.
        positions: Vec<usize>,
    },

    /// It begins as Parquet does, and cannot be read to its end.
    #[error("`{path}` is a broken or truncated Parquet file: write or copy it again")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Parquet with columns of bytes, durations, lists, structs or maps.
    #[error("`{path}`: no table can hold {}: leave them out or flatten them", types(.columns))]
    UnsupportedColumns {
        /// The file.
        path: PathBuf,
        /// Name and type as the file has them.
        columns: Vec<(String, String)>,
    },

    /// A column was asked for, or named in an expression, that the dataset does not have.
    #[error("no column is named `{name}`{}: the columns are {}", hint(.name, *.in_quotes, .closest), quoted(.columns))]
    UnknownColumn {
        /// As it was asked for, letter case included.
        name: String,
        /// It stood in double quotes, as text must not.
        in_quotes: bool,
        /// The column whose name is most like it, if one is.
        closest: Option<String>,
        /// All that there are, in the order of the dataset.
        columns: Vec<String>,
    },
    /// The engine can make nothing of it: it does not parse, is too long, or its types do not go together.
    #[error("`{}` is not a SQL expression{}: {problem}", clipped(.expression), at(.position))]
    Unparsable {
        /// As it was written.
        expression: String,
        /// What is wrong with it, without the place.
        problem: String,
        /// Line and column within the expression, from 1.
        position: Option<(u64, u64)>,
    },
    /// An expression, and no condition.
    #[error("`{}` yields {found}, not true or false: compare it with something", clipped(.expression))]
    NotBoolean {
        /// As it was written.
        expression: String,
        /// Its type in words, with an article: `an integer`.
        found: &'static str,
    },
    /// An aggregate, a subquery, the time, chance: one row alone does not decide it.
    #[error("`{}` cannot be asked of a row: {problem}", clipped(.expression))]
    NotPerRow {
        /// As it was written.
        expression: String,
        /// The part of it that looks beyond the row.
        problem: String,
    },
    /// There is a row for which it has no result: a division of integers by zero.
    #[error("`{}` cannot be computed: {problem}", clipped(.expression))]
    Evaluation {
        /// As it was written.
        expression: String,
        /// In the words of the engine.
        problem: String,
    },

    /// A fault of ours or of DataFusion's.
    #[error("the engine failed on `{path}`: report this")]
    Engine {
        /// The file.
        path: PathBuf,
        /// What DataFusion says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl DatasetError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Missing { .. } => ErrorKind::NotFound,
            Self::Unreadable { .. } => ErrorKind::Unavailable,
            Self::Engine { .. } => ErrorKind::Internal,
            Self::Directory { .. }
            | Self::NotAFile { .. }
            | Self::Url { .. }
            | Self::Changed { .. }
            | Self::Empty { .. }
            | Self::NoRows { .. }
            | Self::Binary { .. }
            | Self::Encoding { .. }
            | Self::Ragged { .. }
            | Self::UnclosedQuote { .. }
            | Self::StrayQuote { .. }
            | Self::DuplicateColumns { .. }
            | Self::UnnamedColumns { .. }
            | Self::Parquet { .. }
            | Self::UnsupportedColumns { .. }
            | Self::UnknownColumn { .. }
            | Self::Unparsable { .. }
            | Self::NotBoolean { .. }
            | Self::NotPerRow { .. }
            | Self::Evaluation { .. } => ErrorKind::Invalid,
        }
    }
}

impl From<DatasetError> for kernel::Error {
    /// The caller sees what is wrong with the data; what lies beneath (the operating system, the Parquet reader) is detail.
    fn from(error: DatasetError) -> Self {
        let converted = Self::new(error.kind(), error.to_string());
        match error.source() {
            Some(source) => converted.with_detail(source.to_string()),
            None => converted,
        }
    }
}

fn fields(count: usize) -> String {
    format!("{count} field{}", if count == 1 { "" } else { "s" })
}

/// The beginning of an expression: enough to know it again.
fn clipped(expression: &str) -> String {
    const LENGTH: usize = 80;
    match expression.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}...", &expression[..end]),
        None => expression.to_owned(),
    }
}

fn in_column(column: &Option<String>) -> String {
    column.as_ref().map(|name| format!(", column `{name}`")).unwrap_or_default()
}

fn hint(name: &str, in_quotes: bool, closest: &Option<String>) -> String {
    match closest {
        Some(closest) => format!(" (did you mean `{closest}`?)"),
        None if in_quotes => format!(" (text is written in single quotes: '{name}')"),
        None => String::new(),
    }
}

fn at(position: &Option<(u64, u64)>) -> String {
    match position {
        Some((1, column)) => format!(" (at character {column})"),
        Some((line, column)) => format!(" (at line {line}, character {column})"),
        None => String::new(),
    }
}

/// At most this many names are listed, so that a message of a wide dataset stays readable.
const LISTED: usize = 40;

fn list(items: impl ExactSizeIterator<Item = String>) -> String {
    let beyond = items.len().saturating_sub(LISTED);
    let mut text = items.take(LISTED).collect::<Vec<_>>().join(", ");
    if beyond > 0 {
        text.push_str(&format!(" and {beyond} more"));
    }
    text
}

fn quoted(names: &[String]) -> String {
    list(names.iter().map(|name| format!("`{name}`")))
}

fn numbers(positions: &[usize]) -> String {
    list(positions.iter().map(usize::to_string))
}

fn types(columns: &[(String, String)]) -> String {
    list(columns.iter().map(|(name, data_type)| format!("`{name}` ({data_type})")))
}
