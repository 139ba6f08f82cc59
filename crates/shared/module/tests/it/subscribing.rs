//! Subscribers of every form and class, as descriptors declare them.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use event_bus::{
    BatchOptions, BatchSubscriber, BusOptions, CpuSubscriber, DeliveryClass, Drain, EnvelopeSubscriber, EventBus,
    Ports, RetryPolicy, Subscriber,
};
use event_sourcing::{Document, Expected, Store, StoreExt, Unit};
use expect_test::expect;
use kernel::{Access, Context, Envelope, Error, ErrorKind, Event, Request, RequestKind};
use module::{Application, Infrastructure, Module, Options, assemble};
use request::Service;
use saga::{Saga, SagaEngine, SagaState, Silent, Step, StepContext};
use serde::{Deserialize, Serialize};

use crate::shop::infrastructure;

#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
struct Pay {
    amount: u32,
}

impl Request for Pay {
    type Response = ();
    const NAME: &'static str = "till.pay";
    const KIND: RequestKind = RequestKind::Command;
    const ACCESS: Access = Access::Public { reason: "a test" };
}

#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
struct Paid {
    amount: u32,
}

impl Event for Paid {
    const NAME: &'static str = "till.paid";

    fn key(&self) -> String {
        String::new()
    }
}

struct Till;

impl Service<Pay> for Till {
    async fn execute(&self, _: &Context, unit: &mut Unit, Pay { amount }: Pay) -> Result<(), Error> {
        unit.publish(&Paid { amount });
        Ok(())
    }
}

/// Pays as a step.
#[derive(Clone)]
struct Round;

impl Saga for Round {
    type State = u32;
    const NAME: &'static str = "till.round";
    const VERSION: u32 = 1;

    fn steps(&self) -> Vec<Box<dyn Step<u32>>> {
        vec![Box::new(Self)]
    }
}

#[async_trait::async_trait]
impl Step<u32> for Round {
    fn name(&self) -> &'static str {
        "pay"
    }

    async fn run(&self, _: &StepContext<'_>, amount: &mut u32, unit: &mut Unit) -> Result<(), Error> {
        unit.publish(&Paid { amount: *amount });
        Ok(())
    }
}

/// What was paid, by whoever keeps it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Sum(u32);

impl Document for Sum {
    const COLLECTION: &'static str = "books.sums";
}

/// Keeps books, and does not take large sums. Says in which order its subscribers are called.
#[derive(Default)]
struct Books(Mutex<Vec<&'static str>>);

impl Books {
    fn book(&self, by: &'static str, unit: &mut Unit, sum: u32) -> Result<(), Error> {
        self.0.lock().unwrap().push(by);
        if sum > 1000 {
            return Err(Error::new(ErrorKind::Rejected, "more than the books can hold").with_code("books.full"));
        }
        unit.put(by, &Sum(sum), Expected::Any);
        Ok(())
    }
}

impl Subscriber<Paid> for Books {
    async fn handle(&self, _: &Context, paid: &Paid, unit: &mut Unit) -> Result<(), Error> {
        self.book("typed", unit, paid.amount)
    }
}

impl EnvelopeSubscriber for Books {
    async fn handle(&self, _: &Context, event: &Arc<Envelope>, unit: &mut Unit) -> Result<(), Error> {
        self.book("envelope", unit, event.decode::<Paid>().unwrap().amount)
    }
}

impl CpuSubscriber<Paid> for Books {
    fn handle(&self, _: &Context, paid: &Paid, unit: &mut Unit) -> Result<(), Error> {
        self.book("cpu", unit, paid.amount)
    }
}

impl BatchSubscriber<Paid> for Books {
    async fn handle(&self, _: &Context, paid: &[Paid], unit: &mut Unit) -> Result<(), Error> {
        self.book("batch", unit, paid.iter().map(|paid| paid.amount).sum())
    }
}

fn till() -> Module {
    let till = Module::new("till", "takes money").provides(|c| {
        c.singleton(|| Till).singleton(|| Round);
    });
    till.serves::<Pay, Till>().publishes::<Paid>().runs::<Round>()
}

fn books() -> Module {
    Module::new("books", "counts it").keeps::<Sum>().provides(|c| {
        c.singleton(Books::default);
    })
}

async fn assembled(books: Module) -> (Application, Arc<dyn Store>) {
    let infrastructure = infrastructure();
    let store = Arc::clone(&infrastructure.store);
    let application = assemble(vec![till(), books], infrastructure, Options::default()).await.unwrap();
    (application.answering(), store)
}

fn inline(order: i32) -> DeliveryClass {
    DeliveryClass::Inline { order }
}

#[tokio::test(start_paused = true)]
async fn what_is_inline_adds_to_the_unit_of_a_command() {
    let books = books()
        .subscribes_with::<Paid, Books>("books.a", |s| s.with_class(inline(1)))
        .subscribes_envelopes::<Books>("books.c", "till.*", |s| s.with_class(inline(0)))
        .subscribes_cpu::<Paid, Books>("books.b", |s| s.with_class(inline(0)));
    let (application, store) = assembled(books).await;
    application.requests.ask(&testing::context(&[]), Pay { amount: 7 }).await.unwrap();
    // No bus runs: what is there was in the command's own unit.
    for by in ["cpu", "envelope", "typed"] {
        assert_eq!(store.get::<Sum>(by).await.unwrap().unwrap().value, Sum(7), "{by}");
    }
    let order = application.container.get::<Books>().0.lock().unwrap().clone();
    assert_eq!(order, ["cpu", "envelope", "typed"], "by their order, then by name");
}

#[tokio::test(start_paused = true)]
async fn where_what_is_inline_fails_the_command_is_refused() {
    let inline = books().subscribes_with::<Paid, Books>("books.a", |s| s.with_class(inline(0)));
    let (application, store) = assembled(inline).await;
    let error = application.requests.ask(&testing::context(&[]), Pay { amount: 1001 }).await.unwrap_err();
    assert_eq!((error.kind, error.code()), (ErrorKind::Rejected, "books.full"));
    assert_eq!(error.message, "`books.a` of module `books`: more than the books can hold");
    assert!(testing::Published::to(&*store).await.of::<Paid>().is_empty());
    assert!(store.list::<Sum>(None, 10).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_inline_adds_to_the_unit_of_a_step() {
    for (amount, ends, booked) in [(7, SagaState::Completed, 1), (1001, SagaState::Compensated, 0)] {
        let inline = books().subscribes_with::<Paid, Books>("books.a", |s| s.with_class(inline(0)));
        let (application, store) = assembled(inline).await;
        let mut unit = Unit::new(testing::origin("till"));
        let id = SagaEngine::begin(&Round, &testing::context(&[]), &amount, &mut unit).unwrap();
        store.commit(unit).await.unwrap();
        let run = application.sagas.drive(id, &Silent).await.unwrap();
        assert_eq!(run.state, ends, "{amount}");
        assert_eq!(store.list::<Sum>(None, 10).await.unwrap().len(), booked);
        assert_eq!(testing::Published::to(&*store).await.of::<Paid>().len(), booked);
    }
}

#[tokio::test(start_paused = true)]
async fn every_form_is_called_by_the_bus() {
    let batch = BatchOptions { size: 10, delay: Duration::from_secs(1) };
    let books = books()
        .subscribes_with::<Paid, Books>("books.typed", |s| s.with_concurrency(4))
        .subscribes_envelopes::<Books>("books.envelope", "till.*", |s| s)
        .subscribes_cpu::<Paid, Books>("books.cpu", |s| s)
        .subscribes_batches::<Paid, Books>("books.batch", batch, |s| s);
    let (application, store) = assembled(books).await;
    for amount in [1, 2] {
        application.requests.ask(&testing::context(&[]), Pay { amount }).await.unwrap();
    }
    let Infrastructure { clock, ids, .. } = infrastructure();
    let ports = Ports { store: Some(Arc::clone(&store)), clock, ids };
    let bus = EventBus::start(application.subscriptions, ports, BusOptions::default()).await.unwrap();
    assert_eq!(bus.drain(Duration::from_secs(60)).await.unwrap(), Drain::Complete);
    for (by, sum) in [("batch", 3), ("cpu", 2), ("envelope", 2), ("typed", 2)] {
        assert_eq!(store.get::<Sum>(by).await.unwrap().unwrap().value, Sum(sum), "{by}");
    }
}

/// What is found in a till whose events are taken as `events` says.
async fn found(events: &'static str) -> String {
    let books = books().subscribes_envelopes::<Books>("books.all", events, |s| s);
    match assemble(vec![till(), books], infrastructure(), Options::default()).await {
        Ok(application) => application.warnings.iter().map(ToString::to_string).collect(),
        Err(findings) => findings.to_string(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_wildcard_takes_what_begins_like_it() {
    for events in ["*", "till.*", "till.paid"] {
        assert_eq!(found(events).await, "", "{events}");
    }
    let nothing = found("shop.*").await;
    assert!(
        nothing.contains("subscriber `books.all` waits for events `shop.*`, and no module publishes any"),
        "{nothing}"
    );
    for events in ["audit.*", "audit.command_recorded", "time.*"] {
        let without_modules = found(events).await;
        assert!(!without_modules.contains("books.all"), "{without_modules}");
    }
    let other = found("till.gone").await;
    assert!(other.contains("waits for event `till.gone`, which no module publishes"), "{other}");
    let books = books().subscribes_envelopes::<Books>("books.all", "till.*", |s| s);
    let application = assemble(vec![till(), books], infrastructure(), Options::default()).await.unwrap();
    let link = &application.description.links[0];
    assert_eq!((link.from, link.to, link.message), ("books", "till", "till.paid"));
}

/// With all else that is wrong, and before anything is made.
#[tokio::test(start_paused = true)]
async fn a_subscriber_that_no_bus_would_take_is_found() {
    let batch = |size| BatchOptions { size, delay: Duration::from_secs(1) };
    let never = RetryPolicy { attempts: 0, ..RetryPolicy::default() };
    let books = books()
        .subscribes_batches::<Paid, Books>("books.inline", batch(10), |s| s.with_class(inline(0)))
        .subscribes_batches::<Paid, Books>("books.large", batch(10_000), |s| s)
        .subscribes_with::<Paid, Books>("books.idle", |s| s.with_concurrency(0))
        .subscribes_with::<Paid, Books>("books.narrow", |s| s.with_concurrency(8).with_mailbox(7))
        .subscribes_cpu::<Paid, Books>("books.untried", move |s| s.with_retry(never));
    let found = assemble(vec![till(), books], infrastructure(), Options::default()).await.err().unwrap();
    expect![[r#"
        the modules do not fit together:
          module `books`: subscriber `books.idle`: concurrency is 0: allow one event at a time or more
          module `books`: subscriber `books.inline`: batches are durable and come one after another: leave concurrency and class
          module `books`: subscriber `books.large`: batches of a size that cannot be: make it 1 to 1024, as the mailbox holds
          module `books`: subscriber `books.narrow`: mailbox holds 7: make it 8 or more
          module `books`: subscriber `books.untried`: its retry is out of range: /attempts: must be 1 or more: the first call is one of them"#]]
    .assert_eq(&found.to_string());
}
