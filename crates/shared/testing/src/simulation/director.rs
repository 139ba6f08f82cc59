//! Who does what to whom, and when: drawn from the seed.

mod chart;
mod rest;
mod trouble;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use chrono::TimeDelta;
use event_bus::{LetterFilter, Schedule};
use event_sourcing::{Expected, Position, Store, Unit};
use kernel::{Clock, ErrorKind};
use tokio::{
    sync::mpsc,
    task::yield_now,
    time::{sleep, timeout},
};

use super::{
    node::{Node, Program},
    oracle::{self, Promise},
    store::{Desk, write},
    subscribers::{Heard, KEYS, Part, Word},
    world::World,
};
use crate::patience::polled;

/// Nothing that the director asks for may take longer.
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// By the publisher of a node.
    Publish,
    /// A unit with events, by the bus of a node.
    Commit,
    /// An event of later.
    Schedule,
    /// One that was scheduled is not to be published.
    Cancel,
    Crash,
    /// As `Crash`, and what the store was handed is lost where it was not written.
    Kill,
    Stop,
    Forward,
    Back,
    Pause,
    Resume,
    /// A subscriber is removed and added again, by another node where there is one.
    Remove,
    RetryLetters,
    DiscardLetters,
    /// A node does nothing for a while, and does not know it.
    StandStill,
    /// A unit with more events than a projection takes in a batch.
    Flood,
    Rebuild,
    PauseChart,
    ResumeChart,
}

/// What is done to the nodes of every scenario, and how often in proportion.
const OF_NODES: [(Action, usize); 5] =
    [(Action::Crash, 2), (Action::Kill, 2), (Action::Stop, 2), (Action::Forward, 3), (Action::Back, 2)];

/// And to the subscribers, where there are any.
const OF_SUBSCRIBERS: [(Action, usize); 5] = [
    (Action::Pause, 2),
    (Action::Resume, 3),
    (Action::Remove, 3),
    (Action::RetryLetters, 4),
    (Action::DiscardLetters, 2),
];

pub(super) struct Director {
    world: Arc<World>,
    desk: Desk,
    nodes: BTreeMap<usize, Node>,
    /// Which node each subscriber runs on, where they do not share it.
    homes: BTreeMap<&'static str, usize>,
    /// Of nodes, from their start to their end.
    runs: usize,
    /// The newest program that was started, by the version of its chart.
    newest: u32,
    /// Published by the director; their numbers count from 1.
    words: u64,
    promises: Vec<Promise>,
    /// By how much the clock was set back in all.
    set_back: TimeDelta,
}

impl Director {
    pub fn new(world: &Arc<World>) -> Self {
        let (desk, jobs) = mpsc::unbounded_channel();
        tokio::spawn(write(Arc::clone(world), jobs));
        Self {
            world: Arc::clone(world),
            desk,
            nodes: BTreeMap::new(),
            homes: BTreeMap::new(),
            runs: 0,
            newest: 1,
            words: 0,
            promises: Vec::new(),
            set_back: TimeDelta::zero(),
        }
    }

    /// The whole run, with the judgement at its end.
    pub async fn run(mut self) {
        let nodes = self.world.nodes;
        for (index, part) in self.world.scenario.parts.iter().enumerate() {
            self.homes.insert(part.name, index % nodes);
        }
        for index in 0..nodes {
            self.start(index).await;
        }
        for _ in 0..self.world.scenario.acts {
            self.wait().await;
            let action = self.draw();
            self.world.tell(format!("-- {action:?}"));
            self.act(action).await;
            self.bury().await;
            if self.world.has_failed() {
                return;
            }
        }
        self.come_to_rest().await;
        if !self.world.has_failed() {
            oracle::judge(&self.world, self.words, &self.promises).await;
        }
    }

    /// For no time, for some turns of the others, or longer.
    async fn wait(&self) {
        let world = &self.world;
        match world.below(4) {
            0 => {}
            1 => {
                for _ in 0..world.below(40) {
                    yield_now().await;
                }
            }
            2 => sleep(Duration::from_millis(world.seed.below(50))).await,
            _ => sleep(Duration::from_millis(world.seed.below(1500))).await,
        }
    }

    fn draw(&self) -> Action {
        let of_subscribers = if self.world.scenario.parts.is_empty() { &[] } else { OF_SUBSCRIBERS.as_slice() };
        let all = self.world.scenario.work.iter().chain(&OF_NODES).chain(of_subscribers);
        let mut left = self.world.below(all.clone().map(|(_, weight)| weight).sum());
        let drawn = all.clone().find(|(_, weight)| {
            let is_it = left < *weight;
            left = left.saturating_sub(*weight);
            is_it
        });
        drawn.expect("it was drawn below the sum of all").0
    }

    async fn act(&mut self, action: Action) {
        match action {
            Action::Publish => self.publish(),
            Action::Commit => self.commit().await,
            Action::Schedule => self.schedule().await,
            Action::Cancel => self.cancel().await,
            Action::Crash | Action::Kill | Action::Stop => self.end_a_node(action).await,
            Action::Forward => self.set_clock(TimeDelta::minutes(10 + self.world.below(170) as i64)),
            Action::Back => self.set_clock(-TimeDelta::minutes(1 + self.world.below(120) as i64)),
            Action::Pause | Action::Resume => self.hold(action).await,
            Action::Remove => self.move_a_subscriber().await,
            Action::RetryLetters => self.retry_letters().await,
            Action::DiscardLetters => self.discard_letters().await,
            Action::StandStill => self.stand_still(),
            Action::Flood => self.flood().await,
            Action::Rebuild => self.rebuild().await,
            Action::PauseChart | Action::ResumeChart => self.hold_chart(action).await,
        }
    }

    fn a_part(&self) -> &'static Part {
        let parts = self.world.scenario.parts;
        &parts[self.world.below(parts.len())]
    }

    fn a_node(&self) -> usize {
        self.world.below(self.nodes.len())
    }

    /// A node that runs the subscriber.
    fn home_of(&self, part: &Part) -> &Node {
        let home = if self.world.has_leases() { self.a_node() } else { self.homes[part.name] };
        &self.nodes[&home]
    }

    async fn start(&mut self, index: usize) {
        let is_shared = self.world.has_leases();
        let parts = self.world.scenario.parts.iter().filter(|part| is_shared || self.homes[part.name] == index);
        let parts: Vec<&Part> = parts.collect();
        let node = loop {
            self.runs += 1;
            let program = Program { index, run: self.runs, parts: parts.clone(), version: self.version() };
            if let Some(node) = Node::start(&self.world, &self.desk, program).await {
                break node;
            }
        };
        self.nodes.insert(index, node);
    }

    /// Nodes whose machine has stopped are started again.
    async fn bury(&mut self) {
        let is_dead = |(index, node): (&usize, &Node)| node.process.is_killed().then_some(*index);
        while let Some(index) = self.nodes.iter().find_map(is_dead) {
            let node = self.nodes.remove(&index).expect("it was found");
            node.crash().await;
            self.start(index).await;
        }
    }

    /// Asks something of a node, and drops that after some polls now and then. `None` where nobody knows what came of it.
    async fn call<T, E: fmt::Display>(
        &self,
        what: &str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Option<Result<T, E>> {
        let world = &self.world;
        let number = world.operation();
        world.tell(format!("director #{number} {what}"));
        let answer = match self.polls(24) {
            Some(polls) => polled(work, polls).await,
            None => {
                let answer = timeout(PATIENCE, work).await.ok();
                if answer.is_none() {
                    world.failed(format!("rule 13: `{what}` has not ended after {PATIENCE:?}"));
                }
                answer
            }
        };
        let told = match &answer {
            None => "unknown".to_owned(),
            Some(Ok(_)) => "done".to_owned(),
            Some(Err(error)) => error.to_string(),
        };
        world.tell(format!("director #{number} = {told}"));
        answer
    }

    /// After how many polls a future is dropped, if it is.
    fn polls(&self, most: usize) -> Option<usize> {
        let is_dropped = !self.world.is_calm() && self.world.below(5) == 0;
        is_dropped.then(|| {
            self.world.count("call is dropped");
            self.world.below(most)
        })
    }

    /// So many words in a unit.
    fn unit(&mut self, words: usize) -> (Unit, Vec<u64>) {
        let mut unit = Unit::new(self.world.origin());
        let numbers = (0..words).map(|_| {
            let word = self.word();
            let number = word.number;
            match self.world.below(4) {
                0 => unit.publish(&Word::<true> { key: word.key, number, hops: word.hops, is_poison: word.is_poison }),
                _ => unit.publish(&word),
            };
            number
        });
        let numbers = numbers.collect();
        (unit, numbers)
    }

    fn word(&mut self) -> Word<false> {
        self.words += 1;
        let key = KEYS[self.world.below(KEYS.len())].to_owned();
        // Whoever only looks at a word does not mind what is in it.
        let is_poison = self.world.below(24) == 0;
        let word = Word { key, number: self.words, hops: self.world.scenario.hops, is_poison };
        let is_idle = Heard::from(word.clone()).is_idle();
        Word { is_poison: is_poison && !is_idle, ..word }
    }

    fn publish(&mut self) {
        let words = 1 + self.world.below(3);
        let (unit, numbers) = self.unit(words);
        let (index, polls) = (self.a_node(), self.polls(8));
        let node = self.nodes.get_mut(&index).expect("between two acts all nodes run");
        node.publish(unit, numbers, polls);
    }

    async fn commit(&mut self) {
        let words = 1 + self.world.below(3);
        let (unit, numbers) = self.unit(words);
        let index = self.a_node();
        let bus = &self.nodes[&index].bus;
        if let Some(Ok(receipt)) = self.call(&format!("commits {numbers:?}"), bus.commit(unit)).await {
            self.world.rules.confirmed(&numbers);
            self.look_for(index, receipt, numbers);
        }
    }

    async fn schedule(&mut self) {
        let word = self.word();
        let at = self.world.clock.now() + TimeDelta::minutes(self.world.below(240) as i64 - 10);
        let mut unit = Unit::new(self.world.origin());
        let id = unit.schedule(&word, at);
        let bus = &self.nodes[&self.a_node()].bus;
        let answer = self.call(&format!("schedules {} at {at}", word.number), bus.commit(unit)).await;
        let is_made = matches!(answer, Some(Ok(_)));
        self.promises.push(Promise { number: word.number, id, at, is_made, is_cancelled: Some(false) });
    }

    async fn cancel(&mut self) {
        if self.promises.is_empty() {
            return;
        }
        let index = self.world.below(self.promises.len());
        let Promise { number, id, .. } = &self.promises[index];
        let mut unit = Unit::new(self.world.origin());
        // A document that was never put again: then this was in time.
        unit.cancel(id, Expected::Exact(1));
        let bus = &self.nodes[&self.a_node()].bus;
        let answer = self.call(&format!("cancels {number}"), bus.commit(unit)).await;
        let promise = &mut self.promises[index];
        promise.is_cancelled = match answer {
            Some(Ok(_)) => Some(true),
            Some(Err(error)) if error.kind == ErrorKind::Conflict => promise.is_cancelled,
            Some(Err(_)) | None if promise.is_cancelled == Some(true) => Some(true),
            Some(Err(_)) | None => None,
        };
    }

    async fn retry_letters(&self) {
        let part = self.a_part();
        let filter = match self.world.below(3) {
            0 => LetterFilter::default(),
            1 => LetterFilter::of(part.name),
            _ => LetterFilter { key: Some(KEYS[self.world.below(KEYS.len())].into()), ..LetterFilter::of(part.name) },
        };
        // Where nodes share the subscriber, each tries those of its slots.
        let is_shared = self.world.has_leases();
        let homes = if is_shared { self.nodes.keys().copied().collect() } else { vec![self.homes[part.name]] };
        for home in homes {
            let bus = &self.nodes[&home].bus;
            let answer = self.call(&format!("retries {filter:?}"), bus.retry_dead_letters(&filter)).await;
            if let Some(Ok(retried)) = answer
                && retried.delivered + retried.failed > 0
            {
                self.world.count("letters are retried");
            }
        }
    }

    async fn discard_letters(&self) {
        let part = self.a_part();
        let key = KEYS[self.world.below(KEYS.len())].to_owned();
        let filter = LetterFilter { key: (self.world.below(3) == 0).then_some(key), ..LetterFilter::of(part.name) };
        let bus = &self.home_of(part).bus;
        let cx = self.world.origin().context;
        let work = bus.discard_dead_letters(&filter, "the simulation has it so", &cx);
        if let Some(Ok(1..)) = self.call(&format!("discards {filter:?}"), work).await {
            self.world.count("letters are discarded");
        }
    }

    async fn head(&self) -> Position {
        self.world.memory.head().await.expect("the store in memory answers")
    }
}
