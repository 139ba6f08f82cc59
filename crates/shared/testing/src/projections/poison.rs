use std::{future::pending, sync::Arc};

use event_sourcing::{
    Applies, Document, Events, Expected, OnPoison, Position, Projected, Projection, RebuildEnd, Store, Unit, View,
    follow_rebuild, projections,
};
use kernel::{Envelope, Error, SystemIds};
use serde::{Deserialize, Serialize};

use super::{
    oracle::{check, check_live},
    running::{Running, rested},
    tally::{Tally, publish},
};
use crate::{
    actors::origin,
    bus::{BusHome, until},
    faults::{Damaged, Fault, FaultPlan},
    store::{Noted, nested},
};

const NAME: &str = "testing.tally";

/// It stops before the event, with all that came before it, and says so to every process. A restart tries again; with a program
/// that was mended it goes on.
pub(super) async fn an_event_that_fails_or_panics_halts_before_it(home: &impl BusHome, poison: u64, told: &str) {
    let store = home.open().await;
    publish(&store, [1, 2, poison, 3]).await;
    for _ in 0..2 {
        let running = Running::start::<Tally<1>>(&store);
        until("it has halted", async || running.standing().halted.is_some()).await;
        let standing = running.standing();
        let halt = standing.halted.expect("it has halted");
        assert_eq!((halt.position, &*halt.error), (Position(3), told));
        assert_eq!((standing.position, standing.lag), (Position(2), 2), "what is behind it waits");
        assert!(standing.oldest.is_some(), "and has an age");
        running.stop().await;
        let status = check_live(&*store).await;
        assert_eq!((status.live.halted, status.live.applied), (Some(halt), 2));
    }
    let running = Running::start::<Tally<3>>(&store);
    rested(&*store, 3).await;
    running.stop().await;
    assert_eq!(check(&*store).await.live.halted, None);
}

/// It is counted and passed over, and what it had written is not there.
pub(super) async fn what_may_be_incomplete_passes_it_over(home: &impl BusHome) {
    let store = home.open().await;
    publish(&store, [1, 13, 2, 14, 3]).await;
    store.commit(of_a_later_version()).await.unwrap();
    publish(&store, [4]).await;
    let running = Running::start::<Tally<2>>(&store);
    rested(&*store, 2).await;
    running.stop().await;
    let status = check(&*store).await;
    assert_eq!((status.live.applied, status.live.skipped), (4, 3));
}

/// Digs as many levels deep as the number of the note says; for 0 it never ends.
#[derive(Debug, Clone, Copy, Default)]
struct Digging<const SKIPS: bool>;

#[derive(Debug, Serialize, Deserialize)]
struct Hole<const SKIPS: bool> {
    levels: serde_json::Value,
}

impl<const SKIPS: bool> Projected for Hole<SKIPS> {
    type By = Digging<SKIPS>;
    const COLLECTION: &'static str = "testing.holes";
}

impl<const SKIPS: bool> Projection for Digging<SKIPS> {
    const NAME: &'static str = "testing.digging";
    const VERSION: u32 = 1;
    const COLLECTIONS: &'static [&'static str] = &[Hole::<SKIPS>::COLLECTION];
    const ON_FAILURE: OnPoison = if SKIPS { OnPoison::Skip } else { OnPoison::Halt };

    fn events() -> Events<Self> {
        Events::default().of::<Noted>()
    }
}

impl<const SKIPS: bool> Applies<Noted> for Digging<SKIPS> {
    async fn apply(&self, event: &Noted, _: &Envelope, view: &mut View<'_, Self>) -> Result<(), Error> {
        if event.n == 0 {
            pending::<()>().await;
        }
        view.put(event.writer.as_str(), &Hole { levels: nested(event.n as usize) });
        Ok(())
    }
}

/// It stands with the others in one unit, and is the fault of its event alone.
pub(super) async fn what_no_store_takes_is_the_fault_of_its_event(halts: &impl BusHome, skips: &impl BusHome) {
    let store = halts.open().await;
    publish(&store, [1, 200, 2]).await;
    let running = Running::start::<Digging<false>>(&store);
    until("it has halted", async || running.standing().halted.is_some()).await;
    let halt = running.standing().halted.expect("it has halted");
    assert_eq!(halt.position, Position(2));
    assert!(halt.error.contains("nests deeper than 127 levels"), "{}", halt.error);
    running.stop().await;

    let store = skips.open().await;
    publish(&store, [1, 200, 2]).await;
    let running = Running::start::<Digging<true>>(&store);
    rested(&*store, 1).await;
    running.stop().await;
    let live = projections(&*store).await.unwrap().remove(0).live;
    assert_eq!((live.applied, live.skipped), (2, 1));
}

/// Rule 4 of docs/durability.md.
pub(super) async fn whoever_is_stuck_says_how_far_behind_it_is(home: &impl BusHome) {
    let store = home.open().await;
    publish(&store, [1, 2]).await;
    let running = Running::start::<Digging<false>>(&store);
    rested(&*store, 1).await;
    publish(&store, [3, 0]).await;
    publish(&store, 4..400).await;
    until("it is at what does not end", async || running.standing().lag > 0).await;
    publish(&store, [4]).await;
    let standing = running.standing();
    assert!(standing.position == Position(2) && standing.lag >= 2, "{standing:?}");
    assert!(standing.age.is_some(), "readiness goes by it");
    running.kill().await;
    // The next run finds all of it: more than it reads at once.
    let running = Running::start::<Digging<false>>(&store);
    until("it is stuck again", async || running.standing().lag > 0).await;
    assert_eq!(running.standing().lag, 399);
    running.kill().await;
}

/// While the store takes nothing, too.
pub(super) async fn whoever_cannot_write_says_how_far_behind_it_is(home: &impl BusHome) {
    let store = home.open().await;
    let running = Running::start::<Digging<false>>(&store);
    rested(&*store, 1).await;
    running.stop().await;
    let full = FaultPlan::by_hand().only(["store.commit"]);
    full.always(Some(Fault::Fail));
    let port: Arc<dyn Store> = Arc::new(full.around(Arc::clone(&store)));
    publish(&store, [1, 2]).await;
    let running = Running::start::<Digging<false>>(&port);
    until("it is in trouble", async || running.standing().trouble.is_some()).await;
    let standing = running.standing();
    assert_eq!((standing.position, standing.lag, standing.age.is_some()), (Position(0), 2, true));
    running.kill().await;
}

/// Rule 8: what a newer program has published is not guessed at.
pub(super) async fn a_later_version_of_an_event_halts(home: &impl BusHome) {
    let store = home.open().await;
    publish(&store, [1]).await;
    store.commit(of_a_later_version()).await.unwrap();
    let running = Running::start::<Tally<1>>(&store);
    until("it has halted", async || running.standing().halted.is_some()).await;
    let halt = running.standing().halted.expect("it has halted");
    let told = "`testing.noted` is of version 9, this program understands up to 3: upgrade it";
    assert_eq!((halt.position, &*halt.error), (Position(2), told));
    running.stop().await;
    check_live(&*store).await;
}

fn of_a_later_version() -> Unit {
    let author = event_sourcing::Origin { ids: Arc::new(SystemIds), ..origin("notes") };
    let mut made = Unit::new(author.clone());
    made.publish(&Noted::new("a", 8));
    let event_sourcing::Write::Append { stream, envelope, .. } = &made.writes()[0] else { panic!("an event") };
    let mut envelope = Envelope::clone(envelope);
    envelope.metadata.schema_version = 9;
    let mut unit = Unit::new(author);
    unit.take_up(stream.as_str(), envelope, Vec::new());
    unit
}

/// In the middle of a page. What the projection makes of poison does not matter; a rebuild comes as far.
pub(super) async fn a_damaged_event_halts_behind_what_is_sound(home: &impl BusHome) {
    let store = home.open().await;
    publish(&store, 101..=400).await;
    let damaged = Damaged::at(Position(100));
    let port = damaged.around(Arc::clone(&store));
    let running = Running::start::<Tally<2>>(&port);
    until("it has halted", async || running.standing().halted.is_some()).await;
    let standing = running.standing();
    let halt = standing.halted.expect("it has halted");
    assert_eq!(
        (halt.position, halt.event_id, standing.position, standing.lag),
        (Position(100), None, Position(99), 201)
    );
    assert!(halt.to_string().starts_with("a damaged event at 100: event 100: it is not what was written"), "{halt}");
    let live = check_live(&*store).await.live;
    assert_eq!((live.applied, live.skipped, live.halted.as_ref()), (99, 0, Some(&halt)), "every process sees it");
    assert_eq!(running.projections.rebuild(NAME).await, Ok(2));
    assert_eq!(follow_rebuild(&*store, NAME, 2, |_| ()).await.unwrap(), RebuildEnd::Halted(halt));
    damaged.mend();
    running.projections.resume(NAME).await.unwrap();
    rested(&*store, 2).await;
    running.stop().await;
    let live = check(&*store).await.live;
    assert_eq!((live.number, live.applied, live.halted), (2, 300, None));
}

/// How far a projection is, as the store has it.
#[derive(Serialize, Deserialize)]
struct Progress {
    position: u64,
    applied: u64,
}

impl Document for Progress {
    const COLLECTION: &'static str = "event_sourcing.projection_progress";
}

/// It would pass over what comes next, without a word.
pub(super) async fn a_checkpoint_beyond_the_log_halts_and_a_rebuild_mends_it(home: &impl BusHome) {
    let store = home.open().await;
    publish(&store, 1..=3).await;
    let running = Running::start::<Tally<2>>(&store);
    rested(&*store, 2).await;
    running.stop().await;
    let mut unit = Unit::new(origin("tests"));
    unit.put(format!("{NAME}/{:08}", 1), &Progress { position: 500, applied: 3 }, Expected::Any);
    store.commit(unit).await.unwrap();
    let running = Running::start::<Tally<2>>(&store);
    until("it has halted", async || running.standing().halted.is_some()).await;
    let halt = running.standing().halted.expect("it has halted").to_string();
    assert!(halt.contains("the log ends at 3, before position"), "{halt}");
    publish(&store, 4..=5).await;
    assert_eq!(running.projections.rebuild(NAME).await, Ok(2));
    rested(&*store, 2).await;
    running.stop().await;
    let live = check(&*store).await.live;
    assert_eq!((live.number, live.applied, live.halted), (2, 5, None));
}

/// It is in the store: the next process keeps to it, until somebody says otherwise.
pub(super) async fn a_pause_survives_a_restart(home: &impl BusHome) {
    let store = home.open().await;
    let running = Running::start::<Tally<1>>(&store);
    publish(&store, [1]).await;
    rested(&*store, 1).await;
    running.projections.pause(NAME).await.unwrap();
    publish(&store, [2]).await;
    running.stop().await;
    for _ in 0..2 {
        let running = Running::start::<Tally<1>>(&store);
        until("it knows that it is paused", async || running.standing().paused && running.standing().lag == 1).await;
        assert_eq!(running.standing().position, Position(1));
        assert!(running.standing().halted.is_none());
        running.stop().await;
        assert!(check_live(&*store).await.paused.is_some());
    }
    let running = Running::start::<Tally<1>>(&store);
    running.projections.resume(NAME).await.unwrap();
    rested(&*store, 1).await;
    running.stop().await;
    assert!(check(&*store).await.paused.is_none());
}
