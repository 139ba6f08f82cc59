//! What a module publishes and has not said that it does: refused wherever it does it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use event_bus::{BusOptions, DeadLetter, Drain, EventBus, HourPassed, Ports, Subscriber};
use event_sourcing::{EventLimits, Store, StoreExt, Unit};
use kernel::{Access, Context, Error, Event, Request, RequestKind};
use module::{Infrastructure, Module, Options, assemble};
use request::Service;
use saga::{Saga, SagaEngine, Silent, Step, StepContext};
use serde::{Deserialize, Serialize};

use crate::shop::{Clerk, Sold, infrastructure};

#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
struct Tell;

impl Request for Tell {
    type Response = ();
    const NAME: &'static str = "gossip.tell";
    const KIND: RequestKind = RequestKind::Command;
    const ACCESS: Access = Access::Public { reason: "a test" };
}

#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
struct Heard {
    by: String,
}

impl Event for Heard {
    const NAME: &'static str = "gossip.heard";

    fn key(&self) -> String {
        self.by.clone()
    }
}

/// Tells on as a service, as a subscriber and as a step of a saga.
struct Gossip;

impl Service<Tell> for Gossip {
    async fn execute(&self, _: &Context, unit: &mut Unit, _: Tell) -> Result<(), Error> {
        unit.publish(&Heard { by: "asking".into() });
        Ok(())
    }
}

impl Subscriber<Sold> for Gossip {
    async fn handle(&self, _: &Context, _: &Sold, unit: &mut Unit) -> Result<(), Error> {
        unit.publish(&Heard { by: "listening".into() });
        Ok(())
    }
}

impl Subscriber<HourPassed> for Gossip {
    async fn handle(&self, _: &Context, _: &HourPassed, _: &mut Unit) -> Result<(), Error> {
        Ok(())
    }
}

impl Saga for Gossip {
    type State = ();
    const NAME: &'static str = "gossip.round";
    const VERSION: u32 = 1;

    fn steps(&self) -> Vec<Box<dyn Step<()>>> {
        vec![Box::new(Self)]
    }
}

#[async_trait]
impl Step<()> for Gossip {
    fn name(&self) -> &'static str {
        "tell"
    }

    async fn run(&self, _: &StepContext<'_>, (): &mut (), unit: &mut Unit) -> Result<(), Error> {
        unit.publish(&Heard { by: "walking".into() });
        Ok(())
    }
}

fn gossip() -> Module {
    let gossip = Module::new("gossip", "tells on").provides(|c| {
        c.singleton(|| Gossip);
    });
    gossip.serves::<Tell, Gossip>().subscribes::<Sold, Gossip>("gossip.listener").runs::<Gossip>()
}

fn shop() -> Module {
    Module::new("shop", "sells").publishes::<Sold>()
}

/// What a request, a saga and a subscriber of the module end with.
async fn outcomes(gossip: Module, options: Options) -> (Arc<dyn Store>, [Option<Error>; 3]) {
    let Infrastructure { store, clock, ids, .. } = infrastructure();
    let infrastructure = Infrastructure { store: Arc::clone(&store), ..infrastructure() };
    let application = assemble(vec![shop(), gossip], infrastructure, options).await.unwrap().answering();
    let cx = testing::context(&[]);
    let asked = application.requests.client().ask(&cx, Tell).await.err();

    let mut unit = Unit::new(testing::origin("gossip"));
    let id = SagaEngine::begin(&Gossip, &cx, &(), &mut unit).unwrap();
    store.commit(unit).await.unwrap();
    let record = application.sagas.drive(id, &Silent).await.unwrap();

    let mut unit = Unit::new(testing::origin("shop"));
    unit.publish(&Sold {});
    store.commit(unit).await.unwrap();
    let rules = application.event_rules.clone();
    let ports = Ports { store: Some(Arc::clone(&store)), clock, ids };
    let options = BusOptions { rules, ..BusOptions::default() };
    let bus = EventBus::start(application.subscriptions, ports, options).await.unwrap();
    assert_eq!(bus.drain(Duration::from_secs(60)).await.unwrap(), Drain::Complete);
    let letter = store.list::<DeadLetter>(None, 10).await.unwrap().pop().map(|letter| letter.value.error);
    (store, [asked, record.steps[0].error.clone(), letter])
}

#[tokio::test(start_paused = true)]
async fn what_is_declared_is_published() {
    let (store, outcomes) = outcomes(gossip().publishes::<Heard>(), Options::default()).await;
    assert_eq!(outcomes, [None, None, None]);
    let heard = testing::Published::to(&*store).await.of::<Heard>();
    assert_eq!(heard.into_iter().map(|heard| heard.by).collect::<Vec<_>>(), ["asking", "walking", "listening"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_declared_is_refused_naming_module_event_and_fix() {
    let (store, outcomes) = outcomes(gossip(), Options::default()).await;
    for error in outcomes {
        let error = error.unwrap();
        assert_eq!(
            (error.code(), error.message.as_str()),
            (
                "event.undeclared",
                "module `gossip` publishes event `gossip.heard`, which its descriptor does not declare: add \
                 `.publishes::<..>()` with its type to the module's `module()`"
            )
        );
    }
    assert!(testing::Published::to(&*store).await.of::<Heard>().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_refused() {
    let options = Options { events: EventLimits { payload_bytes: 10, ..EventLimits::default() }, ..Options::default() };
    let (store, outcomes) = outcomes(gossip().publishes::<Heard>(), options).await;
    for error in outcomes {
        assert_eq!(error.unwrap().code(), "event.too_large");
    }
    assert!(testing::Published::to(&*store).await.of::<Heard>().is_empty());
}

/// It may set itself off; time is published by nobody.
#[tokio::test(start_paused = true)]
async fn who_takes_its_own_events_is_warned() {
    let town = Module::new("town", "echoes").provides(|c| {
        c.singleton(|| Clerk).singleton(|| Gossip);
    });
    let town =
        town.publishes::<Sold>().subscribes::<Sold, Clerk>("town.echo").subscribes::<HourPassed, Gossip>("town.clock");
    let application = assemble(vec![town], infrastructure(), Options::default()).await.unwrap();
    let warnings: Vec<String> = application.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "module `town`: publishes event `shop.sold`, and its own subscriber `town.echo` takes it: fine unless that one \
          publishes it: then it sets itself off"
        ]
    );
}
