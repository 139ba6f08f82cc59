use std::{
    collections::VecDeque,
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use kernel::Envelope;
use serde::{Deserialize, Serialize};

use crate::subscription::NAMES;

/// Units that were not published yet, in their order.
///
/// With a file, each change is a line of it that is on the disk before anybody hears of the change. The file is emptied when
/// nothing is left, and written anew when most of it is about units that are gone.
pub(super) struct Spool {
    kept: VecDeque<Kept>,
    file: Option<Lines>,
}

/// The events of one unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Unique on the store.
    pub id: String,
    /// One or more.
    pub events: Vec<KeptEvent>,
}

/// An event and where it belongs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptEvent {
    /// The stream that it is appended to.
    pub stream: String,
    /// Complete but for its position.
    pub event: Envelope,
    /// What the store keeps beside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// Units cannot be kept in a file.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// It cannot be read or written.
    #[error("spool {path}: {cause}: mend that, or choose another file")]
    File {
        /// Which.
        path: String,
        /// What the system says.
        cause: io::Error,
    },
    /// Its documents could not be told from those of another one.
    #[error("the name {name:?} of a publisher {problem}: {NAMES}")]
    Name {
        /// As it is.
        name: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A line that has its end is not what was written.
    #[error("spool {path} is damaged in line {line}: move it away, and publish by hand what it says")]
    Damaged {
        /// Which file.
        path: String,
        /// Counted from 1.
        line: usize,
    },
    /// It was not kept, because the program ends.
    #[error("the program ends before the events were kept")]
    Stopped,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Kept(Kept),
    Done(String),
}

struct Lines {
    path: PathBuf,
    file: File,
    /// Bytes of whole lines.
    length: u64,
    /// Lines about units that are gone.
    stale: usize,
    was_torn: bool,
}

/// Stale lines after which the file is written anew.
const STALE: usize = 4096;

impl Spool {
    pub fn open(path: Option<PathBuf>) -> Result<Self, SpoolError> {
        let Some(path) = path else { return Ok(Self { kept: VecDeque::new(), file: None }) };
        let (lines, kept) = Lines::open(path)?;
        Ok(Self { kept, file: Some(lines) })
    }

    pub fn len(&self) -> usize {
        self.kept.len()
    }

    pub fn first(&self) -> Option<&Kept> {
        self.kept.front()
    }

    pub fn has(&self, id: &str) -> bool {
        self.kept.iter().any(|kept| kept.id == id)
    }

    pub fn was_torn(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.was_torn)
    }

    pub fn keep(&mut self, kept: Kept) -> Result<(), SpoolError> {
        let line = Line::Kept(kept);
        if let Some(file) = &mut self.file {
            file.append(&line)?;
        }
        if let Line::Kept(kept) = line {
            self.kept.push_back(kept);
        }
        Ok(())
    }

    pub fn done(&mut self, id: &str) -> Result<(), SpoolError> {
        self.kept.retain(|kept| kept.id != id);
        let Some(file) = &mut self.file else { return Ok(()) };
        file.stale += 2;
        if self.kept.is_empty() {
            file.cut(0).map_err(|cause| file.error(cause))
        } else if file.stale >= STALE {
            file.rewrite(&self.kept)
        } else {
            file.append(&Line::Done(id.to_owned()))
        }
    }
}

impl Lines {
    fn open(path: PathBuf) -> Result<(Self, VecDeque<Kept>), SpoolError> {
        let error = |cause| SpoolError::File { path: path.display().to_string(), cause };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(error)?;
        sync_folder(&path).map_err(error)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(error)?;
        let mut kept = VecDeque::new();
        let (mut length, mut stale) = (0, 0);
        for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            match serde_json::from_slice::<Line>(line) {
                Ok(_) if !line.ends_with(b"\n") => break,
                Ok(Line::Kept(unit)) => kept.push_back(unit),
                Ok(Line::Done(id)) => {
                    kept.retain(|kept: &Kept| kept.id != id);
                    stale += 2;
                }
                // A line that has its end was written as a whole, and somebody was told so.
                Err(_) if !line.ends_with(b"\n") => break,
                Err(_) => return Err(SpoolError::Damaged { path: path.display().to_string(), line: index + 1 }),
            }
            length += line.len();
        }
        let was_torn = length < text.len();
        let mut lines = Self { path, file, length: length as u64, stale, was_torn };
        lines.cut(lines.length).map_err(|cause| lines.error(cause))?;
        Ok((lines, kept))
    }

    /// On the disk when this returns; where it fails, the file is as it was.
    fn append(&mut self, line: &Line) -> Result<(), SpoolError> {
        let mut text = serde_json::to_vec(line).expect("an envelope is JSON");
        text.push(b'\n');
        let written = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        if let Err(cause) = written {
            // What stays behind here is a torn line, which the next one would be glued to.
            self.cut(self.length).map_err(|cause| self.error(cause))?;
            return Err(self.error(cause));
        }
        self.length += text.len() as u64;
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.seek(SeekFrom::Start(length))?;
        self.file.sync_data()?;
        self.length = length;
        if length == 0 {
            self.stale = 0;
        }
        Ok(())
    }

    /// A new file takes the place of the old one when it is whole.
    fn rewrite(&mut self, kept: &VecDeque<Kept>) -> Result<(), SpoolError> {
        let mut beside = self.path.clone().into_os_string();
        beside.push(".new");
        let write = || {
            let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&beside)?;
            let mut text = Vec::new();
            for kept in kept {
                serde_json::to_writer(&mut text, &Line::Kept(kept.clone()))?;
                text.push(b'\n');
            }
            file.write_all(&text)?;
            file.sync_all()?;
            std::fs::rename(&beside, &self.path)?;
            Ok((file, text.len() as u64))
        };
        let (file, length) = write().map_err(|cause| self.error(cause))?;
        // From here on the old one has no name.
        (self.file, self.length, self.stale) = (file, length, 0);
        sync_folder(&self.path).map_err(|cause| self.error(cause))
    }

    fn error(&self, cause: io::Error) -> SpoolError {
        SpoolError::File { path: self.path.display().to_string(), cause }
    }
}

/// A new name is in its folder after a power cut too. Only Unix opens folders.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
