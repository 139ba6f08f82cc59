//! What projections do over every [`Store`]: [`projections_conformance`].

#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]

mod cancellation;
mod crashes;
mod oracle;
mod poison;
mod random;
mod reading;
mod rebuilds;
mod running;
mod tally;
mod views;

pub use self::{
    oracle::{check, check_live},
    random::projection_history,
    running::{Running, rested},
    tally::{Latest, Score, Tally, Withdrawn, publish},
};
use crate::bus::BusHome;

/// Runs the whole suite. `make` gives an empty home each time. Time must not be paused over a store that has threads of its own.
///
/// # Panics
/// Where projections over this store break a guarantee; the name of the function in the trace says which.
pub async fn projections_conformance<H: BusHome>(make: impl AsyncFn() -> H) {
    views::a_view_sees_what_was_written_in_the_same_batch(&make().await).await;
    views::an_index_finds_what_readers_see(&make().await).await;
    views::order_of_the_log_and_each_event_once(&make().await).await;
    reading::whoever_waits_sees_what_they_have_written(&make().await).await;
    reading::what_cannot_come_is_not_waited_for(&make().await).await;
    poison::an_event_that_fails_or_panics_halts_before_it(&make().await, 13, "bad luck").await;
    poison::an_event_that_fails_or_panics_halts_before_it(&make().await, 14, "it panics: worse luck").await;
    poison::what_may_be_incomplete_passes_it_over(&make().await).await;
    poison::what_no_store_takes_is_the_fault_of_its_event(&make().await, &make().await).await;
    poison::whoever_is_stuck_says_how_far_behind_it_is(&make().await).await;
    poison::whoever_cannot_write_says_how_far_behind_it_is(&make().await).await;
    poison::a_later_version_of_an_event_halts(&make().await).await;
    poison::a_damaged_event_halts_behind_what_is_sound(&make().await).await;
    poison::a_checkpoint_beyond_the_log_halts_and_a_rebuild_mends_it(&make().await).await;
    poison::a_pause_survives_a_restart(&make().await).await;
    rebuilds::readers_keep_the_old_one_until_the_switch(&make().await).await;
    rebuilds::a_raised_version_builds_by_itself(&make().await).await;
    rebuilds::an_older_program_leaves_the_newer_one_alone(&make().await).await;
    rebuilds::a_newer_program_that_is_gone_holds_up_no_rebuild(&make().await).await;
    rebuilds::a_rebuild_halts_beside_the_live_one(&make().await).await;
    rebuilds::a_rebuild_under_way_goes_on(&make().await).await;
    rebuilds::two_runners_repeat_nothing(&make().await).await;
    crashes::at_every_commit(&make).await;
    crashes::at_every_commit_of_a_new_version(&make).await;
    cancellation::dropped_at_any_turn(&make().await).await;
    cancellation::orders_and_reads_are_dropped_at_any_poll(&make().await).await;
}
