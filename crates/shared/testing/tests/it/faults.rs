//! Faults are injected where the plan says, and the seed that fails can be replayed.

use std::{
    collections::BTreeSet,
    env,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use event_sourcing::{Blobs, Expected, MemoryBlobs, MemoryStore, Store, StoreExt, Unit};
use kernel::Fingerprint;
use testing::{
    Scenario,
    faults::{Fault, FaultPlan, each_seed},
    origin,
    store::Card,
};

use crate::{
    failing::message,
    shop::{CountReserved, OrderPlaced, Stock, StockReserved},
};

fn card(n: u64) -> Unit {
    let mut unit = Unit::new(origin("test"));
    unit.put(n.to_string(), &Card { n }, Expected::Absent);
    unit
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_is_written_down_strikes_just_there() {
    let faults =
        [(1, Fault::Fail), (2, Fault::Drop(0)), (3, Fault::Drop(1)), (5, Fault::Delay(Duration::from_secs(9)))];
    let plan = FaultPlan::at(faults).only(["store.commit"]);
    let memory = Arc::new(MemoryStore::default());
    let store = plan.around(Arc::clone(&memory));
    let start = tokio::time::Instant::now();
    let mut told = Vec::new();
    for n in 1..=5 {
        told.push(store.commit(card(n)).await.err().map(|error| error.to_string()));
        assert_eq!(store.head().await.unwrap().0, 0, "is not counted");
    }
    let said = |text: &str| Some(format!("injected: call {text}"));
    let expected = [
        said("1, `store.commit`, fails"),
        said("2, `store.commit`, was dropped after 0 polls"),
        said("3, `store.commit`, was dropped after 1 polls"),
        None,
        None,
    ];
    assert_eq!(told, expected);
    let there: Vec<u64> = memory.list::<Card>(None, 9).await.unwrap().iter().map(|card| card.value.n).collect();
    assert_eq!(there, [3, 4, 5], "what was dropped after its end was done");
    assert_eq!((start.elapsed().as_secs(), plan.calls()), (9, 5));
    assert_eq!(plan.injected(), faults);
    let panics = FaultPlan::at([(1, Fault::Panic)]).around(memory);
    assert_eq!(message(panics.head()).await, "injected: call 1, `store.head`, panics");
}

#[tokio::test(start_paused = true)]
async fn blobs_services_and_subscribers_are_spoilt_by_one_plan() {
    let plan = FaultPlan::at([(1, Fault::Fail), (2, Fault::Panic), (4, Fault::Fail)]);
    let blobs = plan.around(Arc::new(MemoryBlobs::default()));
    assert_eq!(blobs.put(vec![1]).await.unwrap_err().to_string(), "injected: call 1, `blobs.put`, fails");
    let faults = plan.clone();
    let stock = module::Module::new("stock", "with faults")
        .provides(move |container| {
            container.singleton(move |store| faults.around(Arc::new(Stock(store))));
        })
        .subscribes::<OrderPlaced, testing::faults::Faulty<Stock>>("stock.reservations")
        .serves::<CountReserved, testing::faults::Faulty<Stock>>()
        .publishes::<StockReserved>();
    let scenario = Scenario::of([stock]).publishing::<OrderPlaced>().start().await;
    scenario.when_published(OrderPlaced { item: "rose".into() }).await;
    scenario.expect::<StockReserved>(|_| true).await;
    let refused = scenario.expect_refused(CountReserved {}, |error| error.code() == "testing.injected").await;
    assert_eq!(refused.message, "injected: call 4, `stock.count-reserved`, fails");
    assert_eq!(scenario.when(CountReserved {}).await, 1);
    let written = "FaultPlan::at([(1, Fault::Fail) /* blobs.put */, (2, Fault::Panic) /* shop.order_placed */, \
                   (4, Fault::Fail) /* stock.count-reserved */])";
    assert_eq!(plan.to_string(), written);
    assert_eq!(blobs.get(&Fingerprint::of(&[1])).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_seed_has_the_same_faults_each_time_and_another_one_others() {
    let faults = [Fault::Fail, Fault::Drop(0), Fault::Drop(1)];
    let plans = Mutex::new(Vec::new());
    for _ in 0..2 {
        each_seed(20, async |seed| {
            let plan = seed.faults(4, &faults);
            let store = plan.around(Arc::new(MemoryStore::default()));
            for _ in 0..40 {
                drop(store.head().await);
            }
            let drawn: Vec<u64> = (0..5).map(|_| seed.below(1000)).collect();
            plans.lock().unwrap().push((plan.injected(), drawn));
        })
        .await;
    }
    let plans = plans.into_inner().unwrap();
    let half = plans.len() / 2;
    assert_eq!(plans[..half], plans[half..]);
    if env::var_os("BOROUGH_SEED").is_none() {
        let different: BTreeSet<_> = plans.iter().map(|plan| format!("{plan:?}")).collect();
        assert_eq!(different.len(), half);
        let struck: Vec<Fault> = plans.iter().flat_map(|plan| &plan.0).map(|(_, fault)| *fault).collect();
        let calls = plans.len() * 40;
        let share = struck.len() as f64 / calls as f64;
        assert!((0.19..0.31).contains(&share), "one in four of {calls}: {}", struck.len());
        assert!(faults.iter().all(|fault| struck.contains(fault)));
    }
}

/// The command is tried: this test starts itself as the command would.
#[tokio::test(start_paused = true)]
async fn a_seed_that_fails_is_told_with_the_command_that_replays_it() {
    let ran = Mutex::new(Vec::new());
    let told = message(each_seed(9, async |seed| {
        ran.lock().unwrap().push(seed.number());
        let plan = seed.faults(1, &[Fault::Fail]).only(["store.head"]);
        let store = plan.around(Arc::new(MemoryStore::default()));
        let failed = store.head().await.is_err();
        assert!(seed.number() < 3 || !failed, "the store must not fail");
    }))
    .await;
    let ran = ran.into_inner().unwrap();
    if let Ok(seed) = env::var("BOROUGH_SEED") {
        assert_eq!(ran.iter().map(u64::to_string).collect::<Vec<_>>(), [seed]);
        return;
    }
    assert_eq!(ran, [0, 1, 2, 3]);
    let test = "faults::a_seed_that_fails_is_told_with_the_command_that_replays_it";
    let at = told.lines().nth(1).and_then(|line| line.split(", at ").nth(1)).unwrap_or_default().to_owned();
    assert!(at.starts_with("crates/shared/testing/tests/it/faults.rs:"), "{told}");
    let expected = format!(
        "the store must not fail\nwith seed 3, at {at}\n  \
         BOROUGH_SEED=3 cargo test -p testing --test it -- --exact {test}\n\
         its faults, to be left out one by one:\n  FaultPlan::at([(1, Fault::Fail) /* store.head */]).only([\"store.head\"])"
    );
    assert_eq!(told, expected);
    let replayed = Command::new(env::current_exe().unwrap()).args(["--exact", test]).env("BOROUGH_SEED", "3").output();
    let replayed = replayed.unwrap();
    assert!(
        replayed.status.success() && String::from_utf8_lossy(&replayed.stdout).contains("1 passed"),
        "{replayed:?}"
    );
}

/// Also where every test runs on the same thread, whose name is not that of the test.
#[tokio::test(start_paused = true)]
async fn a_seed_that_hangs_is_told_and_ends_its_process() {
    if env::var("BOROUGH_SEED_SECONDS").is_ok() {
        each_seed(9, async |seed| {
            let store = seed.faults(1, &[Fault::Hang]).around(Arc::new(MemoryStore::default()));
            if seed.number() == 2 {
                drop(store.head().await);
            }
        })
        .await;
        return;
    }
    let test = "faults::a_seed_that_hangs_is_told_and_ends_its_process";
    let mut alone = Command::new(env::current_exe().unwrap());
    alone.args(["--exact", test, "--test-threads=1"]).env("BOROUGH_SEED_SECONDS", "1").env_remove("BOROUGH_SEED");
    let ended = alone.output().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr);
    let what = "it has not ended for 1s, and nobody waits for it any more\nwith seed 2, at ";
    let replay = format!("BOROUGH_SEED=2 cargo test -p testing --test it -- --exact {test}\n");
    let faults = "FaultPlan::at([(1, Fault::Hang) /* store.head */])";
    assert_eq!(ended.status.code(), Some(101), "{told}");
    assert!(told.contains(what) && told.contains(&replay) && told.contains(faults), "{told}");
}
