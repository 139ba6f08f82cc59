//! Snapshots: a shorter way to what the events say, and never more than that.

use std::{marker::PhantomData, num::NonZeroU64};

use kernel::{EventId, Fingerprint, Json};
use observability::{Counter, Label, Metric};
use schemars::{JsonSchema, generate::SchemaSettings, transform::RecursiveTransform};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Aggregate, Loaded};
use crate::{Document, Expected, Store, StoreError, StoreErrorKind, Unit, check_document};

const UNUSED: Metric<Counter, 1> = Metric::counter(
    "borough_snapshots_unused_total",
    "Snapshots in place of which a stream was replayed, by what is wrong with them: damage, form, events",
    [Label::of("because", &["damage", "form", "events"])],
);

/// An aggregate whose state can be kept beside its events, so that not all of them have to be read.
pub trait Snapshotted: Aggregate + Serialize + DeserializeOwned + JsonSchema {
    /// The collection of the snapshots, which its module [keeps](Snapshot) and nobody else writes to.
    const COLLECTION: &'static str;
    /// What the state means. Raise it with a change of `apply` or of an upcaster that leaves the form of the state as it was: a
    /// change of that form is found without it.
    const STATE_VERSION: u32 = 1;
}

/// When a snapshot is written: never without events, and always in their unit.
#[derive(Debug, Clone, Copy)]
pub enum SnapshotPolicy<A> {
    /// Those that there are are read, and no others come.
    Never,
    /// When there have been so many events since the last one.
    Every(NonZeroU64),
    /// When this says so, of the state and of how many events there have been since the last one.
    When(fn(&A, u64) -> bool),
}

/// A snapshot as it is kept, under the id of its aggregate. A module declares it: `.keeps::<Snapshot<Till>>()`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Snapshot<A> {
    /// Of the stream: how many events are in it.
    pub version: u64,
    /// The last of those events. A snapshot of another stream, or of one that was written anew, is known by it.
    pub event_id: EventId,
    /// [`Snapshotted::STATE_VERSION`] when it was written.
    pub state_version: u32,
    /// Of the JSON Schema of the state when it was written, without its texts.
    pub schema: Fingerprint,
    /// The state.
    pub state: Json,
    #[serde(skip)]
    of: PhantomData<fn() -> A>,
}

impl<A: Snapshotted> Document for Snapshot<A> {
    const COLLECTION: &'static str = A::COLLECTION;
}

/// What a repository does about snapshots. The functions are those of a [`Snapshotted`], which the repository itself is not
/// bound to.
pub(super) struct Keeper<A: Aggregate> {
    policy: SnapshotPolicy<A>,
    collection: &'static str,
    state_version: u32,
    /// Made once: to make it costs more than most loads.
    schema: Fingerprint,
    decode: fn(&Json) -> Result<A, serde_json::Error>,
    put: fn(&Keeper<A>, &Loaded<A>, EventId, &mut Unit),
}

/// Why a snapshot is not used.
pub(super) enum Unused {
    /// It is not what was written.
    Damage(String),
    /// It was written by a program to which the state is, or means, something else.
    Form(String),
    /// The stream does not have its last event where it says.
    Events,
}

/// The state that a snapshot has, and where its stream goes on.
pub(super) struct Start<A> {
    pub state: A,
    pub version: u64,
    pub event_id: EventId,
}

impl<A: Snapshotted> Keeper<A> {
    pub fn new(policy: SnapshotPolicy<A>) -> Self {
        Self {
            policy,
            collection: A::COLLECTION,
            state_version: A::STATE_VERSION,
            schema: form::<A>(),
            decode: Json::read,
            put,
        }
    }
}

impl<A: Aggregate> Keeper<A> {
    /// The snapshot of this one, unless it is of a version after `most` or cannot be used. Why not is said, and the events are
    /// asked instead: that a snapshot is damaged harms nobody.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn latest(&self, store: &dyn Store, id: &A::Id, most: u64) -> Result<Option<Start<A>>, StoreError> {
        let key = id.to_string();
        let document = match store.document(self.collection, &key).await {
            Ok(Some(document)) => document,
            Ok(None) => return Ok(None),
            Err(error) if error.kind == StoreErrorKind::Corrupt => {
                self.unused(&key, Unused::Damage(error.message));
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        match self.start(&document.body) {
            Ok(start) => Ok(Some(start).filter(|start| start.version <= most)),
            Err(unused) => {
                self.unused(&key, unused);
                Ok(None)
            }
        }
    }

    fn start(&self, body: &Json) -> Result<Start<A>, Unused> {
        let damage = |error: serde_json::Error| Unused::Damage(error.to_string());
        let Snapshot::<A> { version, event_id, state_version, schema, state, .. } = body.read().map_err(damage)?;
        // Mutant `snapshot_of_any_form`: a state of an earlier form or meaning is taken for one of the present.
        if !cfg!(mutant = "snapshot_of_any_form") {
            if state_version != self.state_version {
                let why = format!("it has state version {state_version}, this program has {}", self.state_version);
                return Err(Unused::Form(why));
            }
            if schema != self.schema {
                return Err(Unused::Form("its state has another schema than this program's".to_owned()));
            }
        }
        if version == 0 {
            return Err(Unused::Damage("it is of version 0, before the first event".to_owned()));
        }
        Ok(Start { state: (self.decode)(&state).map_err(damage)?, version, event_id })
    }

    /// Says that all events have to be read, and why.
    pub fn unused(&self, key: &str, unused: Unused) {
        let (because, why) = match unused {
            Unused::Damage(why) => ("damage", format!("it is damaged: {why}")),
            Unused::Form(why) => ("form", why),
            Unused::Events => ("events", "its last event is not in the stream at its version".to_owned()),
        };
        UNUSED.of([because]).increment(1);
        tracing::warn!(collection = self.collection, key, "a snapshot is not used, its stream is replayed: {why}");
    }

    /// After events were added, the last of them this one.
    pub fn keep(&self, loaded: &mut Loaded<A>, event_id: EventId, unit: &mut Unit) {
        let since = loaded.version - loaded.snapshot;
        let is_due = match self.policy {
            SnapshotPolicy::Never => false,
            SnapshotPolicy::Every(events) => since >= events.get(),
            SnapshotPolicy::When(is_due) => is_due(&loaded.state, since),
        };
        if is_due {
            (self.put)(self, loaded, event_id, unit);
            loaded.snapshot = loaded.version;
        }
    }
}

/// The append beside it is guarded by the version, so this need not be.
fn put<A: Snapshotted>(keeper: &Keeper<A>, loaded: &Loaded<A>, event_id: EventId, unit: &mut Unit) {
    let key = loaded.id.to_string();
    let snapshot = |state: Json| Snapshot {
        version: loaded.version,
        event_id,
        state_version: keeper.state_version,
        schema: keeper.schema.clone(),
        state,
        of: PhantomData::<fn() -> A>,
    };
    let body = Json::of(&loaded.state).and_then(|state| Json::of(&snapshot(state))).map_err(|error| error.to_string());
    let body = body.and_then(|body| match check_document(A::COLLECTION, &key, &body) {
        Ok(()) => Ok(body),
        Err(refused) => Err(refused.to_string()),
    });
    match body {
        // In place of what is there, which may be damaged: then a store would not have anything written upon it.
        Ok(body) => {
            unit.delete::<Snapshot<A>>(key.as_str(), Expected::Any);
            unit.put_body::<Snapshot<A>>(key, body, Expected::Any);
        }
        // The events say it all.
        Err(why) => {
            tracing::warn!(collection = A::COLLECTION, key, "no snapshot is kept, the stream is replayed: {why}")
        }
    }
}

/// Of the form alone: another text about a field is no other form.
fn form<A: JsonSchema>() -> Fingerprint {
    let without_texts = RecursiveTransform(|schema: &mut schemars::Schema| {
        _ = schema.remove("title");
        _ = schema.remove("description");
    });
    let settings = SchemaSettings::draft2020_12().with_transform(without_texts);
    let schema = settings.into_generator().into_root_schema_for::<A>();
    let text = Json::of(&schema).expect("a schema is JSON");
    Fingerprint::of(text.text().as_bytes())
}
