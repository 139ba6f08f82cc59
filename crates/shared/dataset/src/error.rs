use std::{error::Error, io, path::PathBuf};

use kernel::ErrorKind;

/// Why a dataset could not be named, read or asked.
///
/// Lines count from 1 and are those of the file, the header being line 1; rows count data rows from 1.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    #[error("`{path}` does not exist: check the path")]
    Missing { path: PathBuf },
    #[error("`{path}` is a directory: name one CSV or Parquet file in it")]
    Directory { path: PathBuf },
    #[error("`{path}` is neither a file nor a directory: copy the data into a regular file")]
    NotAFile { path: PathBuf },
    #[error("`{path}` cannot be read: check its permissions and the disk")]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{url}` does not name a file of this machine: use `file:///` and an absolute path")]
    Url { url: String },
    #[error(
        "`{path}` has changed while it was being worked on ({found} instead of {expected}): start again with the file as it is now"
    )]
    Changed { path: PathBuf, expected: String, found: String },

    #[error("`{path}` is empty: a dataset needs a header and at least one row")]
    Empty { path: PathBuf },
    #[error("`{path}` has columns but no rows: a dataset needs at least one row")]
    NoRows { path: PathBuf },
    #[error("`{path}` is neither text nor Parquet: save it as CSV in UTF-8 or as Parquet")]
    Binary { path: PathBuf },

    #[error("`{path}`, line {line}{}: not UTF-8: save the file as UTF-8", in_column(.column))]
    Encoding { path: PathBuf, line: u64, column: Option<String> },
    #[error(
        "`{path}`, line {line}: {} where the header has {expected}: \
         add or remove fields, or quote values that hold the delimiter `{delimiter}`",
        fields(*.found)
    )]
    Ragged { path: PathBuf, line: u64, expected: usize, found: usize, delimiter: char },
    #[error("`{path}`, line {line}{}: a quote is opened and never closed: close it, or write it twice", in_column(.column))]
    UnclosedQuote { path: PathBuf, line: u64, column: Option<String> },
    #[error("`{path}`, line {line}{}: text follows a closing quote: write quotes inside a quoted value twice", in_column(.column))]
    StrayQuote { path: PathBuf, line: u64, column: Option<String> },
    #[error("`{path}`: more than one column is named {}: rename all but one", quoted(.names))]
    DuplicateColumns { path: PathBuf, names: Vec<String> },
    #[error("`{path}`: no name for column {} of the header: name every column", numbers(.positions))]
    UnnamedColumns {
        path: PathBuf,
        /// The first column is 1.
        positions: Vec<usize>,
    },

    #[error("`{path}` is a broken or truncated Parquet file: write or copy it again")]
    Parquet {
        path: PathBuf,
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    #[error("`{path}`: no table can hold {}: leave them out or flatten them", types(.columns))]
    UnsupportedColumns {
        path: PathBuf,
        /// Name and type as the file has them.
        columns: Vec<(String, String)>,
    },

    #[error("no column is named `{name}`{}: the columns are {}", hint(.name, *.in_quotes, .closest), quoted(.columns))]
    UnknownColumn {
        name: String,
        /// It stood in double quotes, as text must not.
        in_quotes: bool,
        closest: Option<String>,
        columns: Vec<String>,
    },
    #[error("`{}` is not a SQL expression{}: {problem}", clipped(.expression), at(.position))]
    Unparsable {
        expression: String,
        problem: String,
        /// Line and column within the expression, from 1.
        position: Option<(u64, u64)>,
    },
    #[error("`{}` yields {found}, not true or false: compare it with something", clipped(.expression))]
    NotBoolean { expression: String, found: &'static str },
    #[error("`{}` cannot be asked of a row: {problem}", clipped(.expression))]
    NotPerRow { expression: String, problem: String },
    #[error("`{}` cannot be computed: {problem}", clipped(.expression))]
    Evaluation { expression: String, problem: String },

    #[error("the engine failed on `{path}`: report this")]
    Engine {
        path: PathBuf,
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
