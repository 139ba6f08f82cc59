//! What projections promise, over the store in memory.

use std::{sync::Arc, time::Duration};

use event_sourcing::{Position, ReadModel, RebuildEnd, Store, follow_rebuild, projections};
use testing::{
    bus::BusHome,
    faults::{Fault, FaultPlan, each_seed},
    projections::{Running, Tally, publish, rested},
};
use tokio::time::{Instant, timeout};

use crate::Memory;

const TALLY: &str = "testing.tally";

#[tokio::test(start_paused = true)]
async fn projections_conform() {
    testing::projections_conformance(async || Memory::default()).await;
}

/// Histories drawn from a seed; all that can be in them was in one of them.
#[tokio::test(start_paused = true)]
async fn whatever_happens_it_is_what_follows_from_the_log() {
    let all = std::cell::Cell::new([0; 4]);
    each_seed(150, async |seed| {
        let done = testing::projections::projection_history(seed).await;
        all.set(std::array::from_fn(|i| all.get()[i] + done[i]));
    })
    .await;
    let is_replay = std::env::var_os("BOROUGH_SEED").is_some();
    assert!(
        is_replay || all.get().iter().all(|count| *count > 100),
        "events, restarts, rebuilds, faults: {:?}",
        all.get()
    );
}

/// Rule 7: no side-effect port fits into the handler's type, nobody else writes its documents, and it writes no others.
/// Rule 7 of docs/durability.md.
#[test]
fn what_a_projection_cannot_be_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}

/// Whoever reads while it is followed, rebuilt and upgraded on three nodes, with faults. More seeds of it run with the bus's tests.
#[test]
fn readers_see_what_the_log_says_at_every_moment() {
    let scenario = testing::simulation::Scenario::named("projections").unwrap();
    for seed in 0..12 {
        let failures = testing::simulation::simulate(scenario, seed, 3, None).failures;
        assert_eq!(failures, [""; 0], "cargo xtask simulate projections --nodes 3 --seed {seed:#x} --trace");
    }
}

/// Rule 13 of docs/durability.md: nobody waits for what nobody does.
#[tokio::test(start_paused = true)]
async fn a_rebuild_that_does_not_move_is_waited_for_a_minute() {
    let store = Memory::default().open().await;
    publish(&store, (0..700).map(|n| 100 + n)).await;
    let running = Running::start::<Tally<1>>(&store);
    rested(&*store, 1).await;
    let clerk = running.projections.clone();
    running.kill().await;
    assert_eq!(clerk.rebuild(TALLY).await, Ok(2));
    let ended = async |paused| {
        let began = Instant::now();
        let following = timeout(Duration::from_secs(600), follow_rebuild(&*store, TALLY, 2, |_| ()));
        let end = following.await.expect("somebody says that nobody does it").unwrap();
        assert_eq!(end, RebuildEnd::Stalled { position: Position(0), head: Position(700), paused });
        assert_eq!(began.elapsed().as_secs(), 60);
    };
    ended(false).await;
    clerk.pause(TALLY).await.unwrap();
    let running = Running::start::<Tally<1>>(&store);
    ended(true).await;
    running.projections.resume(TALLY).await.unwrap();
    assert_eq!(follow_rebuild(&*store, TALLY, 2, |_| ()).await.unwrap(), RebuildEnd::Live, "nothing is lost by that");
    running.stop().await;
}

/// However slow: three batches, each of which takes the store almost a minute.
#[tokio::test(start_paused = true)]
async fn a_rebuild_that_moves_is_waited_for() {
    let store = Memory::default().open().await;
    publish(&store, (0..700).map(|n| 100 + n)).await;
    let running = Running::start::<Tally<1>>(&store);
    rested(&*store, 1).await;
    let clerk = running.projections.clone();
    running.stop().await;
    assert_eq!(clerk.rebuild(TALLY).await, Ok(2));
    let slow = FaultPlan::by_hand().only(["store.commit"]);
    slow.always(Some(Fault::Delay(Duration::from_secs(55))));
    let port: Arc<dyn Store> = Arc::new(slow.around(Arc::clone(&store)));
    let running = Running::start::<Tally<1>>(&port);
    let began = Instant::now();
    assert_eq!(follow_rebuild(&*store, TALLY, 2, |_| ()).await.unwrap(), RebuildEnd::Live);
    assert!(began.elapsed() > Duration::from_secs(150));
    running.kill().await;
}

/// Whoever looks while one generation takes the place of another sees one of them as it is, and not half of each: the answer to the
/// first of its reads comes when the switch is over.
#[tokio::test(start_paused = true)]
async fn a_look_across_the_switch_sees_one_generation() {
    let store = Memory::default().open().await;
    publish(&store, 101..=105).await;
    let running = Running::start::<Tally<1>>(&store);
    rested(&*store, 1).await;
    for (generation, read) in [(2, "store.document"), (3, "store.documents")] {
        let late = FaultPlan::by_hand().only([read]);
        late.next(&[Fault::Late(Duration::from_secs(600))]);
        let port: Arc<dyn Store> = Arc::new(late.around(Arc::clone(&store)));
        let looking = tokio::spawn(async move {
            match read {
                "store.document" => ReadModel::<Tally<1>>::new(port).position().await.unwrap(),
                _ => projections(&*port).await.unwrap()[0].live.position,
            }
        });
        tokio::task::yield_now().await;
        assert_eq!(late.injected().len(), 1, "it has read the record");
        assert_eq!(running.projections.rebuild(TALLY).await, Ok(generation));
        assert_eq!(follow_rebuild(&*store, TALLY, generation, |_| ()).await.unwrap(), RebuildEnd::Live);
        let is_removed = async || projections(&*store).await.unwrap()[0].retired == 0;
        while !is_removed().await {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert!(!looking.is_finished());
        assert_eq!(looking.await.unwrap(), Position(5), "by {read}");
    }
    running.stop().await;
}
