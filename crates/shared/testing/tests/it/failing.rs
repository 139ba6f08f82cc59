//! Expectations that do not come true.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use event_bus::{BusOptions, OnUnknown, RetryPolicy};
use event_sourcing::MemoryStore;
use expect_test::{Expect, expect};
use futures::FutureExt;
use kernel::Event;
use testing::{Scenario, faults::Reading};

use crate::shop::{
    CountReserved, GetPrice, HourStruck, OrderPlaced, PlaceOrder, SETTINGS, StockReserved, shop, stock, stock_with,
};

fn order(item: &str) -> PlaceOrder {
    PlaceOrder { item: item.into() }
}

async fn both() -> Scenario {
    let setup = Scenario::of([shop(), stock()]).settings(SETTINGS).answering(|_: GetPrice| Ok(7));
    setup.within(Duration::from_secs(2)).start().await
}

/// The message of a test that fails, without the place in this file.
pub async fn message<T>(test: impl Future<Output = T>) -> String {
    let panic = AssertUnwindSafe(test).catch_unwind().await.err().expect("the test fails");
    *panic.downcast::<String>().expect("a message")
}

async fn check<T>(expectation: impl Future<Output = T>, report: Expect) {
    let message = message(expectation).await;
    let lines = message.lines().map(|line| match line.strip_prefix("at       ") {
        // Which line it is changes with this file.
        Some(place) => format!("at       {}", place.split(':').next().unwrap_or_default()),
        None => line.to_owned(),
    });
    report.assert_eq(&lines.collect::<Vec<_>>().join("\n"));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_another_one_is_shown_with_what_was_published() {
    let scenario = both().await;
    scenario.when(order("rose")).await;
    check(scenario.expect::<StockReserved>(|event| event.item == "lily"), expect![[r#"
        expected `stock.reserved`, as the test says, within 2s
        instead  1 event of this name, another one
        after    request `shop.place-order` of tester: {"item":"rose"}
        at       crates/shared/testing/tests/it/failing.rs
        published since:
            1  shop.order_placed of shop, key `rose`: {"item":"rose"}
            2  audit.command_recorded of shop, key `tester`: {"user":"tester","module":"shop","request":"shop.place-order","outcome":"done","seconds":0.0,"events":["00000000-0000-00...
            3    stock.reserved of stock, key `rose`: {"item":"rose"}"#]]).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_never_comes_is_shown_with_what_was_parked() {
    let scenario = both().await;
    scenario.when(order("ghost")).await;
    check(scenario.expect::<StockReserved>(|_| true), expect![[r#"
        expected `stock.reserved`, as the test says, within 2s
        instead  no event of this name
        after    request `shop.place-order` of tester: {"item":"ghost"}
        at       crates/shared/testing/tests/it/failing.rs
        published since:
            1  shop.order_placed of shop, key `ghost`: {"item":"ghost"}
            2  audit.command_recorded of shop, key `tester`: {"user":"tester","module":"shop","request":"shop.place-order","outcome":"done","seconds":0.0,"events":["00000000-0000-00...
        parked:
            1  shop.order_placed at `stock.reservations`, tried 5 times: there are no ghosts"#]]).await;
    scenario.when_time_passes(Duration::from_secs(1)).await;
    check(
        scenario.expect::<StockReserved>(|_| true),
        expect![[r#"
        expected `stock.reserved`, as the test says, within 2s
        instead  no event of this name
        after    1s that passed
        at       crates/shared/testing/tests/it/failing.rs
        nothing was published since
        parked:
            1  shop.order_placed at `stock.reservations`, tried 5 times: there are no ghosts"#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_must_not_come_is_shown() {
    let scenario = both().await;
    scenario.when(order("rose")).await;
    check(scenario.expect_none::<StockReserved>(|event| event.item == "rose"), expect![[r#"
        expected no `stock.reserved` as the test says
        instead  {"item":"rose"}
        after    request `shop.place-order` of tester: {"item":"rose"}
        at       crates/shared/testing/tests/it/failing.rs
        published since:
            1  shop.order_placed of shop, key `rose`: {"item":"rose"}
            2  audit.command_recorded of shop, key `tester`: {"user":"tester","module":"shop","request":"shop.place-order","outcome":"done","seconds":0.0,"events":["00000000-0000-00...
            3    stock.reserved of stock, key `rose`: {"item":"rose"}"#]]).await;
}

/// Who has given an event up shows neither that nothing comes of it nor how things stand in the end.
#[tokio::test(start_paused = true)]
async fn what_was_parked_unexpectedly_is_not_nothing() {
    let scenario = both().await;
    scenario.when(order("ghost")).await;
    check(scenario.expect_none::<StockReserved>(|_| true), expect![[r#"
        expected no `stock.reserved` as the test says
        instead  `stock.reservations`, which has parked `shop.order_placed` of key `ghost`: there are no ghosts: if that is meant, `expect_parked` it first
        after    request `shop.place-order` of tester: {"item":"ghost"}
        at       crates/shared/testing/tests/it/failing.rs
        published since:
            1  shop.order_placed of shop, key `ghost`: {"item":"ghost"}
            2  audit.command_recorded of shop, key `tester`: {"user":"tester","module":"shop","request":"shop.place-order","outcome":"done","seconds":0.0,"events":["00000000-0000-00...
        parked:
            1  shop.order_placed at `stock.reservations`, tried 5 times: there are no ghosts"#]]).await;
    check(scenario.expect_state(CountReserved {}, |count| *count == 0), expect![[r#"
        expected `stock.count-reserved` {} to be answered once all is handled
        instead  `stock.reservations`, which has parked `shop.order_placed` of key `ghost`: there are no ghosts: if that is meant, `expect_parked` it first
        after    request `shop.place-order` of tester: {"item":"ghost"}
        at       crates/shared/testing/tests/it/failing.rs
        published since:
            1  shop.order_placed of shop, key `ghost`: {"item":"ghost"}
            2  audit.command_recorded of shop, key `tester`: {"user":"tester","module":"shop","request":"shop.place-order","outcome":"done","seconds":0.0,"events":["00000000-0000-00...
        parked:
            1  shop.order_placed at `stock.reservations`, tried 5 times: there are no ghosts"#]]).await;

    scenario.expect_parked("stock.reservations", |_| true).await;
    scenario.expect_none::<StockReserved>(|_| true).await;
    scenario.expect_state(CountReserved {}, |count| *count == 0).await;
    scenario.when(order("ghost")).await;
    scenario.expect_none::<StockReserved>(|_| true).await;
}

/// Whatever was asked since, and one of them does not stand for another.
#[tokio::test(start_paused = true)]
async fn what_was_parked_for_an_earlier_stimulus_is_to_be_expected_there() {
    let scenario = both().await;
    scenario.when(order("ghost")).await;
    scenario.when(order("rose")).await;
    let told = message(scenario.expect_none::<StockReserved>(|event| event.item == "lily")).await;
    assert!(told.contains("which has parked `shop.order_placed` of key `ghost`"), "{told}");
    let told = message(scenario.expect_state(CountReserved {}, |count| *count == 1)).await;
    assert!(told.contains("which has parked `shop.order_placed` of key `ghost`"), "{told}");

    let scenario = both().await;
    scenario.when(order("ghost")).await;
    scenario.expect_parked("stock.reservations", |_| true).await;
    scenario.when(order("rose")).await;
    let told = message(scenario.expect_parked("stock.reservations", |_| true)).await;
    assert!(told.contains("instead  one that it had parked before: expect it behind"), "{told}");
    scenario.expect_state(CountReserved {}, |count| *count == 1).await;
}

#[tokio::test(start_paused = true)]
async fn nor_is_what_somebody_has_halted_before() {
    let store = Arc::new(MemoryStore::default());
    let store = Reading::of(store, |event| {
        event.metadata.schema_version += 98 * u32::from(event.event_type == OrderPlaced::NAME);
        Ok(())
    });
    let halting = stock_with(|to| to.with_unknown(OnUnknown::Halt));
    let setup = Scenario::of([shop(), halting]).settings(SETTINGS).answering(|_: GetPrice| Ok(7)).on(Arc::new(store));
    let scenario = setup.start().await;
    scenario.when(order("rose")).await;
    check(scenario.expect_none::<StockReserved>(|_| true), expect![[r#"
        expected no `stock.reserved` as the test says
        instead  `stock.reservations`, which has halted: `shop.order_placed` is of version 99, this program understands up to 1: upgrade it
        after    request `shop.place-order` of tester: {"item":"rose"}
        at       crates/shared/testing/tests/it/failing.rs
        published since:
            1  shop.order_placed of shop, key `rose`: {"item":"rose"}
            2  audit.command_recorded of shop, key `tester`: {"user":"tester","module":"shop","request":"shop.place-order","outcome":"done","seconds":0.0,"events":["00000000-0000-00...
        not done:
          `stock.reservations` has done 0 of 2: halted, `shop.order_placed` is of version 99, this program understands up to 1: upgrade it"#]]).await;
}

/// What another piece of work has set off does not follow, whenever it comes.
#[tokio::test(start_paused = true)]
async fn what_an_earlier_stimulus_sets_off_late_does_not_count() {
    let scenario = both().await;
    scenario.bus().pause("stock.reservations").await.unwrap();
    scenario.when(order("rose")).await;
    scenario.expect_none::<StockReserved>(|_| true).await;
    scenario.when(order("ghost")).await;
    scenario.bus().resume("stock.reservations").await.unwrap();
    scenario.expect_parked("stock.reservations", |_| true).await;
    scenario.expect_none::<StockReserved>(|_| true).await;
    check(scenario.expect::<StockReserved>(|_| true), expect![[r#"
        expected `stock.reserved`, as the test says, within 2s
        instead  no event of this name
        after    request `shop.place-order` of tester: {"item":"ghost"}
        at       crates/shared/testing/tests/it/failing.rs
        published since:
            3  shop.order_placed of shop, key `ghost`: {"item":"ghost"}
            4  audit.command_recorded of shop, key `tester`: {"user":"tester","module":"shop","request":"shop.place-order","outcome":"done","seconds":0.0,"events":["00000000-0000-00...
        by other work:
          stock.reserved of stock
        parked:
            3  shop.order_placed at `stock.reservations`, tried 5 times: there are no ghosts"#]]).await;
    scenario.expect_state(CountReserved {}, |count| *count == 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_is_paused_is_named() {
    let scenario = both().await;
    scenario.bus().pause("stock.reservations").await.unwrap();
    scenario.when(order("rose")).await;
    check(scenario.expect::<StockReserved>(|_| true), expect![[r#"
        expected `stock.reserved`, as the test says, within 2s
        instead  no event of this name
        after    request `shop.place-order` of tester: {"item":"rose"}
        at       crates/shared/testing/tests/it/failing.rs
        published since:
            1  shop.order_placed of shop, key `rose`: {"item":"rose"}
            2  audit.command_recorded of shop, key `tester`: {"user":"tester","module":"shop","request":"shop.place-order","outcome":"done","seconds":0.0,"events":["00000000-0000-00...
        not done:
          `stock.reservations` has done 0 of 2: paused"#]]).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_shown_that_was_to_be_another_one() {
    let scenario = both().await;
    scenario.when(order("rose")).await;
    check(scenario.expect_state(CountReserved {}, |count| *count == 2), expect![[r#"
        expected `stock.count-reserved` {} to be answered as the test says
        instead  answered: 1
        after    request `shop.place-order` of tester: {"item":"rose"}
        at       crates/shared/testing/tests/it/failing.rs
        published since:
            1  shop.order_placed of shop, key `rose`: {"item":"rose"}
            2  audit.command_recorded of shop, key `tester`: {"user":"tester","module":"shop","request":"shop.place-order","outcome":"done","seconds":0.0,"events":["00000000-0000-00...
            3    stock.reserved of stock, key `rose`: {"item":"rose"}"#]]).await;
}

#[tokio::test(start_paused = true)]
async fn refusals_and_answers_are_shown_where_the_other_was_expected() {
    let scenario = both().await;
    check(scenario.when(order("chrysanthemum")), expect![[r#"
        expected `shop.place-order` to be answered
        instead  refused with `invalid`: /item: nothing has so long a name: choose one of 10
        after    request `shop.place-order` of tester: {"item":"chrysanthemum"}
        at       crates/shared/testing/tests/it/failing.rs
        published since:
            1  audit.command_recorded of shop, key `tester`: {"user":"tester","module":"shop","request":"shop.place-order","outcome":"refused","code":"invalid","seconds":0.0}"#]]).await;
    check(scenario.expect_refused(order("rose"), |_| true), expect![[r#"
        expected `shop.place-order` to be refused as the test says
        instead  answered: 7
        after    request `shop.place-order` of tester: {"item":"rose"}
        at       crates/shared/testing/tests/it/failing.rs
        published since:
            2  shop.order_placed of shop, key `rose`: {"item":"rose"}
            3  audit.command_recorded of shop, key `tester`: {"user":"tester","module":"shop","request":"shop.place-order","outcome":"done","seconds":0.0,"events":["00000000-0000-00...
        not done:
          `stock.reservations` has done 1 of 3: handling 0"#]]).await;
    check(scenario.expect_refused(order("chrysanthemum"), |error| error.fields.is_empty()), expect![[r#"
        expected `shop.place-order` to be refused as the test says
        instead  refused with `invalid`: /item: nothing has so long a name: choose one of 10
        after    request `shop.place-order` of tester: {"item":"chrysanthemum"}
        at       crates/shared/testing/tests/it/failing.rs
        published since:
            4  audit.command_recorded of shop, key `tester`: {"user":"tester","module":"shop","request":"shop.place-order","outcome":"refused","code":"invalid","seconds":0.0}
        not done:
          `stock.reservations` has done 1 of 4: handling 0"#]]).await;
    check(scenario.by("nobody").expect_state(CountReserved {}, |_| true), expect![[r#"
        expected `stock.count-reserved` {} to be answered as the test says
        instead  refused with `denied`: `stock.count-reserved` of module `stock` needs permission `shop:count`, which `nobody` does not have: grant it under [access.grants] in the settings
        after    request `shop.place-order` of tester: {"item":"chrysanthemum"}
        at       crates/shared/testing/tests/it/failing.rs
        published since:
            4  audit.command_recorded of shop, key `tester`: {"user":"tester","module":"shop","request":"shop.place-order","outcome":"refused","code":"invalid","seconds":0.0}
        by other work:
          stock.reserved of stock"#]]).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_not_parked_is_missed() {
    let scenario = both().await;
    scenario.when(order("rose")).await;
    check(scenario.expect_parked("stock.reservations", |_| true), expect![[r#"
        expected `stock.reservations` to park an event as the test says, within 2s
        instead  none that it has parked
        after    request `shop.place-order` of tester: {"item":"rose"}
        at       crates/shared/testing/tests/it/failing.rs
        published since:
            1  shop.order_placed of shop, key `rose`: {"item":"rose"}
            2  audit.command_recorded of shop, key `tester`: {"user":"tester","module":"shop","request":"shop.place-order","outcome":"done","seconds":0.0,"events":["00000000-0000-00...
            3    stock.reserved of stock, key `rose`: {"item":"rose"}"#]]).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_nobody_declares_is_not_published() {
    let scenario = both().await;
    check(
        scenario.when_published(HourStruck { hour: 1 }),
        expect![[r#"
            expected `clock.hour_struck` to be published
            instead  nobody declares it: set the scenario up with `.publishing::<HourStruck>()`
            after    the start
            at       crates/shared/testing/tests/it/failing.rs
            nothing was published since"#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_place_is_that_of_the_expectation() {
    let scenario = both().await;
    let expectation = scenario.expect::<OrderPlaced>(|_| true);
    let place = format!("{}:{}:", file!(), line!() - 1);
    let report = message(expectation).await;
    assert!(report.contains(&format!("\nat       {place}")), "{report}");
}

#[tokio::test(start_paused = true)]
async fn modules_that_do_not_fit_together_do_not_start() {
    let told = message(Scenario::of([shop()]).settings(SETTINGS).start()).await;
    assert!(told.contains("asks `prices.get-price`, which no module serves"), "{told}");
}

/// What is under way may still change it.
#[tokio::test(start_paused = true)]
async fn a_state_is_asked_for_once_all_is_handled() {
    let setup = Scenario::of([shop(), stock()]).settings(SETTINGS).answering(|_: GetPrice| Ok(7));
    let retry = RetryPolicy { attempts: 1000, ..RetryPolicy::default() };
    let options = BusOptions { retry, ..BusOptions::default() };
    let scenario = setup.within(Duration::from_secs(2)).delivering(options).start().await;
    scenario.when(order("ghost")).await;
    let told = message(scenario.expect_state(CountReserved {}, |count| *count == 0)).await;
    assert!(told.contains("to be answered once all is handled") && told.contains("not done within 2s"), "{told}");
}
