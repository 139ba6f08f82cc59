use kernel::{ErrorKind, Json, Request};
use request::{ModuleState, ModuleStates};

use crate::shop::{Balance, Nobody, PayIn, Ping, Report, Shop};

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

#[tokio::test]
async fn what_a_left_out_module_would_serve_is_not_available() {
    let shop = Shop::with(|table| table.serve_elsewhere("stock", Nobody::NAME));
    shop.requests.states().set("stock", ModuleState::Stopped);
    let typed = shop.requests.ask(&shop.cx, Nobody { amount: 0 }).await.unwrap_err();
    let json = Json::of(&Nobody { amount: 0 }).unwrap();
    let by_name = shop.requests.call(&shop.cx, Nobody::NAME, None, &json).await.unwrap_err();
    for error in [typed, by_name] {
        assert_eq!((error.kind, error.code()), (ErrorKind::Unavailable, "module.stopped"));
        assert!(error.message.contains("module `stock`"), "{error}");
    }
    assert_eq!(shop.audit().await[0].module, "stock");
}

#[test]
fn a_module_is_degraded_while_a_part_of_it_does_not_work() {
    let states = ModuleStates::default();
    assert!(states.degrade("till", "drawer", "jammed") && states.degrade("till", "printer", "no paper"));
    assert!(!states.degrade("till", "drawer", "still jammed"), "no news");
    let troubles = states.troubles("till");
    let troubles: Vec<_> = troubles.iter().map(|trouble| (trouble.part.as_str(), trouble.reason.as_str())).collect();
    assert_eq!(troubles, [("drawer", "still jammed"), ("printer", "no paper")]);
    assert!(states.mend("till", "drawer") && !states.mend("till", "drawer"));
    assert_eq!(states.of("till"), ModuleState::Degraded);
    assert!(states.mend("till", "printer"));
    assert_eq!(states.of("till"), ModuleState::Up);

    states.degrade("till", "drawer", "jammed");
    states.set("till", ModuleState::Stopped);
    assert_eq!((states.of("till"), states.troubles("till")), (ModuleState::Stopped, vec![]));
    states.set("till", ModuleState::Up);
    assert_eq!(states.of("till"), ModuleState::Up, "what was wrong with it went with the stop");
}
