use std::{fmt, path::Path};

use event_sourcing::{StoreError, StoreErrorKind, StoredDocument, check_document, check_event, position_in};
use rusqlite::{Connection, ErrorCode, Row};
use serde::Serialize;

use super::{Counts, Progress, open};
use crate::{
    checksum::{document_columns, event_columns},
    fault::StoreFile,
    lock::Lock,
    names::Names,
    readers, rows,
};

/// Of each kind at most so many are told: a file that is damaged all over says the same ten thousand times.
const MOST: usize = 100;

/// Something in the store that is not as it was written, or not as it could have been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `events`, `names`, `tags`, `documents`, `collections`, `checkpoints`; `file` where SQLite's own form is broken.
    pub table: &'static str,
    /// Which row, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub advice: &'static str,
}

const RESTORE: &str = "restore the store from a copy, with no `-wal` file of the old one beside it";

impl Finding {
    fn new(table: &'static str, row: Option<String>, what: impl Into<String>) -> Self {
        Self { table, row, what: what.into(), advice: RESTORE }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = self.row.as_ref().map(|row| format!(" {row}")).unwrap_or_default();
        write!(f, "{}{row}: {}: {}", self.table, self.what, self.advice)
    }
}

/// Reads all of a store: SQLite's own look at its pages and indexes; that every row is what was written there, and can be read;
/// that positions and versions have no gaps; that no checkpoint is beyond the log; that the log of a writer
/// that was killed is there. What it finds; nothing in a store that is sound, and in one that is not there. Counts rows.
///
/// # Errors
/// What keeps it from looking: the store is locked, of another version, or none. A damage is a finding, as far as SQLite opens
/// the file at all.
pub fn verify(path: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Vec<Finding>, StoreError> {
    // Before it is opened, which makes a log.
    let is_without_log = StoreFile::locate(path).is_ok_and(|file| Lock::was_left_without_log(&file));
    let Some((file, connection)) = open(path)? else { return Ok(Vec::new()) };
    let mut look = Look { connection: &connection, findings: Vec::new(), done: 0, all: 0, progress };
    if is_without_log {
        let advice = "put it back, or have `borough serve` go on with what is there";
        look.findings.push(Finding { advice, ..Finding::new("file", None, Lock::WITHOUT_LOG) });
    }
    // What one part cannot be read for does not keep the others from being looked at.
    for looked in [
        look.file(),
        look.events(),
        look.streams(),
        look.names(),
        look.tags(),
        look.documents(),
        look.collections(),
        look.checkpoints(),
    ] {
        if let Err(cause) = looked {
            let fault = file.fault(&cause);
            let is_of_disk = cause.sqlite_error_code() == Some(ErrorCode::SystemIoFailure);
            if is_of_disk || matches!(fault.kind, StoreErrorKind::Locked | StoreErrorKind::Full) {
                return Err(fault);
            }
            look.findings.push(Finding::new("file", None, cause.to_string()));
        }
    }
    connection.is_what_it_was()?;
    look.findings.dedup();
    Ok(look.findings)
}

struct Look<'a> {
    connection: &'a Connection,
    findings: Vec<Finding>,
    done: u64,
    all: u64,
    progress: &'a mut dyn FnMut(Progress),
}

impl Look<'_> {
    fn file(&mut self) -> rusqlite::Result<()> {
        let mut check = self.connection.prepare(&format!("PRAGMA integrity_check({MOST})"))?;
        let mut rows = check.query([])?;
        while let Some(row) = rows.next()? {
            let what: String = row.get(0)?;
            if what != "ok" {
                self.findings.push(Finding::new("file", None, what));
            }
        }
        self.all = Counts::of(self.connection)?.all();
        Ok(())
    }

    fn events(&mut self) -> rusqlite::Result<()> {
        let sql = concat!("SELECT ", event_columns!(), ", checksum FROM events ORDER BY position");
        let (mut last, mut names) = (0, Names::new(self.connection));
        self.rows("events", sql, |row, found| {
            let position = rows::number(row, 0)?;
            if position != last + 1 {
                found(Some(position.to_string()), format!("comes after {last}: positions have no gaps"));
            }
            last = position;
            match rows::envelope(row, &mut names).map(|event| check_event(&event)) {
                Ok(Ok(())) => Ok(()),
                Ok(Err(unwritable)) => {
                    found(Some(position.to_string()), unwritable.to_string());
                    Ok(())
                }
                Err(cause) => unread(&cause, found, position.to_string()),
            }
        })
    }

    /// By the index that the table has for them, so that nothing is held in memory.
    fn streams(&mut self) -> rusqlite::Result<()> {
        let (mut stream, mut last) = (0, 0);
        let mut names = Names::new(self.connection);
        self.rows("events", "SELECT stream, version FROM events ORDER BY stream, version", |row, found| {
            let (number, version) = (row.get(0)?, rows::number(row, 1)?);
            if number != stream {
                (stream, last) = (number, 0);
            }
            if version != last + 1 {
                let row = match names.get(stream) {
                    Ok(name) => format!("of stream `{name}`"),
                    Err(_) => format!("of stream {stream}, which has no name"),
                };
                found(Some(row), format!("version {version} comes after {last}: versions have no gaps"));
            }
            last = version;
            Ok(())
        })?;
        self.rows(
            "events",
            "SELECT DISTINCT stream FROM events WHERE stream NOT IN (SELECT id FROM names)",
            |row, found| {
                found(Some(format!("of stream {}", rows::number(row, 0)?)), "it has no name".into());
                Ok(())
            },
        )
    }

    /// Names that are no event's are allowed.
    fn names(&mut self) -> rusqlite::Result<()> {
        self.rows("names", "SELECT id, name, checksum FROM names", |row, found| {
            let place = format!("`{}`", rows::shown(row, 1)?);
            rows::name(row).map(drop).or_else(|cause| unread(&cause, found, place))
        })
    }

    fn tags(&mut self) -> rusqlite::Result<()> {
        let head = readers::head(self.connection)?.0;
        self.rows("tags", "SELECT tag, event, checksum FROM tags", |row, found| {
            let place = format!("`{}` of event {}", rows::shown(row, 0)?, rows::number(row, 1)?);
            match rows::tag(row) {
                Ok((_, event)) if event > head => found(Some(place), format!("the log ends at {head}")),
                Ok(_) => {}
                Err(cause) => unread(&cause, found, place)?,
            }
            Ok(())
        })
    }

    fn documents(&mut self) -> rusqlite::Result<()> {
        let head = readers::head(self.connection)?;
        let sql = concat!("SELECT ", document_columns!(), ", checksum FROM documents ORDER BY collection, key");
        self.rows("documents", sql, |row, found| {
            let place = format!("`{}/{}`", rows::shown(row, 0)?, rows::shown(row, 1)?);
            match rows::document(row) {
                Ok(document) if document.version == 0 => {
                    found(Some(place), "its version counts from 1".into());
                }
                // One behind the highest that SQLite holds there is no more.
                Ok(StoredDocument { revision, .. }) if !(1..i64::MAX.cast_unsigned()).contains(&revision) => {
                    found(Some(place), format!("its revision, {revision}, is none that a store gives out"));
                }
                Ok(document) => {
                    let collection: String = row.get(0)?;
                    if let Err(unwritable) = check_document(&collection, &document.key, &document.body) {
                        found(Some(place), unwritable.to_string());
                    } else if let Some(position) = position_in(&document, &collection).filter(|at| *at > head) {
                        found(Some(place), format!("the projection is at {position}, and the log ends at {head}"));
                    }
                }
                Err(cause) => unread(&cause, found, place)?,
            }
            Ok(())
        })
    }

    fn collections(&mut self) -> rusqlite::Result<()> {
        self.rows("collections", "SELECT name, version, migrated, checksum FROM collections", |row, found| {
            let place = format!("`{}`", rows::shown(row, 0)?);
            rows::collection(row).map(drop).or_else(|cause| unread(&cause, found, place))
        })
    }

    fn checkpoints(&mut self) -> rusqlite::Result<()> {
        let head = readers::head(self.connection)?;
        let before = self.findings.len();
        self.rows(
            "checkpoints",
            "SELECT subscriber, position, checksum FROM checkpoints ORDER BY subscriber",
            |row, found| {
                let place = format!("`{}`", rows::shown(row, 0)?);
                match rows::checkpoint(row) {
                    Ok(position) if position > head => {
                        found(Some(place), format!("is at {position}, and the log ends at {head}"));
                    }
                    Ok(_) => {}
                    Err(cause) => unread(&cause, found, place)?,
                }
                Ok(())
            },
        )?;
        for finding in &mut self.findings[before..] {
            finding.advice = "restore the store from a copy, or have the projection rebuilt";
        }
        Ok(())
    }

    fn rows(
        &mut self,
        table: &'static str,
        sql: &str,
        mut look: impl FnMut(&Row<'_>, &mut dyn FnMut(Option<String>, String)) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            let findings = &mut self.findings;
            look(row, &mut |row, what| {
                count += 1;
                if count <= MOST {
                    findings.push(Finding::new(table, row, what));
                }
            })?;
            self.done += 1;
            if self.done.is_multiple_of(1000) {
                (self.progress)(Progress { done: self.done.min(self.all), all: self.all });
            }
        }
        Ok(())
    }
}

/// A row that is not what was written there is a finding; a failure of SQLite ends the look.
fn unread(cause: &rusqlite::Error, found: &mut dyn FnMut(Option<String>, String), row: String) -> rusqlite::Result<()> {
    match cause {
        rusqlite::Error::FromSqlConversionFailure(_, _, what) => {
            let what = what.to_string();
            // It names the row itself.
            let what = what.split_once(": ").map_or(what.as_str(), |(_, what)| what);
            found(Some(row), what.to_owned());
        }
        other => found(Some(row), other.to_string()),
    }
    Ok(())
}
