use std::{
    collections::VecDeque,
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    time::Duration,
};

use event_sourcing::{Direction, LogQuery, Position, StoreError, StoreErrorKind, StoredDocument};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, config::DbConfig};
use tokio::sync::oneshot;

use crate::{
    checksum::document_columns,
    events,
    fault::StoreFile,
    read_only::ReadOnly,
    rows,
    sync::{Builder, Condvar, JoinHandle, Mutex, MutexGuard, PoisonError},
};

/// Reads that run at a time.
const READERS: usize = 4;

/// Reads that wait for their turn at most: on a disk that hangs there would soon be any number of them.
const WAITING: usize = 4096;

/// How long a connection waits for another program that holds the file.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// Statements that a connection keeps: all of the fixed ones, and queries of some dozen shapes.
const STATEMENTS: usize = 64;

/// Threads that only read, each with a connection of its own.
///
/// A read that waits for its turn waits in their queue and holds nothing: whoever asked may look after other things, or ask
/// again, before it looks at the answer.
pub(crate) struct Readers {
    file: StoreFile,
    desk: Arc<Desk>,
    threads: Mutex<Vec<JoinHandle<Reader>>>,
    /// Until the first thread takes it.
    first: Mutex<Option<Reader>>,
}

type Job = Box<dyn FnOnce(&mut Reader) + Send>;

/// Where reads wait for a thread.
#[derive(Default)]
struct Desk {
    jobs: Mutex<Jobs>,
    arrived: Condvar,
}

#[derive(Default)]
struct Jobs {
    queue: VecDeque<Job>,
    /// Threads that wait for one.
    idle: usize,
    is_closed: bool,
}

/// What one thread reads with.
struct Reader {
    file: StoreFile,
    connection: Option<ReadOnly>,
}

impl Readers {
    pub fn new(file: StoreFile) -> Self {
        let first = Reader { file: file.clone(), connection: None };
        Self { file, desk: Arc::default(), threads: Mutex::default(), first: Mutex::new(Some(first)) }
    }

    /// Runs a query on a thread that may block.
    ///
    /// # Cancel safety
    /// Dropped, the query is left out, or runs to its end unheard.
    pub async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(|reader| reader.read(query)).await
    }

    /// The last position, if nobody but this process may have written behind it.
    ///
    /// # Cancel safety
    /// As [`read`](Self::read).
    pub async fn head(&self) -> Result<Position, StoreError> {
        self.run(|reader| {
            let head = reader.read(head)?;
            reader.file.is_held()?;
            Ok(head)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job = move |reader: &mut Reader| {
            if !answer.is_closed() {
                // Whoever asked may have gone meanwhile.
                let _ = answer.send(task(reader));
            }
        };
        self.ask(Box::new(job))?;
        answered.await.unwrap_or_else(|_| {
            let what = "was not read: the query did not come to an end; this is a fault of the program";
            Err(self.file.error(StoreErrorKind::Unavailable, what))
        })
    }

    /// Runs a query where it is, before there are threads.
    pub fn read_now<T>(&mut self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let first = self.first.get_mut().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| Reader { file: self.file.clone(), connection: None }).read(query)
    }

    fn ask(&self, job: Job) -> Result<(), StoreError> {
        let mut jobs = self.desk.jobs();
        if jobs.queue.len() >= WAITING {
            let what =
                format!("has {WAITING} reads waiting for their turn, and this one was not done: try again later");
            return Err(self.file.error(StoreErrorKind::Busy, &what));
        }
        jobs.queue.push_back(job);
        let is_short = jobs.queue.len() > jobs.idle;
        drop(jobs);
        // Mutant `reader_asleep`: who waits for a read is not woken by one.
        if !cfg!(mutant = "reader_asleep") {
            self.desk.arrived.notify_one();
        }
        if is_short { self.hire() } else { Ok(()) }
    }

    /// One more thread, if there may be one.
    fn hire(&self) -> Result<(), StoreError> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if threads.len() >= READERS {
            return Ok(());
        }
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let reader = first.unwrap_or_else(|| Reader { file: self.file.clone(), connection: None });
        let desk = Arc::clone(&self.desk);
        match Builder::new().name("sqlite-reader".into()).spawn(move || desk.work(reader)) {
            Ok(thread) => threads.push(thread),
            Err(_) if !threads.is_empty() => {}
            Err(cause) => {
                let what = format!("cannot be read: no thread for it ({cause})");
                return Err(self.file.error(StoreErrorKind::Unavailable, &what));
            }
        }
        Ok(())
    }

    /// Ends the threads behind the reads that have begun, and closes their connections.
    ///
    /// One after another: of two that close at the same time neither is the last one, who takes SQLite's two files along.
    pub fn rest(&self) {
        self.desk.jobs().is_closed = true;
        self.desk.arrived.notify_all();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        // They catch what panics.
        let _closed: Vec<Reader> = threads.into_iter().filter_map(|thread| thread.join().ok()).collect();
    }
}

impl Desk {
    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a thread does until the desk is closed. What it has read with.
    fn work(&self, mut reader: Reader) -> Reader {
        let mut jobs = self.jobs();
        while !jobs.is_closed {
            match jobs.queue.pop_front() {
                Some(job) => {
                    drop(jobs);
                    // Whoever asked hears that there is no answer; the connection may be in the middle of something.
                    if panic::catch_unwind(AssertUnwindSafe(|| job(&mut reader))).is_err() {
                        reader.connection = None;
                    }
                    jobs = self.jobs();
                }
                None => {
                    jobs.idle += 1;
                    jobs = self.arrived.wait(jobs).unwrap_or_else(PoisonError::into_inner);
                    jobs.idle -= 1;
                }
            }
        }
        reader
    }
}

impl Reader {
    fn read<T>(&mut self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let connection = match self.connection.take() {
            Some(connection) if connection.is_what_it_was().is_ok() => connection,
            _ => {
                // SQLite would lay an empty log where the one is that was taken away, and nobody would see any more that it was.
                if self.file.lost().is_some_and(|lost| lost == self.file.log_path()) {
                    self.file.is_held()?;
                }
                ReadOnly::connect(&self.file)?
            }
        };
        let answer = query(&connection).map_err(|cause| self.file.fault(&cause));
        connection.is_what_it_was()?;
        self.connection = Some(connection);
        answer
    }
}

pub(crate) fn connect(file: &StoreFile, create: OpenFlags) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | create;
    let open = || {
        let connection = Connection::open_with_flags(file.path(), flags)?;
        connection.busy_timeout(PATIENCE)?;
        // A plan is made once. SQLite would make it anew for each value that is bound, in case another index suited that better.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
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
    connection.prepare_cached(rows::DOCUMENT)?.query_row([collection, key], rows::document).optional()
}

pub(crate) fn documents(
    connection: &Connection,
    collection: &str,
    after: Option<&str>,
    limit: usize,
) -> rusqlite::Result<Vec<StoredDocument>> {
    paged(connection, concat!(document_columns!(), ", checksum"), (collection, after, limit), rows::document)
}

/// Whatever the documents are.
pub(crate) fn keys(
    connection: &Connection,
    collection: &str,
    after: Option<&str>,
    limit: usize,
) -> rusqlite::Result<Vec<String>> {
    paged(connection, "key", (collection, after, limit), |row| row.get(0))
}

/// These columns of a collection's documents by key, from the first behind `after` on.
fn paged<T>(
    connection: &Connection,
    columns: &str,
    (collection, after, limit): (&str, Option<&str>, usize),
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let from = if after.is_some() { ">" } else { ">=" };
    let sql = format!("SELECT {columns} FROM documents WHERE collection = ?1 AND key {from} ?2 ORDER BY key LIMIT ?3");
    connection
        .prepare_cached(&sql)?
        .query_map((collection, after.unwrap_or(""), rows::integer(limit as u64)), read)?
        .collect()
}

pub(crate) fn head(connection: &Connection) -> rusqlite::Result<Position> {
    connection
        .prepare_cached("SELECT coalesce(max(position), 0) FROM events")?
        .query_row([], |row| rows::number(row, 0).map(Position))
}

/// As [`head`], of a log whose last event is what was written there.
pub(crate) fn sound_head(connection: &Connection) -> rusqlite::Result<Position> {
    let last = LogQuery { direction: Direction::Backward, ..LogQuery::after(Position(0), 1) };
    let last = events::log(connection, &last)?.into_iter().next();
    Ok(last.and_then(|event| event.metadata.position).map(Position).unwrap_or_default())
}

pub(crate) fn checkpoint(connection: &Connection, subscriber: &str) -> rusqlite::Result<Position> {
    let position = connection
        .prepare_cached("SELECT subscriber, position, checksum FROM checkpoints WHERE subscriber = ?1")?
        .query_row([subscriber], rows::checkpoint)
        .optional()?;
    Ok(position.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use shuttle::{
        check_random,
        sync::atomic::{AtomicUsize, Ordering},
        thread,
    };

    use super::*;

    /// All threads are at reads that do not come to an end.
    #[test]
    fn more_reads_than_may_wait_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = StoreFile::locate(&folder.path().join("borough.db")).unwrap();
        check_random(
            move || {
                let (readers, gate) = (Readers::new(file.clone()), Arc::new(Mutex::new(())));
                let held = gate.lock().unwrap();
                let ask = || {
                    let gate = Arc::clone(&gate);
                    readers.ask(Box::new(move |_| drop(gate.lock())))
                };
                let refused = (0..).find_map(|asked| ask().err().map(|error| (asked, error)));
                let (asked, error) = refused.unwrap();
                assert!((WAITING..=WAITING + READERS).contains(&asked), "{asked} wait");
                assert_eq!(error.kind, StoreErrorKind::Busy);
                drop(held);
                readers.rest();
            },
            3,
        );
    }

    /// Two ask for three reads each, more than wait for one at any time, and hear of each before they ask for the next; then
    /// the threads end. Nobody is left waiting: shuttle finds every thread that is.
    #[test]
    fn every_read_is_done_once_and_every_thread_ends() {
        let folder = tempfile::tempdir().unwrap();
        let file = StoreFile::locate(&folder.path().join("borough.db")).unwrap();
        check_random(
            move || {
                let readers = Arc::new(Readers::new(file.clone()));
                let asking = (0..2).map(|_| {
                    let readers = Arc::clone(&readers);
                    thread::spawn(move || {
                        let done = Arc::new((Mutex::new(0), Condvar::new()));
                        let times = Arc::new(AtomicUsize::new(0));
                        for asked in 1..=3 {
                            let (told, counted) = (Arc::clone(&done), Arc::clone(&times));
                            let job = move |_: &mut Reader| {
                                counted.fetch_add(1, Ordering::SeqCst);
                                *told.0.lock().unwrap() = asked;
                                told.1.notify_one();
                            };
                            readers.ask(Box::new(job)).unwrap();
                            let mut heard = done.0.lock().unwrap();
                            while *heard < asked {
                                heard = done.1.wait(heard).unwrap();
                            }
                        }
                        assert_eq!(times.load(Ordering::SeqCst), 3);
                    })
                });
                let asking: Vec<_> = asking.collect();
                asking.into_iter().for_each(|thread| thread.join().unwrap());
                readers.rest();
                assert!(readers.threads.lock().unwrap().is_empty());
            },
            2000,
        );
    }
}
