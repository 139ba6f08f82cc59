use std::{
    fs::{self, File, Metadata, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    process,
};

use chrono::SecondsFormat;
use event_sourcing::{StoreError, StoreErrorKind};

use crate::{Options, fault::StoreFile};

/// The right to write the store: an OS lock on `<file>.lock`, which the kernel takes back when the process dies.
///
/// The lock decides, never the presence of the file; what is written in it is for people.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
    /// Whoever held it before was killed.
    was_left: bool,
}

impl Lock {
    pub fn take(store: &StoreFile, options: &Options) -> Result<Self, StoreError> {
        let path = store.lock_path();
        match Self::acquire(&path, options) {
            Ok(Some(lock)) => Ok(lock),
            Ok(None) => {
                let holder = holder(&path).unwrap_or_else(|| "another process".into());
                let what =
                    format!("is in use by {holder}: wait for it or stop it, or choose another store with --store");
                Err(store.error(StoreErrorKind::Locked, &what))
            }
            Err(cause) if matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                let what = format!("has no room left for its lock `{}`: free some space and try again", path.display());
                Err(store.error(StoreErrorKind::Full, &what))
            }
            Err(cause) if cause.kind() == io::ErrorKind::ReadOnlyFilesystem => {
                let what = "is on a disk that can only be read, and was to be written: have the disk mounted for writing, or \
                            choose another place";
                Err(store.error(StoreErrorKind::Unavailable, what))
            }
            Err(cause) => {
                let what = format!(
                    "cannot be locked through `{}` ({cause}): allow this user to write the folder, or choose another \
                     store with --store",
                    path.display()
                );
                Err(store.error(StoreErrorKind::Unavailable, &what))
            }
        }
    }

    /// What it means that a writer was killed and its log is gone.
    pub const WITHOUT_LOG: &str =
        "the process that wrote it last was killed, and its log, the `-wal` file, is gone: what that held is missing";

    /// Whether a writer was killed and its log is gone.
    pub fn is_without_log(&self, store: &StoreFile) -> bool {
        self.was_left && is_bare(store)
    }

    /// The same without the lock, for whoever only reads.
    pub fn was_left_without_log(store: &StoreFile) -> bool {
        // Shared, and for a moment only: who holds it is not asked, only whether anybody does.
        let is_free = |file: &File| file.try_lock_shared().is_ok();
        is_bare(store) && File::open(store.lock_path()).is_ok_and(|file| is_signed(&file) && is_free(&file))
    }

    /// Whether others who come for it still come to this one.
    pub fn is_at_its_place(&self) -> bool {
        is_at(&self.file, &self.path)
    }

    /// `None` if somebody else holds it.
    fn acquire(path: &Path, options: &Options) -> io::Result<Option<Self>> {
        loop {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
            match file.try_lock() {
                Ok(()) if is_at(&file, path) => {
                    let was_left = is_signed(&file);
                    let mut lock = Self { file, path: path.to_owned(), was_left };
                    lock.sign(options)?;
                    return Ok(Some(lock));
                }
                // The holder before us removed the file between our opening and locking it.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(cause)) => return Err(cause),
            }
        }
    }

    fn sign(&mut self, options: &Options) -> io::Result<()> {
        let since = options.now.to_rfc3339_opts(SecondsFormat::Secs, true);
        self.file.set_len(0)?;
        writeln!(self.file, "`{}` (process {}, since {since})", options.holder, process::id())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // What has taken its place is somebody else's.
        if cfg!(unix) && self.is_at_its_place() {
            let _ = fs::remove_file(&self.path);
        }
        // Not left to the closing of the file: a child process that is just being started has a copy of it.
        let _ = self.file.unlock();
    }
}

/// Where the file is never removed, it tells nothing.
fn is_signed(lock: &File) -> bool {
    cfg!(unix) && lock.metadata().is_ok_and(|metadata| metadata.len() > 0)
}

/// A process that writes the store has a log from its start to its end.
fn is_bare(store: &StoreFile) -> bool {
    store.path().metadata().is_ok_and(|metadata| metadata.len() > 0) && !store.log_path().exists()
}

/// What the holder wrote. On Windows a locked file cannot be read, so there the holder stays unnamed.
fn holder(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.read_to_string(&mut text).ok()?;
    let holder = text.trim_end();
    (!holder.is_empty()).then(|| holder.to_owned())
}

/// Whether the path still leads to this file.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(named)) => identity(&held) == identity(&named),
        _ => false,
    }
}

/// Which file it is, whatever its name: while somebody has it open, no other one is given the same.
#[cfg(unix)]
fn identity(file: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (file.dev(), file.ino())
}

/// Elsewhere a file that somebody has open keeps its name.
#[cfg(not(unix))]
fn identity(_: &Metadata) {}

/// Watches that the store, its log and its lock are where whoever opened them to write has found them. The open files stay what
/// they are when somebody moves, removes or replaces them; but others come by the names, and to other files: to a lock that
/// nobody holds, to a store without what is in the log.
#[derive(Debug)]
pub(crate) struct Watch {
    places: Vec<(PathBuf, Metadata)>,
}

impl Watch {
    /// Of a store that SQLite has opened, so that it has a log.
    pub fn over(file: &StoreFile) -> Result<Self, StoreError> {
        let places = [file.lock_path(), file.path().to_owned(), file.log_path()];
        let found = places.into_iter().map(|place| Ok((place.clone(), fs::metadata(place)?)));
        match found.collect::<io::Result<_>>() {
            Ok(places) => Ok(Self { places }),
            Err(cause) => {
                let what = format!("has changed while it was opened ({cause}): try again");
                Err(file.error(StoreErrorKind::Unavailable, &what))
            }
        }
    }

    /// Which of them is not there any more.
    pub fn lost(&self) -> Option<&Path> {
        // Mutant `names_unwatched`: whoever removes the lock lets a second writer in beside the first.
        if cfg!(mutant = "names_unwatched") {
            return None;
        }
        let is_gone = |path: &Path, held: &Metadata| match fs::metadata(path) {
            Ok(named) => identity(&named) != identity(held),
            Err(cause) => cause.kind() == io::ErrorKind::NotFound,
        };
        self.places.iter().find(|(path, held)| is_gone(path, held)).map(|(path, _)| path.as_path())
    }
}
