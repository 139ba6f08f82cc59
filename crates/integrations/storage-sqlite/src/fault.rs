use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use event_sourcing::{StoreError, StoreErrorKind};
use rusqlite::{
    ErrorCode,
    ffi::{SQLITE_CONSTRAINT_COMMITHOOK, SQLITE_IOERR_SHMSIZE, SQLITE_IOERR_SHORT_READ, SQLITE_IOERR_WRITE},
};

use crate::lock::Watch;

/// The store's file: as the user named it, for messages, and as it really is.
#[derive(Debug, Clone)]
pub(crate) struct StoreFile {
    shown: String,
    path: PathBuf,
    /// Of the process that writes.
    watch: Arc<OnceLock<Watch>>,
    /// What was taken from under it.
    lost: Arc<OnceLock<PathBuf>>,
}

impl StoreFile {
    /// Finds the file or the place where it will be, through links and whatever the current folder becomes later.
    pub fn locate(given: &Path) -> Result<Self, StoreError> {
        let shown = given.display().to_string();
        let unavailable = |message| Err(error(StoreErrorKind::Unavailable, message));
        if given.is_dir() {
            let example = given.join("borough.db");
            return unavailable(format!(
                "`{shown}` is a folder and a store is a file: name one in it, such as `{}`",
                example.display()
            ));
        }
        let place = led_to(given);
        let folder = match place.parent() {
            Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
            Some(folder) => folder,
            None => return unavailable(format!("`{shown}` does not name a file: choose one with --store")),
        };
        let found =
            place.canonicalize().or_else(|_| Ok(folder.canonicalize()?.join(place.file_name().unwrap_or_default())));
        match found {
            Ok(path) if names(&path) > 1 => unavailable(format!(
                "`{shown}` has {} names (hard links), and its lock and its log have only one each: remove the other names, \
                 which `find -samefile` tells, or choose another store with --store",
                names(&path)
            )),
            Ok(path) => Ok(Self { shown, path, watch: Arc::default(), lost: Arc::default() }),
            Err(cause) => {
                let cause: io::Error = cause;
                unavailable(format!(
                    "the folder `{}` of the store `{shown}` cannot be used ({cause}): create it or choose another place \
                     with --store",
                    folder.display()
                ))
            }
        }
    }

    /// SQLite's log beside it.
    pub fn log_path(&self) -> PathBuf {
        self.beside("-wal")
    }

    /// Who writes the store.
    pub fn lock_path(&self) -> PathBuf {
        self.beside(".lock")
    }

    /// What is to become the store, for messages about it.
    pub fn draft(&self) -> Self {
        let path = self.beside(".draft");
        Self { shown: self.shown.clone(), path, watch: Arc::default(), lost: Arc::default() }
    }

    pub fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    }

    /// The file, a store maybe, that has this name for something of its own, or will have it.
    pub fn owner(&self) -> Option<PathBuf> {
        let own: [&[u8]; 8] =
            [b"-wal", b"-shm", b"-journal", b".lock", b".control", b".models", b".draft", b".draft.lock"];
        let name = self.path.file_name()?.as_encoded_bytes();
        let is_owner = |file: &fs::DirEntry| {
            name.strip_prefix(file.file_name().as_encoded_bytes()).is_some_and(|suffix| own.contains(&suffix))
        };
        Some(fs::read_dir(self.path.parent()?).ok()?.flatten().find(is_owner)?.path())
    }

    /// To be asked before a file takes a place where there is none: SQLite goes by names, and would take the log that another store
    /// has left there for a part of this one.
    ///
    /// # Errors
    /// Unavailable: something has been left there.
    pub fn stands_alone(&self) -> Result<(), StoreError> {
        let Some(left) = ["-wal", "-shm"].map(|suffix| self.beside(suffix)).into_iter().find(|path| path.exists())
        else {
            return Ok(());
        };
        let what = format!(
            "is not there, but `{}` is, which belongs to the store that was: move that away too, to where that store is \
             now, and try again",
            left.display()
        );
        Err(self.error(StoreErrorKind::Unavailable, &what))
    }

    /// Has this process watch what it writes.
    pub fn watch(&self, watch: Watch) {
        self.watch.get_or_init(|| watch);
    }

    /// That this, without which nobody may write the store, is not at its place.
    pub fn lose(&self, path: &Path) {
        self.lost.get_or_init(|| path.to_owned());
    }

    /// What has been lost so, now or earlier: what happened meanwhile nobody knows.
    pub fn lost(&self) -> Option<&Path> {
        if self.lost.get().is_none()
            && let Some(path) = self.watch.get().and_then(Watch::lost)
        {
            self.lose(path);
        }
        self.lost.get().map(PathBuf::as_path)
    }

    /// What it means to a unit that something has been lost.
    pub fn taken_away(&self) -> StoreError {
        self.taken("and nothing of this was written")
    }

    /// # Errors
    /// Unavailable: something has been lost, so that others may be writing what this process does not see.
    pub fn is_held(&self) -> Result<(), StoreError> {
        match self.lost() {
            Some(_) => Err(self.taken("which cannot write it any more")),
            None => Ok(()),
        }
    }

    fn taken(&self, so: &str) -> StoreError {
        let path = self.lost().unwrap_or(&self.path).display();
        let what = format!(
            "was taken from under this process, {so}: `{path}` has been moved, removed or replaced, and another process may be \
             writing by now: stop this one, put the file back where it was if you have it, and start again"
        );
        self.error(StoreErrorKind::Unavailable, &what)
    }

    /// The advice to move it away; with its log, which would be folded into whatever takes its place.
    fn away(&self) -> String {
        let log = self.log_path();
        if log.exists() {
            format!("move it away together with its log `{}`", log.display())
        } else {
            "move it away".into()
        }
    }

    /// More advice where its log keeps it from being read.
    fn unreadable_log(&self) -> String {
        let log = self.log_path();
        if !log.metadata().is_ok_and(|log| log.len() > 0) {
            return String::new();
        }
        format!(
            "; where nothing can be written, its log `{}` cannot be read: copy both to a place where it can",
            log.display()
        )
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn not_ours(&self, what: &str) -> StoreError {
        error(
            StoreErrorKind::Corrupt,
            format!(
                "`{self}` is not a Borough store ({what}): {}, restore it from a copy or choose another with --store",
                self.away()
            ),
        )
    }

    pub fn error(&self, kind: StoreErrorKind, what: &str) -> StoreError {
        error(kind, format!("`{self}` {what}"))
    }

    /// What a failure of SQLite means to the user of the store.
    pub fn fault(&self, cause: &rusqlite::Error) -> StoreError {
        let code = cause.sqlite_error().map(|error| error.extended_code);
        if code == Some(SQLITE_CONSTRAINT_COMMITHOOK) {
            return self.taken_away();
        }
        if let Err(taken) = self.is_held() {
            return taken;
        }
        if let rusqlite::Error::FromSqlConversionFailure(_, _, what) = cause {
            return self.error(
                StoreErrorKind::Corrupt,
                &format!("cannot be read back in full ({what}): {} and restore it from a copy", self.away()),
            );
        }
        match code {
            // Of a file that ends too soon SQLite says something else. Other logs are read in full when they are opened.
            Some(SQLITE_IOERR_SHORT_READ) => {
                let what = format!(
                    "cannot be read: its log is not at its place, `{}`, while another process has it open: stop that one, which \
                     writes nothing any more, put the log back where it was if you have it, and start it again",
                    self.log_path().display()
                );
                return self.error(StoreErrorKind::Unavailable, &what);
            }
            // A process hears of its limit only if it does not end of it.
            Some(SQLITE_IOERR_WRITE) => {
                let what = format!(
                    "cannot be written ({cause}), and nothing of this was: check its disk, and whether `ulimit -f` allows files \
                     of that size, and try again"
                );
                return self.error(StoreErrorKind::Unavailable, &what);
            }
            Some(SQLITE_IOERR_SHMSIZE) => {
                let what = "has no room left on its disk for the two small files that SQLite lays beside it: free some space and \
                            try again";
                return self.error(StoreErrorKind::Full, what);
            }
            _ => {}
        }
        match cause.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => self.error(
                StoreErrorKind::Locked,
                "is locked by another program that has it open: close that program and try again",
            ),
            Some(ErrorCode::DiskFull) => self.error(
                StoreErrorKind::Full,
                "has no room left, and nothing of this was written: free some space and try again",
            ),
            Some(ErrorCode::NotADatabase) => self.not_ours("it is no SQLite database"),
            Some(ErrorCode::DatabaseCorrupt) => self.error(
                StoreErrorKind::Corrupt,
                &format!("is damaged: {}, restore it from a copy or choose another with --store", self.away()),
            ),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => self.error(
                StoreErrorKind::Unavailable,
                &format!(
                    "cannot be opened ({cause}): allow this user to write the file and its folder, or choose another \
                     with --store{}",
                    self.unreadable_log()
                ),
            ),
            _ => self.error(
                StoreErrorKind::Unavailable,
                &format!("does not answer ({cause}): check its disk and try again"),
            ),
        }
    }
}

/// Where links lead, also to a file that is yet to be made: its lock and its log must have the same name from the start.
fn led_to(given: &Path) -> PathBuf {
    /// As many as Linux follows.
    const LINKS: usize = 40;
    let mut place = given.to_owned();
    for _ in 0..LINKS {
        let Ok(target) = fs::read_link(&place) else { break };
        place = place.parent().unwrap_or(Path::new("")).join(target);
    }
    place
}

/// How many names the file has.
#[cfg(unix)]
fn names(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    path.metadata().map_or(0, |metadata| metadata.nlink())
}

/// Elsewhere nobody says.
#[cfg(not(unix))]
fn names(_: &Path) -> u64 {
    1
}

impl fmt::Display for StoreFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

fn error(kind: StoreErrorKind, message: String) -> StoreError {
    StoreError { kind, message }
}
