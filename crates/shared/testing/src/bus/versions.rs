use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use event_bus::{BatchOptions, BatchSubscriber, EnvelopeSubscriber, Subscriber, Subscription};
use event_sourcing::Unit;
use kernel::{Context, Envelope, Error};

use super::{BusHome, author, drained, letters, start};
use crate::aggregates::account::{Moved, MovedCents, MovedEuros};

/// Writes down how much was moved, and why.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<Vec<(i64, String)>>>);

impl Ledger {
    fn enter(&self, moved: &Moved) {
        self.0.lock().unwrap().push((moved.cents, moved.reason.clone()));
    }
}

impl Subscriber<Moved> for Ledger {
    async fn handle(&self, _: &Context, event: &Moved, _: &mut Unit) -> Result<(), Error> {
        self.enter(event);
        Ok(())
    }
}

impl BatchSubscriber<Moved> for Ledger {
    async fn handle(&self, _: &Context, events: &[Moved], _: &mut Unit) -> Result<(), Error> {
        events.iter().for_each(|event| self.enter(event));
        Ok(())
    }
}

impl EnvelopeSubscriber for Ledger {
    async fn handle(&self, _: &Context, event: &Arc<Envelope>, _: &mut Unit) -> Result<(), Error> {
        self.enter(&event.decode()?);
        Ok(())
    }
}

/// An event that three programs have written: its subscribers know the present form alone.
pub(super) async fn earlier_versions_arrive_as_the_present_one(home: &impl BusHome) {
    let store = home.open().await;
    let account = || "savings".to_owned();
    let mut unit = Unit::new(author());
    unit.publish(&MovedEuros { account: account(), euros: 2 });
    unit.publish(&MovedCents { account: account(), cents: 30 });
    unit.publish(&Moved { account: account(), cents: 4, reason: "rent".into() });
    store.commit(unit).await.unwrap();
    let ledgers = [(); 3].map(|()| Ledger::default());
    let [one, many, any] = ledgers.clone();
    let bus = start(
        &store,
        vec![
            Subscription::new::<Moved>("one", "ledger", one),
            Subscription::batches::<Moved>(
                "many",
                "ledger",
                BatchOptions { size: 8, delay: Duration::from_millis(1) },
                many,
            ),
            Subscription::envelopes("any", "ledger", "testing.account_moved", any),
        ],
    )
    .await;
    drained(&bus).await;
    assert!(letters(&store).await.is_empty());
    let expected = [(200, "not said".to_owned()), (30, "not said".to_owned()), (4, "rent".to_owned())];
    for Ledger(entries) in ledgers {
        assert_eq!(*entries.lock().unwrap(), expected);
    }
    bus.stop().await;
}
