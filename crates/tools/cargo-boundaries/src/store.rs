//! Files of the cache: whole or not there, and never a reason to fail.

use std::io::{self, Write};
use std::path::Path;
use std::time::UNIX_EPOCH;
use std::{env, fs};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::NamedTempFile;

/// BLAKE3.
pub(crate) type Hash = [u8; 32];

/// What tells this program from another one that would read the same files in another way.
pub(crate) fn program() -> Option<String> {
    let path = env::current_exe().ok()?;
    let data = fs::metadata(&path).ok()?;
    let changed = data.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(format!("{} {} {changed:?}", path.display(), data.len()))
}

/// What was written, if not a bit of it has changed.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let bytes = fs::read(path).ok()?;
    let (sum, bytes) = bytes.split_first_chunk::<32>()?;
    if blake3::hash(bytes) == *sum { postcard::from_bytes(bytes).ok() } else { None }
}

/// Replaces the file as a whole.
pub(crate) fn write(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let bytes = postcard::to_stdvec(value).map_err(io::Error::other)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut draft = NamedTempFile::new_in(folder)?;
    draft.write_all(blake3::hash(&bytes).as_bytes())?;
    draft.write_all(&bytes)?;
    draft.persist(path)?;
    Ok(())
}
