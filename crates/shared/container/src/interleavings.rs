//! First resolutions that meet, in thousands of orders that shuttle chooses: it moves from thread to thread wherever one
//! looks into a cell or takes a lock, and says so when all of them wait.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use futures::poll;
use kernel::panic_text;
use shuttle::{
    future::{block_on, spawn, yield_now},
    thread,
};

use crate::{Builder, Container};

const ORDERS: usize = 2000;

#[derive(Clone, Default)]
struct Runs(Arc<AtomicUsize>);

impl Runs {
    fn next(&self) -> usize {
        self.0.fetch_add(1, Relaxed)
    }
    fn count(&self) -> usize {
        self.0.load(Relaxed)
    }
}

struct Base(usize);
struct Left(Arc<Base>);
struct Right(Arc<Base>);
struct Top(Arc<Left>, Arc<Right>);

/// Two ways from the top to the base, which fails so often before it works.
fn diamond(runs: &Runs, failures: usize) -> Container {
    let runs = runs.clone();
    let mut b = Builder::new();
    b.singleton(Top).singleton(Left).singleton(Right).try_singleton(move || {
        let run = runs.next();
        thread::yield_now();
        if run < failures { Err("not yet") } else { Ok(Base(run)) }
    });
    b.build().expect("nothing is missing")
}

/// From all sides at once.
fn threads_meet() {
    let runs = Runs::default();
    let container = diamond(&runs, 0);
    let ask = |ask: fn(&Container) -> Arc<Base>| {
        let container = container.clone();
        thread::spawn(move || ask(&container))
    };
    let asked = [
        ask(|c| Arc::clone(&c.get::<Top>().0.0)),
        ask(|c| Arc::clone(&c.get::<Right>().0)),
        ask(|c| Arc::clone(&c.get::<Top>().1.0)),
        ask(|c| c.get()),
    ];
    let bases = asked.map(|thread| thread.join().expect("nobody panics"));
    assert!(bases.iter().all(|base| Arc::ptr_eq(base, &bases[0])), "one base for all");
    assert_eq!(runs.count(), 1, "made once");
}

#[test]
fn threads_make_a_singleton_once_and_nobody_waits_for_ever() {
    shuttle::check_random(threads_meet, ORDERS);
    shuttle::check_pct(threads_meet, ORDERS, 3);
}

#[test]
fn failed_attempt_is_repeated_by_those_who_waited() {
    let meet = || {
        let runs = Runs::default();
        let container = diamond(&runs, 2);
        let asked: Vec<_> = (0..3)
            .map(|_| {
                let container = container.clone();
                thread::spawn(move || container.try_get::<Top>().map(|top| top.0.0.0).ok())
            })
            .collect();
        let results: Vec<_> = asked.into_iter().map(|thread| thread.join().expect("nobody panics")).collect();
        let failed = results.iter().filter(|result| result.is_none()).count();
        assert_eq!((failed, runs.count()), (2, 3), "each failure is told to one who asked");
        assert_eq!(container.get::<Base>().0, 2);
    };
    shuttle::check_random(meet, ORDERS);
}

#[test]
fn threads_in_one_scope_make_its_value_once() {
    let meet = || {
        let runs = Runs::default();
        let counted = runs.clone();
        let mut b = Builder::new();
        b.scoped(Left).scoped(move || Base(counted.next())).transient(Right);
        let scope = Arc::new(b.build().expect("nothing is missing").scope());
        let (for_left, for_right) = (Arc::clone(&scope), Arc::clone(&scope));
        let left = thread::spawn(move || Arc::clone(&for_left.get::<Left>().0));
        let right = thread::spawn(move || Arc::clone(&for_right.get::<Right>().0));
        let bases = [left, right].map(|thread| thread.join().expect("nobody panics"));
        assert!(Arc::ptr_eq(&bases[0], &bases[1]));
        assert_eq!(runs.count(), 1);
    };
    shuttle::check_random(meet, ORDERS);
}

/// Tasks that await meet threads that do not; the base is async, what needs it is not.
fn tasks_and_threads_meet() {
    let (bases, lefts) = (Runs::default(), Runs::default());
    let (count_base, count_left) = (bases.clone(), lefts.clone());
    let mut b = Builder::new();
    b.singleton(Top)
        .singleton(move |base| {
            count_left.next();
            Left(base)
        })
        .singleton(Right)
        .singleton_async(move || {
            let run = count_base.next();
            async move {
                yield_now().await;
                Ok::<_, String>(Base(run))
            }
        });
    let container = b.build().expect("nothing is missing");
    let top = container.clone();
    let top = spawn(async move { top.get_async::<Top>().await.map(|top| top.1.0.0) });
    let ask = || {
        let container = container.clone();
        spawn(async move { container.get_async::<Base>().await.map(|base| base.0) })
    };
    let tasks = [top, ask(), ask()];
    let ready = container.clone();
    let thread = thread::spawn(move || ready.try_get::<Left>().is_ok());
    let numbers = tasks.map(|task| block_on(task).expect("nobody panics").expect("the factory works"));
    thread.join().expect("nobody panics");
    assert!(numbers.iter().all(|number| *number == numbers[0]), "one base for all");
    assert_eq!((bases.count(), lefts.count()), (1, 1), "made once, awaited or not");
}

#[test]
fn tasks_and_threads_make_a_singleton_once() {
    shuttle::check_random(tasks_and_threads_meet, ORDERS);
}

#[test]
fn cancelled_attempt_is_gone_on_with_or_begun_anew() {
    let meet = || {
        let runs = Runs::default();
        let counted = runs.clone();
        let mut b = Builder::new();
        b.singleton(Left).singleton_async(move || {
            let run = counted.next();
            async move {
                yield_now().await;
                yield_now().await;
                Ok::<_, String>(Base(run))
            }
        });
        let container = b.build().expect("nothing is missing");
        let ask = |polls: usize| {
            let container = container.clone();
            spawn(async move {
                let mut asked = pin!(container.get_async::<Left>());
                for _ in 0..polls {
                    if poll!(asked.as_mut()).is_ready() {
                        break;
                    }
                    yield_now().await;
                }
            })
        };
        let cancelled = [ask(1), ask(2)];
        let number = block_on(container.get_async::<Left>()).expect("the factory works").0.0;
        cancelled.into_iter().for_each(|task| block_on(task).expect("nobody panics"));
        // Begun again only where all who waited were gone.
        assert!(number < runs.count() && runs.count() <= 3, "begun {} times", runs.count());
        assert_eq!(container.get::<Base>().0, number);
    };
    shuttle::check_random(meet, ORDERS);
}

type Question = fn(&Container) -> bool;

/// Two factories that ask the container for each other, past their parameters and so past the graph.
fn asking_past_the_graph(ask: fn(&Container, Question) -> bool) {
    let container = Arc::new(OnceLock::<Container>::new());
    let (for_base, for_left) = (Arc::clone(&container), Arc::clone(&container));
    let built = |container: &OnceLock<Container>| container.get().expect("nothing runs before it is built").clone();
    let mut b = Builder::new();
    b.try_singleton(move || ask(&built(&for_base), |c| c.try_get::<u16>().is_ok()).then_some(1_u8).ok_or("refused"))
        .try_singleton(move || ask(&built(&for_left), |c| c.try_get::<u8>().is_ok()).then_some(2_u16).ok_or("refused"));
    let container = container.get_or_init(|| b.build().expect("the graph knows of nothing")).clone();
    let other = container.clone();
    let thread = thread::spawn(move || other.try_get::<u8>().is_ok());
    assert!(container.try_get::<u16>().is_err());
    assert!(!thread.join().expect("nobody panics"));
}

#[test]
fn factories_that_ask_past_the_graph_are_refused_before_they_wait() {
    shuttle::check_random(|| asking_past_the_graph(|container, ask| ask(container)), ORDERS);
}

/// What the refusal is for, and its limit: by way of another thread it is not noticed. It shows as well that a dead-lock
/// would be found.
#[test]
fn factories_that_ask_past_the_refusal_dead_lock() {
    let on_another_thread = |container: &Container, ask: Question| {
        let container = container.clone();
        thread::spawn(move || ask(&container)).join().expect("nobody panics")
    };
    let meet = move || asking_past_the_graph(on_another_thread);
    let found = catch_unwind(AssertUnwindSafe(|| shuttle::check_random(meet, ORDERS))).expect_err("it is found");
    let found = panic_text(found);
    assert!(found.contains("deadlock"), "{found}");
}
