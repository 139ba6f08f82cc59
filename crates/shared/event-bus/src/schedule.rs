use std::sync::Arc;

use chrono::{DateTime, Utc};
use event_sourcing::{Document, Expected, Found, Store, StoreError, StoreExt, Unit, Write};
use kernel::{Envelope, Error, Event};
use serde::{Deserialize, Serialize};

/// An event that is to be published later, stored under its [`ScheduleId`]. The serving process publishes it when its clock has
/// come to `at`, in the unit in which this document goes: once, however often that process stops in between. One that the rules of
/// events refuse by then goes as well, and is a [`RefusedPublish`](crate::RefusedPublish) from then on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scheduled {
    /// From when on it is due.
    pub at: DateTime<Utc>,
    /// Where it is appended.
    pub stream: String,
    /// Complete but for its time stamp, which is that of its publication, and its position.
    pub event: Envelope,
    /// What the store keeps beside it: [`Event::tags`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

impl Document for Scheduled {
    const COLLECTION: &'static str = "event_bus.scheduled";
}

/// Names one scheduled event. They sort by the time at which they are due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScheduleId(String);

impl ScheduleId {
    /// Takes what came off the wire. Says nothing about whether there is such a one.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// As it is stored and shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ScheduleId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Publishes later what a [`Unit`] would publish now.
pub trait Schedule {
    /// The event is published when the clock of the serving process has come to `at`; at once, if that has passed. What is
    /// scheduled is a part of the unit: it is there if the unit is committed.
    ///
    /// It belongs to the piece of work and to the user that the unit belongs to. What [`EventRules`](event_sourcing::EventRules)
    /// refuse is refused with the unit, as if it were published now, and so is what no store takes as an event; and so is everything
    /// by a bus without a store, which would not remember it.
    ///
    /// # Panics
    /// As [`Unit::append`].
    fn schedule<E: Event>(&mut self, event: &E, at: DateTime<Utc>) -> ScheduleId;

    /// It is not published. With [`Expected::Any`] this also holds where it was published or cancelled before; with
    /// [`Expected::Exact`] of its revision the unit is refused then.
    fn cancel(&mut self, id: &ScheduleId, expected: Expected);
}

impl Schedule for Unit {
    fn schedule<E: Event>(&mut self, event: &E, at: DateTime<Utc>) -> ScheduleId {
        // Made by the same code as an event that is published now.
        let mut now = Unit::new(self.origin().clone());
        now.publish(event);
        // What could not be published then is not scheduled now.
        if let Err(refused) = now.check() {
            self.refuse(refused);
        }
        let Some(Write::Append { stream, envelope, tags, .. }) = now.into_writes().pop() else {
            unreachable!("to publish is to append")
        };
        // What is due before 1970 is as due as what is due then.
        let id = ScheduleId(format!("{:020}-{}", at.timestamp_millis().max(0), envelope.event_id));
        self.put(id.as_str(), &Scheduled { at, stream, event: Arc::unwrap_or_clone(envelope), tags }, Expected::Absent);
        id
    }

    fn cancel(&mut self, id: &ScheduleId, expected: Expected) {
        self.delete::<Scheduled>(id.as_str(), expected);
    }
}

/// The events that the unit will publish later.
///
/// # Errors
/// What is to be stored is no scheduled event: somebody else has put it there.
pub(crate) fn planned(unit: &Unit) -> Result<Vec<Envelope>, Error> {
    let bodies = unit.writes().iter().filter_map(|write| match write {
        Write::Put { collection, body, .. } if *collection == Scheduled::COLLECTION => Some(body),
        _ => None,
    });
    let events = bodies.map(|body| Ok(body.read::<Scheduled>()?.event));
    let events = events.collect::<Result<Vec<_>, serde_json::Error>>();
    events.map_err(|error| {
        Error::internal("what is scheduled is no event: use `Schedule::schedule`").with_detail(error.to_string())
    })
}

/// At most `limit` scheduled events in the order in which they are due, from the first after `after`.
///
/// # Errors
/// What the store says.
pub async fn scheduled(
    store: &dyn Store,
    after: Option<&ScheduleId>,
    limit: usize,
) -> Result<Vec<Found<Scheduled>>, StoreError> {
    store.list(after.map(ScheduleId::as_str), limit).await
}
