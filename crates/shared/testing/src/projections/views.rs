use event_sourcing::{Index, Page, ReadModel, StoreErrorKind, Unit, Wanted};

use super::{
    oracle::check,
    running::{Running, rested},
    tally::{Latest, Score, Tally, Withdrawn, publish},
};
use crate::{
    actors::origin,
    bus::{BusHome, until},
    store::Card,
};

/// Notes of one batch build on each other, over what earlier batches have left; what was taken away is gone.
pub(super) async fn a_view_sees_what_was_written_in_the_same_batch(home: &impl BusHome) {
    let store = home.open().await;
    publish(&store, [1, 5, 9, 2]).await;
    let running = Running::start::<Tally<1>>(&store);
    rested(&*store, 1).await;
    let mut unit = Unit::new(origin("notes"));
    unit.publish(&Withdrawn { writer: "b".into() });
    store.commit(unit).await.unwrap();
    publish(&store, [17, 3, 6, 10]).await;
    rested(&*store, 1).await;
    let model = ReadModel::<Tally<1>>::new(store.clone());
    let score = async |writer| model.get::<Score<1>>(writer).await.unwrap().map(|found| found.value);
    assert_eq!(score("b").await, Some(Score { notes: vec![17], sum: 17 }), "what was withdrawn does not count");
    assert_eq!(score("c").await, Some(Score { notes: vec![2, 6, 10], sum: 18 }));
    assert_eq!(score("nobody").await, None);
    let latest = model.list::<Latest<1>>(None, 9).await.unwrap();
    let latest: Vec<(&str, &str)> = latest.iter().map(|l| (&l.key[18..], l.value.writer.as_str())).collect();
    assert_eq!(latest, [("07", "d"), ("08", "c"), ("09", "c")]);
    let second = model.list::<Latest<1>>(Some(&format!("{:020}", 7)), 1).await.unwrap();
    assert_eq!(second.len(), 1);
    assert!(second[0].key.ends_with("08"));
    running.stop().await;
    check(&*store).await;
}

/// Readers of a new program find what the live generation has, by its index, until the new one takes its place.
pub(super) async fn an_index_finds_what_readers_see(home: &impl BusHome) {
    let store = home.open().await;
    let model = ReadModel::<Tally<3>>::new(store.clone());
    let page = async |wanted: Wanted, after: Option<&Page<Score<3>>>, limit| {
        let after = after.and_then(|page| page.next.clone());
        model.find::<Score<3>>(Score::<3>::BY_SUM, wanted, after.as_ref(), limit).await.unwrap()
    };
    let keys = |page: &Page<Score<3>>| page.documents.iter().map(|score| score.key.clone()).collect::<String>();
    assert_eq!(page((0..).into(), None, 9).await, Page { documents: vec![], next: None }, "it never ran");
    publish(&store, [7, 2, 5, 4, 3]).await;
    let running = Running::start::<Tally<1>>(&store);
    rested(&*store, 1).await;
    running.projections.pause("testing.tally").await.unwrap();
    running.stop().await;
    // Paused, so that there is time to look.
    let running = Running::start::<Tally<3>>(&store);
    until("it looks", async || running.standing().paused).await;
    let first = page((3..10).into(), None, 1).await;
    let rest = page((3..10).into(), Some(&first), 9).await;
    assert_eq!((keys(&first), keys(&rest)), ("a".into(), "b".into()), "a has 4, b 5, c 2 and d 10");
    assert_eq!((keys(&page(10.into(), None, 9).await), rest.next), ("d".into(), None));
    running.projections.resume("testing.tally").await.unwrap();
    rested(&*store, 3).await;
    assert_eq!(keys(&page((3..=12).into(), None, 9).await), "ca", "three times as much");
    running.stop().await;
    check(&*store).await;
    let by_notes = model.find::<Score<3>>(Index::new("by_notes", "notes"), 1, None, 9).await.unwrap_err();
    assert_eq!(by_notes.kind, StoreErrorKind::Undeclared);
    assert!(by_notes.message.contains("add it to `INDEXES`"), "{by_notes}");
}

/// More events than a batch has, among others that are of no interest, in runs that end in order.
pub(super) async fn order_of_the_log_and_each_event_once(home: &impl BusHome) {
    let store = home.open().await;
    for run in 0..3_u64 {
        let mut unit = Unit::new(origin("cards"));
        unit.put(format!("{run}"), &Card { n: run }, event_sourcing::Expected::Any);
        unit.append("elsewhere", event_sourcing::Expected::Any, &Foreign {});
        store.commit(unit).await.unwrap();
        publish(&store, (0..300).map(|n| 100 + run * 300 + n)).await;
        let running = Running::start::<Tally<1>>(&store);
        rested(&*store, 1).await;
        running.stop().await;
        let status = check(&*store).await;
        assert_eq!((status.live.applied, status.live.skipped), (300 * (run + 1), 0));
        assert_eq!(status.live.position.0, 301 * (run + 1));
    }
}

/// Of no interest to the tally.
#[derive(Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub(super) struct Foreign {}

impl kernel::Event for Foreign {
    const NAME: &'static str = "testing.foreign";

    fn key(&self) -> String {
        String::new()
    }
}
