use std::{
    fs::{self, File, Metadata, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    process,
};

use chrono::SecondsFormat;
use event_sourcing::{StoreError, StoreErrorKind};

use crate::{Options, fault::StoreFile};

/// The right to write the store: an OS lock on `<file>.lock`, which the kernel takes back when the process dies.
///
/// The lock decides, never the presence of the file. What is written in it says to people who holds it, and to whoever comes behind a
/// kill whether there was a log.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
    /// What was found in it.
    found: Signature,
    /// The length of what it says while there is no log.
    signed: u64,
    /// Whether it stays where it is, with what it says.
    is_left: bool,
}

/// What is written in a lock: a line that says who holds it, and behind that [`HAS_LOG`] while the store has a log.
#[derive(Debug)]
struct Signature(String);

/// The last line of it, there only while the log is there too: laid behind the making of the log and before the first unit, and taken
/// back before the log goes.
const HAS_LOG: &str = "its log is the `-wal` file\n";

/// More than anybody signs with.
const LONGEST: u64 = 4096;

impl Signature {
    fn new(options: &Options) -> Self {
        let since = options.now.to_rfc3339_opts(SecondsFormat::Secs, true);
        Self(format!("`{}` (process {}, since {since})\n", options.holder, process::id()))
    }

    fn read(mut file: &File) -> io::Result<Self> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.take(LONGEST).read_to_end(&mut bytes)?;
        Ok(Self(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Whether it has the form of [`new`](Self::new).
    fn is_signed(&self) -> bool {
        self.0.starts_with('`') && self.0.contains("` (process ")
    }

    /// Whether it may be written over. An empty one was left by who was killed before it was signed, and has nothing to lose.
    fn is_ours(&self) -> bool {
        self.0.is_empty() || self.is_signed()
    }

    fn has_log(&self) -> bool {
        self.is_signed() && self.0.ends_with(HAS_LOG)
    }

    fn holder(&self) -> &str {
        self.0.strip_suffix(HAS_LOG).unwrap_or(&self.0).trim_end()
    }
}

/// What comes of trying to take a lock.
enum Attempt {
    Taken(Lock),
    Held,
    /// Something else has its name.
    NotOurs,
}

impl Lock {
    pub fn take(store: &StoreFile, options: &Options) -> Result<Self, StoreError> {
        let path = store.lock_path();
        match Self::acquire(&path, options) {
            Ok(Attempt::Taken(lock)) => Ok(lock),
            Ok(Attempt::Held) => {
                let holder = holder(&path).unwrap_or_else(|| "another process".into());
                let what =
                    format!("is in use by {holder}: wait for it or stop it, or choose another store with --store");
                Err(store.error(StoreErrorKind::Locked, &what))
            }
            Ok(Attempt::NotOurs) => {
                let what = format!(
                    "cannot be locked through `{}`, which is there and is not the lock of a store: move it away, or choose \
                     another place",
                    path.display()
                );
                Err(store.error(StoreErrorKind::Unavailable, &what))
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
    pub const WITHOUT_LOG: &str = "the process that wrote it last was killed, and its log, the `-wal` file, is gone: what that held \
                                   is missing, unless another program of SQLite has taken it in since, as `sqlite3` does";

    /// Whether a writer was killed and its log is gone.
    pub fn is_without_log(&self, store: &StoreFile) -> bool {
        self.found.has_log() && is_bare(store)
    }

    /// Whether who held it before was killed.
    pub fn was_left(&self) -> bool {
        self.found.is_signed()
    }

    /// The same without the lock, for whoever only reads.
    pub fn was_left_without_log(store: &StoreFile) -> bool {
        // Shared, and for a moment only: who holds it is not asked, only whether anybody does.
        let is_free = |file: &File| file.try_lock_shared().is_ok();
        // A process may have made its log, and been killed, since the first look.
        is_bare(store) && Self::telling_of_log(store).is_some_and(|file| is_free(&file) && is_bare(store))
    }

    /// Whether somebody writes the store, or was killed, and has a log.
    pub fn tells_of_log(store: &StoreFile) -> bool {
        Self::telling_of_log(store).is_some()
    }

    fn telling_of_log(store: &StoreFile) -> Option<File> {
        let path = store.lock_path();
        let file = is_file(&path).then(|| File::open(path).ok())??;
        Signature::read(&file).is_ok_and(|found| found.has_log()).then_some(file)
    }

    /// Has it say that the store has a log, from now on until [`without_log`](Self::without_log).
    pub fn with_log(&mut self) {
        // If there is no room for it, the loss of the log would go unseen, and that is all.
        let place = self.file.seek(SeekFrom::Start(self.signed));
        let _ = place.and_then(|_| self.file.write_all(HAS_LOG.as_bytes()));
    }

    /// Has it stay as that of a killed process does, for whoever comes next: there is a log that belongs to the store.
    pub fn leave(&mut self) {
        self.is_left = true;
    }

    /// Has it say so no more, before the log goes.
    pub fn without_log(&mut self) {
        let _ = self.file.set_len(self.signed);
    }

    /// Whether others who come for it still come to this one.
    pub fn is_at_its_place(&self) -> bool {
        is_at(&self.file, &self.path)
    }

    fn acquire(path: &Path, options: &Options) -> io::Result<Attempt> {
        loop {
            // Before it is opened: a link is not followed, and nobody waits for the other end of a pipe. Asked once: who holds it
            // may remove it between two questions.
            if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
                return Ok(Attempt::NotOurs);
            }
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
            match file.try_lock() {
                Ok(()) if is_at(&file, path) => {
                    let found = Signature::read(&file)?;
                    if !found.is_ours() {
                        return Ok(Attempt::NotOurs);
                    }
                    let mut lock = Self { file, path: path.to_owned(), found, signed: 0, is_left: false };
                    lock.sign(&Signature::new(options))?;
                    return Ok(Attempt::Taken(lock));
                }
                // The holder before us removed the file between our opening and locking it.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(Attempt::Held),
                Err(TryLockError::Error(cause)) => return Err(cause),
            }
        }
    }

    /// One that is signed is so at every moment: otherwise what a killed process has left beside it would be nobody's.
    fn sign(&mut self, signature: &Signature) -> io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(signature.0.as_bytes())?;
        self.signed = signature.0.len() as u64;
        self.file.set_len(self.signed)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.is_left {
        } else if !cfg!(unix) {
            // Where it stays, it is empty behind a clean end.
            let _ = self.file.set_len(0);
        } else if self.is_at_its_place() {
            // What has taken its place is somebody else's.
            let _ = fs::remove_file(&self.path);
        }
        // Not left to the closing of the file: a child process that is just being started has a copy of it.
        let _ = self.file.unlock();
    }
}

/// A file of its own: no link to one, no folder, no pipe.
fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file())
}

/// Something is in the file, and there is no log.
fn is_bare(store: &StoreFile) -> bool {
    store.path().metadata().is_ok_and(|metadata| metadata.len() > 0) && !store.log_path().exists()
}

/// What the holder wrote. On Windows a locked file cannot be read, so there the holder stays unnamed.
fn holder(path: &Path) -> Option<String> {
    let found = Signature::read(&File::open(path).ok()?).ok()?;
    found.is_signed().then(|| found.holder().to_owned())
}

/// Whether the path still leads to this file.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(held), Ok(named)) => identity(&held) == identity(&named),
        _ => false,
    }
}

/// Which file it is, whatever its name: while somebody has it open, no other one is given the same.
#[cfg(unix)]
pub(crate) fn identity(file: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (file.dev(), file.ino())
}

/// Elsewhere a file that somebody has open keeps its name.
#[cfg(not(unix))]
pub(crate) fn identity(_: &Metadata) {}

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
        // A link is not followed: who comes by it comes to the lock and the log beside what it names.
        let is_gone = |path: &Path, held: &Metadata| match fs::symlink_metadata(path) {
            Ok(named) => identity(&named) != identity(held),
            // Nobody else comes to it either.
            Err(cause) => cause.kind() != io::ErrorKind::PermissionDenied,
        };
        self.places.iter().find(|(path, held)| is_gone(path, held)).map(|(path, _)| path.as_path())
    }
}
