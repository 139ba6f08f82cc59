//! Once SQLite's log has become long it is folded into the file, beside the writer, which goes on meanwhile.

use std::{
    error::Error as StdError,
    fs::File,
    mem::ManuallyDrop,
    panic::{self, AssertUnwindSafe},
    time::Duration,
};

use rusqlite::{Connection, Error, ErrorCode, OpenFlags, config::DbConfig};
use tokio::sync::mpsc::WeakSender;

use crate::{
    fault::StoreFile,
    readers::{self, connect},
    schema,
    store::flush_all,
    sync::{Builder, JoinHandle},
    writer::Order,
};

/// Pages of the log after which it is folded: 12 MiB. At SQLite's own 1,000 the index pages, which every commit touches again, are
/// written and flushed so often that steady appending is a fifth slower.
pub(crate) const LONG: u32 = if cfg!(test) { 12 } else { 3072 };

/// Pages after which the writer does it: 16 MiB.
pub(crate) const TOO_LONG: u32 = if cfg!(test) { 24 } else { 4096 };

/// Bytes that its file keeps: those of the longest log that is no exception. To empty it would have the disk make room for it again
/// and again.
pub(crate) const LARGEST: u32 = TOO_LONG * (4096 + 24);

/// Folds what is left of the log into the file, and begins it anew. SQLite by itself leaves it as it is until the next commit, and
/// damage to it would have the file be neither what it was nor what it is. Nobody who reads or folds is waited for: while one needs
/// the log, the next commit tries again.
pub(crate) fn begin_anew(connection: &Connection, file: &StoreFile) {
    if file.lost().is_some() {
        return;
    }
    let begin_anew = || {
        connection.busy_timeout(Duration::ZERO)?;
        let is_busy = connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| row.get::<_, bool>(0));
        connection.busy_timeout(readers::PATIENCE)?;
        // It is what it was. To write it is what the log begins with.
        if is_busy? { Ok(()) } else { connection.pragma_update(None, "user_version", schema::SCHEMA) }
    };
    // What is committed is committed: the log has it.
    if let Err(cause) = begin_anew() {
        tracing::warn!(store = %file, %cause, "cannot fold its log into it");
    }
}

/// Before the connection that writes is closed. SQLite by itself folds the log when the last connection is closed, of whichever
/// process, and removes what has its name.
pub(crate) fn end(connection: &Connection, file: &StoreFile) {
    // Mutant `folded_into_anything`: what is left in the log of a store that was lost goes into the one that has taken its place.
    let is_lost = file.lost().is_some() && !cfg!(mutant = "folded_into_anything");
    // It fails for no connection that is open.
    let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, is_lost);
    if is_lost {
        return;
    }
    let fold = || {
        connection.busy_timeout(Duration::ZERO)?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    };
    if let Err(cause) = fold() {
        tracing::warn!(store = %file, %cause, "cannot fold its log into it");
    }
}

/// Has the most of a long log folded by a thread of its own, and then tells the writer, which is left with the pages of meanwhile.
pub(crate) struct Folder {
    file: StoreFile,
    writer: WeakSender<Order>,
    /// Whether this log was folded already.
    has_folded: bool,
    tools: Option<Tools>,
    thread: Option<JoinHandle<Tools>>,
}

impl Folder {
    pub fn new(file: StoreFile, writer: WeakSender<Order>) -> Self {
        Self { file, writer, has_folded: false, tools: None, thread: None }
    }

    /// To be told after each commit how long the log is, unless it is [`TOO_LONG`].
    pub fn look(&mut self, pages: u32) {
        let is_long = pages >= LONG;
        if is_long && !self.has_folded && self.thread.is_none() {
            self.begin();
        }
        self.has_folded = is_long;
    }

    fn begin(&mut self) {
        let mut tools = self.tools.take().unwrap_or_default();
        let (file, writer) = (self.file.clone(), self.writer.clone());
        let fold = move || {
            match panic::catch_unwind(AssertUnwindSafe(|| tools.fold(&file))) {
                Ok(Ok(())) => {}
                Ok(Err(cause)) => tracing::warn!(store = %file, %cause, "cannot fold its log into it"),
                Err(_) => tracing::error!(store = %file, "the thread that folds its log has panicked"),
            }
            // If the writer has ended, it takes the log along.
            if let Some(writer) = writer.upgrade() {
                let _ = writer.blocking_send(Order::Folded);
            }
            tools
        };
        // Mutant `all_wait_for_the_folder`: nobody is answered while the log is folded.
        if cfg!(mutant = "all_wait_for_the_folder") {
            self.tools = Some(fold());
            return;
        }
        // Without a thread the writer does it, later.
        self.thread = Builder::new().name("sqlite-folder".into()).spawn(fold).ok();
    }

    /// Waits until it has ended, which it is about to when it has told the writer.
    pub fn rest(&mut self) {
        if let Some(thread) = self.thread.take() {
            // If it has panicked there are new tools.
            self.tools = thread.join().ok();
        }
    }
}

/// Made by the first who needs them.
#[derive(Default)]
struct Tools {
    connection: Option<Connection>,
    /// Never closed: with any of its handles to a file a process gives up all locks that SQLite has on it there.
    handle: Option<ManuallyDrop<File>>,
}

impl Tools {
    fn fold(&mut self, file: &StoreFile) -> Result<(), Box<dyn StdError>> {
        if self.connection.is_none() {
            let connection = connect(file, OpenFlags::empty())?;
            flush_all(&connection)?;
            // Nobody has looked yet whether it is the store.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            self.connection = Some(connection);
        }
        if self.handle.is_none() {
            self.handle = Some(ManuallyDrop::new(File::options().read(true).write(true).open(file.path())?));
        }
        let (Some(connection), Some(handle)) = (&self.connection, &self.handle) else { return Ok(()) };
        // What was opened by its name is the store that this process writes, and not one that has taken its place.
        file.is_held()?;
        match connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
            Err(Error::SqliteFailure(failure, _)) if failure.code == ErrorCode::DatabaseBusy => Ok(()),
            // SQLite flushes it when there is nothing left in the log to fold, and the writer would wait for all of it.
            Ok(()) => Ok(handle.sync_data()?),
            Err(cause) => Err(cause.into()),
        }
    }
}
