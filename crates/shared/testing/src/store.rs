//! What every adapter of [`Store`] must do: [`store_conformance`].

#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]

mod boundaries;
mod cancellation;
mod collections;
mod concurrency;
mod deadlines;
mod following;
mod guards;
mod queries;
mod reading;

pub use collections::{Filed, Inner};

use std::{sync::Arc, time::Instant};

use event_sourcing::{Document, Expected, LogQuery, Origin, Position, Store, StoreExt as _, Unit, Write};
use kernel::{Envelope, Event, Json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::effort::endurance;

/// Runs the whole suite. `make` gives an empty store each time.
///
/// # Panics
/// Where the adapter breaks the contract.
pub async fn store_conformance<S: Store>(make: impl AsyncFn() -> S) {
    reading::an_empty_store_answers(&make().await).await;
    reading::what_is_written_comes_back(&make().await).await;
    reading::the_log_is_read_in_pages(&make().await).await;
    reading::an_excerpt_is_what_the_log_has(&make().await).await;
    reading::streams_are_read_by_version(&make().await).await;
    reading::documents_are_listed_by_key(&make().await).await;
    reading::checkpoints_are_kept(&make().await).await;
    reading::appending_wakes(&make().await).await;
    guards::streams_are_guarded_by_version(&make().await).await;
    guards::documents_are_guarded_by_revision(&make().await).await;
    guards::a_unit_sees_its_own_writes(&make().await).await;
    guards::what_nobody_could_read_back_is_refused(&make().await).await;
    guards::a_guard_beyond_the_log_is_refused(&make().await).await;
    boundaries::a_query_guards_a_unit(&make().await).await;
    boundaries::what_a_unit_writes_does_not_stand_in_its_way(&make().await).await;
    boundaries::a_document_can_be_required(&make().await).await;
    boundaries::units_that_cross_are_not_both_written(&make().await).await;
    boundaries::no_write_is_skewed(Arc::new(make().await)).await;
    queries::the_log_is_filtered(&make().await).await;
    queries::the_log_is_read_backward_in_pages(&make().await).await;
    queries::streams_are_read_as_of(&make().await).await;
    queries::times_are_kept_or_refused(&make().await).await;
    following::subscriptions_miss_nothing(Arc::new(make().await)).await;
    following::a_subscription_follows(Arc::new(make().await)).await;
    following::positions_are_waited_for(Arc::new(make().await)).await;
    deadlines::a_late_unit_is_refused(&make().await).await;
    for place in 0..=4 {
        guards::all_or_nothing(&make().await, place).await;
    }
    collections::an_index_finds(&make().await).await;
    collections::an_index_is_read_in_pages(&make().await).await;
    collections::an_index_follows_its_documents(&make().await).await;
    collections::of_a_name_that_is_there_twice_the_first_counts(&make().await).await;
    collections::only_what_is_declared_is_found(&make().await).await;
    collections::documents_are_migrated(&make().await).await;
    collections::declarations_and_reads_are_dropped_at_any_poll(&make().await).await;
    collections::a_migration_into_what_no_store_takes_is_refused(&make().await).await;
    collections::a_migration_goes_on_where_it_failed(&make().await).await;
    let (start, endurance) = (Instant::now(), endurance());
    loop {
        concurrency::readers_miss_nothing(Arc::new(make().await)).await;
        if start.elapsed() >= endurance {
            break;
        }
    }
    concurrency::no_update_is_lost(Arc::new(make().await)).await;
    cancellation::dropped_at_any_poll(&make().await).await;
    cancellation::dropped_in_a_crowd(Arc::new(make().await)).await;
}

/// An event to test with: the `n`th note of `writer`, which is its key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Noted {
    /// Who noted it; the key of the event.
    pub writer: String,
    /// Which of the writer's notes it is; tests count from 1.
    pub n: u64,
}

impl Event for Noted {
    const NAME: &'static str = "testing.noted";
    const VERSION: u32 = 3;
    const PRIORITY: kernel::Priority = kernel::Priority::High;

    fn key(&self) -> String {
        self.writer.clone()
    }
}

impl Noted {
    /// The `n`th note of this writer.
    pub fn new(writer: impl Into<String>, n: u64) -> Self {
        Self { writer: writer.into(), n }
    }
}

/// An event with tags.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tagged {
    /// Any number, to tell one from another.
    pub n: u64,
    /// The tags of the event.
    pub tags: Vec<String>,
}

impl Event for Tagged {
    const NAME: &'static str = "testing.tagged";

    fn key(&self) -> String {
        String::new()
    }

    fn tags(&self) -> Vec<String> {
        self.tags.clone()
    }
}

impl Tagged {
    /// The `n`th, with these tags.
    pub fn new(n: u64, tags: &[&str]) -> Self {
        Self { n, tags: tags.iter().map(ToString::to_string).collect() }
    }
}

/// A document to test with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Any number, to tell one value from another.
    pub n: u64,
}

impl Document for Card {
    const COLLECTION: &'static str = "testing.cards";
}

/// A document of another collection, whose name begins like that of [`Card`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CardIndex {
    /// Any JSON.
    pub entries: serde_json::Value,
}

impl Document for CardIndex {
    const COLLECTION: &'static str = "testing.cards_index";
}

/// JSON of so many levels, one at least.
pub(crate) fn nested(levels: usize) -> serde_json::Value {
    (1..levels).fold(serde_json::json!([]), |inner, _| serde_json::json!([inner]))
}

/// A unit with a note whose data is of so many levels.
pub(crate) fn of_levels(origin: &Origin, levels: usize) -> Unit {
    let mut made = notes(origin, "deep", 1);
    let Write::Append { stream, envelope, .. } = made.writes()[0].clone() else { panic!("an event") };
    let mut envelope = Arc::unwrap_or_clone(envelope);
    envelope.data = Json::of(&nested(levels)).unwrap();
    made = unit(origin);
    made.take_up(stream, envelope, Vec::new());
    made
}

fn unit(origin: &Origin) -> Unit {
    Unit::new(origin.clone())
}

/// A unit with so many events of one stream, numbered from 1.
fn notes(origin: &Origin, stream: &str, count: u64) -> Unit {
    let mut unit = unit(origin);
    for n in 1..=count {
        unit.append(stream, Expected::Any, &Noted::new(stream, n));
    }
    unit
}

async fn whole_log(store: &dyn Store) -> Vec<Envelope> {
    let log = store.log(LogQuery::after(Position(0), usize::MAX)).await.unwrap();
    let positions: Vec<u64> = log.iter().map(|e| e.metadata.position.unwrap()).collect();
    assert_eq!(positions, (1..=log.len() as u64).collect::<Vec<_>>(), "positions start at 1 and have no gaps");
    log.into_iter().map(Arc::unwrap_or_clone).collect()
}

async fn card(store: &dyn Store, key: &str) -> Option<(u64, u64)> {
    let found = store.get::<Card>(key).await.unwrap();
    found.map(|card| (card.value.n, card.revision))
}
