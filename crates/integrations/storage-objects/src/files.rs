use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write as _},
    path::{self, Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use event_sourcing::{BlobError, Blobs};
use kernel::Fingerprint;
use tokio::task;

/// Blobs as files of a folder, which comes into being with the first put.
#[derive(Debug, Clone)]
pub struct FileBlobs {
    folder: PathBuf,
}

impl FileBlobs {
    /// Touches nothing yet.
    pub fn open(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        // The current folder may change later.
        Self { folder: path::absolute(&folder).unwrap_or(folder) }
    }

    /// Removes what processes that were killed while they wrote have left behind. Only for whoever knows that nobody writes the
    /// folder just now.
    ///
    /// # Errors
    /// A folder that cannot be read, a file that cannot be removed.
    pub fn sweep(&self) -> Result<(), BlobError> {
        let entries = |folder: &Path| match fs::read_dir(folder) {
            Ok(entries) => Ok(entries.flatten().map(|entry| entry.path()).collect()),
            Err(cause) if matches!(cause.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(Vec::new()),
            Err(cause) => Err(failed("read", folder, &cause)),
        };
        for shelf in entries(&self.folder)? {
            for draft in entries(&shelf)?.into_iter().filter(|path| path.extension().is_some_and(|end| end == DRAFT)) {
                fs::remove_file(&draft).map_err(|cause| failed("remove", &draft, &cause))?;
            }
        }
        Ok(())
    }

    fn path(&self, digest: &Fingerprint) -> PathBuf {
        self.folder.join(&digest.hex()[..2]).join(digest.hex())
    }

    fn put_now(&self, bytes: &[u8]) -> Result<Fingerprint, BlobError> {
        let digest = Fingerprint::of(bytes);
        let path = self.path(&digest);
        // Also when the file is there: what is in it may be damaged, and this mends it.
        write_whole(&self.folder, &path, bytes).map_err(|cause| failed("write", &path, &cause))?;
        Ok(digest)
    }

    fn get_now(&self, digest: &Fingerprint) -> Result<Option<Vec<u8>>, BlobError> {
        let path = self.path(digest);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(failed("read", &path, &cause)),
        };
        let found = Fingerprint::of(&bytes);
        if found == *digest {
            return Ok(Some(bytes));
        }
        Err(BlobError(format!(
            "`{}` has changed since it was stored (its content is now {found}): restore it from a copy, or store it again",
            path.display()
        )))
    }

    fn remove_now(&self, digest: &Fingerprint) -> Result<bool, BlobError> {
        let path = self.path(digest);
        match fs::remove_file(&path) {
            Ok(()) => {
                flush_folder(&self.folder.join(&digest.hex()[..2])).map_err(|cause| failed("remove", &path, &cause))?;
                Ok(true)
            }
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(false),
            Err(cause) => Err(failed("remove", &path, &cause)),
        }
    }

    /// Off the runtime's threads, where files may block. Dropped, the work runs to its end all the same.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, BlobError> + Send + 'static,
    ) -> Result<T, BlobError> {
        let blobs = self.clone();
        task::spawn_blocking(move || work(&blobs)).await.unwrap_or_else(|cause| {
            Err(BlobError(format!("the work on `{}` was not finished: {cause}", self.folder.display())))
        })
    }
}

#[async_trait]
impl Blobs for FileBlobs {
    /// # Cancel safety
    /// Dropped at any point, the blob is there as a whole or not at all.
    async fn put(&self, bytes: Vec<u8>) -> Result<Fingerprint, BlobError> {
        self.run(move |blobs| blobs.put_now(&bytes)).await
    }

    async fn get(&self, digest: &Fingerprint) -> Result<Option<Vec<u8>>, BlobError> {
        let digest = digest.clone();
        self.run(move |blobs| blobs.get_now(&digest)).await
    }

    async fn remove(&self, digest: &Fingerprint) -> Result<bool, BlobError> {
        let digest = digest.clone();
        self.run(move |blobs| blobs.remove_now(&digest)).await
    }
}

/// The file is there with all of its bytes, or not at all, whatever fails and whenever the power goes.
fn write_whole(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let shelf = path.parent().expect("a blob lies in a folder of the blobs' folder");
    fs::create_dir_all(shelf)?;
    let (mut file, draft) = create_draft(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    drop(file);
    if let Err(cause) = written.and_then(|()| fs::rename(&draft, path)) {
        let _ = fs::remove_file(&draft);
        return Err(cause);
    }
    // Those above as well: another process may have made them and not have flushed them yet.
    for folder in [Some(shelf), Some(folder), folder.parent()].into_iter().flatten() {
        flush_folder(folder)?;
    }
    Ok(())
}

/// What the name of a file that is not whole yet ends in.
const DRAFT: &str = "tmp";

/// A new file beside the one that is to be, which nobody else has.
fn create_draft(path: &Path) -> io::Result<(File, PathBuf)> {
    static DRAFTS: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
        let draft = path.with_extension(format!("{}-{number}.{DRAFT}", process::id()));
        match File::create_new(&draft) {
            Ok(file) => return Ok((file, draft)),
            // Process ids repeat: after a crash, or across containers that share the folder.
            Err(cause) if cause.kind() == ErrorKind::AlreadyExists => {}
            Err(cause) => return Err(cause),
        }
    }
}

/// Makes the names in a folder durable. Only Unix can and has to be asked.
fn flush_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn failed(to: &str, path: &Path, cause: &io::Error) -> BlobError {
    let advice = match cause.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space and try again",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "allow this user to write the folder",
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => "move away the file that is where a folder has to be",
        _ => "check the folder and its disk, and try again",
    };
    BlobError(format!("cannot {to} `{}` ({cause}): {advice}", path.display()))
}
