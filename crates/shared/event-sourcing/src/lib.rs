//! The unit of work, the store port, the in-memory store, and aggregates: state that is made of its events.
//!
//! A [`Unit`] is the only way to write: an owned value that collects appends, document puts and deletes and checkpoints, and
//! is handed to [`Store::commit`] as one message. Dropped before that, nothing happened; after it, it is the store's.
//!
//! ```
//! use event_sourcing::{Document, Expected, MemoryStore, Origin, Store, StoreExt, Unit};
//! # #[derive(serde::Serialize, serde::Deserialize)]
//! # struct Champion { version: u64 }
//! impl Document for Champion {
//!     const COLLECTION: &'static str = "mlops.champions";
//! }
//! # async fn example(origin: Origin) -> Result<(), Box<dyn std::error::Error>> {
//! let store = MemoryStore::default();
//! let mut unit = Unit::new(origin);
//! unit.put("flights", &Champion { version: 1 }, Expected::Absent);
//! store.commit(unit).await?;
//! assert_eq!(store.get::<Champion>("flights").await?.unwrap().value.version, 1);
//! # Ok(()) }
//! ```
#![warn(missing_docs)]

mod aggregate;
mod appended;
mod blobs;
mod collection;
mod commit;
mod completion;
mod excerpt;
mod memory;
mod projection;
mod query;
mod readable;
mod rules;
mod store;
mod subscription;
mod sync;
mod unit;
mod wait;

pub use aggregate::{
    Aggregate, EventSet, LoadError, Loaded, Moment, Repository, RetryingError, Snapshot, SnapshotPolicy, Snapshotted,
};
pub use appended::{Appended, Appends, Bell};
pub use blobs::{BlobError, Blobs, MemoryBlobs};
pub use collection::{Collection, Document, Index, IndexPlace, IndexQuery, IndexValue, Wanted};
pub use commit::Commit;
pub use completion::Completion;
pub use excerpt::Excerpt;
pub use memory::MemoryStore;
pub use projection::{
    Applies, BATCH, CatchUpError, EventType, Events, Generation, GenerationStatus, Halt, OnPoison, Projected,
    Projection, ProjectionError, ProjectionStanding, ProjectionStatus, Projections, Projector, ProjectorPorts,
    ReadModel, RebuildEnd, RebuildProgress, View, collections, follow_rebuild, position_in, projections,
};
pub use query::{Direction, EventQuery, LogQuery, QueryItem, StreamQuery};
pub use readable::{Damage, Readable};
pub use rules::{EventLimits, EventRules};
pub use store::{
    CommitError, Conflict, Found, Intruder, Page, Position, Receipt, Store, StoreError, StoreErrorKind, StoreExt,
    StoredDocument, Unreadable,
};
pub use subscription::{LogPage, Subscription};
pub use unit::{Deadline, Expected, Origin, Unit, Write, check_document, check_event};
pub use wait::WaitError;
