use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process,
};

use super::flush_folder;

/// A file under another name until it is whole. Dropped before that, nothing is left of it.
pub(super) struct Draft {
    path: PathBuf,
}

impl Draft {
    /// Beside the file that it is to become, whoever else makes one.
    pub fn beside(target: &Path) -> Self {
        Self::named(target, &format!(".draft-{}", process::id()))
    }

    /// Under the same name for whoever has the lock of the file that it is to become: what an earlier one has left is taken
    /// away, having been killed.
    pub fn alone_beside(target: &Path) -> Self {
        Self::named(target, ".draft")
    }

    fn named(target: &Path, suffix: &str) -> Self {
        let mut name = target.as_os_str().to_owned();
        name.push(suffix);
        let draft = Self { path: name.into() };
        draft.remove();
        draft
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Has it become the target, unless there is one by now.
    pub fn become_new(&self, target: &Path) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        // A link is refused where a name is taken; to rename would take the place of what is there.
        fs::hard_link(&self.path, target)?;
        flush_folder(target)
    }

    /// Has it become the target, in place of the one that is there.
    pub fn replace(&self, target: &Path) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        fs::rename(&self.path, target)?;
        flush_folder(target)
    }

    /// With what SQLite has laid beside it.
    fn remove(&self) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let mut name: OsString = self.path.as_os_str().to_owned();
            name.push(suffix);
            // What is not there need not be removed; what cannot be is in nobody's way.
            let _ = fs::remove_file(name);
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        self.remove();
    }
}
