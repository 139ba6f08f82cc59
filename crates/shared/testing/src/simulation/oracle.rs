//! What must be in the store at the end, by a fold over the log.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chrono::{DateTime, TimeDelta, Utc};
use event_bus::{DeadLetter, HourPassed, ScheduleId, Scheduled};
use event_sourcing::{Document, LogQuery, Position, Store, StoreExt};
use kernel::{Clock, Envelope, Event};
use serde::Deserialize;

use super::{
    rules::is_discarded,
    subscribers::{Heard, Page, Part},
    world::World,
};

/// A word that was scheduled.
pub(super) struct Promise {
    pub number: u64,
    pub id: ScheduleId,
    pub at: DateTime<Utc>,
    /// Whether the answer said so; else nobody knows.
    pub is_made: bool,
    /// `None` where nobody knows.
    pub is_cancelled: Option<bool>,
}

/// The log, with what was published in it.
struct Told {
    events: Vec<(u64, Heard, Arc<Envelope>)>,
}

/// Compares all that is at rest. Numbers up to `words` are the director's; others are answers.
pub(super) async fn judge(world: &World, words: u64, promises: &[Promise]) {
    let log = world.memory.log(LogQuery::after(Position(0), usize::MAX)).await.expect("the store in memory answers");
    let events = (1..).zip(log).filter_map(|(position, event)| Some((position, Heard::of(&event).ok()?, event)));
    let told = Told { events: events.collect() };
    let mut answers = BTreeSet::new();
    for part in world.scenario.parts {
        answers.extend(judge_part(world, part, &told).await);
    }
    judge_answers(world, words, &answers, &told);
    judge_promises(world, promises, &told).await;
    judge_hours(world, &told).await;
}

/// Effects, letters and checkpoint of a subscriber. The answer is what it has said.
async fn judge_part(world: &World, part: &'static Part, told: &Told) -> Vec<u64> {
    let name = part.name;
    let (mut effects, mut letters) = (BTreeMap::<String, Vec<u64>>::new(), Vec::new());
    let (mut held, mut answers) = (BTreeSet::new(), Vec::new());
    for (position, heard, _) in told.events.iter().filter(|(_, _, event)| part.takes(event)) {
        if is_discarded(world, part, *position).await {
            continue;
        }
        if heard.is_poison {
            held.insert(&heard.key);
        }
        if held.contains(&heard.key) {
            letters.push(*position);
        } else if !heard.is_idle() {
            effects.entry(heard.key.clone()).or_default().push(heard.number);
            answers.extend(part.answers_to(heard).iter().map(|answer| answer.number));
        }
    }
    let expected: Vec<(String, Vec<u64>)> =
        effects.into_iter().map(|(key, numbers)| (format!("{name}/{key}"), numbers)).collect();
    let pages = world.memory.list::<Page>(Some(&format!("{name}/")), 100).await.expect("pages can be read");
    let pages = pages.into_iter().filter(|found| found.key.starts_with(&format!("{name}/")));
    let found: Vec<(String, Vec<u64>)> = pages.map(|found| (found.key, found.value.numbers)).collect();
    if found != expected {
        world.failed(format!("rule 5: `{name}` has the effects {found:?}, and the log says {expected:?}"));
    }
    let of_all = world.memory.list::<DeadLetter>(None, usize::MAX).await.expect("letters can be read");
    let of_this = of_all.into_iter().filter(|letter| letter.value.subscriber == name);
    let parked: Vec<u64> = of_this.filter_map(|letter| letter.value.event.metadata.position).collect();
    if parked != letters {
        world.failed(format!("rule 6: `{name}` has parked {parked:?}, and the log says {letters:?}"));
    }
    judge_progress(world, part, told).await;
    answers
}

/// All is completed: it is passed by the checkpoint or, behind that, marked; what is passed has no mark.
async fn judge_progress(world: &World, part: &'static Part, told: &Told) {
    for place in part.places() {
        let checkpoint = world.memory.checkpoint(&place).await.expect("the store in memory answers").0;
        for (position, ..) in told.events.iter().filter(|(_, _, event)| part.takes_at(&place, event)) {
            let mark = format!("{place}/{position:020}");
            let mark = world.memory.document("event_bus.inbox", &mark).await.expect("the store in memory answers");
            if mark.is_some() != (*position > checkpoint) {
                let is = if mark.is_some() { "is" } else { "is not" };
                world
                    .failed(format!("rule 2: the checkpoint of `{place}` is {checkpoint}, and {position} {is} marked"));
            }
        }
    }
}

/// What was said is what follows from what was handled.
fn judge_answers(world: &World, words: u64, answers: &BTreeSet<u64>, told: &Told) {
    let said =
        told.events.iter().filter(|(_, heard, event)| event.event_type != HourPassed::NAME && heard.number > words);
    let said: BTreeSet<u64> = said.map(|(_, heard, _)| heard.number).collect();
    for number in answers.difference(&said) {
        world.failed(format!("rule 5: {number} follows from an effect and was not published"));
    }
    for number in said.difference(answers) {
        world.failed(format!("rule 5: {number} was published and follows from no effect"));
    }
}

async fn judge_promises(world: &World, promises: &[Promise], told: &Told) {
    for Promise { number, at, is_made, is_cancelled, .. } in promises {
        let event = told.events.iter().find(|(_, heard, _)| heard.number == *number).map(|(_, _, event)| event);
        match event {
            Some(event) if event.timestamp < *at => {
                world.failed(format!("{number} was scheduled for {at} and published at {}", event.timestamp));
            }
            Some(_) if *is_cancelled == Some(true) => world.failed(format!("{number} was cancelled and published")),
            None if *is_made && *is_cancelled == Some(false) => {
                world.failed(format!("{number} was scheduled for {at} and is not published"));
            }
            Some(_) | None => {}
        }
    }
    let due = world.memory.documents(Scheduled::COLLECTION, None, usize::MAX).await;
    let due = due.expect("the store in memory answers");
    if !due.is_empty() {
        world.failed(format!("all is due, and still scheduled: {due:?}"));
    }
}

/// What the timekeeper remembers of hours.
#[derive(Deserialize)]
struct Passage {
    until: DateTime<Utc>,
}

/// When the hours began to be looked at, as long as none has passed since.
async fn beginning(world: &World) -> Option<DateTime<Utc>> {
    let stored = world.memory.document("event_bus.passage_of_time", HourPassed::NAME).await;
    let stored = stored.expect("the store in memory answers").filter(|stored| stored.revision == 1)?;
    Some(stored.body.read::<Passage>().expect("it is what the timekeeper writes").until)
}

/// Each hour once, none left out, up to the present one.
async fn judge_hours(world: &World, told: &Told) {
    if !world.scenario.parts.iter().any(|part| part.events == HourPassed::NAME) {
        return;
    }
    let hours = told.events.iter().filter_map(|(_, _, event)| {
        let is_one = event.event_type == HourPassed::NAME;
        is_one.then(|| event.decode::<HourPassed>().ok()).flatten()
    });
    let hours: Vec<HourPassed> = hours.collect();
    for pair in hours.windows(2) {
        if pair[0].ended != pair[1].began {
            world.failed(format!("after the hour until {} came the one from {}", pair[0].ended, pair[1].began));
        }
    }
    let now = world.clock.now();
    let last = match hours.last() {
        Some(last) => Some(last.ended),
        None => beginning(world).await,
    };
    if last.is_none_or(|last| now - last > TimeDelta::minutes(61)) {
        world.failed(format!("it is {now}, and the last hour that passed is {:?}", hours.last()));
    }
}
