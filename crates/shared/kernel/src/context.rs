use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::{CausationId, CorrelationId, Envelope, Principal, TraceParent};

/// What travels with every message: who asks, on whose behalf, until when. First argument, always. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Context {
    correlation: CorrelationId,
    causation: Option<CausationId>,
    parent: Option<TraceParent>,
    principal: Arc<Principal>,
    deadline: Option<DateTime<Utc>>,
    purpose: Option<Arc<str>>,
    asked: Option<Arc<Asked>>,
}

/// A request that is being served, and the one that it was asked from.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
    /// The module that serves it.
    pub module: &'static str,
    /// Wire name.
    pub request: &'static str,
    from: Option<Arc<Asked>>,
}

impl Asked {
    /// This one and those around it, innermost first.
    pub fn chain(&self) -> impl Iterator<Item = &Asked> {
        std::iter::successors(Some(self), |asked| asked.from.as_deref())
    }
}

impl Context {
    /// The start of a piece of work: for whoever lets it in, and for nobody within it. A service hands on the context that it
    /// was given; a new one in its place has no deadline, no purpose, and no chain in which a circle of requests is found.
    pub fn new(principal: Arc<Principal>, correlation: CorrelationId) -> Self {
        Self { correlation, causation: None, parent: None, principal, deadline: None, purpose: None, asked: None }
    }

    /// The same work, one step on: what `event` set off.
    pub fn caused_by(&self, event: &Envelope) -> Self {
        let mut next = self.clone();
        next.follow(event);
        next
    }

    /// As [`caused_by`](Self::caused_by), in place: what takes one event after another has one context for all of them.
    pub fn follow(&mut self, event: &Envelope) {
        self.correlation = event.metadata.correlation_id;
        self.causation = Some(CausationId::new(event.event_id.uuid()));
        self.parent = None;
        self.asked = None;
    }

    /// A part of the work that the parent is a part of: its trace id becomes the correlation id.
    #[must_use]
    pub fn within(mut self, parent: TraceParent) -> Self {
        self.correlation = parent.trace;
        self.parent = Some(parent);
        self
    }

    /// Cuts the deadline. A later one than the present is ignored: deadlines are inherited, never extended.
    #[must_use]
    pub fn until(mut self, deadline: DateTime<Utc>) -> Self {
        self.deadline = Some(self.deadline.map_or(deadline, |d| d.min(deadline)));
        self
    }

    /// What the data is wanted for, in the words of the settings or of a regulation: some requests ask for one.
    #[must_use]
    pub fn for_purpose(mut self, purpose: impl Into<Arc<str>>) -> Self {
        self.purpose = Some(purpose.into());
        self
    }

    /// The context of the service that answers a request: what it asks in turn, it asks from within this one.
    #[must_use]
    pub fn serving(&self, module: &'static str, request: &'static str) -> Self {
        let from = self.asked.clone();
        Self { asked: Some(Arc::new(Asked { module, request, from })), ..self.clone() }
    }

    /// What ties together everything that one piece of work sets off, in all modules and processes.
    pub fn correlation(&self) -> CorrelationId {
        self.correlation
    }

    /// The event that set this off. Absent where it was a person or a program that began.
    pub fn causation(&self) -> Option<CausationId> {
        self.causation
    }

    /// Where in a trace this was asked, if that was not in this process: see [`Context::within`].
    pub fn parent(&self) -> Option<TraceParent> {
        self.parent
    }

    /// On whose behalf: whose permissions count.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// From when on nobody waits for the answer any more, by [`Clock`](crate::Clock). Absent: there is no limit.
    pub fn deadline(&self) -> Option<DateTime<Utc>> {
        self.deadline
    }

    /// What the data is wanted for, if the caller said so: see [`Context::for_purpose`].
    pub fn purpose(&self) -> Option<&str> {
        self.purpose.as_deref()
    }

    /// The request that is being served, if this is the context of a service.
    pub fn asked(&self) -> Option<&Asked> {
        self.asked.as_deref()
    }
}
