//! Two processes, one slot, three events of two keys, in every order in which things can happen: looks that are out of date when
//! they are acted upon, units that arrive after whoever sent them has died, clocks that differ.
//!
//! What a process does about the lease is [`decide`], how far it has come is [`Progress`], and which keys it knows to be parked is
//! [`Parked`]: the very functions of the engine.
//! The tests below also put wrong ones in their place, and the checker must find what breaks.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use event_sourcing::Position;
use stateright::{Checker, HasDiscoveries, Model, Property};

use super::{
    Member,
    decision::{Me, Move, Seen, SeenClaim, decide},
};
use crate::{
    parked::Parked,
    progress::{Progress, Step},
};

const SLOT: &str = "ledger";
/// Keys of the events at positions 1, 2 and 3. The first is poison, so the third follows it to the dead letters.
const KEYS: [&str; 3] = ["a", "b", "a"];
const POISON: u64 = 1;
/// Seconds.
const LEASE: i64 = 1;
/// The clock stops here.
const END: i64 = 2;
/// Events that a process handles at a time.
const CONCURRENCY: usize = 2;

/// The rules under test.
struct Town {
    decide: fn(&Seen, &Me, DateTime<Utc>) -> Vec<Move>,
    step: fn(&Progress, Position, &str) -> Step,
    /// Whether a unit is refused whose claim is not the one that is stored.
    is_fenced: bool,
    has_marks: bool,
    holds: fn(&Parked, &str) -> bool,
    /// Seconds that the second process's clock is ahead.
    skew: i64,
    crashes: u8,
}

impl Town {
    fn sound() -> Self {
        Self {
            decide,
            step: Progress::step,
            is_fenced: true,
            has_marks: true,
            holds: Parked::holds,
            skew: 0,
            crashes: 1,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    clock: i64,
    documents: Seen,
    checkpoint: u64,
    marks: BTreeSet<u64>,
    letters: BTreeSet<u64>,
    /// How often each event was done.
    effects: [u8; KEYS.len()],
    /// A unit was written under a claim that was not the stored one.
    is_stale: bool,
    /// A claim was taken from an owner whose lease had not ended.
    is_early: bool,
    processes: [Process; 2],
    /// Units that the store has not answered.
    sent: Vec<Sent>,
    crashes: u8,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Process {
    is_down: bool,
    /// Which start it is.
    session: u8,
    /// What follows from its latest look.
    moves: Vec<Move>,
    work: Option<Work>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Work {
    claim: u64,
    progress: Progress,
    done: BTreeSet<u64>,
    parked: Parked,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Sent {
    by: usize,
    session: u8,
    claim: u64,
    event: u64,
    is_parking: bool,
    step: Step,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    Tick,
    /// A process reads the documents and decides.
    Look(usize),
    /// It carries out the next of its moves.
    Move(usize),
    /// It ends with an event, and sends what is to be committed. Tries that failed before have left nothing.
    Handle(usize, u64),
    /// It stores a checkpoint that is behind.
    Flush(usize),
    /// The store gets to a unit, in whatever order they were sent.
    Commit(usize),
    Crash(usize),
    Restart(usize),
}

fn at(clock: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(clock)
}

fn index(event: u64) -> usize {
    event as usize - 1
}

impl Town {
    fn now(&self, world: &World, who: usize) -> DateTime<Utc> {
        at(world.clock + self.skew * who as i64)
    }

    fn look(&self, world: &mut World, who: usize) {
        let (now, process) = (self.now(world, who), &world.processes[who]);
        let me = Me {
            session: session(who, process),
            lease: TimeDelta::seconds(LEASE),
            groups: BTreeMap::from([(SLOT.to_owned(), 1)]),
            working: process.work.iter().map(|work| (SLOT.to_owned(), work.claim)).collect(),
        };
        let moves = (self.decide)(&world.documents, &me, now);
        let Seen { members, .. } = &mut world.documents;
        for step in moves {
            match step {
                // What is not guarded by what was read, or rests on nothing else, is done at once.
                Move::Announce { .. } => {
                    let groups = BTreeMap::from([(SLOT.to_owned(), 1)]);
                    let until = now + TimeDelta::seconds(LEASE);
                    let member = Member { node: who.to_string(), until, lease_ms: LEASE * 1000, groups };
                    // Grows with every announcement, as the revision in a store does.
                    members.insert(me.session.clone(), (member, until.timestamp() as u64));
                }
                Move::Lose { .. } => world.processes[who].work = None,
                Move::Forget { session, .. } => _ = members.remove(&session),
                step => world.processes[who].moves.push(step),
            }
        }
    }

    /// As the keeper does it: each write with the revisions that it expects.
    fn carry_out(&self, world: &mut World, who: usize) -> Option<()> {
        let me = session(who, &world.processes[who]);
        let step = world.processes[who].moves.remove(0);
        let Seen { claims, members } = &mut world.documents;
        let revision = |members: &BTreeMap<String, (Member, u64)>, of: &str| members.get(of).map_or(0, |found| found.1);
        match step {
            Move::Announce { .. } | Move::Lose { .. } | Move::Forget { .. } => unreachable!("done at once"),
            Move::Resume { claim, .. } => {
                // The first unit of a new run waits behind all that the last one has sent.
                if world.sent.iter().any(|sent| sent.by == who && sent.claim == claim) {
                    return None;
                }
                let work = self.begin(world, claim);
                world.processes[who].work = Some(work);
            }
            Move::Take { slot, claim, from } => {
                let stored = claims.get(&slot).map_or(0, |stored| stored.revision);
                let is_late = from.as_ref().is_none_or(|from| revision(members, &from.session) == from.revision);
                if stored == claim && is_late {
                    let owner = from.and_then(|from| members.get(&from.session));
                    world.is_early |= owner.is_some_and(|(member, _)| member.until > at(world.clock));
                    claims.insert(slot.clone(), SeenClaim { owner: Some(me), revision: claim + 1 });
                    // What it then reads may be read later.
                    world.processes[who].moves.insert(0, Move::Resume { slot, claim: claim + 1 });
                }
            }
            Move::Release { slot, claim } => {
                world.processes[who].work = None;
                claims.insert(slot, SeenClaim { owner: None, revision: claim + 1 });
            }
        }
        Some(())
    }

    /// As a follower begins: from what the store has.
    fn begin(&self, world: &World, claim: u64) -> Work {
        let mut progress = Progress::default().recovered(Position(world.checkpoint), world.marks.clone());
        let mut done: BTreeSet<u64> = (1..=world.checkpoint).collect();
        for event in world.checkpoint + 1..=KEYS.len() as u64 {
            progress.admit(Position(event), DateTime::UNIX_EPOCH);
            if progress.is_marked(Position(event)) {
                progress.done(Position(event));
                done.insert(event);
            }
        }
        let mut parked = Parked::default();
        parked.looked(world.letters.iter().map(|letter| KEYS[index(*letter)].to_owned()));
        Work { claim, progress, done, parked }
    }

    fn handle(&self, world: &mut World, who: usize, event: u64) {
        let process = &mut world.processes[who];
        let session = process.session;
        let work = process.work.as_mut().expect("only who works handles events");
        let is_behind = (self.holds)(&work.parked, KEYS[index(event)]);
        let step = (self.step)(&work.progress, Position(event), KEYS[index(event)]);
        let is_parking = event == POISON || is_behind;
        world.sent.push(Sent { by: who, session, claim: work.claim, event, is_parking, step });
        // They have no order.
        world.sent.sort_by_key(|sent| (sent.by, sent.claim, sent.event));
    }

    /// Whether the unit is written, and what of it.
    fn commit(&self, world: &mut World, sent: Sent) {
        let Sent { by, session, claim, event, is_parking, step } = sent;
        let is_held = world.documents.claims.get(SLOT).is_some_and(|stored| stored.revision == claim);
        let process = &mut world.processes[by];
        let work = process.work.as_mut().filter(|work| work.claim == claim && process.session == session);
        if !is_held && self.is_fenced {
            if work.is_some() {
                process.work = None;
            }
            return;
        }
        world.is_stale |= !is_held;
        self.write(&step, &mut world.checkpoint, &mut world.marks);
        match event {
            0 => {}
            _ if is_parking => _ = world.letters.insert(event),
            _ => world.effects[index(event)] += 1,
        }
        let Some(work) = work else { return };
        if event > 0 {
            work.progress.done(Position(event));
            work.done.insert(event);
            if is_parking {
                let _first = work.parked.park(KEYS[index(event)]);
            }
        }
        work.progress.stepped(&step);
    }

    fn write(&self, step: &Step, checkpoint: &mut u64, marks: &mut BTreeSet<u64>) {
        match step {
            Step::Checkpoint { to, passed } => {
                *checkpoint = to.0;
                passed.iter().for_each(|mark| _ = marks.remove(mark));
            }
            Step::Mark { of, .. } if self.has_marks => _ = marks.insert(of.0),
            Step::Mark { .. } => {}
        }
    }
}

fn session(who: usize, process: &Process) -> String {
    format!("{who}/{}", process.session)
}

impl World {
    /// Events that a process may end with: the first of its key, and not sent already.
    fn ready(&self, who: usize) -> Vec<u64> {
        let process = &self.processes[who];
        let Some(work) = &process.work else { return Vec::new() };
        let own = |sent: &&Sent| sent.by == who && sent.session == process.session && sent.claim == work.claim;
        let sent: Vec<u64> = self.sent.iter().filter(own).map(|sent| sent.event).collect();
        if sent.len() >= CONCURRENCY || sent.contains(&0) {
            return Vec::new();
        }
        let is_first = |event: &u64| {
            (1..*event).all(|before| KEYS[index(before)] != KEYS[index(*event)] || work.done.contains(&before))
        };
        let events = 1..=KEYS.len() as u64;
        events.filter(|event| !work.done.contains(event) && !sent.contains(event)).filter(is_first).collect()
    }

    /// The checkpoint of a process that has nothing under way, if it is behind.
    fn flush(&self, who: usize) -> Option<Step> {
        let work = self.processes[who].work.as_ref()?;
        let is_busy = self.sent.iter().any(|sent| sent.by == who && sent.claim == work.claim);
        // With a wrong step a checkpoint may be ahead of what is done.
        let is_right = work.progress.position() >= work.progress.stored;
        if is_busy || !is_right { None } else { work.progress.flush() }
    }

    fn is_settled(&self, event: u64) -> bool {
        self.effects[index(event)] > 0 || self.letters.contains(&event)
    }

    fn events() -> std::ops::RangeInclusive<u64> {
        1..=KEYS.len() as u64
    }
}

const ONCE: &str = "rule 5: no event is done twice, and none is done and given up";
const PREFIX: &str = "rule 2: what the checkpoint has passed is done or parked";
const PARKED: &str = "rule 6: only the key of the poison is parked, and nothing of it is done";
const FENCED: &str = "rule 3: nobody commits under a claim that is another's";
const LATE: &str = "rule 3: only a lease that has ended is taken";
const SETTLED: &str = "everything is handled in the end";
const TAKEN: &str = "a slot changes hands half way";

impl Model for Town {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            clock: 0,
            documents: Seen::default(),
            checkpoint: 0,
            marks: BTreeSet::new(),
            letters: BTreeSet::new(),
            effects: [0; KEYS.len()],
            is_stale: false,
            is_early: false,
            processes: Default::default(),
            sent: Vec::new(),
            crashes: self.crashes,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.clock < END {
            actions.push(Action::Tick);
        }
        actions.extend((0..world.sent.len()).map(Action::Commit));
        for (who, process) in world.processes.iter().enumerate() {
            if process.is_down {
                actions.push(Action::Restart(who));
                continue;
            }
            actions.push(if process.moves.is_empty() { Action::Look(who) } else { Action::Move(who) });
            actions.extend(world.ready(who).into_iter().map(|event| Action::Handle(who, event)));
            if world.flush(who).is_some() {
                actions.push(Action::Flush(who));
            }
            // Later than that its lease would not end before the clock stops.
            if world.crashes > 0 && world.clock + LEASE < END {
                actions.push(Action::Crash(who));
            }
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Tick => world.clock += 1,
            Action::Look(who) => self.look(&mut world, who),
            Action::Move(who) => self.carry_out(&mut world, who)?,
            Action::Handle(who, event) => self.handle(&mut world, who, event),
            Action::Flush(who) => {
                let step = world.flush(who)?;
                let (session, claim) =
                    (world.processes[who].session, world.processes[who].work.as_ref().map_or(0, |work| work.claim));
                world.sent.push(Sent { by: who, session, claim, event: 0, is_parking: false, step });
            }
            Action::Commit(which) => {
                let sent = world.sent.remove(which);
                self.commit(&mut world, sent);
            }
            Action::Crash(who) => {
                let session = world.processes[who].session;
                world.processes[who] = Process { is_down: true, session, ..Process::default() };
                world.crashes -= 1;
            }
            Action::Restart(who) => {
                let session = world.processes[who].session + 1;
                world.processes[who] = Process { session, ..Process::default() };
            }
        }
        (world != *last).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONCE, |_, world: &World| {
                World::events().all(|event| world.effects[index(event)] + u8::from(world.letters.contains(&event)) <= 1)
            }),
            Property::always(PREFIX, |_, world: &World| {
                (1..=world.checkpoint).chain(world.marks.iter().copied()).all(|event| world.is_settled(event))
            }),
            Property::always(PARKED, |_, world: &World| {
                let key = KEYS[index(POISON)];
                let is_right = |event| match KEYS[index(event)] == key {
                    true => world.effects[index(event)] == 0,
                    false => !world.letters.contains(&event),
                };
                World::events().all(is_right)
            }),
            Property::always(FENCED, |_, world: &World| !world.is_stale),
            Property::always(LATE, |town: &Town, world: &World| town.skew != 0 || !world.is_early),
            Property::eventually(SETTLED, |town: &Town, world: &World| {
                town.skew != 0 || World::events().all(|event| world.is_settled(event))
            }),
            Property::sometimes(TAKEN, |_, world: &World| {
                let claims = &world.documents.claims;
                claims.get(SLOT).is_some_and(|claim| claim.revision > 1)
                    && world.checkpoint > 0
                    && !World::events().all(|event| world.is_settled(event))
            }),
        ]
    }
}

fn finds(town: Town, property: &'static str) {
    let found = HasDiscoveries::AllOf(BTreeSet::from([property]));
    town.checker().finish_when(found).spawn_bfs().join().assert_any_discovery(property);
}

#[test]
fn lease_checkpoint_and_parking_hold_together() {
    Town::sound().checker().spawn_bfs().join().assert_properties();
}

/// A clock that is ahead takes slots too early, and still nothing is done twice.
#[test]
fn no_clock_breaks_the_fence() {
    Town { skew: LEASE, crashes: 0, ..Town::sound() }.checker().spawn_bfs().join().assert_properties();
}

#[test]
fn without_a_fence_two_commit() {
    for property in [FENCED, ONCE] {
        finds(Town { is_fenced: false, ..Town::sound() }, property);
    }
}

#[test]
fn a_lease_that_is_taken_early_is_found() {
    let early: fn(&Seen, &Me, DateTime<Utc>) -> Vec<Move> =
        |seen, me, now| decide(seen, me, now + TimeDelta::seconds(LEASE));
    finds(Town { decide: early, ..Town::sound() }, LATE);
}

#[test]
fn a_checkpoint_of_any_event_is_found() {
    finds(Town { step: |progress, event, _| progress.through(event), ..Town::sound() }, PREFIX);
}

#[test]
fn an_event_without_its_mark_is_done_again() {
    finds(Town { has_marks: false, ..Town::sound() }, ONCE);
}

#[test]
fn a_parked_key_that_flows_is_found() {
    finds(Town { holds: |_, _| false, ..Town::sound() }, PARKED);
}
