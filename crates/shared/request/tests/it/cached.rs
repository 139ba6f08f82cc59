use std::sync::{Arc, atomic::Ordering};

use event_sourcing::{MemoryStore, Store};

use crate::shop::{Balance, PayIn, Shop};

fn cached(store: Arc<dyn Store>) -> Shop {
    Shop::on(store, |table| table.cache::<Balance>())
}

impl Shop {
    async fn ask(&self, amount: i64) -> i64 {
        self.requests.ask(&self.cx, Balance { amount }).await.unwrap()
    }

    fn reads(&self) -> usize {
        self.clerk.reads.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn an_answer_is_kept_until_an_event_makes_it_stale() {
    let shop = cached(Arc::new(MemoryStore::default()));
    assert_eq!((shop.ask(0).await, shop.ask(0).await, shop.reads()), (0, 0, 1));
    shop.ask(1).await;
    assert_eq!(shop.reads(), 2, "another key is another answer");
    shop.requests.ask(&shop.cx, PayIn { amount: 4 }).await.unwrap();
    assert_eq!((shop.ask(0).await, shop.ask(0).await, shop.reads()), (4, 4, 3));
}

/// Another process has a cache of its own and writes to the same log.
#[tokio::test]
async fn events_of_other_processes_make_it_stale_as_well() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let (here, there) = (cached(Arc::clone(&store)), cached(store));
    here.ask(0).await;
    there.requests.ask(&there.cx, PayIn { amount: 4 }).await.unwrap();
    assert_eq!(here.ask(0).await, 4);
}

#[tokio::test]
async fn who_asks_at_the_same_time_waits_for_one_answer() {
    let shop = cached(Arc::new(MemoryStore::default()));
    shop.clerk.gate.forget_permits(1000);
    let open = async {
        tokio::task::yield_now().await;
        shop.clerk.gate.add_permits(1);
    };
    let (first, second, third, ()) = tokio::join!(shop.ask(0), shop.ask(0), shop.ask(0), open);
    assert_eq!((first, second, third, shop.reads()), (0, 0, 0, 1));
}

/// The answer was begun before the event and ends after it: whoever asks then is not given it.
#[tokio::test]
async fn an_answer_begun_before_an_event_is_not_kept_after_it() {
    let shop = cached(Arc::new(MemoryStore::default()));
    shop.clerk.gate.forget_permits(1000);
    let pay_in = async {
        tokio::task::yield_now().await;
        shop.clerk.gate.add_permits(1);
        shop.requests.ask(&shop.cx, PayIn { amount: 4 }).await.unwrap();
    };
    let (old, ()) = tokio::join!(shop.ask(0), pay_in);
    assert_eq!(old, 0);
    assert_eq!(shop.ask(0).await, 4);
}

/// An error is the news of who asked: the next one tries again, also one who has waited.
#[tokio::test]
async fn errors_are_not_kept() {
    let shop = cached(Arc::new(MemoryStore::default()));
    shop.clerk.gate.forget_permits(1000);
    let ask = || shop.requests.ask(&shop.cx, Balance { amount: -1 });
    let open = async {
        tokio::task::yield_now().await;
        shop.clerk.gate.add_permits(2);
    };
    let (first, second, ()) = tokio::join!(ask(), ask(), open);
    assert!(first.is_err() && second.is_err());
    assert_eq!(shop.reads(), 2);
}

#[tokio::test]
async fn after_very_many_events_everything_is_stale() {
    let shop = cached(Arc::new(MemoryStore::default()));
    shop.ask(0).await;
    for _ in 0..10_001 / 2 + 1 {
        shop.requests.ask(&shop.cx, PayIn { amount: 2 }).await.unwrap();
    }
    assert_eq!(shop.ask(0).await, 10_002);
}
