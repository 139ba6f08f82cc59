use crate::{Excerpt, Position, Store, StoreError, StoreErrorKind};

/// Part of the log, up to the first event that cannot be read.
pub struct Readable {
    /// Those before it; without one, all that there are, up to as many as were asked for.
    pub events: Excerpt,
    /// What comes behind them and cannot be read.
    pub damage: Option<Damage>,
}

/// An event that the store cannot give back: what is there is not what was written, or the log does not reach so far.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event at {position} cannot be read: {error}")]
pub struct Damage {
    /// Of the event.
    pub position: Position,
    /// What the store says of it, and what to do next.
    pub error: StoreError,
}

/// A store refuses a page for one event of it, and does not say in a way that programs can go by which that is: smaller pages do.
pub(crate) async fn readable<S: Store + ?Sized>(
    store: &S,
    after: Position,
    limit: usize,
) -> Result<Readable, StoreError> {
    let mut error = match store.excerpt(after, limit).await {
        // Mutant `damage_stops_its_page`: what is sound before a damaged event is not read either.
        Err(error) if error.kind == StoreErrorKind::Corrupt && !cfg!(mutant = "damage_stops_its_page") => error,
        read => {
            let events = read?;
            let damage = if events.is_empty() { beyond(store.head().await?, after) } else { None };
            return Ok(Readable { events, damage });
        }
    };
    let mut events = Excerpt::from(Vec::new());
    let mut too_many = limit;
    while too_many - events.len() > 1 {
        let some = usize::midpoint(events.len(), too_many);
        match store.excerpt(after, some).await {
            Ok(sound) if sound.len() < some => return Ok(Readable { events: sound, damage: None }),
            Ok(sound) => events = sound,
            Err(refused) if refused.kind == StoreErrorKind::Corrupt => (too_many, error) = (some, refused),
            Err(other) => return Err(other),
        }
    }
    let before = events.last().and_then(|last| last.metadata.position).unwrap_or(after.0);
    Ok(Readable { events, damage: Some(Damage { position: Position(before + 1), error }) })
}

/// Whoever goes on behind the end of the log, because its checkpoint says so, would pass over what comes next.
pub(crate) fn beyond(head: Position, after: Position) -> Option<Damage> {
    // Mutant `beyond_the_end`: what is appended is passed over, up to where the checkpoint is.
    if after <= head || cfg!(mutant = "beyond_the_end") {
        return None;
    }
    let message = format!(
        "the log ends at {head}, before position {after}, from which this goes on: restore the store from a copy; a projection can be \
         rebuilt instead"
    );
    let error = StoreError { kind: StoreErrorKind::Corrupt, message };
    Some(Damage { position: Position(after.0.saturating_add(1)), error })
}
