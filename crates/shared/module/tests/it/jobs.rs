//! What a module does in the background.

use std::{future::pending, sync::Arc, time::Duration};

use expect_test::expect;
use kernel::{Clock, Error};
use module::{Module, Shutdown};
use request::Client;

use crate::town::{Ask, Diary, built, states, town, troubles};

/// A town whose `m0` does more.
fn with(more: impl FnOnce(Module) -> Module) -> Vec<Module> {
    let mut modules: Vec<Module> = town("").into_iter().take(2).collect();
    let m0 = more(modules.remove(0));
    modules.insert(0, m0);
    modules
}

async fn a_while() {
    tokio::time::sleep(Duration::from_secs(60)).await;
}

#[tokio::test(start_paused = true)]
async fn a_job_runs_until_its_module_stops() {
    let diary = Diary::default();
    let notes = diary.clone();
    let sweeps = move |_: Arc<dyn Clock>, shutdown: Shutdown| {
        let notes = notes.clone();
        async move {
            loop {
                notes.note("sweeps");
                tokio::select! {
                    () = shutdown.begun() => break,
                    () = tokio::time::sleep(Duration::from_secs(25)) => {}
                }
            }
            assert!(shutdown.has_begun());
            notes.note("puts the broom away");
            Ok(())
        }
    };
    let mut application = built(with(|m0| diary.of(m0.starts("sweep", sweeps)))).await;
    assert_eq!(diary.take(), "", "nothing runs before the start");
    application.start().await.unwrap();
    a_while().await;
    assert_eq!(diary.take(), "+m0, sweeps, sweeps, sweeps");
    assert_eq!(states(&application), "m0 up, m1 up");
    application.stop().await.unwrap();
    assert_eq!(diary.take(), "puts the broom away, -m0", "stop hooks find nobody at work");
    application.start().await.unwrap();
    a_while().await;
    assert_eq!(diary.take(), "+m0, sweeps, sweeps, sweeps", "it can start again");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_ends_too_early_degrades_its_module() {
    let modules = with(|m0| {
        m0.starts("sweep", |_: Arc<dyn Clock>, _| async { Ok(()) })
            .starts("mop", |_: Arc<dyn Clock>, _| async { Err(Error::internal("no water: open the tap")) })
            .starts("dust", |_: Arc<dyn Clock>, _| async { panic!("a spider") })
            .starts("cook", |_: Arc<dyn Clock>, shutdown| async move {
                shutdown.begun().await;
                Ok(())
            })
    });
    let mut application = built(modules).await;
    application.start().await.unwrap();
    a_while().await;
    assert_eq!(states(&application), "m0 degraded, m1 up");
    expect![[r#"
        background job `dust`: panicked: a spider: that is a fault of the module
        background job `mop`: failed: no water: open the tap
        background job `sweep`: ended, and nobody had asked it to"#]]
    .assert_eq(&troubles(&application, "m0").join("\n"));
    assert!(application.requests.ask(&testing::context(&[]), Ask::<0>).await.is_ok(), "it answers nevertheless");
    application.stop().await.unwrap();
    assert_eq!((states(&application).as_str(), troubles(&application, "m0")), ("m0 stopped, m1 stopped", vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_job_can_ask_its_own_module() {
    let asks = |client: Arc<Client>, shutdown: Shutdown| async move {
        client.ask(&testing::context(&[]), Ask::<0>).await?;
        shutdown.begun().await;
        Ok(())
    };
    let mut application = built(with(|m0| m0.starts("ask", asks))).await;
    application.start().await.unwrap();
    a_while().await;
    assert_eq!(states(&application), "m0 up, m1 up");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_does_not_end_is_dropped_and_named() {
    let modules = with(|m0| {
        m0.starts("sweep", |_: Arc<dyn Clock>, _| pending()).starts("mop", |_: Arc<dyn Clock>, shutdown| async move {
            shutdown.begun().await;
            Err(Error::internal("the floor is still wet"))
        })
    });
    let mut application = built(modules).await;
    application.start().await.unwrap();
    let error = application.stop().await.unwrap_err();
    expect!["module `m0` did not stop: background job `mop` failed: the floor is still wet; and module `m0` did not stop: background job `sweep` was not done within 10s: see what it waits for, or raise `modules.stop_seconds`"]
        .assert_eq(&error.to_string());
    assert_eq!(states(&application), "m0 stopped, m1 stopped");
}

#[tokio::test(start_paused = true)]
async fn jobs_end_with_the_application() {
    struct Gone(Diary);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.note("gone");
        }
    }
    let diary = Diary::default();
    let notes = diary.clone();
    let waits = move |_: Arc<dyn Clock>, _| {
        let gone = Gone(notes.clone());
        async move {
            let _gone = gone;
            pending().await
        }
    };
    let mut application = built(with(|m0| m0.starts("wait", waits))).await;
    application.start().await.unwrap();
    a_while().await;
    assert_eq!(diary.take(), "");
    drop(application);
    a_while().await;
    assert_eq!(diary.take(), "gone");
}
