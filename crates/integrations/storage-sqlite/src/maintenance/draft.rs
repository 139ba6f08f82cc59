use std::{
    fs::{self, File, OpenOptions},
    io,
    path::Path,
};

use event_sourcing::{StoreError, StoreErrorKind};
use tempfile::TempPath;

use super::{file_fault, flush_folder};
use crate::{Options, fault::StoreFile, lock::Lock};

/// The draft, and what SQLite lays beside it.
const SUFFIXES: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// A file under another name until it is whole: `<file>.draft`. Dropped before that, nothing is left of it.
///
/// One process at a time makes a file, who has the lock of its draft. What it finds there is taken away if the one who had the lock
/// before was killed, and has left it; otherwise it is somebody's, and nothing is made.
pub(super) struct Draft {
    target: StoreFile,
    draft: StoreFile,
    _lock: Lock,
}

impl Draft {
    /// Of a file that is not there yet.
    ///
    /// # Errors
    /// Unavailable: it is, or cannot be, or a store has the name for its log or its lock, or something that is not ours has the name of
    /// its draft. Locked: another process is making it.
    pub fn of_new(to: &Path, what: &str, options: &Options) -> Result<Self, StoreError> {
        if let Ok(to) = StoreFile::locate(to)
            && let Some(owner) = to.owner()
        {
            let owner = owner.display();
            let what =
                format!("is a name that `{owner}`, if it is a store, needs for its own files: choose another name");
            return Err(StoreError { kind: StoreErrorKind::Unavailable, message: format!("`{to}` {what}") });
        }
        if to.exists() {
            return Err(taken(&to.display().to_string(), what));
        }
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(Err(cause)) = folder.map(fs::metadata) {
            let what = format!("cannot be made ({cause}): create its folder or choose another place");
            return Err(StoreError {
                kind: StoreErrorKind::Unavailable,
                message: format!("`{}` {what}", to.display()),
            });
        }
        Self::beside(StoreFile::locate(to)?, options)
    }

    /// Beside the file that it is to become.
    ///
    /// # Errors
    /// Locked: another process is making that one. Unavailable: something that is not ours has the name of the draft. Unavailable,
    /// Full: the folder.
    pub fn beside(target: StoreFile, options: &Options) -> Result<Self, StoreError> {
        let draft = target.draft();
        let lock = Lock::take(&draft, options)?;
        let mut there = SUFFIXES.map(|suffix| draft.beside(suffix)).into_iter();
        if !lock.was_left()
            && let Some(there) = there.find(|path| fs::symlink_metadata(path).is_ok())
        {
            let what = format!(
                "cannot be made: its draft needs the name of `{}`, which is there and is not known to be one: move that away, \
                 or remove it if nobody needs it",
                there.display()
            );
            return Err(target.error(StoreErrorKind::Unavailable, &what));
        }
        let draft = Self { target, draft, _lock: lock };
        draft.remove();
        Ok(draft)
    }

    /// Makes the file, empty, for those who may read the file that it is like, and for no others. What SQLite lays beside it is for the
    /// same ones.
    pub fn create(&self, like: &Path) -> Result<File, StoreError> {
        create_like(self.path(), like).map_err(|cause| file_fault(&self.target.to_string(), "cannot be made", &cause))
    }

    pub fn path(&self) -> &Path {
        self.draft.path()
    }

    /// What it is to become.
    pub fn target(&self) -> &StoreFile {
        &self.target
    }

    /// Has it become the target, unless there is one by now.
    pub fn become_new(&self, what: &str) -> Result<(), StoreError> {
        let rename = || {
            File::open(self.path())?.sync_all()?;
            // At no moment has the file two names: it would be refused as a store.
            TempPath::try_from_path(self.path())?.persist_noclobber(self.target.path())?;
            flush_folder(self.target.path())
        };
        rename().map_err(|cause: io::Error| match cause.kind() {
            io::ErrorKind::AlreadyExists => taken(&self.target.to_string(), what),
            _ => file_fault(&self.target.to_string(), "cannot be made", &cause),
        })
    }

    /// Has it become the target, in place of the one that is there.
    pub fn replace(&self) -> io::Result<()> {
        File::open(self.path())?.sync_all()?;
        fs::rename(self.path(), self.target.path())?;
        flush_folder(self.target.path())
    }

    /// With what SQLite has laid beside it.
    fn remove(&self) {
        for suffix in SUFFIXES {
            // What is not there need not be removed; what cannot be is in nobody's way.
            let _ = fs::remove_file(self.draft.beside(suffix));
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        self.remove();
    }
}

/// A new file with the mode of this one, if there is one. Its owner may write it.
#[cfg(unix)]
fn create_like(path: &Path, like: &Path) -> io::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    let mode = match fs::metadata(like) {
        Ok(like) => Some(like.permissions().mode() & 0o777 | 0o600),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => None,
        Err(cause) => return Err(cause),
    };
    // As SQLite makes its files.
    let file = OpenOptions::new().write(true).create_new(true).mode(mode.unwrap_or(0o644)).open(path)?;
    if let Some(mode) = mode {
        file.set_permissions(fs::Permissions::from_mode(mode))?;
    }
    Ok(file)
}

/// Elsewhere the folder says who may read it.
#[cfg(not(unix))]
fn create_like(path: &Path, _: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

fn taken(shown: &str, what: &str) -> StoreError {
    let message = format!("`{shown}` is there already and {what} overwrites nothing: choose another name");
    StoreError { kind: StoreErrorKind::Unavailable, message }
}
