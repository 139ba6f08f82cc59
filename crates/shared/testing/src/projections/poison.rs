use std::sync::Arc;

use event_sourcing::{Position, Unit};
use kernel::{Envelope, SystemIds};

use super::{
    oracle::{check, check_live},
    running::{Running, rested},
    tally::{Tally, publish},
};
use crate::{
    actors::origin,
    bus::{BusHome, until},
    store::Noted,
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
