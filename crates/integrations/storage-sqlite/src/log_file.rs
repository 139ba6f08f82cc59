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
    collections::HashSet,
    fs::{self, File},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, BufReader, Read as _, Seek as _, SeekFrom},
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
    let look = || match File::open(&path).and_then(|log| damage(Log::of(log), &Pages::of(file))) {
        Ok(damage) => Ok(damage),
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
        let end = place(u32::from_ne_bytes(frames) as usize);
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

/// The frames of a log, one in memory at a time: where somebody has been reading for long there may be many.
struct Log {
    reader: BufReader<File>,
}

type Frame = [u8; FRAME];

impl Log {
    fn of(file: File) -> Self {
        Self { reader: BufReader::with_capacity(16 * FRAME, file) }
    }

    /// `None` if it is too short to have one.
    fn header(&mut self) -> io::Result<Option<[u8; HEADER]>> {
        let mut header = [0; HEADER];
        whole(self.reader.read_exact(&mut header), header)
    }

    /// The next one. What is cut off at the end is none.
    fn frame(&mut self) -> io::Result<Option<Frame>> {
        let mut frame = [0; FRAME];
        whole(self.reader.read_exact(&mut frame), frame)
    }

    /// Goes to the frame of this index.
    fn seek(&mut self, index: usize) -> io::Result<()> {
        self.reader.seek(SeekFrom::Start(place(index))).map(drop)
    }
}

fn whole<T>(read: io::Result<()>, bytes: T) -> io::Result<Option<T>> {
    match read {
        Ok(()) => Ok(Some(bytes)),
        Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(cause) => Err(cause),
    }
}

fn place(index: usize) -> u64 {
    HEADER as u64 + index as u64 * FRAME as u64
}

/// Where the first byte stands that hides commits.
fn damage(mut log: Log, pages: &Pages<'_>) -> io::Result<Option<u64>> {
    let Some(header) = log.header()? else { return Ok(None) };
    let big_endian = number(&header, 0) == MAGIC[1];
    let sum = |seed, bytes: &[u8]| checksum(seed, bytes, big_endian);
    let follows = |seed, frame: &Frame| sum(sum(seed, &frame[..8]), &frame[FRAME_HEADER..]) == pair(frame, 16);
    let ends = |frame: &Frame| number(frame, 4) != 0;

    let header_holds = sum((0, 0), &header[..24]) == pair(&header, 24) && number(&header, 8) as usize == PAGE;
    if !header_holds {
        // It is on the disk before the first frame is written.
        let (Some(first), Some(second)) = (log.frame()?, log.frame()?) else { return Ok(None) };
        return Ok(follows(pair(&first, 16), &second).then_some(0));
    }
    let salts = pair(&header, 16);
    // A frame whose salts alone have changed still follows the one before.
    let (mut before, mut first, mut committed) = (pair(&header, 24), 0, 0);
    let mut previous = loop {
        let Some(frame) = log.frame()? else { return Ok(None) };
        if pair(&frame, 8) != salts || !follows(before, &frame) {
            break frame;
        }
        (before, first) = (pair(&frame, 16), first + 1);
        if ends(&frame) {
            committed = first;
        }
    };
    let is_of_it = |index: usize, frame: &Frame| pair(frame, 8) == salts || index == 0 && follows(before, frame);
    let (mut has_ended, mut may_be_unseen) = (false, ends(&previous) && is_of_it(0, &previous));
    for index in 0.. {
        let Some(frame) = log.frame()? else { break };
        let is_followed = pair(&frame, 8) == salts && follows(pair(&previous, 16), &frame);
        // What has stood in the same place before the log began anew ends commits too, and what was being written when the machine
        // stopped need not have reached the disk in order.
        // Mutant `older_frames_count`: a sound store is refused after a power failure.
        has_ended |=
            ends(&previous) && (is_of_it(index, &previous) || is_followed || cfg!(mutant = "older_frames_count"));
        if has_ended && is_followed {
            return Ok(Some(place(first)));
        }
        may_be_unseen |= ends(&frame) && pair(&frame, 8) == salts;
        previous = frame;
    }
    // Mutant `folded_frames_unseen`: half of a commit is taken from the log, half of it from the file.
    // What a transaction that was given up has left has no end, and may be the same as what stands in the file.
    if cfg!(mutant = "folded_frames_unseen") || !may_be_unseen {
        return Ok(None);
    }
    log.seek(committed)?;
    let mut folded = HashSet::new();
    while let Some(frame) = log.frame()? {
        if pair(&frame, 8) == salts && pages.have(number(&frame, 0), &frame[FRAME_HEADER..]) {
            folded.insert(content(&frame));
        }
    }
    // What a transaction that was given up has left may be the same as what was committed after it.
    log.seek(0)?;
    for _ in 0..committed {
        let Some(frame) = log.frame()?.filter(|_| !folded.is_empty()) else { break };
        folded.remove(&content(&frame));
    }
    Ok((!folded.is_empty()).then(|| place(first)))
}

/// Page number and what is in the page, the same for the same.
fn content(frame: &Frame) -> (u32, u64) {
    let mut hasher = DefaultHasher::new();
    frame[FRAME_HEADER..].hash(&mut hasher);
    (number(frame, 0), hasher.finish())
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
