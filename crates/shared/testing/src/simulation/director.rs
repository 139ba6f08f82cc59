//! Who does what to whom, and when: drawn from the seed.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use chrono::TimeDelta;
use event_bus::{Drain, LetterFilter, Schedule};
use event_sourcing::{Expected, Position, Store, Unit};
use kernel::{Clock, ErrorKind};
use tokio::{
    sync::mpsc,
    task::yield_now,
    time::{sleep, timeout},
};

use super::{
    node::Node,
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
}

/// What is done to the nodes of every scenario, and how often in proportion.
const TROUBLE: [(Action, usize); 10] = [
    (Action::Crash, 2),
    (Action::Kill, 2),
    (Action::Stop, 2),
    (Action::Forward, 3),
    (Action::Back, 2),
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
    /// Which node each subscriber runs on.
    homes: BTreeMap<&'static str, usize>,
    /// Of nodes, from their start to their end.
    runs: usize,
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
            words: 0,
            promises: Vec::new(),
            set_back: TimeDelta::zero(),
        }
    }

    /// The whole run on so many nodes, with the judgement at its end.
    pub async fn run(mut self, nodes: usize) {
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
        let all = self.world.scenario.work.iter().chain(&TROUBLE);
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
        }
    }

    fn a_part(&self) -> &'static Part {
        let parts = self.world.scenario.parts;
        &parts[self.world.below(parts.len())]
    }

    fn a_node(&self) -> usize {
        self.world.below(self.nodes.len())
    }

    fn home_of(&self, part: &Part) -> &Node {
        &self.nodes[&self.homes[part.name]]
    }

    async fn start(&mut self, index: usize) {
        let parts = self.world.scenario.parts.iter().filter(|part| self.homes[part.name] == index);
        let parts: Vec<&'static Part> = parts.collect();
        self.runs += 1;
        let node = Node::start(&self.world, &self.desk, index, self.runs, &parts).await;
        self.nodes.insert(index, node);
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

    /// One to three words in a unit.
    fn unit(&mut self) -> (Unit, Vec<u64>) {
        let mut unit = Unit::new(self.world.origin());
        let numbers = (0..=self.world.below(3)).map(|_| {
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
        let (unit, numbers) = self.unit();
        let (index, polls) = (self.a_node(), self.polls(8));
        let node = self.nodes.get_mut(&index).expect("between two acts all nodes run");
        node.publish(unit, numbers, polls);
    }

    async fn commit(&mut self) {
        let (unit, numbers) = self.unit();
        let bus = &self.nodes[&self.a_node()].bus;
        if let Some(Ok(_)) = self.call(&format!("commits {numbers:?}"), bus.commit(unit)).await {
            self.world.rules.confirmed(&numbers);
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

    /// It starts again, without those of its subscribers that others take over meanwhile.
    async fn end_a_node(&mut self, action: Action) {
        let index = self.a_node();
        let node = self.nodes.remove(&index).expect("between two acts all nodes run");
        match action {
            Action::Stop => {
                self.world.count("node stops");
                node.stop().await;
            }
            Action::Kill => {
                self.world.count("node is killed");
                node.process.kill();
                node.crash().await;
            }
            _ => {
                self.world.count("node crashes");
                node.crash().await;
            }
        }
        for part in self.world.scenario.parts {
            if self.homes[part.name] == index && !self.nodes.is_empty() && self.world.below(2) == 0 {
                let others: Vec<usize> = self.nodes.keys().copied().collect();
                self.add(part, others[self.world.below(others.len())]).await;
            }
        }
        self.wait().await;
        self.start(index).await;
    }

    fn set_clock(&mut self, by: TimeDelta) {
        let is_back = by < TimeDelta::zero();
        self.world.count(if is_back { "clock jumps back" } else { "clock jumps forward" });
        if is_back {
            self.set_back -= by;
        }
        self.world.clock.set(by);
    }

    async fn hold(&self, action: Action) {
        let part = self.a_part();
        let bus = &self.home_of(part).bus;
        let (kind, answer) = match action {
            Action::Pause => ("subscriber is paused", self.call("pauses", bus.pause(part.name)).await),
            _ => ("subscriber is resumed", self.call("resumes", bus.resume(part.name)).await),
        };
        if matches!(answer, Some(Ok(()))) {
            self.world.count(kind);
        }
    }

    async fn move_a_subscriber(&mut self) {
        let part = self.a_part();
        let home = self.homes[part.name];
        let _unknown = self.call(&format!("removes {}", part.name), self.nodes[&home].bus.remove(part.name)).await;
        if self.has(home, part).await {
            return;
        }
        self.world.count("subscriber is removed");
        self.wait().await;
        let next = self.a_node();
        self.add(part, next).await;
    }

    /// Until it runs there.
    async fn add(&mut self, part: &'static Part, home: usize) {
        loop {
            let node = &self.nodes[&home];
            let _unknown = self.call(&format!("adds {}", part.name), node.bus.add(node.subscription(part))).await;
            if self.has(home, part).await {
                self.homes.insert(part.name, home);
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn has(&self, node: usize, part: &Part) -> bool {
        loop {
            match self.nodes[&node].bus.status().await {
                Ok(status) => return status.iter().any(|status| status.name == part.name),
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    async fn retry_letters(&self) {
        let part = self.a_part();
        let filter = match self.world.below(3) {
            0 => LetterFilter::default(),
            1 => LetterFilter::of(part.name),
            _ => LetterFilter { key: Some(KEYS[self.world.below(KEYS.len())].into()), ..LetterFilter::of(part.name) },
        };
        let bus = &self.home_of(part).bus;
        let answer = self.call(&format!("retries {filter:?}"), bus.retry_dead_letters(&filter)).await;
        if let Some(Ok(retried)) = answer
            && retried.delivered + retried.failed > 0
        {
            self.world.count("letters are retried");
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

    /// Nothing fails any more, everything is started again, all is due, and whoever has something to do does it.
    async fn come_to_rest(&mut self) {
        let world = Arc::clone(&self.world);
        world.tell("-- calm");
        world.calm();
        // The publishers have kept what they could not publish: they get to that before they are stopped.
        let indexes: Vec<usize> = self.nodes.keys().copied().collect();
        for index in indexes {
            let node = self.nodes.remove(&index).expect("it is one of the keys");
            if timeout(PATIENCE, node.publisher.drained()).await.is_err() {
                world.failed(format!("{} keeps events for ever: {:?}", node.process.name, node.publisher.status()));
            }
            node.stop().await;
            self.start(index).await;
        }
        world.clock.set(self.set_back + TimeDelta::hours(6));
        for part in world.scenario.parts {
            let _told = self.call("resumes", self.home_of(part).bus.resume(part.name)).await;
        }
        // The timekeeper looks every second.
        sleep(Duration::from_secs(3)).await;
        self.drain().await;
        world.rules.all_is_done(&world);
        world.rules.all_is_published(&world);
        // What failed by chance succeeds now, and sets off more; poison stays.
        loop {
            let mut delivered = 0;
            for node in self.nodes.values() {
                let retried = self.call("retries all", node.bus.retry_dead_letters(&LetterFilter::default())).await;
                match retried {
                    Some(Ok(retried)) => delivered += retried.delivered,
                    Some(Err(error)) => world.failed(format!("letters cannot be retried at rest: {error}")),
                    None => {}
                }
            }
            self.drain().await;
            if delivered == 0 || world.has_failed() {
                break;
            }
        }
        for node in std::mem::take(&mut self.nodes).into_values() {
            node.stop().await;
        }
    }

    /// Until nobody has anything to do, and nobody gives anybody anything to do.
    async fn drain(&self) {
        loop {
            let head = self.head().await;
            for node in self.nodes.values() {
                match node.bus.drain(PATIENCE).await {
                    Ok(Drain::Complete) => {}
                    Ok(Drain::TimedOut) => {
                        let status = node.bus.status().await;
                        return self.world.failed(format!("{} never comes to rest: {status:?}", node.process.name));
                    }
                    Err(error) => return self.world.failed(format!("the store fails at rest: {error}")),
                }
            }
            if self.head().await == head {
                return;
            }
        }
    }

    async fn head(&self) -> Position {
        self.world.memory.head().await.expect("the store in memory answers")
    }
}
