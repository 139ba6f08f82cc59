use std::collections::HashMap;

use event_sourcing::{Conflict, Expected, Position, Receipt, Write};
use rapidhash::fast::RandomState;
use rusqlite::{CachedStatement, Connection, Error, OptionalExtension as _, ffi, params};

use crate::{
    checksum, events,
    names::Numbers,
    rows::{self, Appending},
};

/// What the writer knows of the file without asking it. True only while no other program writes; forgotten after any failure.
#[derive(Default)]
pub(crate) struct Known {
    /// The last committed position.
    head: Option<u64>,
    /// Versions of streams, counting the open transaction.
    versions: HashMap<String, u64, RandomState>,
    numbers: Numbers,
}

impl Known {
    /// Streams remembered; beyond that all are forgotten at once, which costs one look-up each.
    const STREAMS: usize = 1 << 16;

    /// What a transaction that was given up has taught.
    pub fn forget(&mut self) {
        let Self { numbers, .. } = std::mem::take(self);
        // Mutant `numbers_kept`: events have the numbers of names that were never committed.
        if cfg!(mutant = "numbers_kept") {
            self.numbers = numbers;
        }
    }
}

/// One transaction and the units in it. Dropped without [`commit`](Self::commit), it is still open in the connection.
pub(crate) struct Transaction<'c, 'k> {
    connection: &'c Connection,
    known: &'k mut Known,
    head: u64,
    /// The version or revision that each write of the unit at hand brings about.
    numbers: Vec<u64>,
    commit: CachedStatement<'c>,
    version: CachedStatement<'c>,
    append: CachedStatement<'c>,
    append_many: CachedStatement<'c>,
    revision: CachedStatement<'c>,
    put: CachedStatement<'c>,
    delete: CachedStatement<'c>,
    checkpoint: CachedStatement<'c>,
}

impl<'c, 'k> Transaction<'c, 'k> {
    pub fn begin(connection: &'c Connection, known: &'k mut Known) -> rusqlite::Result<Self> {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        if known.versions.len() > Known::STREAMS {
            known.versions.clear();
        }
        let head = match known.head {
            Some(head) => head,
            None => connection
                .prepare_cached("SELECT coalesce(max(position), 0) FROM events")?
                .query_row([], |row| rows::number(row, 0))?,
        };
        let prepare = |sql| connection.prepare_cached(sql);
        Ok(Self {
            connection,
            known,
            head,
            numbers: Vec::new(),
            commit: prepare("COMMIT")?,
            version: prepare(rows::LAST_OF_STREAM)?,
            append: prepare(rows::APPEND)?,
            append_many: prepare(rows::APPEND_MANY)?,
            revision: prepare(rows::DOCUMENT)?,
            put: prepare(rows::PUT)?,
            delete: prepare("DELETE FROM documents WHERE collection = ?1 AND key = ?2")?,
            checkpoint: prepare(rows::CHECKPOINT)?,
        })
    }

    /// Adds a unit, unless one of its guards fails: then nothing of it has reached the file.
    pub fn write(&mut self, writes: &[Write]) -> rusqlite::Result<Result<Receipt, Conflict>> {
        if let Err(conflict) = self.check(writes)? {
            for write in writes {
                if let Write::Append { stream, .. } = write {
                    self.known.versions.remove(stream);
                }
            }
            return Ok(Err(conflict));
        }
        self.apply(writes).map(Ok)
    }

    /// Makes everything durable and answers the last position.
    pub fn commit(mut self) -> rusqlite::Result<u64> {
        self.commit.execute([])?;
        self.known.head = Some(self.head);
        Ok(self.head)
    }

    /// Fills `numbers`, counting what the unit itself wrote before each guard.
    fn check(&mut self, writes: &[Write]) -> rusqlite::Result<Result<(), Conflict>> {
        self.numbers.clear();
        let mut revisions: HashMap<(&str, &str), u64> = HashMap::new();
        for write in writes {
            let number = match write {
                Write::Append { stream, expected, .. } => {
                    let version = match self.known.versions.get_mut(stream) {
                        Some(known) => known,
                        None => {
                            let stored = self.version.query_row([stream], rows::version).optional()?;
                            self.known.versions.entry(stream.clone()).or_insert(stored.unwrap_or(0))
                        }
                    };
                    if let Err(conflict) = guard(*expected, *version, || format!("stream `{stream}`")) {
                        return Ok(Err(conflict));
                    }
                    *version += 1;
                    *version
                }
                // Of what goes whatever it is, nothing is trusted: damage goes too.
                Write::Delete { collection, key, expected: Expected::Any } => {
                    revisions.insert((&**collection, key), 0);
                    0
                }
                Write::Put { collection, key, expected, .. } | Write::Delete { collection, key, expected } => {
                    let revision = match revisions.get(&(&**collection, key.as_str())) {
                        Some(revision) => *revision,
                        None => self.revision(collection, key)?,
                    };
                    if let Err(conflict) = guard(*expected, revision, || format!("document `{collection}/{key}`")) {
                        return Ok(Err(conflict));
                    }
                    let next = if matches!(write, Write::Put { .. }) { revision + 1 } else { 0 };
                    revisions.insert((&**collection, key), next);
                    next
                }
                Write::Require { collection, key, expected } => {
                    let revision = match revisions.get(&(*collection, key.as_str())) {
                        Some(revision) => *revision,
                        None => self.revision(collection, key)?,
                    };
                    if let Err(conflict) = guard(*expected, revision, || format!("document `{collection}/{key}`")) {
                        return Ok(Err(conflict));
                    }
                    revision
                }
                Write::Guard { .. } if cfg!(mutant = "expectations_ignored") => 0,
                Write::Guard { query, after } if after.0 > self.head => {
                    return Ok(Err(Conflict::beyond(query, *after, self.head)));
                }
                Write::Guard { query, after } => {
                    // The units before this one in the transaction are in the tables already.
                    if let Some(event) = events::first_match(self.connection, query, *after)? {
                        return Ok(Err(Conflict::with_event(query, *after, &event)));
                    }
                    0
                }
                Write::Checkpoint { .. } => 0,
            };
            self.numbers.push(number);
        }
        Ok(Ok(()))
    }

    fn apply(&mut self, writes: &[Write]) -> rusqlite::Result<Receipt> {
        let mut receipt = Receipt::default();
        let numbers = std::mem::take(&mut self.numbers);
        let mut appending: Vec<Appending<'_>> = Vec::new();
        for (write, &number) in writes.iter().zip(&numbers) {
            match write {
                Write::Append { stream, envelope, tags, .. } => {
                    let event = (&**stream, number, &**envelope);
                    let numbers = &mut self.known.numbers;
                    let next = Appending::new(self.connection, numbers, event, appending.last())?;
                    appending.push(next);
                    if !tags.is_empty() {
                        self.tag(tags, self.head + appending.len() as u64)?;
                    }
                    if appending.len() == rows::MANY {
                        self.append(&mut appending)?;
                    }
                    receipt.events.push((envelope.event_id, number));
                }
                Write::Put { collection, key, body, version, .. } => {
                    let sum = checksum::of_document(collection, key, number, *version, body.text());
                    self.put.execute(params![collection, key, number.cast_signed(), version, body.text(), sum])?;
                }
                Write::Delete { collection, key, .. } => {
                    self.delete.execute(params![collection, key])?;
                }
                Write::Guard { .. } | Write::Require { .. } => {}
                // Mutant `checkpoint_dropped`: a subscriber that starts again does everything again.
                Write::Checkpoint { .. } if cfg!(mutant = "checkpoint_dropped") => {}
                Write::Checkpoint { subscriber, position } => {
                    let sum = checksum::of_checkpoint(subscriber, position.0);
                    self.checkpoint.execute(params![subscriber, position.0.cast_signed(), sum])?;
                }
            }
        }
        self.append(&mut appending)?;
        self.numbers = numbers;
        receipt.position = (!receipt.events.is_empty()).then_some(Position(self.head));
        Ok(receipt)
    }

    /// At most [`MANY`](rows::MANY) events.
    fn append(&mut self, events: &mut Vec<Appending<'_>>) -> rusqlite::Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        if events.len() == rows::MANY {
            rows::append(&mut self.append_many, self.head + 1, events)?;
        } else {
            for (position, event) in (self.head + 1..).zip(&*events) {
                rows::append(&mut self.append, position, std::slice::from_ref(event))?;
            }
        }
        let head = self.head + events.len() as u64;
        if self.connection.last_insert_rowid().cast_unsigned() != head {
            // Another program has written behind our back: nothing that is known of the file holds.
            return Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None));
        }
        self.head = head;
        events.clear();
        Ok(())
    }

    /// The event at this position.
    fn tag(&self, tags: &[String], event: u64) -> rusqlite::Result<()> {
        let mut insert = self.connection.prepare_cached(rows::TAG)?;
        tags.iter().try_for_each(|tag| {
            let sum = checksum::of_tag(tag, event);
            insert.execute(params![tag, event.cast_signed(), sum]).map(drop)
        })
    }

    fn revision(&mut self, collection: &str, key: &str) -> rusqlite::Result<u64> {
        Ok(self.revision.query_row([collection, key], rows::revision).optional()?.unwrap_or(0))
    }
}

fn guard(expected: Expected, actual: u64, what: impl FnOnce() -> String) -> Result<(), Conflict> {
    let wanted = match expected {
        Expected::Any => return Ok(()),
        // Mutant `expectations_ignored`: whoever writes last wins, and what stands in the way of a query is not looked for.
        _ if cfg!(mutant = "expectations_ignored") => return Ok(()),
        Expected::Absent => 0,
        Expected::Exact(wanted) => wanted,
    };
    if wanted == actual {
        return Ok(());
    }
    Err(Conflict { what: what(), expected: wanted, actual, event: None })
}
