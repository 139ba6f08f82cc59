use kernel::ErrorKind;
use request::ModuleState;

use crate::shop::{Balance, PayIn, Ping, Report, Shop};

#[tokio::test]
async fn a_service_asks_another_module() {
    let shop = Shop::new();
    shop.requests.ask(&shop.cx, PayIn { amount: 4 }).await.unwrap();
    assert_eq!(shop.requests.ask(&shop.cx, Report { amount: 0 }).await.unwrap(), 4);
}

#[tokio::test]
async fn a_circle_of_requests_is_refused_with_its_path() {
    let shop = Shop::new();
    let error = shop.requests.ask(&shop.cx, Ping { amount: 0 }).await.unwrap_err();
    assert_eq!((error.kind, error.code()), (ErrorKind::Internal, "request.cycle"));
    assert!(error.message.contains("module `chain`"), "{error}");
    assert!(error.message.contains("chain.ping -> chain.pong -> chain.ping: let one of them"), "{error}");
}

#[tokio::test]
async fn a_module_that_says_what_it_asks_is_held_to_it() {
    let shop = Shop::with(|table| table.declare("office", ["users.get"]));
    let error = shop.requests.ask(&shop.cx, Report { amount: 0 }).await.unwrap_err();
    assert_eq!((error.kind, error.code()), (ErrorKind::Internal, "request.undeclared"));
    for named in ["module `office`", "`till.balance` of module `till`", "`.asks`"] {
        assert!(error.message.contains(named), "{error}");
    }
    let shop = Shop::with(|table| table.declare("office", ["till.balance"]));
    assert_eq!(shop.requests.ask(&shop.cx, Report { amount: 0 }).await.unwrap(), 0);
}

#[tokio::test]
async fn what_is_asked_in_turn_has_the_same_deadline_and_principal() {
    let shop = Shop::new();
    shop.clerk.gate.forget_permits(1000);
    tokio::time::pause();
    let hurried = shop.cx.clone().until(crate::shop::after_the_epoch(5));
    let error = shop.requests.ask(&hurried, Report { amount: 0 }).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Deadline);
}

#[tokio::test]
async fn a_module_that_does_not_run_is_not_available() {
    let shop = Shop::new();
    for (state, code) in [(ModuleState::Stopped, "module.stopped"), (ModuleState::Unreachable, "module.unreachable")] {
        shop.requests.states().set("till", state);
        let error = shop.requests.ask(&shop.cx, Balance { amount: 0 }).await.unwrap_err();
        assert_eq!((error.kind, error.code()), (ErrorKind::Unavailable, code));
        assert!(error.message.contains("`till.balance`") && error.message.contains("module `till`"), "{error}");
        assert!(error.retry_after.is_some());
        let through = shop.requests.ask(&shop.cx, Report { amount: 0 }).await.unwrap_err();
        assert_eq!(through.code(), code, "who asks it in turn has the same news");
    }
    shop.requests.states().set("till", ModuleState::Degraded);
    assert!(shop.requests.ask(&shop.cx, Balance { amount: 0 }).await.is_ok());
}
