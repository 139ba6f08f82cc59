use std::{collections::BTreeMap, sync::Arc, time::Duration};

use event_bus::{BatchOptions, BatchSubscriber, EnvelopeSubscriber, HourPassed, Subscription, slot_of};
use event_sourcing::{Document, Expected, StoreExt, Unit};
use kernel::{Context, DecodeError, Envelope, Error, Event, Priority};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{store::NodeStore, world::World};
use crate::faults::{error, mixed};

pub(super) const MODULE: &str = "simulation";

/// What the events are about.
pub(super) const KEYS: [&str; 5] = ["amber", "birch", "cedar", "delta", "ember"];

/// What is published: plain words and urgent ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Word<const URGENT: bool> {
    pub key: String,
    /// No other word has it.
    pub number: u64,
    /// How many may follow from it in a row.
    pub hops: u8,
    /// Nobody can handle it, however often it is tried.
    pub is_poison: bool,
}

impl<const URGENT: bool> Event for Word<URGENT> {
    const NAME: &'static str = if URGENT { "simulation.urgent" } else { "simulation.plain" };
    const PRIORITY: Priority = if URGENT { Priority::High } else { Priority::Normal };

    fn key(&self) -> String {
        self.key.clone()
    }
}

/// The effect: what one subscriber has handled of one key, in that order. Stored as `subscriber/key`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Page {
    pub numbers: Vec<u64>,
}

impl Document for Page {
    const COLLECTION: &'static str = "simulation.pages";
}

/// A subscriber, as a scenario names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Of its subscription.
    pub name: &'static str,
    /// What it takes, as a subscription says it.
    pub events: &'static str,
    pub(super) form: Form,
    /// How many words it says for each that it hears, while there are hops left.
    pub(super) answers: u64,
    /// Into how many its keys are divided.
    pub(super) slots: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// So many keys at a time.
    Keys(usize),
    /// Up to so many events at once, of plain words.
    Batches(usize),
}

impl Part {
    pub(super) fn takes(&self, event: &Envelope) -> bool {
        match self.events.strip_suffix('*') {
            Some(prefix) => event.event_type.starts_with(prefix),
            None => event.event_type == self.events,
        }
    }

    pub(super) fn subscription(&'static self, store: Arc<NodeStore>) -> Subscription {
        let (name, scribe) = (self.name, Scribe { part: self, store });
        let subscription = match self.form {
            Form::Keys(keys) => Subscription::envelopes(name, MODULE, self.events, scribe).with_concurrency(keys),
            Form::Batches(size) => {
                let options = BatchOptions { size, delay: Duration::from_millis(40) };
                Subscription::batches::<Word<false>>(name, MODULE, options, scribe)
            }
        };
        subscription.with_mailbox(8).in_slots(self.slots)
    }

    /// What the checkpoints of its slots are stored under.
    pub(super) fn places(&self) -> impl Iterator<Item = String> {
        (0..self.slots).map(|slot| if self.slots == 1 { self.name.to_owned() } else { format!("{}#{slot}", self.name) })
    }

    /// Whether an event is of its slot of this place.
    pub(super) fn takes_at(&self, place: &str, event: &Envelope) -> bool {
        let slot = slot_of(&event.metadata.key, self.slots) as usize;
        self.takes(event) && self.places().nth(slot).is_some_and(|of_key| of_key == place)
    }

    /// The words that follow from one. Always the same: whoever judges a run knows them too.
    pub(super) fn answers_to(&self, heard: &Heard) -> Vec<Word<false>> {
        let answers = if heard.hops > 0 { self.answers } else { 0 };
        let of_part = self.name.bytes().fold(0, |sum, byte| mixed(sum ^ u64::from(byte)));
        let answer = |index| {
            // JSON of other languages has 53 bits for a number.
            let number = mixed(mixed(heard.number ^ of_part) ^ index) >> 11;
            let key = KEYS[(number % KEYS.len() as u64) as usize].to_owned();
            Word { key, number, hops: heard.hops - 1, is_poison: false }
        };
        (0..answers).map(answer).collect()
    }
}

/// What a subscriber goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heard {
    pub key: String,
    pub number: u64,
    hops: u8,
    pub is_poison: bool,
}

impl Heard {
    pub fn of(event: &Envelope) -> Result<Self, DecodeError> {
        if event.event_type == HourPassed::NAME {
            let hour: HourPassed = event.decode()?;
            let number = hour.ended.timestamp().unsigned_abs();
            return Ok(Self { key: hour.key(), number, hops: 0, is_poison: false });
        }
        event.decode::<Word<false>>().map(Self::from)
    }

    /// It is looked at, and nothing is written.
    pub fn is_idle(&self) -> bool {
        self.number % 8 == 5
    }
}

impl<const URGENT: bool> From<Word<URGENT>> for Heard {
    fn from(Word { key, number, hops, is_poison }: Word<URGENT>) -> Self {
        Self { key, number, hops, is_poison }
    }
}

/// Writes down what it hears.
struct Scribe {
    part: &'static Part,
    store: Arc<NodeStore>,
}

impl Scribe {
    async fn hear(&self, words: &[Heard], unit: &mut Unit) -> Result<(), Error> {
        let Self { part, store } = self;
        let world: &World = &store.world;
        let call = world.operation();
        let numbers: Vec<u64> = words.iter().map(|word| word.number).collect();
        world.tell(format!("{} #{call} {} hears {numbers:?}", store.process.name, part.name));
        world.dither().await;
        let result = world.handlers.spoil("handler", error, self.write(words, unit)).await;
        let said = result.as_ref().map_or_else(ToString::to_string, |()| "written".into());
        world.tell(format!("{} #{call} = {said}", store.process.name));
        if result.is_ok() {
            let idle = words.iter().filter(|word| word.is_idle());
            idle.for_each(|word| world.rules.looked_at(part.name, word.number));
        }
        result
    }

    async fn write(&self, words: &[Heard], unit: &mut Unit) -> Result<(), Error> {
        let Self { part, store } = self;
        let mut pages: BTreeMap<&str, Page> = BTreeMap::new();
        for word in words.iter().filter(|word| !word.is_idle()) {
            if !pages.contains_key(word.key.as_str()) {
                let found = store.get::<Page>(&format!("{}/{}", part.name, word.key)).await?;
                pages.insert(&word.key, found.map(|found| found.value).unwrap_or_default());
            }
            pages.entry(&word.key).or_default().numbers.push(word.number);
            for answer in part.answers_to(word) {
                unit.publish(&answer);
            }
        }
        store.world.dither().await;
        // Nothing is expected of the document: the bus alone keeps two from writing it at a time.
        for (key, page) in pages {
            unit.put(format!("{}/{key}", part.name), &page, Expected::Any);
        }
        match words.iter().find(|word| word.is_poison) {
            Some(word) => Err(Error::internal(format!("{} is poison", word.number))),
            None => Ok(()),
        }
    }
}

impl EnvelopeSubscriber for Scribe {
    async fn handle(&self, _: &Context, event: &Arc<Envelope>, unit: &mut Unit) -> Result<(), Error> {
        let heard = Heard::of(event).map_err(|error| Error::invalid(error.to_string()))?;
        self.hear(&[heard], unit).await
    }
}

impl BatchSubscriber<Word<false>> for Scribe {
    async fn handle(&self, _: &Context, events: &[Word<false>], unit: &mut Unit) -> Result<(), Error> {
        let heard: Vec<Heard> = events.iter().cloned().map(Heard::from).collect();
        self.hear(&heard, unit).await
    }
}
