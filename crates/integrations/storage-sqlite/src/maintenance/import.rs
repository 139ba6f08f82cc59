use std::{
    io::{self, BufRead},
    path::Path,
};

use event_sourcing::{StoreError, StoreErrorKind};
use rusqlite::{Connection, OpenFlags, params};
use sha2::{Digest, Sha256};

use super::{
    Counts, Progress,
    draft::Draft,
    file_fault,
    line::{FORMAT, Line, Place, VERSION},
    verify,
};
use crate::{
    Options, checksum,
    fault::StoreFile,
    halt::Halt,
    lock::Lock,
    log_file,
    names::Numbers,
    readers,
    rows::{self, Appending},
    schema, store,
};

/// Bytes that a line does not have: the largest document has half of them, and so has what stands around it.
const LONGEST: u64 = 128 << 20;
/// Lines in one transaction.
const GROUP: u64 = 10_000;

/// Reads what [`export`](super::export) wrote into a store that is empty or not there yet: exactly, so that an export of it
/// gives the same bytes. All of it or nothing: the store takes its place when it is whole and verified. Counts rows. What a
/// process that was killed has left of an import, `<file>.draft`, is taken away by the next one into the same store.
///
/// # Errors
/// Locked: another process writes the store. Unavailable: the store is not empty, or has gone and left its log, or the disk or the
/// reader fails. Corrupt: what is read is not whole, or no export; it says which line. Newer: a later version exported it. Full: no room.
pub fn import(
    path: &Path,
    options: &Options,
    reader: &mut dyn BufRead,
    progress: &mut dyn FnMut(Progress),
) -> Result<Counts, StoreError> {
    let file = StoreFile::locate(path)?;
    let lock = Lock::take(&file, options)?;
    let draft = Draft::beside(file.clone(), options)?;
    is_empty(&file)?;
    drop(draft.create(file.path())?);
    let mut connection = readers::connect(&file.draft(), OpenFlags::SQLITE_OPEN_CREATE)?;
    store::prepare(&connection, &file, options)?;
    schema::migrate(&mut connection, &file)?;
    let mut halt = Halt::from_env();
    let (counts, numbers) = (Counts::default(), Numbers::default());
    let (number, place) = (0, Place::default());
    let reading = Reading { file: &file, connection: &connection, counts, numbers, number, place, halt: &mut halt };
    let counts = reading.read(reader, progress)?;
    connection.close().map_err(|(_, cause)| file.fault(&cause))?;
    if let Some(finding) = verify(draft.path(), &mut |_| {})?.first() {
        let what = format!("was not imported: what was read is no whole store ({finding}): export it again");
        return Err(file.error(StoreErrorKind::Corrupt, &what));
    }
    if !lock.is_at_its_place() {
        file.lose(&file.lock_path());
        return Err(file.taken_away());
    }
    let replaced = Halt::around(&mut halt, 1, || draft.replace());
    replaced.map_err(|cause| file_fault(&file.to_string(), "cannot be written", &cause))?;
    Ok(counts)
}

/// Whether there is nothing at the place that would be lost.
fn is_empty(file: &StoreFile) -> Result<(), StoreError> {
    if !file.path().exists() {
        return file.stands_alone();
    }
    log_file::check(file)?;
    let connection = readers::connect(file, OpenFlags::empty())?;
    let counts = match schema::recognise(&connection, file)? {
        None => Counts::default(),
        Some(_) => Counts::of(&connection).map_err(|cause| file.fault(&cause))?,
    };
    connection.close().map_err(|(_, cause)| file.fault(&cause))?;
    if counts != Counts::default() {
        let what = "is not empty, and an import adds nothing to a store: choose another with --store";
        return Err(file.error(StoreErrorKind::Unavailable, what));
    }
    // It goes with the last connection that closes: somebody else has the store open.
    if file.log_path().exists() {
        let what = "is open in another program: close that program and try again";
        return Err(file.error(StoreErrorKind::Locked, what));
    }
    Ok(())
}

struct Reading<'a> {
    file: &'a StoreFile,
    connection: &'a Connection,
    counts: Counts,
    numbers: Numbers,
    /// Of the line at hand, from 1.
    number: u64,
    /// Of the line before it.
    place: Place,
    halt: &'a mut Option<Halt>,
}

impl Reading<'_> {
    fn read(mut self, reader: &mut dyn BufRead, progress: &mut dyn FnMut(Progress)) -> Result<Counts, StoreError> {
        let (mut digest, mut text, mut has_ended) = (Sha256::new(), String::new(), false);
        self.execute("BEGIN IMMEDIATE")?;
        while self.next(reader, &mut text)? {
            if has_ended {
                return Err(self.wrong("stands behind the last one"));
            }
            let line =
                serde_json::from_str(&text).map_err(|cause| self.wrong(&format!("is none of an export ({cause})")))?;
            self.is_as_exported(&line, &text)?;
            match line {
                Line::Header { format, version } => self.begin(&format, version)?,
                _ if self.number == 1 => return Err(self.wrong("does not say that this is an export")),
                Line::End { events, documents, checkpoints, sha256 } => {
                    if (Counts { events, documents, checkpoints }) != self.counts {
                        return Err(self.wrong("counts other rows than there are: some are missing"));
                    }
                    if format!("{:x}", digest.clone().finalize()) != sha256 {
                        return Err(self.wrong("has the digest of other lines: one of them has changed"));
                    }
                    has_ended = true;
                }
                line => self.write(line)?,
            }
            digest.update(&text);
            if self.number.is_multiple_of(GROUP) {
                self.commit()?;
                self.execute("BEGIN IMMEDIATE")?;
                progress(Progress { done: self.counts.all(), all: 0 });
            }
        }
        // Mutant `import_cut_short`: a file that ends too early is imported as far as it goes.
        if !has_ended && !cfg!(mutant = "import_cut_short") {
            return Err(self.wrong("is missing: the export was cut off"));
        }
        self.commit()?;
        progress(Progress { done: self.counts.all(), all: self.counts.all() });
        Ok(self.counts)
    }

    /// Whether there is another line.
    fn next(&mut self, reader: &mut dyn BufRead, text: &mut String) -> Result<bool, StoreError> {
        text.clear();
        self.number += 1;
        let read = io::Read::take(&mut *reader, LONGEST).read_line(text).map_err(|cause| match cause.kind() {
            io::ErrorKind::InvalidData => self.wrong("is not UTF-8"),
            _ => file_fault("the export", "cannot be read", &cause),
        })?;
        if read as u64 == LONGEST {
            return Err(self.wrong("is longer than any of an export"));
        }
        if read > 0 && !text.ends_with('\n') {
            return Err(self.wrong("is cut off"));
        }
        Ok(read > 0)
    }

    /// What the store does not keep would be gone without a word.
    fn is_as_exported(&mut self, line: &Line, text: &str) -> Result<(), StoreError> {
        let place = line.place();
        // Those of events have numbers, which are looked at where they are counted.
        if self.number > 1 && place <= self.place && !matches!(line, Line::Event(_)) {
            return Err(self.wrong("is not in the order of an export, or is there twice"));
        }
        self.place = place;
        if serde_json::to_string(line).ok().as_deref() != text.strip_suffix('\n') {
            return Err(self.wrong(
                "is not written as an export writes it: there is something in it that the store would not keep",
            ));
        }
        Ok(())
    }

    fn begin(&self, format: &str, version: u32) -> Result<(), StoreError> {
        if self.number != 1 || format != FORMAT {
            return Err(self.wrong("is none of an export of a store"));
        }
        if version == 0 {
            return Err(self.wrong("is of no version of an export"));
        }
        if version > VERSION {
            let what = format!(
                "was not imported: a newer version of Borough exported this (form {version}, this one knows {VERSION}): use that version"
            );
            return Err(self.file.error(StoreErrorKind::Newer, &what));
        }
        Ok(())
    }

    fn write(&mut self, line: Line) -> Result<(), StoreError> {
        let prepare = |sql| self.connection.prepare_cached(sql);
        let written = match line {
            Line::Collection { name, version, migrated } => {
                let sum = checksum::of_collection(&name, version, migrated);
                prepare(rows::COLLECTION).and_then(|mut s| s.execute(params![name, version, migrated, sum])).map(drop)
            }
            Line::Event(line) => {
                self.counts.events += 1;
                let (stream, version, tags) = (line.stream.clone(), line.version, line.tags.clone());
                let event = line.into_event().map_err(|what| self.wrong(&format!("is of no store: {what}")))?;
                if event.metadata.position != Some(self.counts.events) {
                    return Err(self.wrong(&format!("is not that of event {}", self.counts.events)));
                }
                let position = self.counts.events;
                let mut append = || {
                    let appending =
                        Appending::new(self.connection, &mut self.numbers, (&stream, version, &event), None)?;
                    rows::append(&mut *prepare(rows::APPEND)?, position, &[appending])?;
                    tags.iter().try_for_each(|tag| {
                        let sum = checksum::of_tag(tag, position);
                        prepare(rows::TAG)?.execute(params![tag, position.cast_signed(), sum]).map(drop)
                    })
                };
                append()
            }
            Line::Document { collection, key, revision, version, body } => {
                self.counts.documents += 1;
                let sum = checksum::of_document(&collection, &key, revision, version, body.text());
                let sql = "INSERT INTO documents (collection, key, revision, version, body, checksum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
                let values = params![collection, key, revision.cast_signed(), version, body.text(), sum];
                prepare(sql).and_then(|mut s| s.execute(values)).map(drop)
            }
            Line::Checkpoint { subscriber, position } => {
                self.counts.checkpoints += 1;
                let sum = checksum::of_checkpoint(&subscriber, position);
                let sql = "INSERT INTO checkpoints (subscriber, position, checksum) VALUES (?1, ?2, ?3)";
                prepare(sql).and_then(|mut s| s.execute(params![subscriber, position.cast_signed(), sum])).map(drop)
            }
            Line::Header { .. } | Line::End { .. } => unreachable!("these are read by the reader"),
        };
        written.map_err(|cause| match cause.sqlite_error_code() {
            Some(rusqlite::ErrorCode::ConstraintViolation) => self.wrong("is there twice"),
            _ => self.file.fault(&cause),
        })
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let (connection, file) = (self.connection, self.file);
        Halt::around(self.halt, 1, || connection.execute_batch("COMMIT").map_err(|cause| file.fault(&cause)))
    }

    fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.connection.execute_batch(sql).map_err(|cause| self.file.fault(&cause))
    }

    fn wrong(&self, what: &str) -> StoreError {
        let what = format!("was not imported: line {} {what}: export it again", self.number);
        self.file.error(StoreErrorKind::Corrupt, &what)
    }
}
