use std::{
    fs::{self, File},
    io,
    path::Path,
};

use event_sourcing::{StoreError, StoreErrorKind};
use tempfile::TempPath;

use super::{file_fault, flush_folder};
use crate::{Options, fault::StoreFile, lock::Lock};

/// A file under another name until it is whole: `<file>.draft`. Dropped before that, nothing is left of it.
///
/// One process at a time makes a file, who has the lock of its draft: so what it finds there somebody has left who was killed, and it
/// takes that away.
pub(super) struct Draft {
    target: StoreFile,
    draft: StoreFile,
    _lock: Lock,
}

impl Draft {
    /// Of a file that is not there yet.
    ///
    /// # Errors
    /// Unavailable: it is, or cannot be. Locked: another process is making it.
    pub fn of_new(to: &Path, what: &str, options: &Options) -> Result<Self, StoreError> {
        if to.exists() {
            return Err(taken(&to.display().to_string(), what));
        }
        Self::beside(StoreFile::locate(to)?, options)
    }

    /// Beside the file that it is to become.
    ///
    /// # Errors
    /// Locked: another process is making that one. Unavailable, Full: the folder.
    pub fn beside(target: StoreFile, options: &Options) -> Result<Self, StoreError> {
        let draft = target.draft();
        let lock = Lock::take(&draft, options)?;
        let draft = Self { target, draft, _lock: lock };
        draft.remove();
        Ok(draft)
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
        for suffix in ["", "-wal", "-shm", "-journal"] {
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

fn taken(shown: &str, what: &str) -> StoreError {
    let message = format!("`{shown}` is there already and {what} overwrites nothing: choose another name");
    StoreError { kind: StoreErrorKind::Unavailable, message }
}
