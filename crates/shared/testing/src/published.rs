use std::{collections::HashMap, fmt, sync::Arc};

use event_sourcing::{LogQuery, Position, Store};
use kernel::{CorrelationId, Envelope, Event};
use uuid::Uuid;

/// Characters of an event's data that are shown.
const SHOWN: usize = 120;

/// What was published to a store, in the order of its log. The log is the bus's queue, so nothing has to be recorded beside it.
///
/// Shown, each event is a line with its place in the log, below the one that set it off.
#[derive(Debug, Clone, Default)]
pub struct Published(Vec<Arc<Envelope>>);

impl Published {
    /// All of it, by every module and for every piece of work.
    ///
    /// # Panics
    /// If the log cannot be read.
    pub async fn to(store: &dyn Store) -> Self {
        Self::since(store, Position(0)).await
    }

    /// What stands behind this position.
    ///
    /// # Panics
    /// If the log cannot be read.
    pub async fn since(store: &dyn Store, position: Position) -> Self {
        Self(store.log(LogQuery::after(position, usize::MAX)).await.expect("the log can be read"))
    }

    /// Only what one piece of work has set off.
    #[must_use]
    pub fn within(mut self, correlation: CorrelationId) -> Self {
        self.0.retain(|envelope| envelope.metadata.correlation_id == correlation);
        self
    }

    /// Every `E`.
    ///
    /// # Panics
    /// If an event of this name is none.
    pub fn of<E: Event>(&self) -> Vec<E> {
        let events = self.envelopes_of::<E>().into_iter();
        events.map(|envelope| envelope.decode().expect("it has the form of its name")).collect()
    }

    /// Every `E`, as it is stored.
    pub fn envelopes_of<E: Event>(&self) -> Vec<&Arc<Envelope>> {
        self.0.iter().filter(|envelope| envelope.event_type == E::NAME).collect()
    }

    /// Every event, as it is stored.
    pub fn envelopes(&self) -> &[Arc<Envelope>] {
        &self.0
    }

    /// The wire name of every event.
    pub fn types(&self) -> Vec<&str> {
        self.0.iter().map(|envelope| &*envelope.event_type).collect()
    }
}

impl fmt::Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut depths: HashMap<Uuid, usize> = HashMap::new();
        for (index, envelope) in self.0.iter().enumerate() {
            let cause = envelope.metadata.causation_id.and_then(|id| depths.get(&id.uuid()));
            let depth = cause.map_or(0, |depth| depth + 1);
            depths.insert(envelope.event_id.uuid(), depth);
            let indent = "  ".repeat(depth);
            let Envelope { event_type, source_module, .. } = &**envelope;
            let (key, data) = (&envelope.metadata.key, shortened(envelope.data.text()));
            let position = envelope.metadata.position.unwrap_or_default();
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{position:>3}  {indent}{event_type} of {source_module}, key `{key}`: {data}")?;
        }
        Ok(())
    }
}

/// The text, or the beginning of a long one.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
