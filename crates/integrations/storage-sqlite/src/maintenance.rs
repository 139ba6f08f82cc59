//! What operators do with a store: look at it, verify it, copy it, carry it elsewhere.
//!
//! All of it works on a file by its path, beside a process that may be writing it, and blocks; all but [`import`] only read. Each
//! reads the store as it was at one moment.

mod backup;
mod draft;
mod export;
mod import;
mod line;
mod stats;
mod verify;

use std::{fs::File, io, path::Path};

use event_sourcing::{StoreError, StoreErrorKind};
use rusqlite::Connection;
use serde::Serialize;

pub use self::{
    backup::{Copied, backup},
    export::{export, export_file},
    import::import,
    stats::{CheckpointStats, CollectionStats, Stats, stats},
    verify::{Finding, verify},
};
use crate::{fault::StoreFile, log_file, read_only::ReadOnly, schema};

/// How far it is, in whatever it counts: rows, or pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Of `all`.
    pub done: u64,
    /// 0 if that is not known.
    pub all: u64,
}

/// What there is of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// In the log.
    pub events: u64,
    /// In all collections.
    pub documents: u64,
    /// Of subscribers.
    pub checkpoints: u64,
}

impl Counts {
    fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let count = |table| {
            let sql = format!("SELECT count(*) FROM {table}");
            connection.query_row(&sql, [], |row| crate::rows::number(row, 0))
        };
        Ok(Self { events: count("events")?, documents: count("documents")?, checkpoints: count("checkpoints")? })
    }

    fn all(&self) -> u64 {
        self.events + self.documents + self.checkpoints
    }
}

/// The store as it is now, for reading. `None` if there is none yet.
fn open(path: &Path) -> Result<Option<(StoreFile, ReadOnly)>, StoreError> {
    let Some(file) = log_file::find(path)? else { return Ok(None) };
    let connection = ReadOnly::connect(&file)?;
    // What is read from here on is what the first look finds.
    let frozen = connection.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema");
    frozen.map_err(|cause| file.fault(&cause))?;
    let is_readable = schema::is_readable(&connection, &file)?;
    Ok(is_readable.then_some((file, connection)))
}

/// What a failure to read or write another file than the store means.
fn file_fault(shown: &str, what: &str, cause: &io::Error) -> StoreError {
    let (kind, advice) = match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            (StoreErrorKind::Full, "free some space and try again")
        }
        _ => (StoreErrorKind::Unavailable, "choose another place or mend this one"),
    };
    StoreError { kind, message: format!("`{shown}` {what} ({cause}): {advice}") }
}

/// A new name in a folder is there after a power failure only if the folder is flushed.
fn flush_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix)
        && let Some(folder) = path.parent()
    {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
