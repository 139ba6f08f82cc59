use std::sync::Arc;

use event_sourcing::{Applies, Events, Index, OnPoison, Projected, Projection, Store, Unit, View};
use kernel::{Envelope, Error, Event, SystemIds};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{actors::origin, store::Noted};

/// All that somebody noted is withdrawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Withdrawn {
    /// Who had noted it; the key of the event.
    pub writer: String,
}

impl Event for Withdrawn {
    const NAME: &'static str = "testing.withdrawn";

    fn key(&self) -> String {
        self.writer.clone()
    }
}

/// Tallies the notes of each writer, and who noted something last. Versions differ in what they write, and in what they cannot
/// apply: note 13 fails and note 14 panics in version 1; version 2 passes them over; from version 3 on they are notes as others.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally<const VERSION: u32>;

/// What one writer has noted, under the writer's name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Score<const VERSION: u32> {
    /// In the order of the log.
    pub notes: Vec<u64>,
    /// Of the notes, each counted as often as the version says.
    pub sum: u64,
}

/// Who has noted something, under the place in the log; the three latest are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Latest<const VERSION: u32> {
    /// The writer.
    pub writer: String,
}

/// Of how many notes it is told who has written them.
pub(super) const LATEST: usize = 3;

impl<const VERSION: u32> Score<VERSION> {
    /// By what the notes come to.
    pub const BY_SUM: Index = Index::new("by_sum", "sum");
}

impl<const VERSION: u32> Projected for Score<VERSION> {
    type By = Tally<VERSION>;
    const COLLECTION: &'static str = "testing.scores";
}

impl<const VERSION: u32> Projected for Latest<VERSION> {
    type By = Tally<VERSION>;
    const COLLECTION: &'static str = "testing.latest";
}

impl<const VERSION: u32> Projection for Tally<VERSION> {
    const NAME: &'static str = "testing.tally";
    const VERSION: u32 = VERSION;
    const COLLECTIONS: &'static [&'static str] = &[Score::<VERSION>::COLLECTION, Latest::<VERSION>::COLLECTION];
    const INDEXES: &'static [(&'static str, Index)] = &[(Score::<VERSION>::COLLECTION, Score::<VERSION>::BY_SUM)];
    const ON_FAILURE: OnPoison = if VERSION == 2 { OnPoison::Skip } else { OnPoison::Halt };
    const ON_UNKNOWN: OnPoison = Self::ON_FAILURE;

    fn events() -> Events<Self> {
        Events::default().of::<Noted>().of::<Withdrawn>()
    }
}

impl<const VERSION: u32> Applies<Noted> for Tally<VERSION> {
    async fn apply(&self, event: &Noted, envelope: &Envelope, view: &mut View<'_, Self>) -> Result<(), Error> {
        let position = envelope.metadata.position.unwrap_or_default();
        view.put(format!("{position:020}"), &Latest::<VERSION> { writer: event.writer.clone() });
        let latest = view.list::<Latest<VERSION>>(None, usize::MAX).await?;
        for (old, _) in latest.iter().take(latest.len().saturating_sub(LATEST)) {
            view.delete::<Latest<VERSION>>(old.as_str());
        }
        // What was written before this must not remain.
        match event.n {
            13 if VERSION < 3 => return Err(Error::internal("bad luck")),
            14 if VERSION < 3 => panic!("worse luck"),
            _ => {}
        }
        let mut score = view.get::<Score<VERSION>>(&event.writer).await?.unwrap_or_default();
        score.notes.push(event.n);
        score.sum += event.n * u64::from(VERSION);
        view.put(event.writer.as_str(), &score);
        Ok(())
    }
}

impl<const VERSION: u32> Applies<Withdrawn> for Tally<VERSION> {
    async fn apply(&self, event: &Withdrawn, _: &Envelope, view: &mut View<'_, Self>) -> Result<(), Error> {
        view.delete::<Score<VERSION>>(event.writer.as_str());
        Ok(())
    }
}

/// Notes of these numbers, by writers in turn, in one unit.
///
/// # Panics
/// If the store does not take it.
pub async fn publish(store: &Arc<dyn Store>, notes: impl IntoIterator<Item = u64>) -> event_sourcing::Receipt {
    let mut unit = Unit::new(event_sourcing::Origin { ids: Arc::new(SystemIds), ..origin("notes") });
    for n in notes {
        unit.publish(&Noted::new(["a", "b", "c", "d"][(n % 4) as usize], n));
    }
    store.commit(unit).await.unwrap()
}
