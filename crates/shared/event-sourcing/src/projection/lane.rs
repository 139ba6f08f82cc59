use std::{any::Any, panic::AssertUnwindSafe, sync::Arc};

use chrono::{DateTime, Utc};
use futures::FutureExt;
use kernel::{Envelope, Error, panic_text};
use tokio::time::Instant;

use super::{
    batch::Batch,
    definition::{Fault, OnPoison, Taken},
    projector::{BATCH, Projector, Trouble},
    record::{Generation, Halt, Progress, progress_key},
};
use crate::{Damage, Excerpt, Expected, Position, Readable, StoreError, StoreErrorKind, StoreExt};

/// Positions that a stored checkpoint may be behind as long as no event was of interest: to pass them again costs a read.
const LATE: u64 = 4096;

/// One generation that is being filled.
pub(super) struct Lane {
    pub generation: Generation,
    /// As it will be stored next.
    pub progress: Progress,
    /// Of the progress in the store: guards the next unit.
    pub revision: u64,
    /// What the store has.
    stored: Position,
    /// How often the projection had been resumed when this lane halted.
    halted_at: Option<u64>,
}

/// What one turn of a lane came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// There is more in the log; this event was the last.
    Moved(DateTime<Utc>),
    /// That was all there is.
    AtEnd,
    /// It stands before an event that cannot be applied.
    Halted,
}

/// What became of the events of a page.
#[derive(Default)]
struct Tally {
    applied: u64,
    skipped: u64,
}

impl Lane {
    /// From what the store has. `None`: somebody has just retired it.
    pub async fn open(projector: &Projector, generation: Generation) -> Result<Option<Self>, StoreError> {
        projector.declare(&generation).await?;
        let key = progress_key(projector.name, generation.number);
        let Some(found) = projector.ports.store.get::<Progress>(&key).await? else {
            // Whoever removed its documents may not have seen what was declared just now.
            projector.retire(&generation).await?;
            return Ok(None);
        };
        let stored = found.value.position;
        Ok(Some(Self { generation, progress: found.value, revision: found.revision, stored, halted_at: None }))
    }

    /// Everything up to here is applied or of no interest.
    pub fn position(&self) -> Position {
        self.progress.position
    }

    /// Why it does not go on, if it has tried.
    pub fn halted(&self) -> Option<&Halt> {
        self.progress.halted.as_ref().filter(|_| self.halted_at.is_some())
    }

    /// Applies the next events of the log, up to a whole batch of them, in one unit. Before that it tells where the log ends, and when
    /// the first of them happened: neither a handler nor the store need ever answer. It halts before one that the store cannot
    /// give back, whatever the projection makes of poison: nobody knows what that was.
    pub async fn turn(
        &mut self,
        projector: &Projector,
        resumed: u64,
        begins: impl FnOnce(Position, DateTime<Utc>),
    ) -> Result<Turn, Trouble> {
        if self.halted_at == Some(resumed) {
            return Ok(Turn::Halted);
        }
        let began = Instant::now();
        let Readable { events: page, damage } = projector.ports.store.readable(self.position(), BATCH).await?;
        let is_all = page.len() < BATCH && damage.is_none();
        if page.is_empty() && is_all {
            return Ok(Turn::AtEnd);
        }
        if let Some(first) = page.iter().find(|event| projector.taken(&event.event_type).is_some()) {
            let head = match page.last() {
                Some(last) if is_all => at(last),
                _ => projector.ports.store.head().await?,
            };
            begins(head, first.timestamp);
        }
        let mut batch = Batch::new(Arc::clone(&projector.ports.store), self.generation.number);
        let mut next = Progress { halted: None, ..self.progress.clone() };
        let tally = apply(projector, &page, &mut batch, &mut next).await?;
        next.halted = next.halted.or_else(|| damage.map(Halt::from));
        let of_interest = tally.applied + tally.skipped > 0 || next.halted != self.progress.halted;
        self.halted_at = next.halted.as_ref().map(|_| resumed);
        let halts = next.halted.is_some();
        if of_interest || next.position.0 - self.stored.0 >= LATE {
            match self.commit(projector, batch, next).await {
                Err(Trouble::Store(error)) if error.kind == StoreErrorKind::Corrupt => {
                    return self.halt_upon(error, &page, projector, resumed).await;
                }
                written => written?,
            }
            projector.meters.duration.record(began.elapsed());
        } else {
            self.progress = next;
        }
        projector.meters.applied.increment(tally.applied);
        projector.meters.skipped.increment(tally.skipped);
        projector.meters.failed.increment(u64::from(halts));
        Ok(match page.last() {
            _ if halts => Turn::Halted,
            Some(last) if !is_all => Turn::Moved(last.timestamp),
            _ => Turn::AtEnd,
        })
    }

    /// A document is damaged that one of these events is to be written upon: it is not known which, so it halts before all of them. A
    /// rebuild writes elsewhere.
    async fn halt_upon(
        &mut self,
        error: StoreError,
        page: &Excerpt,
        projector: &Projector,
        resumed: u64,
    ) -> Result<Turn, Trouble> {
        let first = page.iter().find(|event| projector.taken(&event.event_type).is_some());
        let position = first.map_or(self.position(), |event| at(event));
        let halted = Some(Halt::from(Damage { position, error }));
        let nothing = Batch::new(Arc::clone(&projector.ports.store), self.generation.number);
        self.commit(projector, nothing, Progress { halted, ..self.progress.clone() }).await?;
        self.halted_at = Some(resumed);
        projector.meters.failed.increment(1);
        Ok(Turn::Halted)
    }

    /// A unit of somebody else has stored its progress as it is.
    pub fn was_stored(&mut self) {
        self.stored = self.position();
        self.revision += 1;
    }

    /// Stores how far it has come, if the store does not know.
    pub async fn flush(&mut self, projector: &Projector) -> Result<(), Trouble> {
        if self.stored == self.position() {
            return Ok(());
        }
        let batch = Batch::new(Arc::clone(&projector.ports.store), self.generation.number);
        self.commit(projector, batch, self.progress.clone()).await
    }

    async fn commit(&mut self, projector: &Projector, batch: Batch, next: Progress) -> Result<(), Trouble> {
        let key = progress_key(projector.name, self.generation.number);
        // Mutant `projection_unfenced`: two runners write side by side, and what one has done the other does again.
        let guard = if cfg!(mutant = "projection_unfenced") { Expected::Any } else { Expected::Exact(self.revision) };
        let mut unit = projector.unit();
        unit.put(key, &next, guard);
        // Mutant `projection_checkpoint_first`: after a crash between the two the effect is missing for good.
        if cfg!(mutant = "projection_checkpoint_first") {
            projector.ports.store.commit(std::mem::replace(&mut unit, projector.unit())).await?;
        }
        batch.write_into(&mut unit);
        projector.ports.store.commit(unit).await?;
        (self.stored, self.progress) = (next.position, next);
        self.revision += 1;
        Ok(())
    }
}

/// The events of a page, up to the first that halts the projection; the progress goes along.
async fn apply(
    projector: &Projector,
    page: &Excerpt,
    batch: &mut Batch,
    progress: &mut Progress,
) -> Result<Tally, StoreError> {
    let mut tally = Tally::default();
    for envelope in page.iter() {
        let position = at(envelope);
        if let Some(taken) = projector.taken(&envelope.event_type) {
            let applied = apply_one(taken, envelope, batch).await;
            if let Some(error) = batch.take_broken() {
                return Err(error);
            }
            // Looked at here, where it is known whose fault it is.
            match applied.and_then(|()| batch.check().map_err(Fault::Failed)) {
                Ok(()) => {
                    batch.keep();
                    tally.applied += 1;
                }
                Err(fault) => {
                    batch.forget();
                    let (error, poison) = match fault {
                        Fault::Failed(error) => (error, projector.on_failure),
                        Fault::Unknown(error) => (error, projector.on_unknown),
                    };
                    let error = told(&error);
                    if poison == OnPoison::Halt {
                        progress.halted = Some(halt(position, envelope, error));
                        break;
                    }
                    let (projection, event_id) = (projector.name, envelope.event_id);
                    tracing::warn!(projection, %event_id, "passed over an event that cannot be applied: {error}");
                    tally.skipped += 1;
                }
            }
        }
        progress.position = position;
    }
    progress.applied += tally.applied;
    progress.skipped += tally.skipped;
    Ok(tally)
}

fn at(envelope: &Envelope) -> Position {
    Position(envelope.metadata.position.unwrap_or_default())
}

async fn apply_one(taken: &Taken, envelope: &Envelope, batch: &mut Batch) -> Result<(), Fault> {
    let applying = AssertUnwindSafe((taken.apply)(envelope, batch)).catch_unwind().await;
    applying.unwrap_or_else(|panic| Err(Fault::Failed(panicked(panic))))
}

fn panicked(panic: Box<dyn Any + Send>) -> Error {
    Error::internal(format!("it panics: {}", panic_text(panic)))
}

/// With what is for the log: whoever reads it is the operator.
fn told(error: &Error) -> String {
    match &error.detail {
        Some(detail) => format!("{error} ({detail})"),
        None => error.to_string(),
    }
}

fn halt(position: Position, envelope: &Envelope, error: String) -> Halt {
    let event_type = envelope.event_type.clone().into_owned();
    Halt { position, event_id: Some(envelope.event_id), event_type: Some(event_type), error }
}
