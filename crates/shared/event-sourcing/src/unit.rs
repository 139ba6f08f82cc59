use std::{borrow::Cow, mem, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use kernel::{Clock, Context, Envelope, Event, EventId, Ids, Json, Metadata};
use serde::Serialize;

use crate::{CommitError, Document, EventQuery, Position};

/// The deepest JSON that is [read](Json::read) back; any depth is written.
pub(crate) const DEEPEST: usize = 127;
/// Levels that an event leaves to documents that have it in them: a dead letter, one that was discarded, what is scheduled, kept or
/// refused.
const AROUND: usize = 7;
/// Bytes of JSON of a document. Of an event half as many, for the same reason.
pub(crate) const LARGEST: usize = 64 << 20;

/// What must be true of a stream or a document for the write to take place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Nothing: the write takes place over whatever is there.
    Any,
    /// The stream has no event yet, there is no document under the key.
    Absent,
    /// The stream's version or the document's revision; both count from 1. A document that was deleted and put again counts from 1 again:
    /// whoever must tell it from the one before keeps it, and empties it, or gives it another key.
    Exact(u64),
}

/// Who writes, and where time and ids come from. Stamped on every event of a [`Unit`].
#[derive(Clone)]
pub struct Origin {
    /// Name of the module, as `source_module` of its events.
    pub module: &'static str,
    /// The work that the unit is a part of: who asks, and what ties its events to others.
    pub context: Context,
    /// Whence the time stamps of the events.
    pub clock: Arc<dyn Clock>,
    /// Whence the ids of the events.
    pub ids: Arc<dyn Ids>,
}

/// A unit of work: what is written together or not at all.
///
/// Owned and inert. Nothing reaches the store until [`Store::commit`](crate::Store::commit) takes it, so dropping one, or a
/// future that holds one, undoes everything in it.
pub struct Unit {
    origin: Origin,
    writes: Vec<Write>,
    /// Whether the deadline of its context does not matter.
    is_due_ever: bool,
    /// Why it is refused, whatever is in it.
    refused: Option<CommitError>,
}

/// From when on a unit must not be written any more: [`Unit::deadline`].
pub struct Deadline {
    at: DateTime<Utc>,
    clock: Arc<dyn Clock>,
}

impl Deadline {
    /// For adapters that wait: how long it is until then; nothing, if it has passed.
    pub fn left(&self) -> Duration {
        (self.at - self.clock.now()).to_std().unwrap_or_default()
    }

    /// For adapters: to be asked when it is the unit's turn, before anything of it is written.
    ///
    /// # Errors
    /// Late, if the deadline has passed.
    pub fn check(&self) -> Result<(), CommitError> {
        // Mutant `written_too_late`: what nobody waits for any more is written.
        if self.clock.now() < self.at || cfg!(mutant = "written_too_late") { Ok(()) } else { Err(self.late()) }
    }

    /// For adapters: what is said of a unit that came too late.
    pub fn late(&self) -> CommitError {
        CommitError::Late { deadline: self.at, now: self.clock.now() }
    }
}

/// One write of a unit, as adapters see it.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// An event, behind those that its stream has.
    Append {
        /// `package-key`, or a name of its own such as `audit`.
        stream: String,
        /// Of the stream's version: how many events it has before this one.
        expected: Expected,
        /// Complete but for its position, which the store gives it. Shared, so that a store in memory need not copy it.
        envelope: Arc<Envelope>,
        /// [`Event::tags`], each once: kept beside the event.
        tags: Vec<String>,
    },
    /// A whole document, in place of the one that is there, if one is.
    Put {
        /// [`Document::COLLECTION`] of its type, or that of one generation of a projection.
        collection: Cow<'static, str>,
        /// Unique within the collection.
        key: String,
        /// The new value.
        body: Json,
        /// [`Document::VERSION`] of its type.
        version: u32,
        /// Of the revision before the put.
        expected: Expected,
    },
    /// No document from here on.
    Delete {
        /// [`Document::COLLECTION`] of its type, or that of one generation of a projection.
        collection: Cow<'static, str>,
        /// Unique within the collection.
        key: String,
        /// Of the revision before the document goes.
        expected: Expected,
    },
    /// Writes nothing: no committed event behind this position may match.
    Guard {
        /// What must not have happened.
        query: EventQuery,
        /// How far whoever decided had read.
        after: Position,
    },
    /// Writes nothing: what must be true of a document.
    Require {
        /// [`Document::COLLECTION`] of its type.
        collection: &'static str,
        /// Unique within the collection.
        key: String,
        /// Of the revision.
        expected: Expected,
    },
    /// A subscriber has handled everything up to and including this position.
    Checkpoint {
        /// Its stable name.
        subscriber: String,
        /// Takes the place of the earlier one, also if it is lower.
        position: Position,
    },
}

impl Write {
    /// Whether it can be refused.
    pub(crate) fn is_guarded(&self) -> bool {
        match self {
            Self::Append { expected, .. }
            | Self::Put { expected, .. }
            | Self::Delete { expected, .. }
            | Self::Require { expected, .. } => *expected != Expected::Any,
            Self::Guard { .. } => true,
            Self::Checkpoint { .. } => false,
        }
    }
}

impl Unit {
    /// Empty so far: dropped or committed like this, it writes nothing.
    pub fn new(origin: Origin) -> Self {
        Self { origin, writes: Vec::new(), is_due_ever: false, refused: None }
    }

    /// What its events are stamped with.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Appends to the stream of the event's package and key.
    pub fn publish<E: Event>(&mut self, event: &E) -> EventId {
        let package = E::NAME.split('.').next().unwrap_or(E::NAME);
        let key = event.key();
        self.originate([package, &key].join("-"), Expected::Any, event, key)
    }

    /// Behind those that this stream has. An event that JSON cannot hold (a number that is none, a map with keys that are not text)
    /// has the unit [refused](Self::refuse).
    pub fn append<E: Event>(&mut self, stream: impl Into<String>, expected: Expected, event: &E) -> EventId {
        self.originate(stream.into(), expected, event, event.key())
    }

    fn originate<E: Event>(&mut self, stream: String, expected: Expected, event: &E, key: String) -> EventId {
        let event_id = EventId::new(self.origin.ids.next());
        let data = self.json(event, || format!("event `{}`", E::NAME));
        let context = &self.origin.context;
        let envelope = Envelope {
            event_id,
            timestamp: self.origin.clock.now(),
            source_module: self.origin.module.into(),
            event_type: E::NAME.into(),
            data,
            metadata: Metadata {
                correlation_id: context.correlation(),
                causation_id: context.causation(),
                user_id: context.principal().user().into(),
                schema_version: E::VERSION,
                key,
                priority: E::PRIORITY,
                position: None,
            },
        };
        observability::originated(observability::EVENT, self.origin.module, E::NAME, event_id.uuid(), context);
        let (envelope, tags) = (Arc::new(envelope), once_each(event.tags()));
        self.writes.push(Write::Append { stream, expected, envelope, tags });
        event_id
    }

    /// Appends an event that was made earlier and not committed then: with its identity, its time, whose it was and its tags.
    pub fn take_up(&mut self, stream: impl Into<String>, mut envelope: Envelope, tags: Vec<String>) {
        envelope.metadata.position = None;
        self.writes.push(Write::Append {
            stream: stream.into(),
            expected: Expected::Any,
            envelope: Arc::new(envelope),
            tags: once_each(tags),
        });
    }

    /// In place of the one that is there, if one is. What JSON cannot hold is refused as by [`append`](Self::append).
    pub fn put<D: Document>(&mut self, key: impl Into<String>, document: &D, expected: Expected) {
        let key = key.into();
        let body = self.json(document, || format!("document `{}/{key}`", D::COLLECTION));
        self.put_body::<D>(key, body, expected);
    }

    /// The same of one that was put into words already.
    pub(crate) fn put_body<D: Document>(&mut self, key: String, body: Json, expected: Expected) {
        let (collection, version) = (D::COLLECTION.into(), D::VERSION);
        self.writes.push(Write::Put { collection, key, body, version, expected });
    }

    fn json<T: Serialize>(&mut self, value: &T, what: impl FnOnce() -> String) -> Json {
        Json::of(value).unwrap_or_else(|error| {
            self.refuse(CommitError::Unwritable(format!("{} cannot be written as JSON: {error}", what())));
            Json::of(&()).expect("nothing is JSON")
        })
    }

    /// Takes a document away. With [`Expected::Any`] there need be none.
    pub fn delete<D: Document>(&mut self, key: impl Into<String>, expected: Expected) {
        self.writes.push(Write::Delete { collection: D::COLLECTION.into(), key: key.into(), expected });
    }

    /// Writes into a collection whose name is made while the program runs: `None` takes the document away.
    pub(crate) fn write(&mut self, collection: String, key: String, body: Option<Json>) {
        let (collection, expected) = (collection.into(), Expected::Any);
        self.writes.push(match body {
            // A projection has another generation where others have another version.
            Some(body) => Write::Put { collection, key, body, version: 1, expected },
            None => Write::Delete { collection, key, expected },
        });
    }

    /// The unit is refused when an event that matches was committed behind this position: for a decision that rests on what the
    /// log says, and not on one stream. `after` is how far the reads behind the decision went, [`Store::head`](crate::Store::head)
    /// before the first of them. The unit's own events do not count.
    ///
    /// With a tag in each item of the query the store looks at what has that tag; otherwise at every event behind `after`.
    pub fn guard(&mut self, query: EventQuery, after: Position) {
        self.writes.push(Write::Guard { query, after });
    }

    /// The unit is refused unless this is true of a document that it does not write: a lease that must still be held.
    pub fn require<D: Document>(&mut self, key: impl Into<String>, expected: Expected) {
        self.writes.push(Write::Require { collection: D::COLLECTION, key: key.into(), expected });
    }

    /// A subscriber, by its stable name, has handled everything up to and including this position. It takes the place of
    /// the earlier one, also if it is lower.
    pub fn checkpoint(&mut self, subscriber: impl Into<String>, position: Position) {
        self.writes.push(Write::Checkpoint { subscriber: subscriber.into(), position });
    }

    /// For whoever runs the unit, not for those who write into it: another one goes on with it.
    pub fn origin_mut(&mut self) -> &mut Origin {
        &mut self.origin
    }

    /// It is written also after the deadline of the work that it is a part of: for what must be known of work that came too late.
    #[must_use]
    pub fn regardless_of_the_deadline(mut self) -> Self {
        self.is_due_ever = true;
        self
    }

    /// It is refused for this reason: for whoever puts something into it of which it is known already that nothing can come.
    pub fn refuse(&mut self, reason: CommitError) {
        self.refused.get_or_insert(reason);
    }

    /// For adapters: until when it may be written. None for one that writes nothing.
    pub fn deadline(&self) -> Option<Deadline> {
        let at = self.origin.context.deadline().filter(|_| !self.is_due_ever && !self.is_empty())?;
        Some(Deadline { at, clock: Arc::clone(&self.origin.clock) })
    }

    /// For adapters: to be asked before anything of it is written.
    ///
    /// # Errors
    /// Unwritable, if some of it is too large, or nests too deep to be read back; what it is to be [refused](Self::refuse) for.
    pub fn check(&self) -> Result<(), CommitError> {
        // Mutant `unwritable_written`: what nobody can read back is written.
        if cfg!(mutant = "unwritable_written") {
            return Ok(());
        }
        if let Some(reason) = &self.refused {
            return Err(reason.clone());
        }
        self.writes.iter().try_for_each(|write| match write {
            Write::Append { envelope, .. } => check_event(envelope),
            Write::Put { collection, key, body, .. } => check_document(collection, key, body),
            Write::Delete { .. } | Write::Guard { .. } | Write::Require { .. } | Write::Checkpoint { .. } => Ok(()),
        })
    }

    /// Whether there is nothing to write and nothing to check.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.refused.is_none()
    }

    /// For adapters and for tests: what is to be written, in the order in which it was added.
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// The events that are to be written, in the order in which they were added.
    pub fn events(&self) -> impl Iterator<Item = &Envelope> {
        self.writes.iter().filter_map(|write| match write {
            Write::Append { envelope, .. } => Some(&**envelope),
            _ => None,
        })
    }

    pub(crate) fn take_writes(&mut self) -> Vec<Write> {
        mem::take(&mut self.writes)
    }

    /// As [`writes`](Self::writes), for the adapter that writes them.
    pub fn into_writes(self) -> Vec<Write> {
        self.writes
    }
}

/// For adapters: whether each store can write this event, and each reader read it.
///
/// # Errors
/// Unwritable: its data is too large, or nests too deep; its time is centuries away.
pub fn check_event(event: &Envelope) -> Result<(), CommitError> {
    if event.timestamp.timestamp_nanos_opt().is_none() {
        let (of, at) = (&event.event_type, event.timestamp);
        let message =
            format!("event `{of}` happened at {at}, and a store holds the years 1678 to 2261: set the clock right");
        return Err(CommitError::Unwritable(message));
    }
    fits(&event.data, DEEPEST - AROUND, LARGEST / 2, || format!("event `{}`", event.event_type))
}

/// For adapters: whether each store can write this document, and each reader read it.
///
/// # Errors
/// Unwritable: it is too large, or nests too deep.
pub fn check_document(collection: &str, key: &str, body: &Json) -> Result<(), CommitError> {
    fits(body, DEEPEST, LARGEST, || format!("document `{collection}/{key}`"))
}

/// Whether each store can write it, and each reader read it.
pub(crate) fn fits(
    json: &Json,
    deepest: usize,
    largest: usize,
    what: impl FnOnce() -> String,
) -> Result<(), CommitError> {
    let text = json.text();
    if text.len() > largest {
        let (what, size) = (what(), text.len());
        let message = format!("{what} has {size} bytes, and {largest} are the most: keep large data as a blob");
        return Err(CommitError::Unwritable(message));
    }
    // A level takes two brackets: hardly any text is looked through.
    if text.len() > 2 * deepest && depth(text) > deepest {
        let what = what();
        let message =
            format!("{what} nests deeper than {deepest} levels and could never be read back: make it flatter");
        return Err(CommitError::Unwritable(message));
    }
    Ok(())
}

/// Of well-formed JSON.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut is_text, mut is_escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => is_text = !is_text,
            b'{' | b'[' if !is_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !is_text => depth -= 1,
            _ => {}
        }
    }
    deepest
}

/// A tag is there or not. Most events have none.
fn once_each(mut tags: Vec<String>) -> Vec<String> {
    tags.sort_unstable();
    tags.dedup();
    tags
}

pub(crate) fn to_json<T: Serialize>(value: &T) -> Json {
    Json::of(value).expect("messages and documents are plain data that JSON can hold")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_that_are_no_text() {
        for (text, levels) in [("1", 0), ("[]", 1), (r#"{"a":[{}],"b":[]}"#, 3), (r#"["[[","\"[[","\\",[]]"#, 2)] {
            assert_eq!(depth(text), levels, "{text}");
        }
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let json = Json::of(&"x".repeat(62)).unwrap();
        fits(&json, DEEPEST, 64, || unreachable!("it fits")).unwrap();
        let refused = fits(&json, DEEPEST, 63, || "document `c/k`".into()).unwrap_err().to_string();
        assert_eq!(refused, "document `c/k` has 64 bytes, and 63 are the most: keep large data as a blob");
    }
}
