//! Looks at the health of a module.

use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::TimeDelta;
use event_bus::{BusOptions, Drain, EventBus, Ports, Subscriber, SubscriberStatus};
use event_sourcing::{Origin, Position, Unit};
use expect_test::{Expect, expect};
use futures::FutureExt;
use kernel::{Clock, Context, Error, ErrorKind, ManualClock};
use module::{Application, Infrastructure, Module, Options, assemble};
use testing::faults::Damaged;

use crate::{
    shop::infrastructure,
    town::{Ask, Said, built, states, town, troubles},
};

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

/// `healthy, live, ready`, then what is not well, then each component.
fn check(application: &Application, subscribers: Result<&[SubscriberStatus], &Error>, expected: Expect) {
    let health = application.health(subscribers);
    let flag = |holds, name: &str| if holds { format!(", {name}") } else { format!(", not {name}") };
    let mut text = format!("{}{}{}\n", health.status, flag(health.live, "live"), flag(health.ready, "ready"));
    health.reasons.iter().for_each(|reason| text += &format!("- {reason}\n"));
    for component in &health.components {
        let name = component.part.as_ref().map_or(component.module.clone(), |part| format!("  {part}"));
        let reason = component.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
        text += &format!("{name} {}{reason}\n", component.status);
    }
    expected.assert_eq(&text);
}

#[tokio::test(start_paused = true)]
async fn the_health_of_a_process_is_one_word_and_each_component() {
    let leaks = Arc::new(Mutex::new(true));
    let seen = Arc::clone(&leaks);
    let roof = move |_: Arc<dyn Clock>| {
        let leaks = *seen.lock().unwrap();
        async move { if leaks { Err(Error::internal("it rains on the beds")) } else { Ok(()) } }
    };
    let mut modules: Vec<Module> = town("").into_iter().take(2).collect();
    let m0 = modules.remove(0).checks("roof", roof).checks("walls", |_: Arc<dyn Clock>| async { Ok(()) });
    modules.insert(0, m0);
    let mut application = built(modules).await;
    let stopped = expect![[r#"
        unhealthy, live, not ready
        - module `m0` is stopped
        - module `m1` is stopped
        m0 unhealthy
        m1 unhealthy
    "#]];
    check(&application, Ok(&[]), stopped);

    application.start().await.unwrap();
    let degraded = expect![[r#"
        degraded, live, ready
        m0 degraded
          health check `walls` healthy
          health check `roof` unhealthy: failed: it rains on the beds
        m1 healthy
    "#]];
    check(&application, Ok(&[]), degraded);

    *leaks.lock().unwrap() = false;
    tokio::time::sleep(Duration::from_secs(11)).await;
    let healthy = expect![[r#"
        healthy, live, ready
        m0 healthy
          health check `roof` healthy
          health check `walls` healthy
        m1 healthy
    "#]];
    check(&application, Ok(&[]), healthy);

    let unknown = Error::new(ErrorKind::Unavailable, "the store does not answer");
    assert_eq!(
        application.health(Err(&unknown)).reasons,
        ["which events wait is not known: the store does not answer"]
    );
    application.stop().await.unwrap();
    tokio::time::sleep(Duration::from_secs(26)).await;
    assert!(!application.health(Ok(&[])).live, "nobody has looked for two rounds");
}

/// Takes events and never gets through with one.
struct Deaf;

impl Subscriber<Said<0>> for Deaf {
    async fn handle(&self, _: &Context, _: &Said<0>, _: &mut Unit) -> Result<(), Error> {
        pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_is_not_ready_while_an_event_has_waited_for_too_long() {
    let (clock, infrastructure) = (Arc::new(ManualClock::default()), infrastructure());
    let infrastructure = Infrastructure { clock: Arc::clone(&clock) as _, ..infrastructure };
    let Infrastructure { store, ids, .. } = infrastructure.clone();
    let deaf = Module::new("deaf", "hears nothing").subscribes::<Said<0>, Deaf>("deaf.m0").provides(|c| {
        c.value(Deaf);
    });
    let modules = town("").into_iter().take(1).chain([deaf]).collect();
    let mut application = assemble(modules, infrastructure, Options::default()).await.unwrap();
    application.start().await.unwrap();
    let subscriptions = std::mem::take(&mut application.subscriptions);
    let ports = Ports { store: Some(Arc::clone(&store)), clock: Arc::clone(&clock) as _, ids: Arc::clone(&ids) };
    let bus = EventBus::start(subscriptions, ports, BusOptions::default());
    let bus = bus.await.unwrap();

    assert_eq!(bus.status().await.unwrap()[0].oldest, None);
    let context = testing::context(&[]);
    let mut unit = Unit::new(Origin { module: "m0", context, clock: Arc::clone(&clock) as _, ids });
    unit.publish(&Said::<0>);
    store.commit(unit).await.unwrap();
    assert_eq!(bus.status().await.unwrap()[0].oldest, Some(Duration::ZERO));

    clock.advance(TimeDelta::minutes(5));
    assert!(application.health(Ok(&bus.status().await.unwrap())).ready, "five minutes are allowed");
    clock.advance(TimeDelta::seconds(1));
    let late = expect![[r#"
        unhealthy, live, not ready
        - an event has waited for subscriber `deaf.m0` of module `deaf` for 301 s, and 300 s are allowed: see `borough status`, or raise `events.delivery_seconds`
        m0 healthy
        deaf healthy
    "#]];
    check(&application, Ok(&bus.status().await.unwrap()), late);
    bus.pause("deaf.m0").await.unwrap();
    assert!(application.health(Ok(&bus.status().await.unwrap())).ready, "somebody wants it so");
    bus.stop().await;
}

/// Hears everything.
struct Ear;

impl Subscriber<Said<0>> for Ear {
    async fn handle(&self, _: &Context, _: &Said<0>, _: &mut Unit) -> Result<(), Error> {
        Ok(())
    }
}

/// At once: what it has halted before does not pass by itself, however young it is.
#[tokio::test(start_paused = true)]
async fn a_process_is_not_ready_while_a_subscriber_has_halted() {
    let infrastructure = infrastructure();
    let damaged = Damaged::at(Position(2));
    let store = damaged.around(Arc::clone(&infrastructure.store));
    let infrastructure = Infrastructure { store: Arc::clone(&store), ..infrastructure };
    let Infrastructure { clock, ids, .. } = infrastructure.clone();
    let ear = Module::new("ear", "hears").subscribes::<Said<0>, Ear>("ear.m0").provides(|c| {
        c.value(Ear);
    });
    let modules = town("").into_iter().take(1).chain([ear]).collect();
    let mut application = assemble(modules, infrastructure, Options::default()).await.unwrap();
    application.start().await.unwrap();
    let subscriptions = std::mem::take(&mut application.subscriptions);
    let ports = Ports { store: Some(Arc::clone(&store)), clock: Arc::clone(&clock), ids: Arc::clone(&ids) };
    let bus = EventBus::start(subscriptions, ports, BusOptions::default()).await.unwrap();
    let mut unit = Unit::new(Origin { module: "m0", context: testing::context(&[]), clock, ids });
    for _ in 0..3 {
        unit.publish(&Said::<0>);
    }
    store.commit(unit).await.unwrap();
    assert_eq!(bus.drain(Duration::from_secs(5)).await.unwrap(), Drain::Complete);
    let status = bus.status().await.unwrap();
    assert_eq!((status[0].position, status[0].head), (Position(1), Position(3)));
    let halted = expect![[r#"
        unhealthy, live, not ready
        - subscriber `ear.m0` of module `ear` has halted: the event at 2 cannot be read: event 2: it is not what was written there: restore the store from a copy: see `borough status`
        m0 healthy
        ear healthy
    "#]];
    check(&application, Ok(&status), halted);
    damaged.mend();
    bus.resume("ear.m0").await.unwrap();
    assert_eq!(bus.drain(Duration::from_secs(5)).await.unwrap(), Drain::Complete);
    assert!(application.health(Ok(&bus.status().await.unwrap())).ready);
    bus.stop().await;
}
