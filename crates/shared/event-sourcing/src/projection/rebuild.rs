//! From one generation to the next.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    lane::Lane,
    projector::{Projector, Trouble},
    record::{Halt, Progress, Record, collection_of, progress_key, status},
};
use crate::{Expected, Position, Store, StoreError, StoreExt};

/// Documents of a retired generation that are removed in one unit.
const PAGE: usize = 256;
/// Between two looks at how far a rebuild is.
const LOOK: Duration = Duration::from_millis(100);
/// Nobody waits longer for a rebuild that does not move. Many times what a batch of events takes, and one that is slower goes on
/// nevertheless.
const LONGEST: Duration = Duration::from_secs(60);

/// The next generation, empty, in place of one that was being filled.
pub(super) async fn begin(projector: &Projector, mut record: Record, revision: u64) -> Result<u32, Trouble> {
    let name = projector.name;
    let mut unit = projector.unit();
    if let Some(given_up) = record.rebuild.take() {
        // Without its progress nobody can write into it any more.
        unit.delete::<Progress>(progress_key(name, given_up.number), Expected::Any);
        record.retired.push(given_up);
    }
    record.latest += 1;
    let number = record.latest;
    record.rebuild = Some(projector.generation(number));
    unit.put(name, &record, Expected::Exact(revision));
    unit.put(progress_key(name, number), &Progress::default(), Expected::Absent);
    projector.ports.store.commit(unit).await?;
    tracing::info!(projection = name, generation = number, "its documents are written anew");
    Ok(number)
}

/// The generation that was filled takes the place of the live one, if neither has moved since: readers see one of the two and
/// nothing in between, and never less than they have seen.
pub(super) async fn switch(
    projector: &Projector,
    mut record: Record,
    revision: u64,
    live: &Lane,
    rebuild: &mut Lane,
) -> Result<(), Trouble> {
    let name = projector.name;
    let mut unit = projector.unit();
    unit.delete::<Progress>(progress_key(name, live.generation.number), Expected::Exact(live.revision));
    let key = progress_key(name, rebuild.generation.number);
    unit.put(key, &rebuild.progress, Expected::Exact(rebuild.revision));
    let old = std::mem::replace(&mut record.live, rebuild.generation.clone());
    record.rebuild = None;
    record.retired.push(old);
    unit.put(name, &record, Expected::Exact(revision));
    projector.ports.store.commit(unit).await?;
    rebuild.was_stored();
    tracing::info!(
        projection = name,
        generation = rebuild.generation.number,
        "what was written anew is what readers see"
    );
    Ok(())
}

/// A page of documents of the generation that was retired first; when there are none left, it is forgotten.
pub(super) async fn sweep(projector: &Projector, mut record: Record, revision: u64) -> Result<(), Trouble> {
    let store = &projector.ports.store;
    let mut unit = projector.unit();
    let retired = record.retired.remove(0);
    for collection in &retired.collections {
        let name = collection_of(collection, retired.number);
        // Whatever they are: a document that is damaged goes with the others.
        let page = store.keys(&name, None, PAGE).await?;
        page.into_iter().for_each(|key| unit.write(name.clone(), key, None));
        if !unit.is_empty() {
            break;
        }
    }
    if unit.is_empty() {
        projector.retire(&retired).await?;
        unit.put(projector.name, &record, Expected::Exact(revision));
    }
    store.commit(unit).await?;
    Ok(())
}

/// How far a rebuild is.
#[derive(Debug, Clone, PartialEq)]
pub struct RebuildProgress {
    /// The generation that is being filled.
    pub generation: u32,
    /// Everything up to here is applied.
    pub position: Position,
    /// Where the log ends.
    pub head: Position,
    /// Events of any type a second, over the time that somebody has looked; 0 at the first look.
    pub per_second: f64,
    /// Until it is at the end of the log, at this rate. `None`: it does not move.
    pub remaining: Option<Duration>,
    /// Somebody has paused the projection.
    pub paused: bool,
}

/// How a rebuild ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RebuildEnd {
    /// It is what readers see.
    Live,
    /// It stands before an event that it cannot apply. The projection goes on as it was; resumed, the rebuild tries again.
    Halted(Halt),
    /// Another one has taken its place.
    GivenUp,
    /// It has not moved for a minute: no process runs the projection, or its handler does not end. It goes on as soon as one does.
    Stalled {
        /// Everything up to here is applied.
        position: Position,
        /// Where the log ends.
        head: Position,
        /// Somebody has paused the projection.
        paused: bool,
    },
}

/// Tells again and again how far a rebuild is, until it ends, or has not moved for a minute by the runtime's timers: whoever fills
/// it may have died, and nobody else would say so. Any process may look; it only reads.
///
/// # Errors
/// The store does not answer.
///
/// # Cancel safety
/// Only reads; the rebuild goes on without it.
pub async fn follow_rebuild(
    store: &dyn Store,
    name: &str,
    generation: u32,
    mut tell: impl FnMut(&RebuildProgress),
) -> Result<RebuildEnd, StoreError> {
    let mut first: Option<(Instant, Position)> = None;
    let (mut still, mut at) = (Instant::now(), None);
    loop {
        let Some(found) = store.get::<Record>(name).await? else { return Ok(RebuildEnd::GivenUp) };
        let status = status(store, name.to_owned(), found.value).await?;
        let Some(rebuild) = status.rebuild.filter(|rebuild| rebuild.number == generation) else {
            let is_live = status.live.number == generation;
            return Ok(if is_live { RebuildEnd::Live } else { RebuildEnd::GivenUp });
        };
        if let Some(halt) = rebuild.halted {
            return Ok(RebuildEnd::Halted(halt));
        }
        let (since, from) = *first.get_or_insert((Instant::now(), rebuild.position));
        let seconds = since.elapsed().as_secs_f64();
        let moved = rebuild.position.0.saturating_sub(from.0) as f64;
        let per_second = if seconds > 0.0 { moved / seconds } else { 0.0 };
        let remaining =
            (per_second > 0.0).then(|| Duration::try_from_secs_f64(rebuild.behind as f64 / per_second).ok());
        let (position, head) = (rebuild.position, status.head);
        let (remaining, paused) = (remaining.flatten(), status.paused.is_some());
        if at.replace(position) != Some(position) {
            still = Instant::now();
        }
        // Mutant `rebuild_awaited_forever`: whoever waits for a process that has died waits without end.
        if still.elapsed() >= LONGEST && !cfg!(mutant = "rebuild_awaited_forever") {
            return Ok(RebuildEnd::Stalled { position, head, paused });
        }
        tell(&RebuildProgress { generation, position, head, per_second, remaining, paused });
        sleep(LOOK).await;
    }
}
