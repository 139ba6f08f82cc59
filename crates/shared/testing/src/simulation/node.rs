use std::{sync::Arc, time::Duration};

use event_bus::{BusOptions, EventBus, Ports, Published, Publisher, PublisherOptions, RetryPolicy};
use event_sourcing::{LogQuery, Position, Projections, ProjectorPorts, Receipt, Store, Unit};
use kernel::{Clock, Ids};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    chart::{self, Reader},
    clocks::Watch,
    leases::LEASE,
    store::{Desk, NodeStore, Process},
    subscribers::Part,
    world::World,
};
use crate::{patience::polled, projections::Running};

/// One for each node: two of one name would take each other's units for their own.
pub(super) const PUBLISHERS: [&str; 8] = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"];

/// What a node is started with.
pub(super) struct Program {
    pub index: usize,
    /// Of all nodes, counted.
    pub run: usize,
    pub parts: Vec<&'static Part>,
    /// Of the chart.
    pub version: u32,
}

/// A program that runs: a bus, a publisher, a projection where the scenario has one, and those who read along.
pub(super) struct Node {
    pub process: Arc<Process>,
    pub bus: EventBus,
    pub publisher: Arc<Publisher>,
    chart: Option<Running>,
    world: Arc<World>,
    store: Arc<NodeStore>,
    tasks: JoinSet<()>,
}

impl Node {
    /// As often as it takes: a store that fails at the start fails the start. `None` if it was killed meanwhile.
    pub async fn start(world: &Arc<World>, desk: &Desk, program: Program) -> Option<Self> {
        let Program { index, run, parts, version } = program;
        let world = Arc::clone(world);
        let process = Process::new(format!("node {index} run {run}"));
        world.started(&process);
        let names: Vec<&str> = parts.iter().map(|part| part.name).collect();
        world.tell(format!("{} starts with {names:?}", process.name));
        let store = NodeStore { world: Arc::clone(&world), process: Arc::clone(&process), desk: desk.clone() };
        let store = Arc::new(store);
        let port: Arc<dyn Store> = store.clone();
        let ahead = world.ahead();
        world.leases.begins(PUBLISHERS[index], ahead);
        let clock: Arc<dyn Clock> = Arc::new(Watch { wall: Arc::clone(&world.clock), ahead });
        let ids: Arc<dyn Ids> = world.ids.clone();
        let bus = loop {
            let (store_port, clock, ids) = (Some(Arc::clone(&port)), Arc::clone(&clock), Arc::clone(&ids));
            let subscriptions = parts.iter().map(|part| part.subscription(Arc::clone(&store))).collect();
            let ports = Ports { store: store_port, clock, ids };
            let node = world.has_leases().then(|| event_bus::Node { id: PUBLISHERS[index].into(), lease: LEASE });
            let options = BusOptions { node, ..options(world.seed.number() ^ run as u64) };
            match EventBus::start(subscriptions, ports, options).await {
                Ok(bus) => break bus,
                Err(error) => world.tell(format!("{} does not start: {error}", process.name)),
            }
            if process.is_killed() {
                return None;
            }
            sleep(Duration::from_millis(100)).await;
        };
        let (first, longest) = (Duration::from_millis(20), Duration::from_millis(500));
        let options = PublisherOptions { first, longest, ..PublisherOptions::new(PUBLISHERS[index]) };
        let inline = bus.inline().clone();
        let publisher = Publisher::open(options, Arc::clone(&port), Arc::clone(&clock), Arc::clone(&ids), inline).await;
        let publisher = Arc::new(publisher.expect("a spool without a file can always be opened"));
        let mut tasks = JoinSet::new();
        tasks.spawn(read_along(Arc::clone(&store)));
        let chart = world.scenario.has_chart.then(|| {
            world.tell(format!("{} has version {version} of the chart", process.name));
            tasks.spawn(Reader::of(&store).look_on());
            chart::running(version, ProjectorPorts { store: port, clock, ids })
        });
        Some(Self { process, bus, publisher, chart, world, store, tasks })
    }

    /// Takes up one more subscriber.
    pub fn subscription(&self, part: &'static Part) -> event_bus::Subscription {
        part.subscription(Arc::clone(&self.store))
    }

    /// To order the chart about.
    pub fn projections(&self) -> &Projections {
        &self.chart.as_ref().expect("the scenario has a chart").projections
    }

    /// Publishes in a task of its own, and drops that after so many polls, if there is a limit.
    pub fn publish(&mut self, unit: Unit, numbers: Vec<u64>, polls: Option<usize>) {
        let (world, process) = (Arc::clone(&self.world), Arc::clone(&self.process));
        let publisher = Arc::clone(&self.publisher);
        self.tasks.spawn(async move {
            world.tell(format!("{} publishes {numbers:?}, polls {polls:?}", process.name));
            let publishing = publisher.publish(unit);
            let answer = match polls {
                Some(polls) => polled(publishing, polls).await,
                None => Some(publishing.await),
            };
            match answer {
                Some(Ok(Published::Committed(_))) => world.rules.confirmed(&numbers),
                Some(Ok(Published::Kept)) => world.rules.kept(&numbers, &process.name),
                Some(Err(error)) => world.failed(format!("{numbers:?} were not published: {error}")),
                None => {}
            }
            world.tell(format!("{} is through with publishing {numbers:?}", process.name));
        });
    }

    /// Somebody who has written this waits until the chart has it, and looks.
    pub fn look_for(&mut self, receipt: Receipt, numbers: Vec<u64>) {
        self.tasks.spawn(Reader::of(&self.store).look_for(receipt, numbers));
    }

    /// It asks nothing and hears nothing for so long.
    pub fn stand_still(&mut self, time: Duration) {
        let process = Arc::clone(&self.process);
        process.stand_still(true);
        self.tasks.spawn(async move {
            sleep(time).await;
            process.stand_still(false);
        });
    }

    /// Its tasks are dropped where they stand.
    pub async fn crash(mut self) {
        self.world.rules.ended(&self.process.name);
        self.tasks.abort_all();
        drop((self.bus, self.publisher));
        if let Some(chart) = self.chart {
            chart.kill().await;
        }
        while self.tasks.join_next().await.is_some() {}
    }

    /// As an operator stops it.
    pub async fn stop(mut self) {
        self.process.stand_still(false);
        self.tasks.shutdown().await;
        let drained = timeout(Duration::from_secs(10), self.publisher.drained()).await;
        if drained.is_err() {
            self.world.rules.ended(&self.process.name);
        }
        if let Some(chart) = self.chart {
            chart.stop().await;
        }
        self.bus.stop().await;
    }
}

/// Retries are quick: three tries, some milliseconds apart.
fn options(seed: u64) -> BusOptions {
    let (first, longest) = (Duration::from_millis(5), Duration::from_millis(40));
    let retry = RetryPolicy { attempts: 3, first, longest, ..RetryPolicy::default() };
    BusOptions { retry, threads: 1, seed, ..BusOptions::default() }
}

/// A reader of the log, as any outside of the bus: from where it stands, and never back.
async fn read_along(store: Arc<NodeStore>) {
    let world = &store.world;
    let mut appended = store.appended();
    let mut seen = Position(0);
    loop {
        appended.look();
        match store.log(LogQuery::after(seen, 1 + world.below(16))).await {
            Ok(page) if page.is_empty() => _ = timeout(Duration::from_secs(1), appended.changed()).await,
            Ok(page) => {
                for event in page {
                    let position = event.metadata.position.unwrap_or_default();
                    if position != seen.0 + 1 {
                        let process = &store.process.name;
                        world.failed(format!("rule 1: {process} has read {position} behind {seen}"));
                    }
                    seen = Position(position);
                }
            }
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}
