//! Projections of modules: verified, described, run with their module, and a part of its health.

use std::{future::pending, sync::Arc, time::Duration};

use chrono::TimeDelta;
use event_sourcing::{Applies, Events, Halt, Position, Projected, Projection, ReadModel, Store, Unit, View};
use expect_test::expect;
use kernel::{Clock, Envelope, Error, Event, ManualClock};
use module::{Application, HealthStatus, Infrastructure, Module, Options, ProjectionReport, assemble};
use serde::{Deserialize, Serialize};
use testing::faults::Damaged;

use crate::shop::{Sold, SoldAgain, infrastructure, now};

/// Counts sales; one that was brought back it cannot make sense of.
#[derive(Clone, Copy, Default)]
struct Sales;

#[derive(Default, Serialize, Deserialize)]
struct Count {
    sold: u64,
}

#[derive(Serialize, Deserialize, schemars::JsonSchema)]
struct BroughtBack {}

impl Event for BroughtBack {
    const NAME: &'static str = "shop.brought_back";

    fn key(&self) -> String {
        String::new()
    }
}

impl Projected for Count {
    type By = Sales;
    const COLLECTION: &'static str = "shop.counts";
}

impl Projection for Sales {
    const NAME: &'static str = "shop.sales";
    const VERSION: u32 = 4;
    const COLLECTIONS: &'static [&'static str] = &[Count::COLLECTION];

    fn events() -> Events<Self> {
        Events::default().of::<Sold>().of::<BroughtBack>()
    }
}

impl Applies<Sold> for Sales {
    async fn apply(&self, _: &Sold, _: &Envelope, view: &mut View<'_, Self>) -> Result<(), Error> {
        let mut count = view.get::<Count>("all").await?.unwrap_or_default();
        count.sold += 1;
        view.put("all", &count);
        Ok(())
    }
}

impl Applies<BroughtBack> for Sales {
    async fn apply(&self, _: &BroughtBack, _: &Envelope, _: &mut View<'_, Self>) -> Result<(), Error> {
        Err(Error::internal("nobody brings anything back"))
    }
}

/// Of the same name and the same collection, with another type of event, and one event twice.
#[derive(Clone, Copy, Default)]
struct Double;

impl Projection for Double {
    const NAME: &'static str = "shop.sales";
    const VERSION: u32 = 1;
    const COLLECTIONS: &'static [&'static str] = &[Count::COLLECTION];

    fn events() -> Events<Self> {
        Events::default().of::<SoldAgain>().of::<SoldAgain>()
    }
}

impl Applies<SoldAgain> for Double {
    async fn apply(&self, _: &SoldAgain, _: &Envelope, _: &mut View<'_, Self>) -> Result<(), Error> {
        Ok(())
    }
}

/// Takes nothing and writes nowhere.
#[derive(Clone, Copy, Default)]
struct Nothing;

impl Projection for Nothing {
    const NAME: &'static str = "shop.nothing";
    const VERSION: u32 = 1;
    const COLLECTIONS: &'static [&'static str] = &[];

    fn events() -> Events<Self> {
        Events::default()
    }
}

fn shop() -> Module {
    Module::new("shop", "sells").publishes::<Sold>().publishes::<BroughtBack>()
}

#[test]
fn what_cannot_work_is_found_before_anything_runs() {
    let office = Module::new("office", "counts").projects::<Double>().projects::<Nothing>();
    let shop = Module::new("shop", "sells").publishes::<Sold>().projects::<Sales>();
    let found = now(assemble(vec![shop, office], infrastructure(), Options::default())).err().unwrap().to_string();
    let found = found.replace("it::shop::", "");
    expect![[r#"
        the modules do not fit together:
          module `office`: collection `shop.counts` is also declared by module `shop`: give one of them another name
          module `office`: projection `shop.nothing` has no collection to write into: list those of its documents in its `COLLECTIONS`
          module `office`: projection `shop.nothing` takes no events: name them in its `events`: `Events::default().of::<..>()`
          module `office`: projection `shop.sales` is also declared by module `shop`: give one of them another name
          module `office`: projection `shop.sales` takes event `shop.sold` as `SoldAgain`, for module `shop` it is `Sold`: use one of them, that of the contracts, or rename the other
          module `office`: projection `shop.sales` takes event `shop.sold` twice: remove one of them from its `events`
          module `shop`: projection `shop.sales` takes event `shop.brought_back`, which no module publishes: declare it with `.publishes` in the module that does"#]]
    .assert_eq(&found);
}

#[test]
fn it_stands_in_the_description_and_on_the_canvas() {
    let modules = vec![shop(), Module::new("office", "counts").projects::<Sales>()];
    let application = now(assemble(modules, infrastructure(), Options::default())).unwrap();
    assert_eq!(application.warnings, [], "a projection hears what it takes");
    let canvas = application.description.canvas("office").unwrap();
    expect![[r#"
        office: counts
          projects    shop.sales (version 4): shop.sold, shop.brought_back

        links
          office  listens to  shop  (shop.sold)
          office  listens to  shop  (shop.brought_back)
    "#]]
    .assert_eq(&canvas.to_text());
    expect![[r#"
        flowchart LR
          subgraph frame["office"]
            n0[/"<b>shop.sales</b><br/>projection<br/>takes shop.sold, shop.brought_back"/]
          end
          n1["<b>shop</b>"]
          n0 -.->|"listens to<br/>shop.sold<br/>shop.brought_back"| n1
    "#]]
    .assert_eq(&canvas.to_mermaid());
    assert!(canvas.to_c4().contains("Component(n0, \"shop.sales\", \"projection\""));
}

struct World {
    application: Application,
    store: Arc<dyn Store>,
    clock: Arc<ManualClock>,
}

impl World {
    async fn new() -> Self {
        Self::of(shop().projects::<Sales>(), infrastructure().store).await
    }

    async fn of(module: Module, store: Arc<dyn Store>) -> Self {
        let clock = Arc::new(ManualClock::default());
        let infrastructure = infrastructure();
        let infrastructure =
            Infrastructure { clock: Arc::<ManualClock>::clone(&clock), store: Arc::clone(&store), ..infrastructure };
        let modules = vec![module];
        let application = assemble(modules, infrastructure, Options::default()).await.unwrap();
        Self { application, store, clock }
    }

    async fn publish<E: Event>(&self, event: &E) {
        let mut unit = Unit::new(testing::origin("shop"));
        unit.publish(event);
        self.store.commit(unit).await.unwrap();
    }

    /// As another process reads it, after a moment.
    async fn reported(&self) -> String {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let report = ProjectionReport::from(self.application.projections.standings().remove(0));
        let sent = serde_json::to_string(&report).unwrap();
        let received: ProjectionReport = serde_json::from_str(&sent).unwrap();
        assert_eq!((&received, &*received.module), (&report, "shop"));
        received.lines(0).join("\n") + "\n"
    }

    fn health(&self) -> (HealthStatus, Vec<String>, Vec<String>) {
        let health = self.application.health(Ok(&[]));
        let parts = health.components.into_iter().filter(|component| component.part.is_some());
        let parts = parts.map(|c| format!("{}: {} {}", c.part.unwrap(), c.status, c.reason.unwrap_or_default()));
        (health.status, health.reasons, parts.collect())
    }
}

/// Rule 4: what readers do not see grows old while the projection is stopped, paused or not, and fails readiness if nobody has
/// paused it.
#[tokio::test(start_paused = true)]
async fn it_runs_while_its_module_does() {
    let mut world = World::new().await;
    let sales = ReadModel::<Sales>::new(Arc::clone(&world.store));
    world.publish(&Sold {}).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(sales.position().await.unwrap().0, 0, "its module does not run");
    world.application.start().await.unwrap();
    sales.wait_for(world.store.head().await.unwrap(), Duration::from_secs(5)).await.unwrap();
    assert_eq!(sales.get::<Count>("all").await.unwrap().unwrap().value.sold, 1);
    assert_eq!(world.health(), (HealthStatus::Healthy, vec![], vec!["projection `shop.sales`: healthy ".into()]));
    world.application.stop().await.unwrap();
    world.publish(&Sold {}).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(sales.get::<Count>("all").await.unwrap().unwrap().value.sold, 1);
    world.application.start().await.unwrap();
    sales.wait_for(world.store.head().await.unwrap(), Duration::from_secs(5)).await.unwrap();
    world.application.stop().await.unwrap();
}

/// Rule 4 of docs/durability.md.
#[tokio::test(start_paused = true)]
async fn an_old_event_that_readers_do_not_see_fails_readiness() {
    let mut world = World::new().await;
    world.application.start().await.unwrap();
    world.application.projections.pause("shop.sales").await.unwrap();
    world.publish(&Sold {}).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.clock.advance(TimeDelta::seconds(301));
    assert_eq!(world.health().1, [""; 0], "somebody wants it so");
    world.application.projections.resume("shop.sales").await.unwrap();
    assert!(world.application.projections.drain(Duration::from_secs(9)).await.unwrap());

    world.publish(&BroughtBack {}).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let standing = world.application.projections.standings().remove(0);
    let Some(Halt { position, event_type, .. }) = standing.halted else { panic!("{standing:?}") };
    assert_eq!((position.0, event_type.as_deref(), standing.lag), (2, Some("shop.brought_back"), 1));
    let (status, reasons, parts) = world.health();
    assert_eq!(status, HealthStatus::Unhealthy);
    assert_eq!(parts, ["projection `shop.sales`: unhealthy halted before the event at 2: nobody brings anything back"]);
    let [reason] = &reasons[..] else { panic!("{reasons:?}") };
    assert!(
        reason.starts_with("projection `shop.sales` of module `shop` has halted before event `shop.brought_back` ")
    );
    world.application.stop().await.unwrap();
}

/// Never through with an event.
#[derive(Clone, Copy, Default)]
struct Stuck;

impl Projection for Stuck {
    const NAME: &'static str = "shop.stuck";
    const VERSION: u32 = 1;
    const COLLECTIONS: &'static [&'static str] = &["shop.stuck"];

    fn events() -> Events<Self> {
        Events::default().of::<Sold>()
    }
}

impl Applies<Sold> for Stuck {
    async fn apply(&self, _: &Sold, _: &Envelope, _: &mut View<'_, Self>) -> Result<(), Error> {
        pending().await
    }
}

/// It has not failed, and it says nothing.
/// Rule 4 of docs/durability.md.
#[tokio::test(start_paused = true)]
async fn a_projection_that_is_stuck_fails_readiness() {
    let mut world = World::of(shop().projects::<Stuck>(), infrastructure().store).await;
    world.application.start().await.unwrap();
    world.publish(&Sold {}).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.clock.advance(TimeDelta::seconds(300));
    assert_eq!(world.health(), (HealthStatus::Healthy, vec![], vec!["projection `shop.stuck`: healthy ".into()]));
    world.clock.advance(TimeDelta::seconds(1));
    let (status, reasons, _) = world.health();
    assert_eq!(status, HealthStatus::Unhealthy);
    assert_eq!(
        reasons,
        ["an event has waited for projection `shop.stuck` of module `shop` for 301 s, and 300 s are allowed: see \
          `borough projections list`, or raise `projections.age_seconds`"]
    );
    assert!(!world.application.health(Ok(&[])).ready);
    world.application.stop().await.unwrap();
}

/// At once, as it will not pass by itself; what comes before it is seen.
#[tokio::test(start_paused = true)]
async fn a_damaged_event_before_a_projection_fails_readiness() {
    let damaged = Damaged::at(Position(2));
    let mut world = World::of(shop().projects::<Sales>(), damaged.around(infrastructure().store)).await;
    for _ in 0..3 {
        world.publish(&Sold {}).await;
    }
    world.application.start().await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let sales = ReadModel::<Sales>::new(Arc::clone(&world.store));
    assert_eq!(sales.get::<Count>("all").await.unwrap().unwrap().value.sold, 1);
    let (status, reasons, parts) = world.health();
    assert_eq!(status, HealthStatus::Unhealthy);
    let why = "event 2: it is not what was written there: restore the store from a copy";
    let reason = format!("projection `shop.sales` of module `shop` has halted before a damaged event at 2: {why}");
    assert_eq!(reasons, [reason]);
    assert_eq!(parts, [format!("projection `shop.sales`: unhealthy halted before the event at 2: {why}")]);
    damaged.mend();
    world.application.projections.resume("shop.sales").await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(sales.get::<Count>("all").await.unwrap().unwrap().value.sold, 3);
    assert_eq!(world.health().0, HealthStatus::Healthy);
    world.application.stop().await.unwrap();
}

/// What other processes are told of a serving one.
#[tokio::test(start_paused = true)]
async fn a_report_says_what_somebody_should_look_at() {
    let mut world = World::new().await;
    let projections = world.application.projections.clone();
    world.application.start().await.unwrap();
    world.publish(&Sold {}).await;
    let mut told = world.reported().await;
    projections.pause("shop.sales").await.unwrap();
    world.publish(&BroughtBack {}).await;
    world.publish(&Sold {}).await;
    world.clock.advance(TimeDelta::seconds(60));
    told += &world.reported().await;
    projections.resume("shop.sales").await.unwrap();
    told += &world.reported().await;
    assert_eq!(projections.rebuild("shop.sales").await, Ok(2));
    told += &world.reported().await;
    expect![[r#"
        shop.sales  at 1, up to date
        shop.sales  at 1, 2 behind, the oldest event waits for 60 s
          paused: go on with `borough projections resume shop.sales`
        shop.sales  at 1, 2 behind, the oldest event waits for 60 s
          halted before event `shop.brought_back` 00000000-0000-0000-0000-000000000001 at 2: nobody brings anything back: mended, it goes on with `borough projections resume shop.sales`
        shop.sales  at 1, 2 behind, the oldest event waits for 60 s
          halted before event `shop.brought_back` 00000000-0000-0000-0000-000000000001 at 2: nobody brings anything back: mended, it goes on with `borough projections resume shop.sales`
          being written anew, at 1
          the rebuild halted before event `shop.brought_back` 00000000-0000-0000-0000-000000000001 at 2: nobody brings anything back
    "#]].assert_eq(&told);
    world.application.stop().await.unwrap();
}

/// A generation that nobody fills, as the program is older than it: its readers see what was, and the age tells.
#[tokio::test(start_paused = true)]
async fn what_a_newer_program_has_written_grows_old() {
    let mut world = World::new().await;
    let newer = event_sourcing::Projector::of::<Newer>("shop", ports(&world));
    newer.run(tokio::time::sleep(Duration::from_secs(1))).await;
    world.publish(&Sold {}).await;
    world.application.start().await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.health().0, HealthStatus::Degraded);
    world.clock.advance(TimeDelta::seconds(301));
    let (status, reasons, _) = world.health();
    assert_eq!(status, HealthStatus::Unhealthy);
    assert_eq!(
        reasons,
        ["an event has waited for projection `shop.sales` of module `shop` for 301 s, and 300 s are allowed: see \
          `borough projections list`, or raise `projections.age_seconds`"]
    );
    world.application.stop().await.unwrap();
}

fn ports(world: &World) -> event_sourcing::ProjectorPorts {
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&world.clock);
    let ids = Arc::new(kernel::SequentialIds::default());
    event_sourcing::ProjectorPorts { store: Arc::clone(&world.store), clock, ids }
}

#[derive(Clone, Copy, Default)]
struct Newer;

impl Projection for Newer {
    const NAME: &'static str = "shop.sales";
    const VERSION: u32 = 5;
    const COLLECTIONS: &'static [&'static str] = &["shop.counts"];

    fn events() -> Events<Self> {
        Events::default().of::<Sold>()
    }
}

impl Applies<Sold> for Newer {
    async fn apply(&self, _: &Sold, _: &Envelope, _: &mut View<'_, Self>) -> Result<(), Error> {
        Ok(())
    }
}
