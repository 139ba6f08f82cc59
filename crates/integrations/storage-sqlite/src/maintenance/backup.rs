use std::path::Path;

use event_sourcing::{StoreError, StoreErrorKind};
use rusqlite::{
    Connection,
    backup::{Backup, StepResult},
};
use serde::Serialize;

use super::{Counts, Progress, draft::Draft, file_fault, open, verify};
use crate::Options;

const WHAT: &str = "a backup";

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
/// like any other. Nothing has that file's name before it is whole. Counts pages. `None` if there is no store. What a process that
/// was killed has left of a backup, `<to>.draft`, is taken away by the next one to the same file. The options are of the copy: who
/// makes it, and how large it may become.
///
/// # Errors
/// Unavailable: there is a file of that name, or the log of one, or none can be made. Locked: another process is making it. Full: no
/// room for it. Corrupt: the store is damaged, and so would be the copy. What the store says.
pub fn backup(
    path: &Path,
    to: &Path,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<Copied>, StoreError> {
    let Some((file, store)) = open(path)? else { return Ok(None) };
    let draft = Draft::of_new(to, WHAT, options)?;
    let target = draft.target();
    target.stands_alone()?;
    drop(draft.create(file.path())?);
    let mut copy = Connection::open(draft.path()).map_err(|cause| target.fault(&cause))?;
    let mut carry = || {
        if let Some(pages) = options.max_pages {
            copy.pragma_update(None, "max_page_count", pages)?;
        }
        let backup = Backup::new(&store, &mut copy)?;
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
    let carried = carry();
    // Whatever it says about a store that somebody was writing.
    store.is_what_it_was()?;
    carried.map_err(|cause: rusqlite::Error| {
        // Which of the two is damaged is plain; which one has no room, too.
        let file = if cause.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt) { &file } else { target };
        file.fault(&cause)
    })?;
    let counts = Counts::of(&copy).map_err(|cause| file.fault(&cause))?;
    copy.close().map_err(|(_, cause)| target.fault(&cause))?;
    if let Some(finding) = verify(draft.path(), &mut |_| {})?.first() {
        let what = format!("is damaged, so no backup was made of it ({finding}); see `borough db verify`");
        return Err(file.error(StoreErrorKind::Corrupt, &what));
    }
    let made = draft.path().metadata();
    let bytes = made.map_err(|cause| file_fault(&target.to_string(), "cannot be made", &cause))?.len();
    draft.become_new(WHAT)?;
    Ok(Some(Copied { counts, bytes }))
}
