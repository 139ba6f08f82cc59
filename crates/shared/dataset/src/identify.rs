use std::{
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use kernel::{DatasetFormat, DatasetRef, Fingerprint};
use sha2::{Digest, Sha256};
use url::Url;

use crate::{DatasetError, csv, source};

/// How much of the file is looked at to tell its format, and how much is hashed at a time.
const BLOCK: usize = 256 * 1024;

/// Names the dataset at `path`: where it is, how it is written, and the digest of its bytes.
///
/// The format comes from the content: what begins as Parquet does is Parquet, all other text is CSV.
///
/// # Errors
/// A path that is no readable file, and a file that is empty, binary, cut short (Parquet) or a header without rows. That the
/// rest is well-formed is for [`Dataset::open`](crate::Dataset::open) to find.
///
/// # Cancel safety
/// Dropped, the file is still read to its end on a blocking thread; nothing else happens.
pub async fn identify(path: &Path) -> Result<DatasetRef, DatasetError> {
    let path = path.to_owned();
    crate::reader::blocking(move || identify_file(&path)).await
}

fn identify_file(path: &Path) -> Result<DatasetRef, DatasetError> {
    let unreadable = |error| source::unreadable(path, error);
    let mut file = source::open(path)?;
    let mut block = vec![0; BLOCK];
    let length = fill(&mut file, &mut block).map_err(unreadable)?;
    let head = &block[..length];

    let format = if head.starts_with(source::PARQUET_MAGIC) {
        check_end(&mut file, path)?;
        DatasetFormat::Parquet
    } else {
        csv::check_head(path, head, length < BLOCK)?;
        DatasetFormat::Csv
    };

    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let mut digest = Sha256::new();
    loop {
        match fill(&mut file, &mut block).map_err(unreadable)? {
            0 => break,
            length => digest.update(&block[..length]),
        }
    }
    // Symbolic links and `..` are resolved: a URL has neither.
    let absolute = path.canonicalize().map_err(unreadable)?;
    Ok(DatasetRef {
        url: Url::from_file_path(absolute).expect("a canonical path is absolute").into(),
        format,
        fingerprint: Fingerprint::of_sha256(digest.finalize().into()),
    })
}

/// Reads until the block is full or the file ends.
fn fill(file: &mut impl Read, block: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match file.read(&mut block[filled..])? {
            0 => break,
            length => filled += length,
        }
    }
    Ok(filled)
}

/// A Parquet file that was cut short lacks the magic at its end.
fn check_end(file: &mut (impl Read + Seek), path: &Path) -> Result<(), DatasetError> {
    let mut end = [0; 4];
    file.seek(SeekFrom::End(-4))
        .and_then(|_| file.read_exact(&mut end))
        .map_err(|error| source::unreadable(path, error))?;
    if end == source::PARQUET_MAGIC {
        Ok(())
    } else {
        Err(DatasetError::Parquet { path: path.into(), source: "the file does not end as a Parquet file does".into() })
    }
}
