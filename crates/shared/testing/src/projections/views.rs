use event_sourcing::{ReadModel, Unit};

use super::{
    oracle::check,
    running::{Running, rested},
    tally::{Latest, Score, Tally, Withdrawn, publish},
};
use crate::{actors::origin, bus::BusHome, store::Card};

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
