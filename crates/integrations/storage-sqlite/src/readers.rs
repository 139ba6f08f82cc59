use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use event_sourcing::{Position, StoreError, StoreErrorKind, StoredDocument};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use tokio::{sync::Semaphore, task};

use crate::{fault::StoreFile, rows};

/// Reads that run at a time, and connections kept for them.
const READERS: usize = 4;

/// How long a connection waits for another program that holds the file.
const PATIENCE: Duration = Duration::from_secs(1);

/// Statements that a connection keeps: all of the fixed ones, and queries of some dozen shapes.
const STATEMENTS: usize = 64;

/// Connections that only read.
pub(crate) struct Readers {
    file: StoreFile,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub fn new(file: StoreFile) -> Self {
        Self { file, idle: Mutex::default(), permits: Arc::new(Semaphore::new(READERS)) }
    }

    /// Runs a query on a thread that may block.
    ///
    /// # Cancel safety
    /// Dropped, the query runs to its end unheard.
    pub async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = self.permits.clone().acquire_owned().await;
        let permit = permit.expect("nobody closes the semaphore");
        let readers = self.clone();
        let reading = task::spawn_blocking(move || {
            let answer = readers.read_now(query);
            drop(permit);
            answer
        });
        reading.await.unwrap_or_else(|cause| {
            let what = format!("was not read: {cause}");
            Err(self.file.error(StoreErrorKind::Unavailable, &what))
        })
    }

    pub fn read_now<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let idle = self.idle().pop();
        let connection = idle.map_or_else(|| self.connect(), Ok)?;
        let answer = query(&connection).map_err(|cause| self.file.fault(&cause));
        self.idle().push(connection);
        answer
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        let connection = connect(&self.file, OpenFlags::empty())?;
        // Opened for writing, closed to it: a connection that cannot write leaves SQLite's two files beside the store behind.
        let only_read = connection.pragma_update(None, "query_only", true);
        only_read.map_err(|cause| self.file.fault(&cause))?;
        Ok(connection)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the connections that are not at work.
    pub fn rest(&self) {
        self.idle().clear();
    }
}

pub(crate) fn connect(file: &StoreFile, create: OpenFlags) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | create;
    let open = || {
        let connection = Connection::open_with_flags(file.path(), flags)?;
        connection.busy_timeout(PATIENCE)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(connection)
    };
    open().map_err(|cause| file.fault(&cause))
}

pub(crate) fn document(
    connection: &Connection,
    collection: &str,
    key: &str,
) -> rusqlite::Result<Option<StoredDocument>> {
    connection
        .prepare_cached("SELECT key, body, revision FROM documents WHERE collection = ?1 AND key = ?2")?
        .query_row([collection, key], rows::document)
        .optional()
}

pub(crate) fn documents(
    connection: &Connection,
    collection: &str,
    after: Option<&str>,
    limit: usize,
) -> rusqlite::Result<Vec<StoredDocument>> {
    let sql = match after {
        Some(_) => "SELECT key, body, revision FROM documents WHERE collection = ?1 AND key > ?2 ORDER BY key LIMIT ?3",
        None => "SELECT key, body, revision FROM documents WHERE collection = ?1 AND key >= ?2 ORDER BY key LIMIT ?3",
    };
    connection
        .prepare_cached(sql)?
        .query_map((collection, after.unwrap_or(""), rows::integer(limit as u64)), rows::document)?
        .collect()
}

pub(crate) fn head(connection: &Connection) -> rusqlite::Result<Position> {
    connection
        .prepare_cached("SELECT coalesce(max(position), 0) FROM events")?
        .query_row([], |row| rows::number(row, 0).map(Position))
}

pub(crate) fn checkpoint(connection: &Connection, subscriber: &str) -> rusqlite::Result<Position> {
    let position = connection
        .prepare_cached("SELECT position FROM checkpoints WHERE subscriber = ?1")?
        .query_row([subscriber], |row| rows::number(row, 0).map(Position))
        .optional()?;
    Ok(position.unwrap_or_default())
}
