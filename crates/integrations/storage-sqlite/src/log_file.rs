//! SQLite's log beside the store, `<file>-wal`: whether it holds commits that SQLite will not see.
//!
//! Its frames have checksums, each of which continues the one before. After a crash SQLite takes the frames up to the first that
//! does not fit for what was committed, and what stands behind for torn: rightly, as what was being written in the last moment
//! may be in any state. But a commit is acknowledged only when it is on the disk, and the next one is written only then. So where
//! frames of a later commit stand whole behind one that does not fit, that one was whole once, and acknowledged units would go
//! unseen. The last commit has nothing behind it: damage there looks like a crash, and the store is then what it was before it.
//! Unless it was folded into the file already: of the pages of that commit some would be found in the log, as they were before, and
//! some in the file, as they are now. Nothing is folded that was not committed, so a frame that SQLite would not see, and whose page
//! stands in the file, was committed. The writer begins the log anew as soon as all of it is folded; it is found so only if the
//! process was killed in between, or somebody was reading all the time.

use std::{
    cell::OnceCell,
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    mem::ManuallyDrop,
    path::Path,
};

use event_sourcing::{StoreError, StoreErrorKind};

use crate::fault::StoreFile;

/// What a log begins with: its checksums are made of little-endian numbers, or of big-endian ones.
const MAGIC: [u32; 2] = [0x377f_0682, 0x377f_0683];
const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The page size of a store.
const PAGE: usize = 4096;
const FRAME: usize = FRAME_HEADER + PAGE;

/// The store that is to be read, its log looked at. `None` if there is none yet.
///
/// # Errors
/// As [`check`].
pub(crate) fn find(path: &Path) -> Result<Option<StoreFile>, StoreError> {
    let is_there = path.exists();
    match StoreFile::locate(path) {
        // Where the file has gone, its log may have stayed.
        Ok(file) => check(&file).map(|()| is_there.then_some(file)),
        Err(error) if is_there => Err(error),
        Err(_) => Ok(None),
    }
}

/// To be called before SQLite opens the file, which sets its log right.
///
/// # Errors
/// Corrupt: there are commits that SQLite would not see. Unavailable: it cannot be read.
pub(crate) fn check(file: &StoreFile) -> Result<(), StoreError> {
    // Mutant `log_file_unread`: acknowledged units go with a part of the log that nobody looks at.
    if cfg!(mutant = "log_file_unread") {
        return Ok(());
    }
    has_its_file(file)?;
    is_sqlites(file)?;
    let path = file.log_path();
    let look = || match fs::read(&path) {
        Ok(bytes) => Ok(damage(&bytes, &Pages::of(file))),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => {
            let what = format!("cannot be read: its log `{}` does not answer ({cause})", path.display());
            Err(file.error(StoreErrorKind::Unavailable, &what))
        }
    };
    // Another process may be writing it, from its start again too: what is damaged still is at the second look.
    let Some(first) = look()? else { return Ok(()) };
    if look()? != Some(first) {
        return Ok(());
    }
    let what = format!(
        "is damaged: its log `{}` is not what was written from byte {first} on, where commits stood: move both away and restore the \
         store from a copy",
        path.display()
    );
    Err(file.error(StoreErrorKind::Corrupt, &what))
}

/// What stands behind the end of the log, of a commit that failed. SQLite does not see it while the process runs; one that is killed would
/// leave a log in which it looks like a commit that was made, or like one that is damaged.
#[derive(Default)]
pub(crate) struct Leftovers {
    /// SQLite's index of the log. Never closed: with any of its handles to a file a process gives up all locks that SQLite has on it there.
    index: Option<ManuallyDrop<File>>,
}

impl Leftovers {
    /// To be called by the writer, outside of a transaction.
    pub fn remove(&mut self, file: &StoreFile) -> io::Result<()> {
        /// Where the number of its frames stands: https://www.sqlite.org/walformat.html#the_wal_index_file_format
        const FRAMES: u64 = 16;
        let index = match self.index.take() {
            Some(index) => index,
            None => ManuallyDrop::new(File::open(file.beside("-shm"))?),
        };
        let mut frames = [0; 4];
        let read = (&*index).seek(SeekFrom::Start(FRAMES)).and_then(|_| (&*index).read_exact(&mut frames));
        self.index = Some(index);
        read?;
        let end = HEADER as u64 + u64::from(u32::from_ne_bytes(frames)) * FRAME as u64;
        let log = File::options().write(true).open(file.log_path())?;
        if log.metadata()?.len() > end {
            log.set_len(end)?;
            log.sync_all()?;
        }
        Ok(())
    }
}

/// SQLite removes a log whose file is empty. A store has its first page before it has a log, and never less from then on.
fn has_its_file(file: &StoreFile) -> Result<(), StoreError> {
    let length = |path: &Path| match fs::metadata(path) {
        Ok(metadata) => Some(metadata.len()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Some(0),
        // Whoever opens it says why.
        Err(_) => None,
    };
    // The log first: the file may be made in between.
    let (log, store) = (length(&file.log_path()), length(file.path()));
    match (log, store) {
        (_, Some(1)) => Err(file.not_ours("a single byte is left of it")),
        (Some(1..), Some(length)) if length < PAGE as u64 => {
            let what = format!(
                "is damaged: the file is {}, and its log `{}` holds what was written last: put the file back beside its log, \
                 or move both away and restore the store from a copy",
                if length == 0 { "gone or empty" } else { "cut off" },
                file.log_path().display()
            );
            Err(file.error(StoreErrorKind::Corrupt, &what))
        }
        _ => Ok(()),
    }
}

/// SQLite removes or overwrites what is of no use to it under the names of its log and of its journal, also for one who only reads.
fn is_sqlites(file: &StoreFile) -> Result<(), StoreError> {
    let logs = MAGIC.map(|number| number.to_be_bytes().to_vec());
    for (path, what, beginnings) in [
        (file.log_path(), "log", &logs[..]),
        (file.beside("-journal"), "journal", &[b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7".to_vec()]),
    ] {
        let mut start = Vec::new();
        // What cannot be read is told by whoever has to.
        let _ = File::open(&path).and_then(|file| file.take(8).read_to_end(&mut start));
        // It may not have reached the disk before the machine stopped.
        let is_blank = start.iter().all(|byte| *byte == 0);
        if !is_blank && !beginnings.iter().any(|beginning| start.iter().zip(beginning).all(|(is, was)| is == was)) {
            let what = format!(
                "is not read: `{}` has the name of its {what} and does not begin like one of SQLite: move it away if it is \
                 another file; if it is not, it is damaged, and the store is to be restored from a copy",
                path.display()
            );
            return Err(file.error(StoreErrorKind::Corrupt, &what));
        }
    }
    Ok(())
}

/// The pages of the store, opened when the first of them is asked for.
struct Pages<'a> {
    path: &'a Path,
    /// Never closed: with any of its handles to a file a process gives up all locks that SQLite has on it there. Few logs end in
    /// what was not committed.
    file: OnceCell<Option<ManuallyDrop<File>>>,
}

impl<'a> Pages<'a> {
    fn of(file: &'a StoreFile) -> Self {
        Self { path: file.path(), file: OnceCell::new() }
    }

    /// Whether the page of this number, from 1, is this one.
    fn have(&self, number: u32, content: &[u8]) -> bool {
        let Some(file) = self.file.get_or_init(|| File::open(self.path).ok().map(ManuallyDrop::new)) else {
            return false;
        };
        let (mut file, mut page) = (&**file, [0; PAGE]);
        let place = u64::from(number).saturating_sub(1) * PAGE as u64;
        file.seek(SeekFrom::Start(place)).and_then(|_| file.read_exact(&mut page)).is_ok() && page == content
    }
}

/// Where the first byte stands that hides commits.
fn damage(log: &[u8], pages: &Pages<'_>) -> Option<usize> {
    let (header, frames) = log.split_at_checked(HEADER)?;
    let big_endian = number(header, 0) == MAGIC[1];
    let frames: Vec<&[u8]> = frames.chunks_exact(FRAME).collect();
    let sum = |seed, bytes: &[u8]| checksum(seed, bytes, big_endian);
    let follows = |seed, frame: &[u8]| sum(sum(seed, &frame[..8]), &frame[FRAME_HEADER..]) == pair(frame, 16);

    let header_holds = sum((0, 0), &header[..24]) == pair(header, 24) && number(header, 8) as usize == PAGE;
    if !header_holds {
        // It is on the disk before the first frame is written.
        let is_used = frames.windows(2).next().is_some_and(|two| follows(pair(two[0], 16), two[1]));
        return is_used.then_some(0);
    }
    let salts = pair(header, 16);
    let mut seed = pair(header, 24);
    let whole = frames.iter().take_while(|frame| {
        let holds = pair(frame, 8) == salts && follows(seed, frame);
        seed = pair(frame, 16);
        holds
    });
    let first = whole.count();
    // A frame whose salts alone have changed still follows the one before.
    let before = first.checked_sub(1).map_or(pair(header, 24), |last| pair(frames[last], 16));
    let is_of_it = |index: usize, frame: &[u8]| pair(frame, 8) == salts || index == 0 && follows(before, frame);
    let ends = |frame: &[u8]| number(frame, 4) != 0;
    let mut has_ended = false;
    for (index, two) in frames.get(first..)?.windows(2).enumerate() {
        let is_followed = pair(two[1], 8) == salts && follows(pair(two[0], 16), two[1]);
        // What has stood in the same place before the log began anew ends commits too, and what was being written when the machine
        // stopped need not have reached the disk in order.
        // Mutant `older_frames_count`: a sound store is refused after a power failure.
        has_ended |= ends(two[0]) && (is_of_it(index, two[0]) || is_followed || cfg!(mutant = "older_frames_count"));
        if has_ended && is_followed {
            return Some(HEADER + first * FRAME);
        }
    }
    // Mutant `folded_frames_unseen`: half of a commit is taken from the log, half of it from the file.
    if cfg!(mutant = "folded_frames_unseen") {
        return None;
    }
    // What a transaction that was given up has left has no end, and may be the same as what stands in the file.
    if !frames[first..].iter().enumerate().any(|(index, frame)| ends(frame) && is_of_it(index, frame)) {
        return None;
    }
    let (seen, unseen) =
        frames.split_at(frames[..first].iter().rposition(|frame| ends(frame)).map_or(0, |last| last + 1));
    // What a transaction that was given up has left may be the same as what was committed after it.
    let is_seen =
        |of: &[u8]| seen.iter().any(|frame| frame[..4] == of[..4] && frame[FRAME_HEADER..] == of[FRAME_HEADER..]);
    let mut unseen = unseen.iter().filter(|frame| pair(frame, 8) == salts);
    unseen
        .any(|frame| pages.have(number(frame, 0), &frame[FRAME_HEADER..]) && !is_seen(frame))
        .then_some(HEADER + first * FRAME)
}

/// As the file format of SQLite has it: https://www.sqlite.org/fileformat2.html#checksum_algorithm
fn checksum((mut s0, mut s1): (u32, u32), bytes: &[u8], big_endian: bool) -> (u32, u32) {
    let word = |bytes: &[u8]| {
        let bytes = bytes.try_into().expect("half of a chunk of 8");
        if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    for eight in bytes.chunks_exact(8) {
        s0 = s0.wrapping_add(word(&eight[..4])).wrapping_add(s1);
        s1 = s1.wrapping_add(word(&eight[4..])).wrapping_add(s0);
    }
    (s0, s1)
}

/// All numbers but those that are summed up are big-endian.
fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn pair(bytes: &[u8], at: usize) -> (u32, u32) {
    (number(bytes, at), number(bytes, at + 4))
}
