//! What is the same over every store: sets of events, the form of a state, and what is said of a snapshot that is not used.

use std::{
    io,
    num::NonZeroU64,
    sync::{Arc, Mutex},
};

use event_sourcing::{
    Aggregate, Document, EventSet, Expected, Loaded, MemoryStore, Repository, Snapshot, SnapshotPolicy, Snapshotted,
    Store, StoreExt, Unit, event_set,
};
use expect_test::{Expect, expect};
use kernel::{Event, ManualClock};
use observability::{Options, subscriber};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use testing::snapshots_equal_replay;

macro_rules! events {
    ($($event:ident: $name:literal;)*) => {$(
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        struct $event {
            lamp: u32,
        }

        impl Event for $event {
            const NAME: &'static str = $name;

            fn key(&self) -> String {
                self.lamp.to_string()
            }
        }
    )*};
}

events! {
    Lit: "lamp.lit";
    Dimmed: "lamp.dimmed";
    Moved: "lamp.moved";
}

event_set! {
    #[derive(Debug, Clone, PartialEq)]
    enum LampEvent {
        Lit(Lit),
        /// By half.
        Dimmed(Dimmed),
    }
}

/// A lamp in two programs: they differ in what they say about it, in a field, or in what the field means.
macro_rules! lamps {
    ($($lamp:ident: $version:literal { $(#[$meta:meta])* $field:ident };)*) => {$(
        #[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[schemars(rename = "Lamp")]
        struct $lamp {
            $(#[$meta])*
            $field: u64,
        }

        impl Aggregate for $lamp {
            type Id = u32;
            type Event = LampEvent;
            const STREAM: &'static str = "lamp";

            fn apply(&mut self, event: LampEvent) {
                match event {
                    LampEvent::Lit(_) => self.$field = 100,
                    LampEvent::Dimmed(_) => self.$field /= 2,
                }
            }
        }

        impl Snapshotted for $lamp {
            const COLLECTION: &'static str = "lamp.snapshots";
            const STATE_VERSION: u32 = $version;
        }
    )*};
}

lamps! {
    Lamp: 1 { brightness };
    Documented: 1 { /** Per cent. */ brightness };
    Renamed: 1 { percent };
    Reconsidered: 2 { brightness };
}

fn origin() -> event_sourcing::Origin {
    testing::origin("lamps")
}

#[test]
fn a_set_knows_its_events_and_no_others() {
    assert_eq!(LampEvent::NAMES, ["lamp.lit", "lamp.dimmed"]);
    let mut unit = Unit::new(origin());
    LampEvent::from(Dimmed { lamp: 3 }).append(&mut unit, "lamp-3", Expected::Any);
    Moved { lamp: 3 }.append(&mut unit, "lamp-3", Expected::Any);
    let envelopes: Vec<_> = unit
        .into_writes()
        .into_iter()
        .filter_map(|write| match write {
            event_sourcing::Write::Append { envelope, .. } => Some(envelope),
            _ => None,
        })
        .collect();
    assert_eq!(LampEvent::decode(&envelopes[0]).unwrap().unwrap(), LampEvent::Dimmed(Dimmed { lamp: 3 }));
    assert!(LampEvent::decode(&envelopes[1]).is_none());
    // One type of event is a set of one.
    assert_eq!(<Moved as EventSet>::NAMES, ["lamp.moved"]);
    assert_eq!(<Moved as EventSet>::decode(&envelopes[1]).unwrap().unwrap(), Moved { lamp: 3 });
    assert!(<Moved as EventSet>::decode(&envelopes[0]).is_none());
    let alone: Vec<LampEvent> = LampEvent::from(Lit { lamp: 3 }).into_iter().collect();
    assert_eq!(alone, [LampEvent::Lit(Lit { lamp: 3 })]);
}

#[tokio::test]
async fn snapshots_of_an_aggregate_are_checked_against_its_replay() {
    let (lit, dimmed) = (LampEvent::from(Lit { lamp: 1 }), LampEvent::from(Dimmed { lamp: 1 }));
    let history = vec![dimmed.clone(), lit.clone(), dimmed.clone(), dimmed, lit];
    snapshots_equal_replay::<Lamp>(1, [vec![], history]).await;
}

/// Lines of the log, captured.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What another program has written, and the next one says and loads.
async fn next<A: Snapshotted<Id = u32>>(store: &Arc<dyn Store>) -> (String, Loaded<A>) {
    let lines = Lines::default();
    let writer = lines.clone();
    let log = subscriber(Options { verbosity: 1, ..Options::default() }, None, ManualClock::default(), move || {
        writer.clone()
    })
    .unwrap();
    let _log = tracing::subscriber::set_default(log);
    let every = SnapshotPolicy::Every(NonZeroU64::MIN);
    let repository = Repository::<A>::new(Arc::clone(store)).with_snapshots(every);
    let loaded = repository.load(&7).await.unwrap();
    let said = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    (said, loaded)
}

async fn one_snapshot() -> Arc<dyn Store> {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let every = SnapshotPolicy::Every(NonZeroU64::MIN);
    let repository = Repository::<Lamp>::new(Arc::clone(&store)).with_snapshots(every);
    let (mut lamp, mut unit) = (Loaded::fresh(7), Unit::new(origin()));
    repository.save(&mut lamp, LampEvent::from(Lit { lamp: 7 }), &mut unit);
    store.commit(unit).await.unwrap();
    assert_eq!(store.get::<Snapshot<Lamp>>("7").await.unwrap().unwrap().value.version, 1);
    store
}

/// Rule 9: a mismatch is a replay, and says so.
#[tokio::test]
async fn a_snapshot_that_is_not_used_is_told_with_the_reason() {
    let store = one_snapshot().await;
    let check = |said: String, expected: Expect| expected.assert_eq(&said);
    let (said, lamp) = next::<Lamp>(&store).await;
    check(said, expect![""]);
    assert_eq!((lamp.version(), lamp.into_state()), (1, Lamp { brightness: 100 }));
    let (said, lamp) = next::<Documented>(&store).await;
    check(said, expect![""]);
    assert_eq!(lamp.into_state(), Documented { brightness: 100 });
    let (said, lamp) = next::<Renamed>(&store).await;
    check(
        said,
        expect![[r#"
        1970-01-01T00:00:00.000Z  WARN event_sourcing::aggregate::snapshot: a snapshot is not used, its stream is replayed: its state has another schema than this program's collection="lamp.snapshots" key="7"
    "#]],
    );
    assert_eq!(lamp.into_state(), Renamed { percent: 100 });
    let (said, lamp) = next::<Reconsidered>(&store).await;
    check(
        said,
        expect![[r#"
        1970-01-01T00:00:00.000Z  WARN event_sourcing::aggregate::snapshot: a snapshot is not used, its stream is replayed: it has state version 1, this program has 2 collection="lamp.snapshots" key="7"
    "#]],
    );
    assert_eq!(lamp.into_state(), Reconsidered { brightness: 100 });

    let mut unit = Unit::new(origin());
    unit.put("7", &Rubbish(7), Expected::Any);
    store.commit(unit).await.unwrap();
    let (said, lamp) = next::<Lamp>(&store).await;
    check(
        said,
        expect![[r#"
        1970-01-01T00:00:00.000Z  WARN event_sourcing::aggregate::snapshot: a snapshot is not used, its stream is replayed: it is damaged: invalid type: integer `7`, expected struct Snapshot at line 1 column 1 collection="lamp.snapshots" key="7"
    "#]],
    );
    assert_eq!(lamp.into_state(), Lamp { brightness: 100 });
}

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Rubbish(u32);

impl Document for Rubbish {
    const COLLECTION: &'static str = "lamp.snapshots";
}
