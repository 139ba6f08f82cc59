//! What a scenario does when all is well.

use std::{sync::Arc, time::Duration};

use chrono::{TimeZone, Utc};
use event_sourcing::MemoryStore;
use kernel::{Clock, ErrorKind, Event};
use module::Selection;
use request::CommandRecorded;
use testing::{Published, Scenario};

use crate::shop::{
    COUNT, CountReserved, DeliveryStarted, GetPrice, HourStruck, ORDER, OrderPlaced, PRICE, PlaceOrder, SETTINGS,
    StockReserved, belfry, chimes, delivery, shop, stock,
};

fn order(item: &str) -> PlaceOrder {
    PlaceOrder { item: item.into() }
}

/// Shop and stock; what things cost is answered by the test.
async fn both() -> Scenario {
    Scenario::of([shop(), stock()]).settings(SETTINGS).answering(|_: GetPrice| Ok(7)).start().await
}

#[tokio::test(start_paused = true)]
async fn a_module_alone_asks_neighbours_that_the_test_plays() {
    let scenario = Scenario::of([shop()]).settings(SETTINGS);
    let scenario = scenario.answering(|price: GetPrice| Ok(price.item.len() as u32)).start().await;
    assert_eq!(scenario.when(order("rose")).await, 4);
    assert_eq!(scenario.expect::<OrderPlaced>(|_| true).await.item, "rose");
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_alone_takes_what_a_neighbour_would_publish() {
    let scenario = Scenario::of([stock()]).publishing::<OrderPlaced>().start().await;
    scenario.when_published(OrderPlaced { item: "rose".into() }).await;
    scenario.expect::<StockReserved>(|event| event.item == "rose").await;
    assert_eq!(scenario.expect_state(CountReserved {}, |count| *count > 0).await, 1);
    scenario.when_published(OrderPlaced { item: "ghost".into() }).await;
    let letter = scenario.expect_parked("stock.reservations", |letter| letter.attempts > 1).await;
    assert_eq!(letter.error.message, "there are no ghosts");
}

/// Each step publishes what it has begun or done, and whoever comes next goes on from there; all of it is one piece of work.
#[tokio::test(start_paused = true)]
async fn the_steps_of_a_workflow_follow_from_events() {
    let modules = [shop(), stock(), delivery()];
    let scenario = Scenario::of(modules).settings(SETTINGS).answering(|_: GetPrice| Ok(7)).start().await;
    scenario.when(order("rose")).await;
    assert_eq!(scenario.expect::<DeliveryStarted>(|_| true).await.item, "rose");
    let published = scenario.published().await;
    let steps = [
        published.envelopes_of::<OrderPlaced>()[0],
        published.envelopes_of::<StockReserved>()[0],
        published.envelopes_of::<DeliveryStarted>()[0],
    ];
    let correlation = steps[0].metadata.correlation_id;
    assert!(steps.iter().all(|step| step.metadata.correlation_id == correlation));
    for step in steps.windows(2) {
        assert_eq!(step[1].metadata.causation_id.map(|id| id.uuid()), Some(step[0].event_id.uuid()));
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_follows_from_the_latest_stimulus_counts() {
    let scenario = both().await;
    scenario.when(order("rose")).await;
    scenario.expect::<StockReserved>(|event| event.item == "rose").await;
    scenario.when(order("ghost")).await;
    scenario.expect_parked("stock.reservations", |_| true).await;
    scenario.expect_none::<StockReserved>(|_| true).await;
    scenario.when(order("lily")).await;
    scenario.expect_none::<StockReserved>(|event| event.item == "rose").await;
    scenario.expect::<StockReserved>(|event| event.item == "lily").await;
    assert_eq!(scenario.expect_state(CountReserved {}, |_| true).await, 2, "once everything is handled");
}

#[tokio::test(start_paused = true)]
async fn what_was_published_is_read_by_type_in_order_with_its_envelopes() {
    let scenario = both().await;
    for item in ["rose", "lily"] {
        scenario.when(order(item)).await;
        scenario.expect::<StockReserved>(|_| true).await;
    }
    let published = Published::to(&**scenario.store()).await;
    let items: Vec<String> = published.of::<OrderPlaced>().into_iter().map(|event| event.item).collect();
    assert_eq!(items, ["rose", "lily"]);
    let [first, second] = published.envelopes_of::<StockReserved>()[..] else { panic!("{published}") };
    assert_eq!((&*first.source_module, first.metadata.user_id.as_str()), ("stock", "tester"));
    assert!(first.metadata.position < second.metadata.position);
    let one = published.clone().within(first.metadata.correlation_id);
    assert_eq!(one.types(), [OrderPlaced::NAME, CommandRecorded::NAME, StockReserved::NAME]);
    assert_eq!(published.envelopes().len(), 6);
    assert_eq!(scenario.published().await.types(), published.types()[3..]);
}

#[tokio::test(start_paused = true)]
async fn users_may_what_they_are_granted() {
    let setup = Scenario::of([shop(), stock()]).settings(SETTINGS).answering(|_: GetPrice| Ok(7));
    let setup = setup.granting("buyer", [ORDER, PRICE].map(|p| p.name())).granting("keeper", [COUNT.name()]);
    let scenario = setup.start().await;
    scenario.when(order("rose")).await;
    scenario.expect_refused(CountReserved {}, |error| error.kind == ErrorKind::Denied).await;
    scenario.by("keeper").expect_refused(order("rose"), |error| error.kind == ErrorKind::Denied).await;
    scenario.expect_state(CountReserved {}, |count| *count == 1).await;
    let wrong = scenario.by("buyer").expect_refused(order("chrysanthemum"), |error| !error.fields.is_empty()).await;
    assert_eq!(wrong.to_string(), "/item: nothing has so long a name: choose one of 10");
}

#[tokio::test(start_paused = true)]
async fn time_passes_for_the_clock_and_for_whoever_sleeps() {
    let noon = Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap();
    let scenario = Scenario::of([belfry()]).starting_at(noon).start().await;
    let before = tokio::time::Instant::now();
    scenario.when_time_passes(Duration::from_secs(60)).await;
    scenario.expect_none::<HourStruck>(|_| true).await;
    scenario.when_time_passes(Duration::from_secs(3 * 3600)).await;
    let hours: Vec<i64> = scenario.published().await.of::<HourStruck>().iter().map(|event| event.hour % 24).collect();
    assert_eq!(hours, [13, 14, 15]);
    let passed = scenario.clock().now() - noon;
    assert_eq!(passed.num_seconds(), 3 * 3600 + 60);
    assert_eq!(before.elapsed().as_secs(), 3 * 3600 + 60);
}

/// The passing of time as an event, which the bus publishes by the clock.
#[tokio::test(start_paused = true)]
async fn each_hour_that_passes_is_an_event() {
    let scenario = Scenario::of([chimes()]).start().await;
    scenario.when_time_passes(Duration::from_secs(5 * 3600)).await;
    scenario.expect::<HourStruck>(|event| event.hour == 5).await;
    let hours: Vec<i64> = scenario.published().await.of::<HourStruck>().iter().map(|event| event.hour).collect();
    assert_eq!(hours, [1, 2, 3, 4, 5]);
}

/// Where time is not paused, as for a store that has threads of its own.
#[tokio::test]
async fn time_is_moved_where_it_runs_by_itself() {
    let scenario = Scenario::of([belfry()]).start().await;
    scenario.when_time_passes(Duration::from_secs(3601)).await;
    assert_eq!(scenario.expect::<HourStruck>(|_| true).await.hour, 1);
}

#[tokio::test(start_paused = true)]
async fn some_modules_of_an_application_run_and_the_others_are_stopped() {
    let modules = || Scenario::of([shop(), stock()]).settings(SETTINGS).answering(|_: GetPrice| Ok(7));
    let alone = modules().selecting(Selection::Alone(vec!["shop".into()])).start().await;
    alone.when(order("rose")).await;
    alone.expect_none::<StockReserved>(|_| true).await;
    alone.expect_refused(CountReserved {}, |error| error.code() == "module.stopped").await;
    let with = modules().selecting(Selection::WithDependencies(vec!["stock".into()])).start().await;
    with.when(order("rose")).await;
    with.expect::<StockReserved>(|_| true).await;
}

#[tokio::test(start_paused = true)]
async fn a_second_scenario_goes_on_where_the_first_one_stopped() {
    let store = Arc::new(MemoryStore::default());
    let setup = || Scenario::of([stock()]).publishing::<OrderPlaced>();
    let first = setup().on(store).start().await;
    first.when_published(OrderPlaced { item: "rose".into() }).await;
    first.expect::<StockReserved>(|_| true).await;
    let second = setup().after(&first).start().await;
    first.stop().await;
    let told = crate::failing::message(second.expect::<StockReserved>(|_| true)).await;
    assert!(told.contains("no event of this name"), "what the first one has seen is not news: {told}");
    second.when_published(OrderPlaced { item: "lily".into() }).await;
    second.expect::<StockReserved>(|event| event.item == "lily").await;
    assert_eq!(second.expect_state(CountReserved {}, |_| true).await, 2);
    let published = Published::to(&**second.store()).await;
    let ids: std::collections::HashSet<_> = published.envelopes().iter().map(|envelope| envelope.event_id).collect();
    assert_eq!(ids.len(), published.envelopes().len());
}
