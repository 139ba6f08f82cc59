use kernel::ErrorKind;

use crate::shop::{Block, Break, Shop, logged};

#[tokio::test]
async fn a_panic_fails_one_request_and_is_for_the_log() {
    let shop = Shop::new();
    let error = shop.requests.ask(&shop.cx, Break { amount: 2 }).await.unwrap_err();
    assert_eq!((error.kind, error.code()), (ErrorKind::Internal, "request.panicked"));
    assert!(!error.message.contains("jammed") && error.message.contains("module `till`"), "{error}");
    assert_eq!(error.detail.as_deref(), Some("the drawer is jammed"));
    assert_eq!(shop.balance().await, 0);
}

/// Found in debug builds, which is what tests are.
#[tokio::test]
async fn a_service_that_holds_its_thread_is_named() {
    let shop = Shop::new();
    let held = logged("message", shop.requests.ask(&shop.cx, Block { amount: 120 })).await;
    let told = held.iter().find(|line| line.contains("blocked its thread")).expect("it was found");
    for named in ["`till.block`", "module `till`", "spawn_blocking"] {
        assert!(told.contains(named), "{told}");
    }
    let quick = logged("message", shop.requests.ask(&shop.cx, Block { amount: 0 })).await;
    assert!(!quick.iter().any(|line| line.contains("blocked its thread")), "{quick:?}");
}
