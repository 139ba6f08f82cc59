use std::{sync::Arc, time::Duration};

use event_sourcing::{
    Applies, CatchUpError, Events, OnPoison, Projected, Projection, ProjectorPorts, ReadModel, Receipt, Store,
    StoreError, View,
};
use kernel::{Envelope, Error};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::{
    store::NodeStore,
    subscribers::{Heard, KEYS, Word},
    views::{Documents, Looked},
    world::World,
};
use crate::projections::Running;

/// What plain words come to. Versions differ in what they write for the same words, and in what becomes of poison: version 1 passes
/// it over, 2 halts before it, 3 takes it as any other word.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Chart<const VERSION: u32>;

/// The version that can apply every word.
pub(super) const NEWEST: u32 = 3;
pub(super) const CHART: &str = Chart::<NEWEST>::NAME;
pub(super) const LINES: &str = "simulation.chart_lines";
pub(super) const PLACES: &str = "simulation.chart_places";
/// Words of a line that are told; how many places there are.
pub(super) const LATEST: usize = 5;

/// What was said of a key, under the key. A word that is idle takes it away.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Line<const VERSION: u32> {
    words: u64,
    weight: u64,
    latest: Vec<u64>,
}

/// Which word came where in the log, by the last digit of that.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Place<const VERSION: u32> {
    position: u64,
    key: String,
}

impl<const VERSION: u32> Projected for Line<VERSION> {
    type By = Chart<VERSION>;
    const COLLECTION: &'static str = LINES;
}

impl<const VERSION: u32> Projected for Place<VERSION> {
    type By = Chart<VERSION>;
    const COLLECTION: &'static str = PLACES;
}

impl<const VERSION: u32> Projection for Chart<VERSION> {
    const NAME: &'static str = "simulation.chart";
    const VERSION: u32 = VERSION;
    const COLLECTIONS: &'static [&'static str] = &[LINES, PLACES];
    const ON_FAILURE: OnPoison = if VERSION == 1 { OnPoison::Skip } else { OnPoison::Halt };

    fn events() -> Events<Self> {
        Events::default().of::<Word<false>>()
    }
}

impl<const VERSION: u32> Applies<Word<false>> for Chart<VERSION> {
    async fn apply(&self, word: &Word<false>, envelope: &Envelope, view: &mut View<'_, Self>) -> Result<(), Error> {
        let position = envelope.metadata.position.unwrap_or_default();
        let place = Place::<VERSION> { position, key: word.key.clone() };
        view.put((position % LATEST as u64).to_string(), &place);
        if Heard::from(word.clone()).is_idle() {
            view.delete::<Line<VERSION>>(word.key.as_str());
            return Ok(());
        }
        let mut line = view.get::<Line<VERSION>>(&word.key).await?.unwrap_or_default();
        line.words += 1;
        line.weight += word.number % 100 * u64::from(VERSION);
        line.latest.push(word.number);
        line.latest.drain(..line.latest.len().saturating_sub(LATEST));
        view.put(word.key.as_str(), &line);
        // What was written before this must not remain.
        match word.is_poison && VERSION < NEWEST {
            true if word.number.is_multiple_of(2) => panic!("injected: {} is poison", word.number),
            true => Err(Error::internal(format!("{} is poison", word.number))),
            false => Ok(()),
        }
    }
}

/// As a program of this version runs it.
pub(super) fn running(version: u32, ports: ProjectorPorts) -> Running {
    match version {
        1 => Running::with::<Chart<1>>(ports),
        2 => Running::with::<Chart<2>>(ports),
        _ => Running::with::<Chart<NEWEST>>(ports),
    }
}

/// Somebody at a node who looks at the chart.
pub(super) struct Reader {
    store: Arc<NodeStore>,
    model: ReadModel<Chart<NEWEST>>,
}

impl Reader {
    pub fn of(store: &Arc<NodeStore>) -> Self {
        let port: Arc<dyn Store> = store.clone();
        Self { store: Arc::clone(store), model: ReadModel::new(port) }
    }

    /// Again and again, at one document or a whole collection.
    pub async fn look_on(self) {
        let world = &self.store.world;
        loop {
            sleep(Duration::from_millis(world.seed.below(400))).await;
            let looked = match world.below(4) {
                0 => Looked { collection: PLACES, key: None },
                1 => Looked { collection: LINES, key: None },
                _ => Looked { collection: LINES, key: Some(KEYS[world.below(KEYS.len())]) },
            };
            self.look(looked, 0).await;
        }
    }

    /// Waits until the chart has what this commit has written, and looks.
    pub async fn look_for(self, receipt: Receipt, numbers: Vec<u64>) {
        let Self { store, model } = &self;
        let world: &World = &store.world;
        let answer = model.wait_for_receipt(&receipt, Duration::from_secs(5)).await;
        world.tell(format!("{} waited for {numbers:?}: {answer:?}", store.process.name));
        match answer {
            Ok(()) => self.look(Looked { collection: LINES, key: None }, world.views.last_of(&numbers)).await,
            // What was asked for cannot come, or the store fails.
            Err(CatchUpError::TimedOut { .. } | CatchUpError::Halted { .. }) => {}
            Err(CatchUpError::Paused(_) | CatchUpError::Store(_)) => {}
        }
    }

    /// What is seen must have been so at a moment since the question, with everything up to this position.
    async fn look(&self, looked: Looked, least: u64) {
        let world: &World = &self.store.world;
        let since = world.views.moment();
        if let Ok(seen) = self.read(looked).await {
            world.views.seen(world, &self.store.process.name, looked, seen, since, least);
        }
    }

    async fn read(&self, looked: Looked) -> Result<Documents, StoreError> {
        let json = |value: Result<_, _>| value.expect("this is how it was read");
        let model = &self.model;
        Ok(match looked {
            Looked { key: Some(key), .. } => {
                let found = model.get::<Line<NEWEST>>(key).await?;
                found
                    .map(|found| ((LINES, key.to_owned()), json(serde_json::to_value(found.value))))
                    .into_iter()
                    .collect()
            }
            Looked { collection: LINES, .. } => {
                let found = model.list::<Line<NEWEST>>(None, usize::MAX).await?.into_iter();
                found.map(|found| ((LINES, found.key), json(serde_json::to_value(found.value)))).collect()
            }
            Looked { .. } => {
                let found = model.list::<Place<NEWEST>>(None, usize::MAX).await?.into_iter();
                found.map(|found| ((PLACES, found.key), json(serde_json::to_value(found.value)))).collect()
            }
        })
    }
}
