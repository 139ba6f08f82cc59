//! What must hold of a projection: its documents are at every moment what a fold over the log gives.

use std::{collections::BTreeMap, sync::Mutex};

use event_sourcing::{GenerationStatus, LogQuery, Position, ProjectionStatus, Store, Write, projections};
use kernel::Event;
use serde_json::{Value, json};

use super::{
    chart::{LATEST, LINES, NEWEST, PLACES},
    subscribers::{Heard, Word},
    world::{World, lock},
};

/// By collection and key.
pub(super) type Documents = BTreeMap<(&'static str, String), Value>;

/// What somebody has asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looked {
    pub collection: &'static str,
    /// All of them, if none is named.
    pub key: Option<&'static str>,
}

/// Follows what is committed of the chart, and knows what readers could see at each moment.
pub(super) struct Views(Mutex<State>);

struct State {
    /// By position from 1. `None`: it is of no interest.
    words: Vec<Option<Word<false>>>,
    generations: BTreeMap<u32, Fold>,
    /// What readers saw, from nothing on.
    moments: Vec<Moment>,
    is_rebuilding: bool,
}

/// From one commit to the next that changes what is seen.
struct Moment {
    position: u64,
    documents: Documents,
}

/// Of one generation.
#[derive(Default)]
struct Fold {
    position: u64,
    is_halted: bool,
    /// Words by key.
    lines: BTreeMap<String, Vec<u64>>,
    places: BTreeMap<u64, (u64, String)>,
}

impl Default for Views {
    /// Of a projection that never ran.
    fn default() -> Self {
        let nothing = Moment { position: 0, documents: Documents::new() };
        let (words, generations) = (Vec::new(), BTreeMap::new());
        Self(Mutex::new(State { words, generations, moments: vec![nothing], is_rebuilding: false }))
    }
}

impl Views {
    /// Looks at what was just written.
    pub async fn committed(&self, world: &World, writes: &[Write]) {
        let from = Position(lock(&self.0).words.len() as u64);
        let log = world.memory.log(LogQuery::after(from, usize::MAX)).await.expect("the store in memory answers");
        let words = log.iter().map(|event| {
            let is_plain = event.event_type == Word::<false>::NAME;
            is_plain.then(|| event.decode::<Word<false>>().expect("this is how words are written"))
        });
        lock(&self.0).words.extend(words);
        if !writes.iter().any(is_of_chart) {
            return;
        }
        let found = projections(&world.memory).await.expect("the store in memory answers");
        let [ProjectionStatus { live, rebuild, .. }] = &found[..] else { return };
        self.compare(world, live, documents(world, live.number).await, true);
        if let Some(rebuild) = rebuild {
            self.compare(world, rebuild, documents(world, rebuild.number).await, false);
        }
        lock(&self.0).is_rebuilding = rebuild.as_ref().is_some_and(|rebuild| rebuild.halted.is_none());
    }

    /// A generation with the fold over the log up to where it is said to be.
    fn compare(&self, world: &World, generation: &GenerationStatus, found: Documents, is_live: bool) {
        let GenerationStatus { number, version, position: Position(position), halted, .. } = generation;
        let state = &mut *lock(&self.0);
        let fold = state.generations.entry(*number).or_default();
        if fold.position > *position {
            let before = fold.position;
            return world.failed(format!("rule 2: generation {number} went back from {before} to {position}"));
        }
        fold.go(&state.words, *version, *position);
        let expected = fold.documents(*version);
        if found != expected {
            world.failed(format!(
                "rule 7: generation {number} of version {version} is at {position} and has {found:?}, and the log says \
                 {expected:?}"
            ));
        }
        if halted.is_some() && !std::mem::replace(&mut fold.is_halted, halted.is_some()) {
            world.count("projection halts");
        }
        if !is_live {
            return;
        }
        let before = state.moments.last().map_or(0, |moment| moment.position);
        if before > *position {
            world.failed(format!("rule 7: readers had seen everything up to {before}, and now up to {position}"));
        }
        state.moments.push(Moment { position: *position, documents: found });
    }

    /// For whoever is about to look.
    pub fn moment(&self) -> usize {
        lock(&self.0).moments.len() - 1
    }

    /// Where the last of these words came that is of interest to the chart; 0 if there is none.
    pub fn last_of(&self, numbers: &[u64]) -> u64 {
        let state = lock(&self.0);
        let is_one = |word: &Option<Word<false>>| word.as_ref().is_some_and(|word| numbers.contains(&word.number));
        state.words.iter().rposition(is_one).map_or(0, |index| index as u64 + 1)
    }

    /// Somebody has seen this, at a moment since then, with everything up to this position.
    pub fn seen(&self, world: &World, reader: &str, looked: Looked, seen: Documents, since: usize, least: u64) {
        let state = lock(&self.0);
        let moments = &state.moments[since..];
        let is_so = |moment: &Moment| {
            let of_it = moment.documents.iter().filter(|((collection, key), _)| {
                *collection == looked.collection && looked.key.is_none_or(|one| one == key)
            });
            moment.position >= least && of_it.eq(&seen)
        };
        if !moments.iter().any(is_so) {
            let positions: Vec<u64> = moments.iter().map(|moment| moment.position).collect();
            world.failed(format!(
                "rule 7: {reader} waits for {least}, looks at {looked:?} and sees {seen:?}, which nobody has written at \
                 {positions:?}"
            ));
        }
    }

    /// Whether a generation is being filled that does not stand still.
    pub fn is_rebuilding(&self) -> bool {
        lock(&self.0).is_rebuilding
    }

    /// At rest all of the log is in what readers see, by the newest program, and nothing is left of other generations.
    pub async fn judge(&self, world: &World, status: &ProjectionStatus) {
        let live = &status.live;
        let found = documents(world, live.number).await;
        let words = lock(&self.0).words.clone();
        let mut fold = Fold::default();
        fold.go(&words, NEWEST, words.len() as u64);
        let expected = fold.documents(NEWEST);
        if found != expected {
            world.failed(format!("rule 7: at rest {status:?} has {found:?}, and the log says {expected:?}"));
        }
        for number in (1..live.number + 4).filter(|number| *number != live.number) {
            let left = documents(world, number).await;
            if !left.is_empty() {
                world.failed(format!("at rest {left:?} is left of generation {number}, and {} is live", live.number));
            }
        }
    }
}

impl Fold {
    fn go(&mut self, words: &[Option<Word<false>>], version: u32, to: u64) {
        for position in self.position + 1..=to {
            let Some(word) = &words[position as usize - 1] else { continue };
            if word.is_poison && version < NEWEST {
                continue;
            }
            self.places.insert(position % LATEST as u64, (position, word.key.clone()));
            if Heard::from(word.clone()).is_idle() {
                self.lines.remove(&word.key);
            } else {
                self.lines.entry(word.key.clone()).or_default().push(word.number);
            }
        }
        self.position = to;
    }

    fn documents(&self, version: u32) -> Documents {
        let lines = self.lines.iter().map(|(key, numbers)| {
            let weight = numbers.iter().map(|number| number % 100).sum::<u64>() * u64::from(version);
            let latest = &numbers[numbers.len().saturating_sub(LATEST)..];
            ((LINES, key.clone()), json!({ "words": numbers.len(), "weight": weight, "latest": latest }))
        });
        let places = self
            .places
            .iter()
            .map(|(digit, (position, key))| ((PLACES, digit.to_string()), json!({ "position": position, "key": key })));
        lines.chain(places).collect()
    }
}

fn is_of_chart(write: &Write) -> bool {
    let (Write::Put { collection, .. } | Write::Delete { collection, .. }) = write else { return false };
    ["event_sourcing.projection", "simulation.chart_"].iter().any(|prefix| collection.starts_with(prefix))
}

async fn documents(world: &World, generation: u32) -> Documents {
    let mut found = Documents::new();
    for collection in [LINES, PLACES] {
        let page = world.memory.documents(&format!("{collection}@{generation}"), None, usize::MAX).await;
        for document in page.expect("the store in memory answers") {
            found.insert((collection, document.key), document.body.read().expect("a document is JSON"));
        }
    }
    found
}
