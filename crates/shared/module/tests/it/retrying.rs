//! A background job that runs commands of an aggregate: its units go the same way as those of services.

use std::{
    num::NonZeroU32,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use event_bus::{DeliveryClass, Subscriber};
use event_sourcing::{Aggregate, Document, Expected, MemoryStore, Repository, Store, StoreExt, Unit};
use kernel::{Context, Error, ErrorKind, Event};
use module::{Infrastructure, Module, Options, Shutdown, assemble};
use request::Client;
use serde::{Deserialize, Serialize};
use testing::bus::until;

use crate::shop::infrastructure;

#[derive(Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
struct Paid {
    cents: u32,
}

impl Event for Paid {
    const NAME: &'static str = "till.paid";

    fn key(&self) -> String {
        "till".into()
    }
}

#[derive(Default)]
struct Till;

impl Aggregate for Till {
    type Id = u32;
    type Event = Paid;
    const STREAM: &'static str = "till.box";

    fn apply(&mut self, _: Paid) {}
}

/// What the job was told of each payment.
#[derive(Default)]
struct Answers(Mutex<Vec<Result<u64, Error>>>);

struct Cashier {
    tills: Repository<Till>,
    client: Arc<Client>,
    answers: Arc<Answers>,
}

impl Cashier {
    fn new(store: Arc<dyn Store>, client: Arc<Client>, answers: Arc<Answers>) -> Self {
        Self { tills: Repository::new(store), client, answers }
    }

    async fn work(self: Arc<Self>, shutdown: Shutdown) -> Result<(), Error> {
        let (tries, origin) = (NonZeroU32::new(2).expect("2 is not 0"), testing::origin("till"));
        for cents in [5, 13, 8] {
            let pay = |_: &Till| Ok::<_, Error>([Paid { cents }]);
            let paid = self.tills.retrying(tries, &1, &origin, &*self.client, pay).await;
            let answer = paid.map(|(till, _)| till.version()).map_err(Error::from);
            self.answers.0.lock().unwrap().push(answer);
        }
        shutdown.begun().await;
        Ok(())
    }
}

fn till() -> Module {
    let till = Module::new("till", "takes money").provides(|c| {
        c.singleton(Cashier::new).singleton(Answers::default);
    });
    till.starts("take money", Cashier::work)
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    cents: u32,
}

impl Document for Entry {
    const COLLECTION: &'static str = "ledger.entries";
}

/// Writes an entry for each payment; somebody else is faster at the first try of each, and 13 is refused.
#[derive(Default)]
struct Ledger {
    calls: AtomicU32,
}

impl Subscriber<Paid> for Ledger {
    async fn handle(&self, _: &Context, Paid { cents }: &Paid, unit: &mut Unit) -> Result<(), Error> {
        if *cents == 13 {
            return Err(Error::new(ErrorKind::Rejected, "bad luck"));
        }
        let is_first = self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        let expected = if is_first { Expected::Exact(7) } else { Expected::Absent };
        unit.put(cents.to_string(), &Entry { cents: *cents }, expected);
        Ok(())
    }
}

fn ledger() -> Module {
    let inline = DeliveryClass::Inline { order: 0 };
    let ledger = Module::new("ledger", "keeps books").provides(|c| {
        c.singleton(Ledger::default);
    });
    ledger.subscribes_with::<Paid, Ledger>("ledger.entries", move |s| s.with_class(inline)).keeps::<Entry>()
}

/// What the cashier of these modules is told, what is published, and what the ledger has.
async fn outcomes(modules: Vec<Module>) -> (Vec<Result<u64, Error>>, Vec<u32>, Vec<u32>) {
    let store = Arc::new(MemoryStore::default());
    let infrastructure = Infrastructure { store: Arc::<MemoryStore>::clone(&store), ..infrastructure() };
    let mut application = assemble(modules, infrastructure, Options::default()).await.unwrap();
    application.start().await.unwrap();
    let answers = application.container.get::<Answers>();
    until("all is tried", async || answers.0.lock().unwrap().len() == 3).await;
    application.stop().await.unwrap();
    let paid = testing::Published::to(&*store).await.of::<Paid>().into_iter().map(|paid| paid.cents).collect();
    let entries = store.list::<Entry>(None, 10).await.unwrap().into_iter().map(|entry| entry.value.cents).collect();
    (std::mem::take(&mut *answers.0.lock().unwrap()), paid, entries)
}

#[tokio::test(start_paused = true)]
async fn what_a_job_commits_passes_the_inline_subscribers() {
    let (answers, paid, entries) = outcomes(vec![till().publishes::<Paid>(), ledger()]).await;
    assert_eq!((&answers[0], &answers[2]), (&Ok(1), &Ok(2)));
    let refused = answers[1].as_ref().unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Rejected);
    assert!(refused.message.contains("`ledger.entries`"), "{refused}");
    assert_eq!((paid, entries), (vec![5, 8], vec![5, 8]), "event and entry are there together, or neither is");
}

#[tokio::test(start_paused = true)]
async fn what_a_job_commits_is_held_to_the_rules() {
    let (answers, paid, _) = outcomes(vec![till()]).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap_err().code() == "event.undeclared"), "{answers:?}");
    assert!(paid.is_empty(), "{paid:?}");
}
