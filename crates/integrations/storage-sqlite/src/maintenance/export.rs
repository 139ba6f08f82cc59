use std::{
    io::{self, BufWriter, Write},
    path::Path,
};

use event_sourcing::{StoreError, position_in};
use rusqlite::{Connection, Row};
use sha2::{Digest, Sha256};

use super::{
    Counts, Progress,
    draft::Draft,
    file_fault,
    line::{EventLine, FORMAT, Line, VERSION, in_one_line},
    open,
};
use crate::{
    Options,
    checksum::{document_columns, event_columns},
    names::Names,
    rows::{self, Declared},
};

/// Writes the whole store as JSON Lines: the events in their wire form with stream and version, the documents, the checkpoints. A
/// first line says what it is, a last one what there was, with a digest of all lines before it. Equal stores give equal
/// bytes. Counts rows. `None`, and nothing is written, if there is no store.
///
/// # Errors
/// What the store says: one with a row that is not what was written there is not exported. Full or Unavailable: the writer
/// fails.
pub fn export(
    path: &Path,
    writer: &mut dyn Write,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<Counts>, StoreError> {
    export_as("the export", path, writer, progress)
}

/// As [`export`], to a file that is not there yet. Nothing has its name before it is whole. What a process that was killed has left of
/// it, `<to>.draft`, is taken away by the next one to the same file. The options say who makes it.
///
/// # Errors
/// As [`export`]; Unavailable: there is a file of that name, or none can be made. Locked: another process is making it.
pub fn export_file(
    path: &Path,
    to: &Path,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<Counts>, StoreError> {
    let what = "an export";
    let draft = Draft::of_new(to, what, options)?;
    let file = draft.create(path)?;
    let shown = draft.target().to_string();
    let exported = export_as(&shown, path, &mut BufWriter::new(file), progress)?;
    exported.map(|counts| draft.become_new(what).map(|()| counts)).transpose()
}

/// Under the name by which the reader of an error knows it.
fn export_as(
    shown: &str,
    path: &Path,
    writer: &mut dyn Write,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<Counts>, StoreError> {
    let Some((file, connection)) = open(path)? else { return Ok(None) };
    let counts = Counts::of(&connection).map_err(|cause| file.fault(&cause))?;
    let mut press = Press { writer, digest: Sha256::new(), done: 0, all: counts.all(), progress };
    let printed = print(&connection, &mut press, counts);
    connection.is_what_it_was()?;
    printed.map(|()| Some(counts)).map_err(|failure| match failure {
        Failure::Store(cause) => file.fault(&cause),
        Failure::Writer(cause) => file_fault(shown, "cannot be written", &cause),
    })
}

enum Failure {
    Store(rusqlite::Error),
    Writer(io::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(cause: rusqlite::Error) -> Self {
        Self::Store(cause)
    }
}

struct Press<'a> {
    writer: &'a mut dyn Write,
    digest: Sha256,
    done: u64,
    all: u64,
    progress: &'a mut dyn FnMut(Progress),
}

impl Press<'_> {
    fn print(&mut self, line: &Line) -> Result<(), Failure> {
        let mut text = serde_json::to_vec(line).expect("lines are plain data");
        text.push(b'\n');
        self.digest.update(&text);
        self.writer.write_all(&text).map_err(Failure::Writer)
    }

    fn print_all(
        &mut self,
        connection: &Connection,
        sql: &str,
        mut line: impl FnMut(&Row<'_>) -> rusqlite::Result<Line>,
    ) -> Result<(), Failure> {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            self.print(&line(row)?)?;
            self.done += 1;
            if self.done.is_multiple_of(1000) {
                (self.progress)(Progress { done: self.done, all: self.all });
            }
        }
        Ok(())
    }
}

fn print(connection: &Connection, press: &mut Press<'_>, counts: Counts) -> Result<(), Failure> {
    press.print(&Line::Header { format: FORMAT.into(), version: VERSION })?;
    let collections = "SELECT name, version, migrated, checksum FROM collections ORDER BY name";
    press.print_all(connection, collections, |row| {
        let Declared { name, version, migrated } = rows::collection(row)?;
        Ok(Line::Collection { name, version, migrated })
    })?;
    press.done = 0;
    let mut tags = connection.prepare("SELECT tag, event, checksum FROM tags ORDER BY event, tag")?;
    let mut tags = tags.query_map([], rows::tag)?.peekable();
    let events = concat!("SELECT ", event_columns!(), ", checksum FROM events ORDER BY position");
    // Nothing is exported that no import would take.
    let mut head = 0;
    let mut names = Names::new(connection);
    press.print_all(connection, events, |row| {
        let event = rows::envelope(row, &mut names)?;
        let position = rows::number(row, 0)?;
        if position != head + 1 {
            return Err(rows::unreadable(format!("event {position}: it comes after {head}: positions have no gaps")));
        }
        head = position;
        let is_of_another = |tag: &rusqlite::Result<(String, u64)>| matches!(tag, Ok((_, event)) if *event != position);
        let own = std::iter::from_fn(|| tags.next_if(|tag| !is_of_another(tag)));
        let tags = own.map(|tag| Ok(tag?.0)).collect::<rusqlite::Result<_>>()?;
        let stream = names.get(row.get(12)?)?.to_owned();
        Ok(Line::Event(EventLine::new(stream, rows::number(row, 13)?, tags, event)))
    })?;
    if let Some(tag) = tags.next() {
        let (tag, event) = tag?;
        return Err(rows::unreadable(format!("tag `{tag}`: it is of event {event}, and the log ends at {head}")).into());
    }
    let documents = concat!("SELECT ", document_columns!(), ", checksum FROM documents ORDER BY collection, key");
    press.print_all(connection, documents, |row| {
        let (collection, document): (String, _) = (row.get(0)?, rows::document(row)?);
        if let Some(at) = position_in(&document, &collection).filter(|at| at.0 > head) {
            let what = format!("document `{collection}/{}`: it is at {at}, and the log ends at {head}", document.key);
            return Err(rows::unreadable(what));
        }
        Ok(Line::Document {
            collection,
            key: document.key,
            revision: document.revision,
            version: document.version,
            body: in_one_line(document.body),
        })
    })?;
    let checkpoints = "SELECT subscriber, position, checksum FROM checkpoints ORDER BY subscriber";
    press.print_all(connection, checkpoints, |row| {
        let (subscriber, position): (String, _) = (row.get(0)?, rows::checkpoint(row)?.0);
        if position > head {
            let what = format!("checkpoint `{subscriber}`: it is at {position}, and the log ends at {head}");
            return Err(rows::unreadable(what));
        }
        Ok(Line::Checkpoint { subscriber, position })
    })?;
    let Counts { events, documents, checkpoints } = counts;
    let sha256 = format!("{:x}", press.digest.clone().finalize());
    press.print(&Line::End { events, documents, checkpoints, sha256 })?;
    press.writer.flush().map_err(Failure::Writer)?;
    (press.progress)(Progress { done: press.done, all: press.all });
    Ok(())
}
