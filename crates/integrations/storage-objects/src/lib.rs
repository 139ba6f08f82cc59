//! The blobs port on a folder: every blob is a file named by its digest, `<folder>/<first two digits>/<digest>`.
//!
//! ```no_run
//! # use event_sourcing::{BlobError, Blobs};
//! # async fn example() -> Result<(), BlobError> {
//! let blobs = storage_objects::FileBlobs::open("borough.blobs");
//! let digest = blobs.put(b"a model".to_vec()).await?;
//! assert_eq!(blobs.get(&digest).await?.as_deref(), Some(&b"a model"[..]));
//! # Ok(()) }
//! ```
//!
//! Any number of processes may share the folder: a name belongs to one content, and files appear under it whole, by renaming.
//! A process that is killed while it writes may leave a file that ends in `.tmp`, which [`FileBlobs::sweep`] removes.

mod files;

pub use files::FileBlobs;
