//! Aggregates: what a command comes to, and what repositories do over every store.

#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]

pub(crate) mod account;
mod cancellation;
mod diff;
mod reading;
mod snapshots;
mod writing;

use std::{fmt::Debug, sync::Arc};

use event_sourcing::{Aggregate, EventSet, Expected, Store, Unit, Write};

pub use self::snapshots::snapshots_equal_replay;
use crate::actors::origin;

/// Runs the whole suite of repositories. `make` gives an empty store each time.
///
/// # Panics
/// Where aggregates over this store are not what their events say.
pub async fn aggregate_conformance<S: Store>(make: impl AsyncFn() -> S) {
    let make = async || Arc::new(make().await) as Arc<dyn Store>;
    writing::what_is_saved_is_loaded(make().await).await;
    writing::whoever_is_second_conflicts(make().await).await;
    writing::a_unit_that_was_dropped_leaves_nothing_to_go_on_from(make().await).await;
    writing::a_conflict_is_tried_again_up_to_the_limit(make().await).await;
    writing::no_event_is_lost_among_many(make().await).await;
    writing::what_the_rules_refuse_is_not_committed(make().await).await;
    reading::it_is_as_it_was_at_each_version(make().await).await;
    reading::it_is_as_it_was_at_each_time(make().await).await;
    reading::long_streams_are_read_to_their_end(make().await).await;
    reading::earlier_versions_of_events_are_upcast(make().await).await;
    reading::what_cannot_be_read_is_said(make().await).await;
    snapshots::a_snapshot_is_what_is_read(make().await).await;
    snapshots::they_come_by_the_policy_in_the_unit_of_the_events(make().await).await;
    snapshots::those_of_another_form_are_not_used(make().await).await;
    snapshots::those_of_other_events_are_not_used(make().await).await;
    snapshots::damaged_ones_fail_no_load(make().await).await;
    snapshots::a_state_that_no_store_takes_is_saved_without(make().await).await;
    snapshots::random_histories_are_what_their_replay_is(&make).await;
    cancellation::dropped_at_any_poll(make().await).await;
}

/// What has happened of an aggregate, for what a command comes to then:
///
/// ```
/// # use testing::given;
/// # use event_sourcing::Aggregate;
/// # fn check<A: Aggregate, E: PartialEq + std::fmt::Debug>(
/// #     opened: A::Event, paid: A::Event, pay: impl Fn(&A) -> Result<A::Event, E>, closed: E,
/// # ) where A::Event: PartialEq + std::fmt::Debug + IntoIterator<Item = A::Event> {
/// given::<A>([opened]).when(|till| pay(till)).then([paid]);
/// given::<A>([]).when(|till| pay(till)).then_refused(closed);
/// # }
/// ```
///
/// Events pass through the form in which they are stored.
pub fn given<A: Aggregate>(events: impl IntoIterator<Item = A::Event>) -> Given<A> {
    events.into_iter().fold(Given { state: A::default(), events: 0 }, |given, event| given.and(stored(&event)))
}

/// See [`given`].
#[derive(Debug)]
pub struct Given<A> {
    state: A,
    events: usize,
}

/// What a command has come to: see [`given`].
#[derive(Debug)]
#[must_use = "a test expects something"]
pub struct When<A: Aggregate, E> {
    given: Given<A>,
    outcome: Result<Vec<A::Event>, E>,
}

impl<A: Aggregate> Given<A> {
    /// Runs a command on the state.
    pub fn when<I, E>(self, command: impl FnOnce(&A) -> Result<I, E>) -> When<A, E>
    where
        I: IntoIterator<Item = A::Event>,
    {
        let outcome = command(&self.state).map(|events| events.into_iter().collect());
        When { given: self, outcome }
    }

    /// What the events come to.
    pub fn state(&self) -> &A {
        &self.state
    }

    fn and(mut self, event: A::Event) -> Self {
        self.state.apply(event);
        self.events += 1;
        self
    }
}

impl<A: Aggregate, E: Debug> When<A, E>
where
    A::Event: Debug + PartialEq,
{
    /// These events and no others, in this order. What follows goes on from them.
    ///
    /// # Panics
    /// With the difference, if it is something else.
    #[track_caller]
    pub fn then(self, expected: impl IntoIterator<Item = A::Event>) -> Given<A> {
        let Self { given, outcome } = self;
        let expected: Vec<A::Event> = expected.into_iter().collect();
        let events = match outcome {
            Ok(events) if events == expected => events,
            outcome => panic!("{}", report(given.events, &Ok::<_, E>(expected), &outcome)),
        };
        events.into_iter().fold(given, |given, event| {
            let read = stored(&event);
            assert!(read == event, "an event is not what it was when it is read back\nwas  {event:#?}\nis   {read:#?}");
            given.and(read)
        })
    }

    /// The command says no, with this error. What follows goes on from what was given.
    ///
    /// # Panics
    /// With the difference, if it is something else.
    #[track_caller]
    pub fn then_refused(self, expected: E) -> Given<A>
    where
        E: PartialEq,
    {
        let Self { given, outcome } = self;
        match outcome {
            Err(error) if error == expected => given,
            outcome => panic!("{}", report(given.events, &Err::<Vec<A::Event>, _>(expected), &outcome)),
        }
    }
}

fn report<V: Debug, E: Debug>(given: usize, expected: &Result<Vec<V>, E>, came: &Result<Vec<V>, E>) -> String {
    let lines = diff::lines(&shown(expected), &shown(came));
    let events = if given == 1 { "event" } else { "events" };
    format!("after {given} {events} the command came to something else: `-` was expected, `+` came instead\n{lines}")
}

/// Each event on lines of its own.
fn shown<V: Debug, E: Debug>(outcome: &Result<Vec<V>, E>) -> String {
    match outcome {
        Ok(events) if events.is_empty() => "no event".to_owned(),
        Ok(events) => events.iter().map(|event| format!("{event:#?}")).collect::<Vec<_>>().join("\n"),
        Err(error) => format!("refused: {error:#?}"),
    }
}

/// As it comes back from a store.
fn stored<V: EventSet>(event: &V) -> V {
    let mut unit = Unit::new(origin("test"));
    event.append(&mut unit, "given", Expected::Any);
    let Some(Write::Append { envelope, .. }) = unit.into_writes().pop() else {
        panic!("an event of a set appends itself and nothing else")
    };
    V::decode(&envelope).expect("an event is of the set that it is of").unwrap()
}
