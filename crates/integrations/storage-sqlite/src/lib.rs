//! The store port on SQLite: one file, one writing process, any number of reading ones.
//!
//! ```no_run
//! use storage_sqlite::{Options, SqliteStore};
//! # fn example(clock: &dyn kernel::Clock) -> Result<(), event_sourcing::StoreError> {
//! let store = SqliteStore::open("borough.db".as_ref(), Options::new("borough serve", clock.now()))?;
//! # Ok(()) }
//! ```
//!
//! # How it works
//! A single thread owns the connection that writes. Units reach it through a bounded queue; it takes what is queued, writes it
//! in one transaction, and answers each unit after the commit: one flush of the disk for all of them. Every guard of a unit
//! is checked before the first of its writes, so a unit that conflicts has changed nothing and its neighbours go on. Since
//! one thread gives out the positions, they have no gaps and become visible in order.
//!
//! Reads run beside it on connections of their own, each in a snapshot.
//!
//! # What limits what
//! - One process writes: an OS lock on `<file>.lock` says which. A second one gets an error that names the holder. A store with
//!   several names (hard links) is refused; who writes one whose file, log or lock is moved or removed meanwhile stops writing.
//! - A commit waits for the disk (`synchronous = FULL`). Units that arrive meanwhile share the next flush, up to 512.
//! - 1,024 units wait at most; the next `commit` waits for room, five seconds unless it is said otherwise, and is refused as
//!   Busy then, or as Late at its deadline. What is queued is not dropped, but a unit whose deadline passes meanwhile is refused when its turn comes.
//! - A guard over types without a tag looks at every event behind its position; with a tag, at those that have it.
//! - Four reads run at a time; the others wait their turn.
//! - A unit, or a read, is held in memory as a whole. What is large is a blob: a document ends at 64 MiB and 127 levels of JSON, an
//!   event at 32 MiB and 120 levels, as in every store (`Unit::check`).
//! - SQLite's log beside the file is folded into it, and begins anew, every 12 to 16 MiB; at a clean end it goes, after a kill when the
//!   next process that writes ends. While somebody reads for long, it grows.
//! - A flush that the disk refuses fails the units of that transaction. If the machine stops before the next commit, they
//!   may be there after all, whole: read before trying again.
//! - To read takes room for SQLite's two small files beside the store, or, where they cannot be made, that nobody writes meanwhile.
//! - The file system must be local: SQLite's log beside the file lives in shared memory.

mod checksum;
mod collections;
mod events;
mod fault;
mod fold;
mod halt;
mod lock;
mod log_file;
mod maintenance;
mod names;
mod read_only;
mod readers;
mod rows;
mod schema;
mod store;
mod sync;
mod transaction;
mod writer;

pub use maintenance::{
    CheckpointStats, CollectionStats, Copied, Counts, Finding, Progress, Stats, backup, export, export_file, import,
    stats, verify,
};
pub use store::{Options, SqliteStore};
