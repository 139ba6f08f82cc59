//! A module publishes where it has no unit at hand.

use std::{collections::BTreeSet, mem::take, path::PathBuf, sync::Arc, time::Duration};

use event_bus::{BusOptions, DeadLetter, DeliveryClass, Drain, EventBus, Ports, Published, Subscriber};
use event_sourcing::{Document, Expected, MemoryStore, Store, StoreExt, Unit};
use kernel::{Context, Error, Event, SystemIds};
use module::{Application, Infrastructure, Module, Options, Outlet, Shutdown, assemble};
use serde::{Deserialize, Serialize};
use testing::{
    bus::until,
    faults::{Fault, FaultPlan},
};

use crate::shop::infrastructure;

#[derive(Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
struct StormSighted {
    force: u32,
}

impl Event for StormSighted {
    const NAME: &'static str = "weather.storm_sighted";

    fn key(&self) -> String {
        "coast".into()
    }
}

/// Told of storms by the world outside.
struct Radar(Arc<Outlet>);

impl Radar {
    async fn watch(self: Arc<Self>, shutdown: Shutdown) -> Result<(), Error> {
        for force in 9..=11 {
            self.0.publish("weather", |unit| _ = unit.publish(&StormSighted { force })).await?;
        }
        shutdown.begun().await;
        Ok(())
    }
}

fn weather() -> Module {
    let weather = Module::new("weather", "sees storms").publishes::<StormSighted>().announces();
    weather.starts("watch the sky", Radar::watch).provides(|c| {
        c.singleton(Radar);
    })
}

#[derive(Debug, Serialize, Deserialize)]
struct Warned {}

impl Document for Warned {
    const COLLECTION: &'static str = "harbour.warnings";
}

struct Harbour;

impl Subscriber<StormSighted> for Harbour {
    async fn handle(&self, _: &Context, storm: &StormSighted, unit: &mut Unit) -> Result<(), Error> {
        unit.put(storm.force.to_string(), &Warned {}, Expected::Absent);
        Ok(())
    }
}

fn harbour() -> Module {
    let inline = DeliveryClass::Inline { order: 0 };
    let harbour = Module::new("harbour", "warns ships").provides(|c| {
        c.value(Harbour);
    });
    harbour.subscribes_with::<StormSighted, Harbour>("harbour.warnings", move |s| s.with_class(inline))
}

async fn built(store: &Arc<dyn Store>, modules: Vec<Module>, spool: Option<PathBuf>) -> Application {
    // Ids of their own, as those of several processes are.
    let ids = Arc::new(SystemIds);
    let infrastructure = Infrastructure { store: Arc::clone(store), ids, ..infrastructure() };
    assemble(modules, infrastructure, Options { spool, ..Options::default() }).await.unwrap()
}

async fn forces(store: &Arc<MemoryStore>) -> Vec<u32> {
    testing::Published::to(&**store).await.of::<StormSighted>().into_iter().map(|storm| storm.force).collect()
}

/// A store that fails and mutes answers, with the events that were announced to it in the end.
#[tokio::test(start_paused = true)]
async fn what_a_job_announces_is_published_once_and_in_order_whatever_the_store_does() {
    let memory = Arc::new(MemoryStore::default());
    let faults = FaultPlan::at([(1, Fault::Fail), (2, Fault::Mute), (4, Fault::Fail)]).only(["store.commit"]);
    let store: Arc<dyn Store> = Arc::new(faults.around(Arc::clone(&memory)));
    let mut application = built(&store, vec![weather(), harbour()], None).await;
    application.start().await.unwrap();
    let outlet = application.container.get::<Outlet>();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let status = outlet.status().unwrap();
    assert_eq!((status.waiting, status.kept), (0, 3), "{status:?}");
    assert_eq!(forces(&memory).await, [9, 10, 11]);
    assert_eq!(memory.list::<Warned>(None, 10).await.unwrap().len(), 3, "inline subscribers add to its units");
    application.stop().await.unwrap();
    let stopped = outlet.publish("weather", |unit| _ = unit.publish(&StormSighted { force: 12 })).await.unwrap_err();
    assert_eq!(Error::from(stopped).code(), "application.stopped");
    assert_eq!(outlet.status(), None);
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_at_the_stop_is_published_by_the_next_process_or_said_to_be_lost() {
    let folder = tempfile::TempDir::new().unwrap();
    let memory = Arc::new(MemoryStore::default());
    let faults = FaultPlan::by_hand().only(["store.commit"]);
    let store: Arc<dyn Store> = Arc::new(faults.around(Arc::clone(&memory)));
    for spool in [Some(folder.path().join("spool")), None] {
        faults.always(Some(Fault::Fail));
        let mut application = built(&store, vec![weather()], spool.clone()).await;
        application.start().await.unwrap();
        let outlet = application.container.get::<Outlet>();
        until("all are kept", async || outlet.status().is_some_and(|status| status.kept == 3)).await;
        let stopped = application.stop().await;
        faults.always(None);
        match spool {
            Some(_) => {
                stopped.unwrap();
                let mut next = built(&store, vec![weather()], spool).await;
                next.start().await.unwrap();
                until("all are published", async || forces(&memory).await.len() == 6).await;
                assert_eq!(forces(&memory).await, [9, 10, 11, 9, 10, 11], "what was kept comes first");
                next.stop().await.unwrap();
            }
            None => assert_eq!(
                stopped.unwrap_err().to_string(),
                "module `weather` did not stop: publishing the events that were kept, which are lost, was not done within 10s: \
                 see what it waits for, or raise `modules.stop_seconds`"
            ),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rules_hold_and_whoever_does_not_say_that_it_announces_has_no_outlet() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let mut application = built(&store, vec![weather(), harbour()], None).await;
    application.start().await.unwrap();
    let outlet = application.container.get::<Outlet>();
    let refused = outlet.publish("harbour", |unit| _ = unit.publish(&StormSighted { force: 12 })).await.unwrap_err();
    assert_eq!(Error::from(refused).code(), "event.undeclared");
    let nothing = outlet.publish("weather", |_| {}).await.unwrap();
    assert!(matches!(nothing, Published::Committed(receipt) if receipt.events.is_empty()));
    application.stop().await.unwrap();

    let silent = Module::new("weather", "sees storms").publishes::<StormSighted>().provides(|c| {
        c.singleton(Radar);
    });
    let silent = silent.starts("watch the sky", Radar::watch);
    let found = assemble(vec![silent], infrastructure(), Options::default()).await.err().unwrap().to_string();
    assert!(found.contains("Outlet"), "{found}");
}

/// Sees in every storm the next one.
struct Gloomy(Arc<Outlet>);

impl Subscriber<StormSighted> for Gloomy {
    async fn handle(&self, cx: &Context, storm: &StormSighted, _: &mut Unit) -> Result<(), Error> {
        let force = storm.force + 1;
        let published = self.0.publish_for(cx, "weather", |unit| _ = unit.publish(&StormSighted { force })).await;
        Ok(published.map(drop)?)
    }
}

/// What a handler publishes beside its unit is of the same work nevertheless.
#[tokio::test(start_paused = true)]
async fn what_sets_itself_off_through_an_outlet_is_cut() {
    let store = Arc::new(MemoryStore::default());
    let weather = Module::new("weather", "sees storms").publishes::<StormSighted>().announces();
    let weather = weather.subscribes::<StormSighted, Gloomy>("weather.gloom").provides(|c| {
        c.singleton(Gloomy);
    });
    let port: Arc<dyn Store> = Arc::clone(&store) as _;
    let mut application = built(&port, vec![weather], None).await;
    application.start().await.unwrap();
    let Infrastructure { clock, ids, .. } = infrastructure();
    let ports = Ports { store: Some(Arc::clone(&port)), clock, ids };
    let bus = EventBus::start(take(&mut application.subscriptions), ports, BusOptions::default()).await.unwrap();
    let outlet = application.container.get::<Outlet>();
    outlet.publish("weather", |unit| _ = unit.publish(&StormSighted { force: 0 })).await.unwrap();
    assert_eq!(bus.drain(Duration::from_secs(600)).await.unwrap(), Drain::Complete);
    assert_eq!(forces(&store).await, (0..=100).collect::<Vec<_>>());
    let published = testing::Published::to(&*store).await;
    let works: BTreeSet<_> =
        published.envelopes_of::<StormSighted>().iter().map(|storm| storm.metadata.correlation_id).collect();
    let letters = store.list::<DeadLetter>(None, 9).await.unwrap();
    assert_eq!((works.len(), letters.len(), letters[0].value.error.code()), (1, 1, "event.storm"));
    bus.stop().await;
    application.stop().await.unwrap();
}
