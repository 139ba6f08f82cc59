use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use event_bus::{BatchOptions, BatchSubscriber, DeadLetter, EnvelopeSubscriber, Subscriber, Subscription};
use event_sourcing::{StoreExt, Unit};
use kernel::{Context, Envelope, Error, Event, Json, UpcastError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

/// As its first version wrote it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct BrittleOnce {
    n: u32,
}

/// Its upcaster has not thought of everything.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Brittle {
    n: u32,
}

impl Event for BrittleOnce {
    const NAME: &'static str = "testing.brittle";

    fn key(&self) -> String {
        format!("key {}", self.n)
    }
}

impl Event for Brittle {
    const NAME: &'static str = BrittleOnce::NAME;
    const VERSION: u32 = 2;

    fn key(&self) -> String {
        format!("key {}", self.n)
    }

    fn upcast(_: u32, data: &Json) -> Result<Json, UpcastError> {
        assert_ne!(data.text(), r#"{"n":2}"#, "nobody has thought of it");
        Ok(data.clone())
    }
}

impl Subscriber<Brittle> for Ledger {
    async fn handle(&self, _: &Context, event: &Brittle, _: &mut Unit) -> Result<(), Error> {
        self.0.lock().unwrap().push((event.n.into(), String::new()));
        Ok(())
    }
}

impl BatchSubscriber<Brittle> for Ledger {
    async fn handle(&self, _: &Context, events: &[Brittle], _: &mut Unit) -> Result<(), Error> {
        self.0.lock().unwrap().extend(events.iter().map(|event| (event.n.into(), String::new())));
        Ok(())
    }
}

/// It is parked as one that cannot be read, at once; the others flow, also those that would be in one batch with it.
pub(super) async fn an_upcaster_that_panics_parks_its_event(home: &impl BusHome) {
    let store = home.open().await;
    let mut unit = Unit::new(author());
    for n in 1..=4 {
        unit.publish(&BrittleOnce { n });
    }
    store.commit(unit).await.unwrap();
    let options = BatchOptions { size: 3, delay: Duration::from_millis(1) };
    let ledgers = [(); 2].map(|()| Ledger::default());
    let [one, many] = ledgers.clone();
    let one = Subscription::new::<Brittle>("one", "ledger", one);
    let many = Subscription::batches::<Brittle>("many", "ledger", options, many);
    let bus = start(&store, vec![one, many]).await;
    drained(&bus).await;
    for Ledger(entries) in ledgers {
        let handled: Vec<i64> = entries.lock().unwrap().iter().map(|(n, _)| *n).collect();
        assert_eq!(handled, [1, 3, 4]);
    }
    let letters = store.list::<DeadLetter>(None, 9).await.unwrap();
    let letters: Vec<_> = letters.into_iter().map(|found| found.value).collect();
    let told: Vec<_> =
        letters.iter().map(|letter| (&*letter.subscriber, letter.attempts, letter.error.code())).collect();
    assert_eq!(told, [("many", 1, "event.undecodable"), ("one", 1, "event.undecodable")]);
    assert!(letters[0].error.message.contains("panics (assertion"), "{}", letters[0].error);
    bus.stop().await;
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
