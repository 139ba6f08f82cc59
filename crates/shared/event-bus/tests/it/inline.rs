//! Handlers that are a part of what publishes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use event_bus::{BusOptions, CpuSubscriber, DeliveryClass, InlineSubscribers, Subscriber, Subscription};
use event_sourcing::Unit;
use kernel::{Context, Error};
use testing::{
    bus::{options, start},
    faults::Fault,
    store::Noted,
};
use tokio::time::{sleep, timeout};

use crate::{Blind, ailing, edge, memory, with};

struct HangsAt(Arc<AtomicU32>);

impl Subscriber<Noted> for HangsAt {
    async fn handle(&self, _: &Context, event: &Noted, _: &mut Unit) -> Result<(), Error> {
        if event.writer == "bad" && self.0.fetch_add(1, Ordering::SeqCst) > 0 {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

/// One that hangs while nobody waits.
#[tokio::test(start_paused = true)]
async fn a_kept_unit_whose_inline_subscriber_hangs_holds_up_no_other() {
    let (_, ill, store) = ailing(["store.commit"]);
    let inline = Subscription::new::<Noted>("strict", "ledger", HangsAt(Arc::default()))
        .with_class(DeliveryClass::Inline { order: 0 });
    let publisher = edge(&store, InlineSubscribers::of(&[inline])).await;
    ill.next(&[Fault::Fail]);
    for (writer, n) in [("bad", 1), ("good", 2)] {
        let mut unit = publisher.work_of("edge");
        unit.publish(&Noted::new(writer, n));
        publisher.publish(unit).await.unwrap();
    }
    sleep(Duration::from_secs(24 * 3600)).await;
    let status = publisher.status();
    assert_eq!(status.waiting, 0, "a day later: {status:?}");
}

/// It is there, and cannot be paused or taken out of what publishes.
#[tokio::test(start_paused = true)]
async fn what_is_said_of_an_inline_subscriber() {
    let store = memory();
    let inline = Subscription::new::<Noted>("strict", "ledger", Blind).with_class(DeliveryClass::Inline { order: 0 });
    let bus = start(&store, vec![inline]).await;
    let said = [bus.pause("strict").await, bus.resume("strict").await, bus.remove("strict").await.map(drop)];
    for said in said.map(|answer| answer.unwrap_err().to_string()) {
        assert!(said.starts_with("subscriber `strict`: it is inline, a part of what publishes"), "{said}");
    }
    bus.stop().await;
}

/// Waits until four of them compute, for as long as a machine may take to begin that.
#[derive(Clone, Default)]
struct Computes {
    inside: Arc<AtomicU32>,
    most: Arc<AtomicU32>,
}

impl CpuSubscriber<Noted> for Computes {
    fn handle(&self, _: &Context, _: &Noted, _: &mut Unit) -> Result<(), Error> {
        let began = std::time::Instant::now();
        self.most.fetch_max(self.inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        while self.most.load(Ordering::SeqCst) < 4 && began.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.inside.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }
}

/// Four publishers, four threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inline_computations_have_the_threads_of_the_bus() {
    let store = memory();
    let computes = Computes::default();
    let inline = Subscription::cpu::<Noted>("strict", "ledger", computes.clone());
    let inline = inline.with_class(DeliveryClass::Inline { order: 0 });
    let options = BusOptions { threads: 4, ..BusOptions::default() };
    let bus = with(&store, &Arc::default(), vec![inline], options).await.unwrap();
    let commit = |n| {
        let mut unit = Unit::new(testing::origin("notes"));
        unit.publish(&Noted::new("k", n));
        bus.commit(unit)
    };
    let (a, b, c, d) = tokio::join!(commit(1), commit(2), commit(3), commit(4));
    for answer in [a, b, c, d] {
        answer.unwrap();
    }
    assert_eq!(computes.most.load(Ordering::SeqCst), 4, "side by side");
    bus.stop().await;
}

/// The publisher of an inline handler that computes on and on has gone; others go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_inline_computation_does_not_hold_up_other_publishers() {
    struct Endless(Arc<AtomicU32>);
    impl CpuSubscriber<Noted> for Endless {
        fn handle(&self, _: &Context, event: &Noted, _: &mut Unit) -> Result<(), Error> {
            while event.writer == "bad" && self.0.load(Ordering::SeqCst) == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        }
    }
    let (store, ended) = (memory(), Arc::<AtomicU32>::default());
    let inline = Subscription::cpu::<Noted>("strict", "ledger", Endless(Arc::clone(&ended)));
    let inline = inline.with_class(DeliveryClass::Inline { order: 0 });
    let options = BusOptions { threads: 2, ..options() };
    let bus = with(&store, &Arc::default(), vec![inline], options).await.unwrap();
    let commit = async |writer: &'static str, n| {
        let mut unit = Unit::new(testing::origin("notes"));
        unit.publish(&Noted::new(writer, n));
        bus.commit(unit).await
    };
    let _gone = timeout(Duration::from_millis(100), commit("bad", 1)).await;
    let other = timeout(Duration::from_secs(10), commit("good", 2)).await;
    ended.store(1, Ordering::SeqCst);
    assert!(other.is_ok(), "another publisher waits for the thread of one that nobody waits for");
    bus.stop().await;
}
