use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use event_sourcing::{Position, Store, StoreError, StoreErrorKind};
use kernel::Envelope;

use super::Reading;

/// An event that is damaged in a store, which refuses, as Corrupt, whatever it would be read with.
pub struct Damaged {
    position: Position,
    is_mended: Arc<AtomicBool>,
}

impl Damaged {
    /// The event at this position, which may be yet to come.
    pub fn at(position: Position) -> Self {
        Self { position, is_mended: Arc::default() }
    }

    /// The same store but for that event.
    pub fn around(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        let (Position(position), is_mended) = (self.position, Arc::clone(&self.is_mended));
        Arc::new(Reading::of(store, move |event: &mut Envelope| {
            if event.metadata.position != Some(position) || is_mended.load(Ordering::SeqCst) {
                return Ok(());
            }
            let message = format!("event {position}: it is not what was written there: restore the store from a copy");
            Err(StoreError { kind: StoreErrorKind::Corrupt, message })
        }))
    }

    /// From here on the event can be read.
    pub fn mend(&self) {
        self.is_mended.store(true, Ordering::SeqCst);
    }
}
