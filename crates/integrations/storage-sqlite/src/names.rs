//! Names that stand in many events, and the numbers that stand there for them.

use std::collections::{HashMap, hash_map::Entry};

use rapidhash::fast::RandomState;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{checksum, rows};

/// Names remembered; beyond that all are forgotten at once, which costs one look-up each.
const MOST: usize = 1 << 16;

/// Takes number, name and checksum.
const NAME: &str = "INSERT INTO names (id, name, checksum) VALUES (?1, ?2, ?3)";

/// What whoever writes knows of them without asking. True only while nobody else writes.
#[derive(Default)]
pub(crate) struct Numbers {
    known: HashMap<String, i64, RandomState>,
    /// The last that was given out.
    last: Option<i64>,
}

impl Numbers {
    /// The number of this name, which has one from now on.
    pub fn of(&mut self, connection: &Connection, name: &str) -> rusqlite::Result<i64> {
        if let Some(number) = self.known.get(name) {
            return Ok(*number);
        }
        if self.known.len() >= MOST {
            self.known.clear();
        }
        let stored = connection
            .prepare_cached("SELECT id, name, checksum FROM names WHERE name = ?1")?
            .query_row([name], rows::name)
            .optional()?;
        let number = match stored {
            Some((number, _)) => number,
            None => self.add(connection, name)?,
        };
        self.known.insert(name.to_owned(), number);
        Ok(number)
    }

    fn add(&mut self, connection: &Connection, name: &str) -> rusqlite::Result<i64> {
        let last = match self.last {
            Some(last) => last,
            None => {
                connection.prepare_cached("SELECT coalesce(max(id), 0) FROM names")?.query_row([], |row| row.get(0))?
            }
        };
        let number = last + 1;
        connection.prepare_cached(NAME)?.execute(params![number, name, checksum::of_name(number, name)])?;
        self.last = Some(number);
        Ok(number)
    }
}

/// The names behind the numbers that one query finds.
pub(crate) struct Names<'c> {
    connection: &'c Connection,
    known: HashMap<i64, String, RandomState>,
}

impl<'c> Names<'c> {
    pub fn new(connection: &'c Connection) -> Self {
        Self { connection, known: HashMap::default() }
    }

    pub fn get(&mut self, number: i64) -> rusqlite::Result<&str> {
        if self.known.len() >= MOST {
            self.known.clear();
        }
        Ok(match self.known.entry(number) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let mut stored =
                    self.connection.prepare_cached("SELECT id, name, checksum FROM names WHERE id = ?1")?;
                let found = stored.query_row([number], rows::name).optional()?;
                let (_, name) = found.ok_or_else(|| rows::unreadable(format!("name {number} is missing")))?;
                unknown.insert(name)
            }
        })
    }
}
