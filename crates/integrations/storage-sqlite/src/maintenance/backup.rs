use std::{io, path::Path};

use event_sourcing::{StoreError, StoreErrorKind};
use rusqlite::{
    Connection,
    backup::{Backup, StepResult},
};
use serde::Serialize;

use super::{Counts, Progress, draft::Draft, file_fault, open, verify};
use crate::fault::StoreFile;

/// Pages that are copied between two reports.
const STEP: i32 = 1024;

/// A copy that was made and verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Copied {
    /// What is in it.
    pub counts: Counts,
    /// Its size.
    pub bytes: u64,
}

/// Copies the store as it is now to another file, while a process may be writing it, and verifies the copy, which is a store
/// like any other. Nothing has that file's name before it is whole. Counts pages. `None` if there is no store.
///
/// # Errors
/// Unavailable: there is a file of that name, or the log of one, or none can be made. Full: no room for it. Corrupt: the store
/// is damaged, and so would be the copy. What the store says.
pub fn backup(path: &Path, to: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Option<Copied>, StoreError> {
    let Some((file, connection)) = open(path)? else { return Ok(None) };
    copy(&file, &connection, to, None, progress).map(Some)
}

fn copy(
    file: &StoreFile,
    store: &Connection,
    to: &Path,
    max_pages: Option<u32>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Copied, StoreError> {
    let shown = to.display().to_string();
    let taken = || StoreError {
        kind: StoreErrorKind::Unavailable,
        message: format!("`{shown}` is there already and a backup overwrites nothing: choose another name"),
    };
    if to.exists() {
        return Err(taken());
    }
    let target = StoreFile::locate(to)?;
    target.stands_alone()?;
    let draft = Draft::beside(target.path());
    let mut copy = Connection::open(draft.path()).map_err(|cause| target.fault(&cause))?;
    let mut carry = || {
        if let Some(pages) = max_pages {
            copy.pragma_update(None, "max_page_count", pages)?;
        }
        let backup = Backup::new(store, &mut copy)?;
        loop {
            let step = backup.step(STEP)?;
            let done = backup.progress();
            let (all, left) = (done.pagecount.unsigned_abs().into(), u64::from(done.remaining.unsigned_abs()));
            progress(Progress { done: all - left, all });
            match step {
                StepResult::Done => return Ok(()),
                StepResult::More => {}
                // Somebody else holds the draft or the store.
                _ => {
                    return Err(rusqlite::Error::SqliteFailure(
                        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
                        None,
                    ));
                }
            }
        }
    };
    carry().map_err(|cause: rusqlite::Error| {
        // Which of the two is damaged is plain; which one has no room, too.
        let file = if cause.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt) { file } else { &target };
        file.fault(&cause)
    })?;
    let counts = Counts::of(&copy).map_err(|cause| file.fault(&cause))?;
    copy.close().map_err(|(_, cause)| target.fault(&cause))?;
    if let Some(finding) = verify(draft.path(), &mut |_| {})?.first() {
        let what = format!("is damaged, so no backup was made of it ({finding}); see `borough db verify`");
        return Err(file.error(StoreErrorKind::Corrupt, &what));
    }
    let whole = draft.path().metadata().and_then(|metadata| {
        draft.become_new(target.path())?;
        Ok(metadata.len())
    });
    match whole {
        Ok(bytes) => Ok(Copied { counts, bytes }),
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Err(taken()),
        Err(cause) => Err(file_fault(&shown, "cannot be made", &cause)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rusqlite::OpenFlags;

    use super::*;
    use crate::{readers, schema};

    /// A file that may have a single page is a full disk to SQLite.
    #[test]
    fn a_backup_without_room_leaves_nothing() {
        let folder = tempfile::TempDir::new().unwrap();
        let (path, to) = (folder.path().join("borough.db"), folder.path().join("copy.db"));
        let file = StoreFile::locate(&path).unwrap();
        let mut connection = readers::connect(&file, OpenFlags::SQLITE_OPEN_CREATE).unwrap();
        schema::migrate(&mut connection, &file).unwrap();
        drop(connection);
        let (file, store) = open(&path).unwrap().unwrap();
        let error = copy(&file, &store, &to, Some(1), &mut |_| {}).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Full);
        assert!(error.message.contains("copy.db` has no room left"), "{error}");
        drop(store);
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["borough.db"]);
    }
}
