//! Looks at the health of a module.

use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use expect_test::expect;
use futures::FutureExt;
use kernel::{Clock, Error};
use module::Module;

use crate::town::{Ask, built, states, town, troubles};

#[derive(Clone, Copy)]
enum Roof {
    Sound,
    Leaks,
    Creaks,
    Falls,
}

#[tokio::test(start_paused = true)]
async fn a_module_is_degraded_while_a_check_of_it_fails() {
    let roof = Arc::new(Mutex::new(Roof::Leaks));
    let seen = Arc::clone(&roof);
    let check = move |_: Arc<dyn Clock>| match *seen.lock().unwrap() {
        Roof::Sound => async { Ok(()) }.boxed(),
        Roof::Leaks => async { Err(Error::internal("it rains on the beds: call the thatcher")) }.boxed(),
        Roof::Creaks => pending().boxed(),
        Roof::Falls => async { panic!("sky") }.boxed(),
    };
    let mut modules: Vec<Module> = town("").into_iter().take(2).collect();
    let m0 = modules.remove(0).checks("roof", check).checks("walls", |_: Arc<dyn Clock>| async { Ok(()) });
    modules.insert(0, m0);
    let mut application = built(modules).await;

    application.start().await.unwrap();
    assert_eq!(states(&application), "m0 degraded, m1 up", "the first look is a part of the start");
    let mut told = Vec::new();
    for next in [Roof::Creaks, Roof::Falls, Roof::Sound] {
        told.extend(troubles(&application, "m0"));
        *roof.lock().unwrap() = next;
        tokio::time::sleep(Duration::from_secs(16)).await;
    }
    expect![[r#"
        health check `roof`: failed: it rains on the beds: call the thatcher
        health check `roof`: was not done within 5s: see what it waits for, or raise `modules.check_seconds`
        health check `roof`: panicked: sky: that is a fault of the module"#]]
    .assert_eq(&told.join("\n"));
    assert_eq!(states(&application), "m0 up, m1 up", "it is well again");

    *roof.lock().unwrap() = Roof::Leaks;
    tokio::time::sleep(Duration::from_secs(16)).await;
    assert_eq!(states(&application), "m0 degraded, m1 up");
    assert!(application.requests.ask(&testing::context(&[]), Ask::<0>).await.is_ok(), "it answers nevertheless");
    application.stop().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(states(&application), "m0 stopped, m1 stopped", "nobody looks any more");
    assert_eq!(troubles(&application, "m0"), [""; 0]);
}
