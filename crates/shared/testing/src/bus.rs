//! What the event bus does over every [`Store`]: [`bus_conformance`].

#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]

mod classes;
mod control;
mod crashes;
mod deliveries;
pub(crate) mod depths;
mod failures;
mod leases;
mod probe;
mod versions;

use std::{sync::Arc, time::Duration};

use event_bus::{BusOptions, DeadLetter, DeliveryRecord, Drain, EventBus, Ports, RetryPolicy, Subscription};
use event_sourcing::{Origin, Store, StoreExt, Unit};
use kernel::{ManualClock, SequentialIds, SystemIds};

pub use self::probe::{Action, Probe, Ranked, Seen};
use crate::{actors::origin, store::Noted};

/// Where a bus can run again and again over what earlier ones have left.
pub trait BusHome {
    /// The store, with what was written before. Whoever had it open has closed it.
    fn open(&self) -> impl Future<Output = Arc<dyn Store>>;
}

/// Runs the whole suite. `make` gives an empty home each time.
///
/// # Panics
/// Where the bus or its store breaks a guarantee; the name of the function in the trace says which.
pub async fn bus_conformance<H: BusHome>(make: impl AsyncFn() -> H) {
    deliveries::subscribers_are_independent(&make().await).await;
    deliveries::events_of_a_key_keep_their_order(&make().await).await;
    deliveries::keys_run_concurrently_up_to_the_limit(&make().await).await;
    deliveries::urgent_keys_go_first_and_others_do_not_starve(&make().await).await;
    deliveries::what_is_urgent_overtakes_what_waits(&make().await).await;
    deliveries::a_mailbox_is_bounded(&make().await).await;
    deliveries::patterns_take_what_they_name(&make().await).await;
    failures::a_failing_delivery_is_tried_again(&make().await).await;
    failures::what_a_failure_wrote_is_not_in_the_next_unit(&make().await).await;
    failures::other_keys_flow_while_one_waits_for_its_next_try(&make().await).await;
    failures::other_keys_are_read_behind_one_that_waits(&make().await).await;
    failures::a_poison_event_parks_its_key_and_only_its_key(&make().await).await;
    failures::a_batch_that_is_given_back_parks_its_keys_nevertheless(&make().await).await;
    failures::nothing_is_parked_before_what_comes_before_it(&make().await).await;
    failures::what_no_store_takes_is_parked_at_once(&make().await).await;
    failures::the_deepest_event_can_be_parked(&make().await).await;
    depths::what_is_written_has_room_everywhere(&make().await).await;
    depths::what_an_earlier_version_has_published_blocks_nobody(&make().await, 1).await;
    depths::what_an_earlier_version_has_published_blocks_nobody(&make().await, 2).await;
    depths::what_nobody_reads_is_parked_skipped_or_halts(&make().await).await;
    failures::a_panic_stays_where_it_is(&make().await).await;
    failures::what_cannot_be_read_is_parked_skipped_or_halts(&make().await).await;
    failures::what_cannot_be_read_behind_a_letter_is_parked_skipped_or_halts(&make().await).await;
    versions::earlier_versions_arrive_as_the_present_one(&make().await).await;
    versions::an_upcaster_that_panics_parks_its_event(&make().await).await;
    failures::a_damaged_event_halts_behind_what_is_sound(&make().await).await;
    failures::a_checkpoint_beyond_the_log_halts(&make().await).await;
    failures::a_handler_that_does_not_end_is_reported(&make().await).await;
    control::a_restart_repeats_nothing(&make().await).await;
    control::a_pause_survives_a_restart(&make().await).await;
    control::a_pause_holds_what_has_not_begun(&make().await).await;
    control::another_process_pauses_and_resumes(&make().await).await;
    control::subscribers_come_and_go(&make().await).await;
    control::who_leaves_has_gone_before_it_comes_again(&make().await).await;
    control::draining_waits_for_what_handlers_publish(&make().await).await;
    control::records_are_kept_for_a_time_and_of_the_latest_events(&make().await).await;
    control::records_are_removed_behind_fresh_ones(&make().await).await;
    control::one_record_that_cannot_be_read_keeps_no_other(&make().await).await;
    classes::inline_is_atomic_with_its_publisher(&make().await).await;
    classes::ephemeral_starts_at_the_end_and_counts_what_it_drops(&make().await).await;
    classes::ephemeral_drops_what_is_damaged(&make().await).await;
    classes::an_ephemeral_pause_drops_nothing_uncounted(&make().await).await;
    classes::an_ephemeral_unit_is_committed_as_any_other(&make().await).await;
    classes::batches_have_a_size_and_a_delay(&make().await).await;
    classes::a_batch_that_is_spoilt_parks_only_what_spoils_it(&make().await).await;
    classes::a_batch_ends_before_what_halts_it(&make().await).await;
    classes::computations_have_threads_of_their_own(&make().await).await;
    leases::slots_divide_the_keys(&make().await).await;
    leases::the_number_of_slots_is_stored(&make().await).await;
    leases::letters_are_of_the_subscriber(&make().await).await;
    leases::a_slot_is_taken_when_its_lease_has_ended(&make().await).await;
    leases::what_nobody_works_on_is_behind(&make().await).await;
    leases::a_lease_of_a_clock_that_was_ahead_ends(&make().await).await;
    leases::whoever_stops_lets_go_at_once(&make().await).await;
    leases::a_stalled_owner_commits_nothing(&make().await, "straight", 1).await;
    leases::a_stalled_owner_commits_nothing(&make().await, "lanes", 2).await;
    leases::shares_are_fair(&make().await).await;
    crashes::dropped_at_any_poll(&make().await).await;
    crashes::what_is_done_beyond_the_checkpoint_is_not_repeated(&make().await).await;
    crashes::what_had_no_effect_does_not_come_again_behind_its_key(&make().await).await;
    crashes::calls_are_dropped_at_any_poll(&make().await).await;
}

/// Options that make failing cheap: three tries, a few milliseconds apart.
pub fn options() -> BusOptions {
    let (first, longest) = (Duration::from_millis(1), Duration::from_millis(4));
    let retry = RetryPolicy { attempts: 3, first, longest, ..RetryPolicy::default() };
    BusOptions { retry, overlong: Duration::from_millis(500), threads: 2, ..BusOptions::default() }
}

/// A bus over the store, with time that stands still and ids that count.
pub async fn start(store: &Arc<dyn Store>, subscriptions: Vec<Subscription>) -> EventBus {
    start_with(store, subscriptions, options()).await
}

/// As [`start`], with other options.
pub async fn start_with(store: &Arc<dyn Store>, subscriptions: Vec<Subscription>, options: BusOptions) -> EventBus {
    let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
    EventBus::start(subscriptions, Ports { store: Some(Arc::clone(store)), clock, ids }, options).await.unwrap()
}

/// Everything is handled.
pub async fn drained(bus: &EventBus) {
    let drain = bus.drain(Duration::from_secs(60)).await.unwrap();
    assert_eq!(drain, Drain::Complete, "{:#?}", bus.status().await);
}

/// The `n`th note of each writer, in this order, each in a unit of its own.
pub async fn publish(store: &Arc<dyn Store>, notes: &[(&str, u64)]) {
    for (writer, n) in notes {
        let mut unit = Unit::new(author());
        unit.publish(&Noted::new(*writer, *n));
        store.commit(unit).await.unwrap();
    }
}

/// Whoever publishes: no two events have the same id.
fn author() -> Origin {
    Origin { ids: Arc::new(SystemIds), ..origin("notes") }
}

/// These notes, in one unit.
pub async fn publish_together(store: &Arc<dyn Store>, notes: impl IntoIterator<Item = Noted>) {
    let mut unit = Unit::new(author());
    notes.into_iter().for_each(|note| _ = unit.publish(&note));
    store.commit(unit).await.unwrap();
}

/// What was given up, as subscriber, writer, number, tries.
pub async fn letters(store: &Arc<dyn Store>) -> Vec<(String, String, u64, u32)> {
    let letters = store.list::<DeadLetter>(None, 1000).await.unwrap().into_iter().map(|letter| letter.value);
    letters
        .map(|letter| {
            let n = letter.event.decode::<Noted>().map_or(0, |noted| noted.n);
            (letter.subscriber, letter.event.metadata.key, n, letter.attempts)
        })
        .collect()
}

/// What became of all deliveries that left a record.
pub async fn records(store: &Arc<dyn Store>) -> Vec<DeliveryRecord> {
    store.list::<DeliveryRecord>(None, 1000).await.unwrap().into_iter().map(|record| record.value).collect()
}

/// Waits until it is so, for at most half a minute.
///
/// # Panics
/// If it never is.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    crate::patience::soon(what, waiting).await;
}
