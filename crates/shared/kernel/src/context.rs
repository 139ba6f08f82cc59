use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::{CausationId, CorrelationId, Envelope, Principal};

/// What travels with every message: who asks, on whose behalf, until when. First argument, always. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Context {
    correlation: CorrelationId,
    causation: Option<CausationId>,
    principal: Arc<Principal>,
    deadline: Option<DateTime<Utc>>,
}

impl Context {
    /// The start of a piece of work.
    pub fn new(principal: Arc<Principal>, correlation: CorrelationId) -> Self {
        Self { correlation, causation: None, principal, deadline: None }
    }

    /// The same work, one step on: what `event` set off.
    pub fn caused_by(&self, event: &Envelope) -> Self {
        Self {
            correlation: event.metadata.correlation_id,
            causation: Some(CausationId::new(event.event_id.uuid())),
            ..self.clone()
        }
    }

    /// Cuts the deadline. A later one than the present is ignored: deadlines are inherited, never extended.
    #[must_use]
    pub fn until(mut self, deadline: DateTime<Utc>) -> Self {
        self.deadline = Some(self.deadline.map_or(deadline, |d| d.min(deadline)));
        self
    }

    pub fn correlation(&self) -> CorrelationId {
        self.correlation
    }

    pub fn causation(&self) -> Option<CausationId> {
        self.causation
    }

    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    pub fn deadline(&self) -> Option<DateTime<Utc>> {
        self.deadline
    }
}
