//! What the store has of a projection.

use std::fmt;

use chrono::{DateTime, Utc};
use kernel::EventId;
use serde::{Deserialize, Serialize};

use crate::{Collection, Damage, Document, Found, Position, Store, StoreError, StoreExt, StoredDocument};

/// What projections keep beside their documents: to be declared to the store at the start, by whoever assembles the modules, so that
/// what a later version has written is refused before anything runs.
pub fn collections() -> [Collection; 2] {
    [Collection::of::<Record>(), Collection::of::<Progress>()]
}

/// Which generations there are of a projection, under its name. Whoever changes that guards it by its revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// What readers see.
    pub live: Generation,
    /// What is being filled to take its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebuild: Option<Generation>,
    /// Whose documents are being removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<Generation>,
    /// The highest number that was given out.
    pub latest: u32,
    /// Nothing is applied from then on until it is resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<DateTime<Utc>>,
    /// How often somebody has asked it to go on: what has halted tries again when this grows.
    #[serde(default)]
    pub resumed: u64,
}

impl Document for Record {
    const COLLECTION: &'static str = "event_sourcing.projections";
}

/// The documents of one version of a projection, written from the start of the log on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// From 1; stands in the names of its collections.
    pub number: u32,
    /// [`Projection::VERSION`](super::Projection::VERSION) of the program that has begun it.
    pub version: u32,
    /// When that was.
    pub since: DateTime<Utc>,
    /// Without the number.
    pub collections: Vec<String>,
}

/// How far a generation is, under `NAME/NUMBER`, of eight digits. Every unit of it puts this anew, guarded by its revision; without this document
/// nothing can be written into the generation any more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Everything up to here is applied, passed over, or of no interest.
    pub position: Position,
    /// Events that were applied.
    pub applied: u64,
    /// Events that were passed over because they could not be.
    #[serde(default)]
    pub skipped: u64,
    /// Why it does not go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted: Option<Halt>,
}

impl Document for Progress {
    const COLLECTION: &'static str = "event_sourcing.projection_progress";
}

/// For adapters that look at what they hold: how far a generation of a projection is, if that is what this document says.
pub fn position_in(document: &StoredDocument, collection: &str) -> Option<Position> {
    let is_progress = collection == Progress::COLLECTION;
    is_progress.then(|| document.body.read::<Progress>()).and_then(Result::ok).map(|progress| progress.position)
}

/// An event that a projection stands before, because it could not be applied. Display: which event, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// Of the event.
    pub position: Position,
    /// Of the event; `None` if the store could not give it back, so that nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
    /// Of the event, its wire name; `None` as above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// What applying it, or reading it, has failed with.
    pub error: String,
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, error, .. } = self;
        match (&self.event_type, self.event_id) {
            (Some(event), Some(id)) => write!(f, "event `{event}` {id} at {position}: {error}"),
            _ => write!(f, "a damaged event at {position}: {error}"),
        }
    }
}

impl From<Damage> for Halt {
    fn from(damage: Damage) -> Self {
        let Damage { position, error } = damage;
        Self { position, event_id: None, event_type: None, error: error.message }
    }
}

pub(super) fn progress_key(name: &str, generation: u32) -> String {
    format!("{name}/{generation:08}")
}

/// What the store knows a collection of a generation by.
pub(super) fn collection_of(collection: &str, generation: u32) -> String {
    format!("{collection}@{generation}")
}

/// What the store has of a projection: what every process sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectionStatus {
    /// Of the projection.
    pub name: String,
    /// What readers see.
    pub live: GenerationStatus,
    /// What is being filled to take its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rebuild: Option<GenerationStatus>,
    /// Earlier generations whose documents are not all removed yet.
    pub retired: usize,
    /// Since when nothing is applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<DateTime<Utc>>,
    /// Where the log ended when it was asked.
    pub head: Position,
}

/// How far a generation is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationStatus {
    /// From 1.
    pub number: u32,
    /// Of the program that has begun it.
    pub version: u32,
    /// When it was begun.
    pub since: DateTime<Utc>,
    /// Everything up to here is applied. What has no effect is stored with what comes next, or after a second.
    pub position: Position,
    /// Events of any type between there and the end of the log.
    pub behind: u64,
    /// Events that were applied.
    pub applied: u64,
    /// Events that were passed over because they could not be.
    pub skipped: u64,
    /// Why it does not go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub halted: Option<Halt>,
}

/// How every projection stands that ever ran on this store, by name. Any process may ask.
///
/// # Errors
/// The store does not answer, or has a record that cannot be read.
///
/// # Cancel safety
/// Only reads.
pub async fn projections(store: &dyn Store) -> Result<Vec<ProjectionStatus>, StoreError> {
    const PAGE: usize = 256;
    let mut all = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.list::<Record>(after.as_deref(), PAGE).await?;
        let is_last = page.len() < PAGE;
        after = page.last().map(|found| found.key.clone());
        for Found { key, value, .. } in page {
            all.push(status(store, key, value).await?);
        }
        if is_last {
            return Ok(all);
        }
    }
}

/// With the record that was read last.
pub(super) async fn status(
    store: &dyn Store,
    name: String,
    mut record: Record,
) -> Result<ProjectionStatus, StoreError> {
    loop {
        let head = store.head().await?;
        let live = of_generation(store, &name, &record.live, head).await?;
        let rebuild = match &record.rebuild {
            Some(rebuild) => Some(of_generation(store, &name, rebuild, head).await?),
            None => None,
        };
        let Record { retired, paused, .. } = &record;
        let status =
            ProjectionStatus { live, rebuild, retired: retired.len(), paused: *paused, head, name: name.clone() };
        match store.get::<Record>(&name).await? {
            // A generation that was read of may have been retired before.
            Some(now) if now.value != record => record = now.value,
            Some(_) | None => return Ok(status),
        }
    }
}

async fn of_generation(
    store: &dyn Store,
    name: &str,
    generation: &Generation,
    head: Position,
) -> Result<GenerationStatus, StoreError> {
    let Generation { number, version, since, .. } = *generation;
    let progress = store.get::<Progress>(&progress_key(name, number)).await?;
    let Progress { position, applied, skipped, halted } = progress.map(|found| found.value).unwrap_or_default();
    let behind = head.0.saturating_sub(position.0);
    Ok(GenerationStatus { number, version, since, position, behind, applied, skipped, halted })
}
