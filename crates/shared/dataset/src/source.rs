//! From a reference to the bytes it means.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use kernel::{DatasetRef, Fingerprint};
use sha2::{Digest, Sha256};
use url::Url;

use crate::DatasetError;

/// The four bytes that a Parquet file begins and ends with.
pub(crate) const PARQUET_MAGIC: &[u8] = b"PAR1";

/// The path of a `file://` URL.
pub(crate) fn path_of(url: &str) -> Result<PathBuf, DatasetError> {
    let not_ours = || DatasetError::Url { url: url.into() };
    let parsed = Url::parse(url).map_err(|_| not_ours())?;
    if parsed.scheme() != "file" {
        return Err(not_ours());
    }
    parsed.to_file_path().map_err(|()| not_ours())
}

/// Opens a regular file; everything else that a path may name has its own error.
pub(crate) fn open(path: &Path) -> Result<fs::File, DatasetError> {
    let metadata = fs::metadata(path).map_err(|source| unreadable(path, source))?;
    if metadata.is_dir() {
        return Err(DatasetError::Directory { path: path.into() });
    }
    // Asked before opening: opening a named pipe would wait for its writer.
    if !metadata.is_file() {
        return Err(DatasetError::NotAFile { path: path.into() });
    }
    if metadata.len() == 0 {
        return Err(DatasetError::Empty { path: path.into() });
    }
    fs::File::open(path).map_err(|source| unreadable(path, source))
}

/// All bytes, if they are those that the reference names.
pub(crate) fn read(reference: &DatasetRef) -> Result<(PathBuf, Vec<u8>), DatasetError> {
    let path = path_of(&reference.url)?;
    let mut bytes = Vec::new();
    open(&path)?.read_to_end(&mut bytes).map_err(|source| unreadable(&path, source))?;
    let found = Fingerprint::of_sha256(Sha256::digest(&bytes).into());
    if found != reference.fingerprint {
        return Err(DatasetError::Changed {
            path,
            expected: reference.fingerprint.short().into(),
            found: found.short().into(),
        });
    }
    Ok((path, bytes))
}

pub(crate) fn unreadable(path: &Path, source: io::Error) -> DatasetError {
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => DatasetError::Missing { path: path.into() },
        _ => DatasetError::Unreadable { path: path.into(), source },
    }
}
