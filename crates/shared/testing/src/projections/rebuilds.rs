use std::sync::{Arc, Mutex};

use event_sourcing::{
    Position, ProjectionError, Projections, ReadModel, RebuildEnd, RebuildProgress, Store, follow_rebuild, projections,
};
use tokio::task::JoinHandle;

use super::{
    oracle::{check, check_live},
    running::{Running, projector, rested},
    tally::{Score, Tally, publish},
};
use crate::bus::{BusHome, until};

const NAME: &str = "testing.tally";

/// While the next generation is filled, events go on to come and to be seen; whoever looks again and again never sees less than
/// before. At the end nothing is left of the old one.
/// Rule 7 of docs/durability.md.
pub(super) async fn readers_keep_the_old_one_until_the_switch(home: &impl BusHome) {
    let store = home.open().await;
    publish(&store, (0..700).map(|n| 100 + n)).await;
    let running = Running::start::<Tally<1>>(&store);
    rested(&*store, 1).await;
    let watching = watch(&store, 1);
    assert_eq!(running.projections.rebuild(NAME).await, Ok(2));
    for n in 0..30 {
        publish(&store, [1000 + n]).await;
    }
    let told = Mutex::new(Vec::new());
    let tell = |progress: &RebuildProgress| told.lock().unwrap().push(progress.clone());
    assert_eq!(follow_rebuild(&*store, NAME, 2, tell).await.unwrap(), RebuildEnd::Live);
    for progress in told.into_inner().unwrap() {
        assert!(progress.position <= progress.head && progress.head >= Position(700), "{progress:?}");
    }
    rested(&*store, 1).await;
    assert!(watching.await.unwrap() > 0, "nobody has looked while it was filled");
    running.stop().await;
    let status = check(&*store).await;
    assert_eq!((status.live.number, status.live.applied), (2, 730));
    assert_eq!(follow_rebuild(&*store, NAME, 1, |_| ()).await.unwrap(), RebuildEnd::GivenUp);
}

/// Looks until this generation is not live any more, and counts. What is seen never goes back.
fn watch(store: &Arc<dyn Store>, generation: u32) -> JoinHandle<u64> {
    let store = Arc::clone(store);
    tokio::spawn(async move {
        let model = ReadModel::<Tally<1>>::new(Arc::clone(&store));
        let (mut seen, mut looks) = ((Position(0), 0), 0);
        loop {
            let is_over = projections(&*store).await.unwrap()[0].live.number != generation;
            let position = model.position().await.unwrap();
            let notes = model.get::<Score<1>>("a").await.unwrap().map_or(0, |found| found.value.notes.len());
            let now = (position, notes);
            assert!(position >= seen.0 && notes >= seen.1, "readers had seen {seen:?}, and now {now:?}");
            seen = now;
            if is_over {
                return looks;
            }
            looks += 1;
            tokio::task::yield_now().await;
        }
    })
}

/// Orders are in the store: the one who gives them need not run the projection. Whoever was interrupted and orders a rebuild again
/// has the one that is under way.
pub(super) async fn a_rebuild_under_way_goes_on(home: &impl BusHome) {
    let store = home.open().await;
    publish(&store, 1..=3).await;
    let clerk = || Projections::new([Arc::new(projector::<Tally<1>>(&store))]);
    assert_eq!(clerk().rebuild(NAME).await, Ok(2));
    assert_eq!(clerk().rebuild(NAME).await, Ok(2));
    assert_eq!(clerk().pause("testing.tall").await, Err(ProjectionError::Unknown("testing.tall".into())));
    let running = Running::start::<Tally<1>>(&store);
    rested(&*store, 1).await;
    running.stop().await;
    assert_eq!(check(&*store).await.live.number, 2);
    assert_eq!(clerk().rebuild(NAME).await, Ok(3));
}

/// A program with a raised version: what the earlier one wrote is seen until all is written anew.
pub(super) async fn a_raised_version_builds_by_itself(home: &impl BusHome) {
    let store = home.open().await;
    publish(&store, 100..=110).await;
    let running = Running::start::<Tally<1>>(&store);
    rested(&*store, 1).await;
    running.projections.pause(NAME).await.unwrap();
    running.stop().await;
    publish(&store, [120]).await;
    // Paused, so that there is time to look.
    let running = Running::start::<Tally<3>>(&store);
    until("it looks", async || running.standing().paused).await;
    let status = check_live(&*store).await;
    assert_eq!((status.live.version, status.live.position), (1, Position(11)));
    let old = ReadModel::<Tally<3>>::new(store.clone()).get::<Score<3>>("a").await.unwrap();
    assert_eq!(old.expect("it is there").value.sum, 100 + 104 + 108, "once, as the version before counts");
    running.projections.resume(NAME).await.unwrap();
    rested(&*store, 3).await;
    running.stop().await;
    let status = check(&*store).await;
    assert_eq!((status.live.version, status.live.number), (3, 2));
}

/// Who was not upgraded does not undo what the upgraded one has done, unless a person says so.
pub(super) async fn an_older_program_leaves_the_newer_one_alone(home: &impl BusHome) {
    let store = home.open().await;
    publish(&store, 1..=3).await;
    let running = Running::start::<Tally<3>>(&store);
    rested(&*store, 3).await;
    running.stop().await;
    publish(&store, [4]).await;
    let running = Running::start::<Tally<1>>(&store);
    until("it says why it does nothing", async || running.standing().trouble.is_some()).await;
    assert!(running.standing().trouble.expect("it is said").contains("start the newer one"));
    assert_eq!(running.standing().lag, 1);
    let status = check_live(&*store).await;
    assert_eq!((status.live.version, status.live.behind, status.rebuild), (3, 1, None));
    running.projections.rebuild(NAME).await.unwrap();
    rested(&*store, 1).await;
    until("it does its work", async || running.standing().trouble.is_none()).await;
    running.stop().await;
    check(&*store).await;
}

/// Rolled back: the newer one that has begun a rebuild is not there to end it.
pub(super) async fn a_newer_program_that_is_gone_holds_up_no_rebuild(home: &impl BusHome) {
    let store = home.open().await;
    publish(&store, 1..=3).await;
    let running = Running::start::<Tally<1>>(&store);
    rested(&*store, 1).await;
    running.stop().await;
    let newer = Projections::new([Arc::new(projector::<Tally<3>>(&store))]);
    assert_eq!(newer.rebuild(NAME).await, Ok(2));
    let running = Running::start::<Tally<1>>(&store);
    assert_eq!(running.projections.rebuild(NAME).await, Ok(3), "in its place");
    assert_eq!(follow_rebuild(&*store, NAME, 3, |_| ()).await.unwrap(), RebuildEnd::Live);
    rested(&*store, 1).await;
    running.stop().await;
    assert_eq!(check(&*store).await.live.number, 3);
}

/// The way out of an event that cannot be applied: a mended program writes everything anew, past it. One that cannot apply it
/// either halts beside the live one, which goes on; another rebuild takes the place of that.
pub(super) async fn a_rebuild_halts_beside_the_live_one(home: &impl BusHome) {
    let store = home.open().await;
    publish(&store, [1, 13, 2]).await;
    let running = Running::start::<Tally<2>>(&store);
    rested(&*store, 2).await;
    running.stop().await;
    let clerk = Projections::new([Arc::new(projector::<Tally<1>>(&store))]);
    assert_eq!(clerk.rebuild(NAME).await, Ok(2), "by an earlier program");
    let running = Running::start::<Tally<1>>(&store);
    let RebuildEnd::Halted(halt) = follow_rebuild(&*store, NAME, 2, |_| ()).await.unwrap() else { panic!("halts") };
    assert_eq!((halt.position, &*halt.error), (Position(2), "bad luck"));
    until("it says so", async || running.standing().rebuild_halted.is_some()).await;
    assert_eq!(clerk.rebuild(NAME).await, Ok(3), "in its place");
    until("it halts too", async || projections(&*store).await.unwrap()[0].clone().rebuild.unwrap().halted.is_some())
        .await;
    running.stop().await;
    assert_eq!(check_live(&*store).await.live.number, 1);
    let running = Running::start::<Tally<2>>(&store);
    publish(&store, [5]).await;
    rested(&*store, 2).await;
    running.stop().await;
    assert_eq!(check(&*store).await.live.number, 4, "the older one was given up");
}

/// Two processes run the same projection: each event is applied once, whoever is faster.
pub(super) async fn two_runners_repeat_nothing(home: &impl BusHome) {
    let store = home.open().await;
    let runners = [Running::start::<Tally<1>>(&store), Running::start::<Tally<1>>(&store)];
    for round in 0..20 {
        publish(&store, (0..5).map(|n| 100 + round * 5 + n)).await;
        if round == 5 {
            runners[0].projections.rebuild(NAME).await.unwrap();
        }
        // Each of them has something to be faster at.
        rested(&*store, 1).await;
    }
    for runner in runners {
        runner.stop().await;
    }
    assert_eq!(check(&*store).await.live.applied, 100);
}
