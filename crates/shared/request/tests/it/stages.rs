use kernel::{ErrorKind, RequestKind};
use request::Stage;

use crate::shop::{Balance, Nobody, PayIn, Shop, Sleep, Sneak, after_the_epoch, logged};

/// The list of the stages is the order of the code.
#[tokio::test]
async fn a_request_enters_every_stage_that_concerns_it_in_order() {
    let shop = Shop::new();
    let command = logged("stage", shop.requests.ask(&shop.cx, PayIn { amount: 4 })).await;
    let query = logged("stage", shop.requests.ask(&shop.cx, Balance { amount: 0 })).await;
    for (kind, entered) in [(RequestKind::Command, command), (RequestKind::Query, query)] {
        let all = Stage::ALL.into_iter().filter(|stage| stage.concerns(kind));
        assert_eq!(entered, all.map(Stage::name).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_command_is_committed_and_a_query_sees_it() {
    let shop = Shop::new();
    assert_eq!(shop.requests.ask(&shop.cx, PayIn { amount: 4 }).await.unwrap(), 4);
    assert_eq!(shop.requests.ask(&shop.cx, Balance { amount: 0 }).await.unwrap(), 4);
}

#[tokio::test]
async fn a_principal_without_the_permission_is_refused_before_anything_else() {
    let shop = Shop::new();
    let nobody = testing::context(&["till:clean"]);
    let error = shop.requests.ask(&nobody, PayIn { amount: -1 }).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    for named in ["`till.pay-in`", "module `till`", "till:use", "[access.grants]"] {
        assert!(error.message.contains(named), "{error}");
    }
}

#[tokio::test]
async fn every_refused_field_is_told_at_once() {
    let shop = Shop::new();
    let error = shop.requests.ask(&shop.cx, PayIn { amount: -1 }).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert_eq!(error.message, "/amount: must be above 0; /amount: must be even");
    assert_eq!(error.fields.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_the_wait_and_leaves_nothing() {
    let shop = Shop::new();
    let hurried = shop.cx.clone().until(after_the_epoch(5)).until(after_the_epoch(99));
    let error = shop.requests.ask(&hurried, Sleep { amount: 2 }).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Deadline);
    assert!(error.message.contains("`till.sleep` of module `till`"), "{error}");
    assert_eq!(shop.balance().await, 0);

    let late = shop.cx.clone().until(after_the_epoch(-1));
    assert_eq!(shop.requests.ask(&late, PayIn { amount: 2 }).await.unwrap_err().kind, ErrorKind::Deadline);
    assert_eq!(shop.balance().await, 0);
}

/// What was not ready in time is not committed either: nobody is there to be told.
#[tokio::test]
async fn an_answer_after_the_deadline_is_none() {
    let shop = Shop::new();
    shop.clerk.gate.forget_permits(1000);
    let hurried = shop.cx.clone().until(after_the_epoch(5));
    let slow = shop.requests.ask(&hurried, PayIn { amount: 4 });
    let while_it_waits = async {
        tokio::task::yield_now().await;
        shop.clock.advance(chrono::TimeDelta::seconds(6));
        shop.clerk.gate.add_permits(1);
    };
    let (answer, ()) = tokio::join!(slow, while_it_waits);
    assert_eq!(answer.unwrap_err().kind, ErrorKind::Deadline);
    assert_eq!(shop.balance().await, 0);
    assert_eq!(shop.audit().await.len(), 1, "that it was late is written, late as it is");
}

/// A service that holds its thread answers before any timer is looked at.
#[tokio::test]
async fn an_answer_after_the_deadline_is_none_for_a_query_too() {
    let shop = Shop::new();
    shop.clerk.gate.forget_permits(1000);
    let hurried = shop.cx.clone().until(after_the_epoch(5));
    let slow = shop.requests.ask(&hurried, Balance { amount: 0 });
    let while_it_waits = async {
        tokio::task::yield_now().await;
        shop.clock.advance(chrono::TimeDelta::seconds(6));
        shop.clerk.gate.add_permits(1);
    };
    let (answer, ()) = tokio::join!(slow, while_it_waits);
    assert_eq!(answer.unwrap_err().kind, ErrorKind::Deadline);
}

#[tokio::test]
async fn a_query_that_writes_is_a_fault() {
    let shop = Shop::new();
    let error = shop.requests.ask(&shop.cx, Sneak { amount: 2 }).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Internal);
    assert!(error.message.contains("`till.sneak` of module `till`"), "{error}");
    assert_eq!(shop.balance().await, 0);
}

#[tokio::test]
async fn a_request_that_nobody_serves_is_not_found() {
    let shop = Shop::new();
    let error = shop.requests.ask(&shop.cx, Nobody { amount: 1 }).await.unwrap_err();
    assert_eq!((error.kind, error.code()), (ErrorKind::NotFound, "request.unknown"));
    assert_eq!(shop.audit().await[0].code.as_deref(), Some("request.unknown"), "also what nobody serves is audited");
}
