use std::{fmt, fs, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use event_sourcing::{
    Appended, Appends, Collection, Commit, IndexQuery, LogQuery, Position, Receipt, Store, StoreError, StoreErrorKind,
    StoredDocument, StreamQuery, Unit, WaitError,
};
use kernel::Envelope;
use rusqlite::{Connection, OpenFlags};

use crate::{
    collections, events,
    fault::StoreFile,
    fold,
    lock::{Lock, Watch},
    log_file,
    readers::{self, Readers},
    schema,
    writer::Writer,
};

/// Who opens a store for writing, and how large it may become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// What this process is doing, for whoever finds the store in use: `borough serve`.
    pub holder: String,
    /// The process's clock: since when it holds the store.
    pub now: DateTime<Utc>,
    /// The largest size of the file in pages of 4 KiB; a unit beyond it is refused as Full. None: what the disk holds.
    pub max_pages: Option<u32>,
    /// How long a unit waits for a place in the queue of the writer before it is refused as Busy; by the runtime's timers.
    pub patience: Duration,
}

impl Options {
    /// As large as the disk allows; five seconds of patience.
    pub fn new(holder: impl Into<String>, now: DateTime<Utc>) -> Self {
        Self { holder: holder.into(), now, max_pages: None, patience: Duration::from_secs(5) }
    }
}

/// A store in one SQLite file.
///
/// Dropping it blocks until what is queued is written, folds SQLite's log back into the file and gives the lock back, so that
/// a clean end leaves that one file; unless somebody is in the middle of reading it, or the disk is full: then the log stays, and with
/// it the lock, which says so. Killed instead, the next opening finds every acknowledged unit and no half of any.
pub struct SqliteStore {
    // Dropped in this order: the writer's connection must be the last one to close, and the lock held until then.
    readers: Readers,
    writer: Option<Writer>,
    lock: Option<Lock>,
    appended: Appends,
    file: StoreFile,
}

impl SqliteStore {
    /// Opens the store for writing and reading, and creates it if there is none. Blocks while it does.
    ///
    /// # Errors
    /// Locked: another process writes it or another program blocks it. Corrupt: the file is not a store. Newer: a later version
    /// wrote it. Full, Unavailable: the disk. A file that is refused is left as it was.
    ///
    /// # Panics
    /// In debug builds, if `BOROUGH_HALT_AT_COMMIT` is set and cannot be understood.
    pub fn open(path: &Path, options: Options) -> Result<Self, StoreError> {
        let file = StoreFile::locate(path)?;
        let mut lock = Lock::take(&file, &options)?;
        log_file::check(&file)?;
        if lock.is_without_log(&file) {
            tracing::warn!(store = %file, "{}", Lock::WITHOUT_LOG);
        }
        let mut connection = readers::connect(&file, OpenFlags::SQLITE_OPEN_CREATE)?;
        schema::recognise(&connection, &file)?;
        prepare(&connection, &file, &options)?;
        schema::migrate(&mut connection, &file)?;
        let head = readers::sound_head(&connection).map_err(|cause| file.fault(&cause))?;
        // Asked by SQLite at every commit, with the right to write still in hand: who has taken the place of this process has seen
        // all that it wrote, and it writes nothing after that.
        file.watch(Watch::over(&file)?);
        let watched = file.clone();
        connection.commit_hook(Some(move || watched.lost().is_some())).map_err(|cause| file.fault(&cause))?;
        let appended = Appends::new(head);
        let writer = Writer::start(connection, file.clone(), appended.clone(), options.patience)?;
        // The log is there since the migration, whose loss loses nothing; no unit is written yet.
        lock.with_log();
        Ok(Self { readers: Readers::new(file.clone()), writer: Some(writer), lock: Some(lock), appended, file })
    }

    /// Opens the store for reading, without its lock: another process may be writing. `None` if there is no store yet, which
    /// reads as an empty one. A commit on it fails, and nothing ever wakes [`appended`](Store::appended).
    ///
    /// # Errors
    /// As [`SqliteStore::open`], but for the lock.
    pub fn open_read(path: &Path) -> Result<Option<Self>, StoreError> {
        let Some(file) = log_file::find(path)? else { return Ok(None) };
        let mut readers = Readers::new(file.clone());
        let is_readable = readers.read_now(|connection| Ok(schema::is_readable(connection, &file)))??;
        if !is_readable {
            return Ok(None);
        }
        let head = readers.read_now(readers::sound_head)?;
        Ok(Some(Self { readers, writer: None, lock: None, appended: Appends::new(head), file }))
    }
}

/// Pages that the writer keeps in memory, as KiB with a minus: 16 MiB. The upper levels of the indexes stay there.
const CACHE: i32 = -16 * 1024;

/// What the connection that writes has to promise.
pub(crate) fn prepare(connection: &Connection, file: &StoreFile, options: &Options) -> Result<(), StoreError> {
    let set = || {
        let journal: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
        flush_all(connection)?;
        connection.pragma_update(None, "wal_autocheckpoint", fold::TOO_LONG)?;
        // A log that a reader has made longer is cut when it begins anew.
        connection.pragma_update(None, "journal_size_limit", fold::LARGEST)?;
        connection.pragma_update(None, "cache_size", CACHE)?;
        if let Some(pages) = options.max_pages {
            connection.pragma_update(None, "max_page_count", pages)?;
        }
        Ok(journal)
    };
    match set() {
        Ok(journal) if journal == "wal" => Ok(()),
        Ok(_) => {
            let what = "cannot have SQLite's log beside it: put it on a local disk";
            Err(file.error(StoreErrorKind::Unavailable, what))
        }
        Err(cause) => Err(file.fault(&cause)),
    }
}

/// What is written is on the disk before anybody goes on.
pub(crate) fn flush_all(connection: &Connection) -> rusqlite::Result<()> {
    // Mutant `flushes_left_out`: a machine that loses its power loses what was acknowledged.
    let flushed = if cfg!(mutant = "flushes_left_out") { "normal" } else { "full" };
    connection.pragma_update(None, "synchronous", flushed)?;
    // On macOS an ordinary flush stops at the drive's cache; elsewhere this changes nothing.
    connection.pragma_update(None, "fullfsync", true)
}

#[async_trait]
impl Store for SqliteStore {
    /// # Cancel safety
    /// As the port demands: until the queue takes it the unit is dropped with the future, from then on it is the writer's.
    fn commit(&self, unit: Unit) -> Commit<'_> {
        Commit::new(async {
            let Some(writer) = &self.writer else {
                let what = "is open for reading only: commit through the process that writes it";
                return Err(self.file.error(StoreErrorKind::Unavailable, what).into());
            };
            unit.check()?;
            writer.commit(unit).await
        })
    }

    async fn document(&self, collection: &str, key: &str) -> Result<Option<StoredDocument>, StoreError> {
        let (collection, key) = (collection.to_owned(), key.to_owned());
        self.readers.read(move |connection| readers::document(connection, &collection, &key)).await
    }

    async fn documents(
        &self,
        collection: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StoredDocument>, StoreError> {
        let (collection, after) = (collection.to_owned(), after.map(str::to_owned));
        self.readers.read(move |connection| readers::documents(connection, &collection, after.as_deref(), limit)).await
    }

    async fn keys(&self, collection: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError> {
        let (collection, after) = (collection.to_owned(), after.map(str::to_owned));
        self.readers.read(move |connection| readers::keys(connection, &collection, after.as_deref(), limit)).await
    }

    async fn indexed(&self, query: IndexQuery) -> Result<Vec<StoredDocument>, StoreError> {
        let asked = query.clone();
        let found = self.readers.read(move |connection| collections::indexed(connection, &asked)).await?;
        found.ok_or_else(|| query.undeclared(format_args!("`{}`", self.file)))
    }

    async fn declare(&self, collections: &[Collection]) -> Result<(), StoreError> {
        let Some(writer) = &self.writer else { return Ok(()) };
        let (collections, file) = (collections.to_vec(), self.file.clone());
        writer.run(move |connection| collections::declare(connection, &file, &collections)).await
    }

    async fn log(&self, query: LogQuery) -> Result<Vec<Arc<Envelope>>, StoreError> {
        let events = self.readers.read(move |connection| events::log(connection, &query)).await?;
        Ok(events.into_iter().map(Arc::new).collect())
    }

    async fn stream(&self, stream: &str, query: StreamQuery) -> Result<Vec<Envelope>, StoreError> {
        let stream = stream.to_owned();
        self.readers.read(move |connection| events::stream(connection, &stream, &query)).await
    }

    /// Of a store that was taken from under this process nobody here knows it; health checks go by that.
    async fn head(&self) -> Result<Position, StoreError> {
        self.readers.head().await
    }

    /// At once: whoever writes knows.
    async fn position(&self, receipt: &Receipt, _: Duration) -> Result<Position, WaitError> {
        Ok(receipt.position.unwrap_or_default())
    }

    async fn checkpoint(&self, subscriber: &str) -> Result<Position, StoreError> {
        let subscriber = subscriber.to_owned();
        self.readers.read(move |connection| readers::checkpoint(connection, &subscriber)).await
    }

    fn appended(&self) -> Appended {
        self.appended.listen()
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.readers.rest();
        let Some(lock) = &mut self.lock else { return };
        if self.file.lost().is_some() {
            // What was acknowledged may be in a log that others do not find.
            self.writer = None;
            lock.leave();
            return;
        }
        // The writer's connection takes the log along. Nobody waits any more for what is still queued.
        lock.without_log();
        self.writer = None;
        if fs::metadata(self.file.log_path()).is_ok_and(|log| log.len() > 0) {
            lock.with_log();
            lock.leave();
            let log = self.file.log_path();
            tracing::warn!(
                store = %self.file,
                "its log `{}` could not be folded into it, for somebody reads it or the disk has no room: the two belong together \
                 until another process writes the store",
                log.display()
            );
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("file", &self.file).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use kernel::{Clock as _, SystemClock};

    use super::*;

    /// What a killed process cannot show: its writes are in the kernel by then.
    #[test]
    fn every_commit_is_flushed() {
        let folder = tempfile::tempdir().unwrap();
        let file = StoreFile::locate(&folder.path().join("borough.db")).unwrap();
        let connection = readers::connect(&file, OpenFlags::SQLITE_OPEN_CREATE).unwrap();
        prepare(&connection, &file, &Options::new("a test", SystemClock.now())).unwrap();
        let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!((pragma("synchronous"), pragma("fullfsync")), (2, 1), "FULL, and on macOS to the disk itself");
    }
}
