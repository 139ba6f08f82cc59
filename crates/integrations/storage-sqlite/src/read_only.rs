use std::{
    fs::{self, Metadata},
    io,
    ops::Deref,
    path::Path,
    time::SystemTime,
};

use event_sourcing::{StoreError, StoreErrorKind};
use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use crate::{
    fault::StoreFile,
    lock::{Lock, identity},
    readers::connect,
};

/// A connection that only reads. The last one that closes would fold the log into the file and remove it. It does so behind a
/// writer that has ended; while one has the store, or was killed, the log is the next writer's.
pub(crate) struct ReadOnly {
    connection: Connection,
    file: StoreFile,
    /// Whether the log of a killed writer was gone before: what SQLite lays there for this connection, it takes along.
    was_lost: bool,
    /// The log that SQLite has open. By its name it removes whatever is there.
    log: Option<Metadata>,
    /// Where SQLite can lay nothing.
    seal: Option<Seal>,
}

impl ReadOnly {
    pub fn connect(file: &StoreFile) -> Result<Self, StoreError> {
        let was_lost = !file.log_path().exists() && Lock::tells_of_log(file);
        let of = |connection, seal| {
            let log = fs::metadata(file.log_path()).ok();
            Self { connection, file: file.clone(), was_lost, log, seal }
        };
        let connection = connect(file, OpenFlags::empty())?;
        let open = || {
            // Opened for writing, closed to it: a connection that cannot write leaves SQLite's two files beside the store behind.
            connection.pragma_update(None, "query_only", true)?;
            // The first look opens the log.
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
        };
        let Err(cause) = open() else { return Ok(of(connection, None)) };
        drop(connection);
        let refused = file.fault(&cause);
        match Seal::of(file) {
            Some(seal) if is_for_want_of_room(&cause) => {
                sealed(file.path()).map(|connection| of(connection, Some(seal))).map_err(|_| refused)
            }
            _ => Err(refused),
        }
    }

    /// To be asked behind what was read, and before it is believed.
    ///
    /// # Errors
    /// Locked: it was read where SQLite can lay nothing beside it and lock nothing, and somebody has written it meanwhile.
    pub fn is_what_it_was(&self) -> Result<(), StoreError> {
        // Mutant `seal_unread`: a store that is read without locks while it changes is taken for one that is whole.
        if self.seal.is_none() || self.seal == Seal::of(&self.file) || cfg!(mutant = "seal_unread") {
            return Ok(());
        }
        let what = "was written while it was read without SQLite's locks, for which there was no room or no right beside it: \
                    try again";
        Err(self.file.error(StoreErrorKind::Locked, what))
    }
}

impl Deref for ReadOnly {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        // One that came behind this one has its log in the file that SQLite has laid for this one, or in another.
        let log = fs::metadata(self.file.log_path()).ok();
        let has_content = || log.as_ref().is_some_and(|log| log.len() > 0);
        let is_another = log.as_ref().map(identity) != self.log.as_ref().map(identity);
        let is_of_writer = is_another
            || Lock::tells_of_log(&self.file) && !self.was_lost
            || self.file.lock_path().exists() && has_content();
        // Mutant `readers_fold_the_log`: whoever looks at what a kill has left changes it.
        let is_kept = is_of_writer && !cfg!(mutant = "readers_fold_the_log");
        // It fails for no connection that is open.
        let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, is_kept);
    }
}

/// What tells that a store is one file, which can be read as it is. Its log is empty, so that all of it is folded into the file; and
/// whoever writes has something in the log, or has changed the file, from before the file is changed until after.
#[derive(Debug, PartialEq, Eq)]
struct Seal {
    length: u64,
    changed: SystemTime,
}

impl Seal {
    /// `None` if there is something in its log.
    fn of(file: &StoreFile) -> Option<Self> {
        let store = fs::metadata(file.path()).ok()?;
        let is_alone = match fs::metadata(file.log_path()) {
            Ok(log) => log.len() == 0,
            Err(cause) => cause.kind() == io::ErrorKind::NotFound,
        };
        Some(Self { length: store.len(), changed: store.modified().ok()? }).filter(|_| is_alone)
    }
}

/// Whether SQLite could not lay its two files beside the store: on a full disk, on one that can only be read, in a folder of others.
fn is_for_want_of_room(cause: &rusqlite::Error) -> bool {
    let is_shared_memory =
        cause.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE);
    let code = cause.sqlite_error_code();
    is_shared_memory
        || matches!(
            code,
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::DiskFull)
        )
}

/// SQLite reads the file alone, locks nothing and looks for no log.
#[cfg(unix)]
fn sealed(path: &Path) -> rusqlite::Result<Connection> {
    use std::os::unix::ffi::OsStrExt as _;
    let escaped = |byte: &u8| match byte {
        b'/' | b'.' | b'-' | b'_' => char::from(*byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    let name: String = path.as_os_str().as_bytes().iter().map(escaped).collect();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(format!("file:{name}?immutable=1"), flags)
}

/// Elsewhere paths are no part of an address as they are.
#[cfg(not(unix))]
fn sealed(path: &Path) -> rusqlite::Result<Connection> {
    Err(rusqlite::Error::InvalidPath(path.to_owned()))
}
