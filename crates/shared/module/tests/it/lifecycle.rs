//! Start and stop, and what goes wrong with them.

use std::{
    future::{pending, ready},
    sync::Arc,
    time::Duration,
};

use expect_test::expect;
use kernel::{Clock, Error, ErrorKind};
use module::{Cause, Module, Options, assemble};
use request::Client;
use testing::polled;

use crate::shop::{Clerk, Sell, infrastructure, options, shop};
use crate::town::{Ask, Diary, built, states, town};

#[tokio::test(start_paused = true)]
async fn a_module_answers_from_its_start_to_its_stop() {
    let cx = testing::context(&[]);
    let mut application = built(town("")).await;
    let stopped = application.requests.ask(&cx, Ask::<0>).await.unwrap_err();
    assert_eq!(stopped.code(), "module.stopped");
    application.start().await.unwrap();
    assert_eq!(application.requests.ask(&cx, Ask::<0>).await.unwrap(), "m0");
    application.stop().await.unwrap();
    assert_eq!(application.requests.ask(&cx, Ask::<0>).await.unwrap_err().code(), "module.stopped");
    application.start().await.unwrap();
    assert_eq!(application.requests.ask(&cx, Ask::<0>).await.unwrap(), "m0", "and again");
}

#[tokio::test(start_paused = true)]
async fn while_it_starts_and_stops_it_can_ask_those_that_it_needs() {
    let mut modules = town("m0 asks m1");
    let asks = |client: Arc<Client>| async move {
        client.ask(&testing::context(&[]), Ask::<1>).await?;
        let itself = client.ask(&testing::context(&[]), Ask::<0>).await.unwrap_err();
        assert_eq!(itself.code(), "module.stopped");
        Ok(())
    };
    let m0 = modules.remove(0).on_start("ask", asks).on_stop("ask", asks);
    modules.insert(0, m0);
    let mut application = built(modules).await;
    application.start().await.unwrap();
    application.stop().await.unwrap();
}

/// `m1`, which starts after `m0` and before `m2`, with more to do.
fn with_more(diary: &Diary, more: impl FnOnce(Module) -> Module) -> Vec<Module> {
    let mut modules: Vec<Module> = town("").into_iter().take(3).map(|module| diary.of(module)).collect();
    let m1 = more(modules.remove(1));
    modules.insert(1, m1);
    modules
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_stops_what_was_started() {
    let diary = Diary::default();
    let fails = |_: Arc<dyn Clock>| async { Err(Error::internal("the index is torn: rebuild it")) };
    let mut application = built(with_more(&diary, |m1| m1.on_start("open the index", fails))).await;
    let error = application.start().await.unwrap_err();
    expect!["module `m1` did not start: start hook `open the index` failed: the index is torn: rebuild it; `modules.disabled` starts the others without it"]
        .assert_eq(&error.to_string());
    assert_eq!(diary.take(), "+m0, +m1, -m1, -m0");
    assert_eq!(states(&application), "m0 stopped, m1 stopped, m2 stopped");
    application.stop().await.unwrap();
    assert_eq!(diary.take(), "", "there is nothing left to stop");
}

#[tokio::test(start_paused = true)]
async fn a_start_that_hangs_or_panics_is_named() {
    let diary = Diary::default();
    let hangs = |_: Arc<dyn Clock>| pending();
    let mut application = built(with_more(&diary, |m1| m1.on_start("open the index", hangs))).await;
    let error = application.start().await.unwrap_err();
    expect!["module `m1` did not start: start hook `open the index` was not done within 30s: see what it waits for, or raise `modules.start_seconds`; `modules.disabled` starts the others without it"]
        .assert_eq(&error.to_string());
    assert_eq!(diary.take(), "+m0, +m1, -m1, -m0");

    let panics = |_: Arc<dyn Clock>| async { panic!("no page 7") };
    let mut application = built(with_more(&diary, |m1| m1.on_start("open the index", panics))).await;
    let error = application.start().await.unwrap_err();
    assert_eq!(error.failed.cause, Cause::Panicked("no page 7".into()));
    assert_eq!((error.failed.module, diary.take().as_str()), ("m1", "+m0, +m1, -m1, -m0"));
}

/// The time is the module's: two hooks that take 20 s each are too much.
#[tokio::test(start_paused = true)]
async fn all_start_hooks_of_a_module_share_its_time() {
    let slow = |_: Arc<dyn Clock>| async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        Ok(())
    };
    let mut one = built(with_more(&Diary::default(), |m1| m1.on_start("first", slow))).await;
    one.start().await.unwrap();
    let mut both = built(with_more(&Diary::default(), |m1| m1.on_start("first", slow).on_start("second", slow))).await;
    assert_eq!(both.start().await.unwrap_err().failed.part, "start hook `second`");
}

#[tokio::test(start_paused = true)]
async fn what_goes_wrong_at_the_stop_stops_nobody_else_from_stopping() {
    let diary = Diary::default();
    let modules = with_more(&diary, |m1| {
        let m1 = m1.on_stop("close the index", |_: Arc<dyn Clock>| pending());
        m1.on_stop("say goodbye", |_: Arc<dyn Clock>| async { Err(Error::internal("nobody listens")) })
    });
    let mut application = built(modules).await;
    application.start().await.unwrap();
    assert_eq!(diary.take(), "+m0, +m1, +m2");
    let error = application.stop().await.unwrap_err();
    expect!["module `m1` did not stop: stop hook `say goodbye` failed: nobody listens; and module `m1` did not stop: stop hook `close the index` was not done within 10s: see what it waits for, or raise `modules.stop_seconds`"]
        .assert_eq(&error.to_string());
    assert_eq!(diary.take(), "-m2, -m1, -m0", "one that hangs leaves the others their time");
    assert_eq!(states(&application), "m0 stopped, m1 stopped, m2 stopped");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_start_can_be_stopped() {
    let diary = Diary::default();
    let mut application = built(with_more(&diary, |m1| m1.on_start("wait", |_: Arc<dyn Clock>| pending()))).await;
    assert!(polled(application.start(), 1).await.is_none());
    assert_eq!((diary.take().as_str(), states(&application).as_str()), ("+m0, +m1", "m0 up, m1 stopped, m2 stopped"));
    application.stop().await.unwrap();
    assert_eq!(
        (diary.take().as_str(), states(&application).as_str()),
        ("-m1, -m0", "m0 stopped, m1 stopped, m2 stopped")
    );
}

#[tokio::test(start_paused = true)]
async fn a_dropped_stop_goes_on_where_it_was() {
    let diary = Diary::default();
    let mut application = built(with_more(&diary, |m1| m1.on_stop("wait", |_: Arc<dyn Clock>| pending()))).await;
    application.start().await.unwrap();
    diary.take();
    assert!(polled(application.stop(), 2).await.is_none());
    assert_eq!(states(&application), "m0 up, m1 stopped, m2 stopped");
    assert_eq!(application.stop().await.unwrap_err().0[0].part, "stop hook `wait`");
    assert_eq!(diary.take(), "-m2, -m1, -m0");
    assert_eq!(states(&application), "m0 stopped, m1 stopped, m2 stopped");
}

#[tokio::test]
async fn two_applications_in_one_process_share_nothing() {
    let cx = testing::context(&["shop:sell"]);
    let application = async || {
        let infrastructure = infrastructure();
        let store = Arc::clone(&infrastructure.store);
        let application = assemble(vec![shop().serves::<Sell, Clerk>()], infrastructure, options()).await.unwrap();
        (application, store)
    };
    let ((mut one, ones), (mut other, others)) = (application().await, application().await);
    one.start().await.unwrap();
    assert_eq!(other.requests.ask(&cx, Sell {}).await.unwrap_err().code(), "module.stopped");
    other.start().await.unwrap();
    let written = others.head().await.unwrap();
    one.requests.ask(&cx, Sell {}).await.unwrap();
    assert!(ones.head().await.unwrap().0 > 0, "its audit record");
    assert_eq!(others.head().await.unwrap(), written);
    assert!(!Arc::ptr_eq(&one.container.get::<Clerk>(), &other.container.get::<Clerk>()));
    one.stop().await.unwrap();
    assert!(other.requests.ask(&cx, Sell {}).await.is_ok());
}

/// What a module registers may take time to make, and be started and stopped itself: before and after the module.
#[tokio::test(start_paused = true)]
async fn registrations_are_made_started_and_stopped_with_their_module() {
    let diary = Diary::default();
    let (started, stopped) = (diary.clone(), diary.clone());
    let m1 = |m1: Module| {
        let m1 = m1.provides(move |c| {
            c.singleton_async(async || {
                tokio::time::sleep(Duration::from_secs(20)).await;
                Ok::<_, Error>(Index)
            })
            .on_start(move |_: Arc<Index>| {
                started.note("+index");
                ready(Ok::<_, Error>(()))
            })
            .on_stop(move |_: Arc<Index>| {
                stopped.note("-index");
                ready(Ok::<_, Error>(()))
            });
        });
        m1.on_start("open the index", |_: Arc<Index>| ready(Ok(())))
    };
    let mut application = built(with_more(&diary, m1)).await;
    assert_eq!(diary.take(), "", "it is made, and nothing runs");
    application.start().await.unwrap();
    assert_eq!(diary.take(), "+index, +m0, +m1, +m2");
    application.stop().await.unwrap();
    assert_eq!(diary.take(), "-m2, -m1, -m0, -index");
}

struct Index;

#[tokio::test(start_paused = true)]
async fn a_hook_of_a_registration_that_fails_names_the_module_and_the_place() {
    let diary = Diary::default();
    let m1 = |m1: Module| {
        m1.provides(|c| {
            let torn =
                |_: Arc<Index>| async { Err(Error::new(ErrorKind::Unavailable, "the index is torn: rebuild it")) };
            c.singleton(|| Index).on_start(torn).on_stop(|_: Arc<Index>| pending::<Result<(), Error>>());
        })
    };
    let mut application = built(with_more(&diary, m1)).await;
    let error = application.start().await.unwrap_err();
    assert_eq!(error.failed.module, "m1");
    let Cause::Failed(cause) = &error.failed.cause else { panic!("{error}") };
    assert_eq!(cause.kind, ErrorKind::Unavailable, "its own error");
    let text = error.to_string();
    assert!(text.starts_with("module `m1` did not start: the start hook of `"), "{text}");
    assert!(text.contains("lifecycle.rs") && text.contains("failed: the index is torn: rebuild it;"), "{text}");
    assert_eq!(diary.take(), "", "no module was reached");
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_fails_to_be_made_is_a_finding() {
    let m0 = Module::new("m0", "fails").provides(|c| {
        c.singleton_async(pending::<Result<Index, Error>>);
    });
    let findings = assemble(vec![m0], infrastructure(), Options::default()).await.map(drop).unwrap_err().to_string();
    assert!(findings.contains("lifecycle.rs") && findings.contains("took longer than 30s"), "{findings}");
}
