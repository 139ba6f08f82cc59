use request::{CommandRecorded, IdempotencyKey, Outcome};

use crate::shop::{Balance, Break, Close, PayIn, Shop};

fn record(request: &str, outcome: Outcome, code: Option<&str>) -> CommandRecorded {
    CommandRecorded {
        user: "tester".into(),
        acting: None,
        module: "till".into(),
        request: request.into(),
        asked_by: None,
        key: None,
        subject: (request == "till.pay-in").then(|| "till/main".into()),
        purpose: None,
        outcome,
        code: code.map(str::to_owned),
        seconds: None,
        events: Vec::new(),
    }
}

#[tokio::test]
async fn every_command_leaves_one_record_of_how_it_ended() {
    let shop = Shop::new();
    let key = IdempotencyKey::try_new("order-1").unwrap();
    for _ in 0..2 {
        shop.requests.send(&shop.cx, &key, PayIn { amount: 4 }).await.unwrap();
    }
    shop.requests.ask(&shop.cx, PayIn { amount: 3 }).await.unwrap_err();
    shop.requests.ask(&testing::context(&[]), PayIn { amount: 4 }).await.unwrap_err();
    shop.requests.ask(&shop.cx, Close { amount: 0 }).await.unwrap_err();
    shop.requests.ask(&shop.cx, Break { amount: 0 }).await.unwrap_err();
    shop.requests.ask(&shop.cx, Balance { amount: 0 }).await.unwrap();
    let expected = [
        CommandRecorded { key: Some("order-1".into()), ..record("till.pay-in", Outcome::Done, None) },
        record("till.pay-in", Outcome::Refused, Some("invalid")),
        record("till.pay-in", Outcome::Refused, Some("denied")),
        record("till.close", Outcome::Refused, Some("till.not_empty")),
        record("till.break", Outcome::Failed, Some("request.panicked")),
    ];
    let mut audit = shop.audit().await;
    for record in &mut audit {
        let (took, events) = (record.seconds.take(), std::mem::take(&mut record.events));
        assert!(took.is_some_and(|seconds| (0.0..60.0).contains(&seconds)), "{took:?}");
        assert_eq!(events.len(), usize::from(record.outcome == Outcome::Done), "what was not done published nothing");
    }
    assert_eq!(audit, expected);
}

/// The record is a part of the command's unit: it carries the same correlation and module as what the command wrote.
#[tokio::test]
async fn the_record_is_committed_with_what_the_command_wrote() {
    let shop = Shop::new();
    shop.requests.ask(&shop.cx.clone().for_purpose("billing"), PayIn { amount: 4 }).await.unwrap();
    let log = shop.store.log(event_sourcing::LogQuery::after(Default::default(), 10)).await.unwrap();
    let types: Vec<_> = log.iter().map(|event| &*event.event_type).collect();
    assert_eq!(types, ["till.paid_in", "audit.command_recorded"]);
    assert!(log.iter().all(|event| event.source_module == "till"));
    let record = shop.audit().await.remove(0);
    assert_eq!(record.purpose.as_deref(), Some("billing"));
    assert_eq!(record.events, [log[0].event_id], "it says what belongs to it");
}
