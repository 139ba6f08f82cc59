use std::{
    future::pending,
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use container::{Builder, Container, Keyed};
use expect_test::expect;
use futures::{
    FutureExt,
    future::{join, join_all},
    poll,
};
use tokio::{sync::Semaphore, task::yield_now, time::timeout};

use crate::text::with_causes;

trait Store: Send + Sync {
    fn number(&self) -> usize;
}
#[derive(Debug)]
struct Pool(usize);
impl Store for Pool {
    fn number(&self) -> usize {
        self.0
    }
}
#[derive(Debug)]
struct Ledger(Arc<dyn Store>);
#[derive(Debug)]
struct Job(Arc<Ledger>);

impl std::fmt::Debug for dyn Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.number())
    }
}

static NEXT: AtomicUsize = AtomicUsize::new(1);

async fn connect() -> Result<Pool, io::Error> {
    yield_now().await;
    Ok(Pool(NEXT.fetch_add(1, Ordering::Relaxed)))
}

/// A pool that is connected asynchronously, a ledger that is not, and a job made anew each time.
fn wired() -> Container {
    let mut b = Builder::new();
    b.transient(Job).singleton(Ledger).bind::<dyn Store, Pool>(|s| s).singleton_async(connect);
    b.build().unwrap()
}

#[tokio::test]
async fn all_that_needs_an_async_singleton_can_be_awaited_and_then_got() {
    let container = wired();
    expect![
        "`Job` needs `Ledger` needs `dyn Store` needs `Pool`: the factory of `Pool`, registered at asynchronous.rs, is async: await `get_async`, or `start` the container before"
    ]
    .assert_eq(&with_causes(&container.try_get::<Job>().unwrap_err()));
    let job = container.get_async::<Job>().await.unwrap();
    assert!(Arc::ptr_eq(&job.0, &container.get::<Job>().0), "one ledger");
    assert!(!Arc::ptr_eq(&job, &container.get::<Job>()), "a job each time");
    assert_eq!(job.0.0.number(), container.get::<Pool>().number());
}

#[tokio::test]
async fn sync_values_can_be_awaited_too() {
    let mut b = Builder::new();
    b.singleton(|| 5_u8).scoped(|n: Arc<u8>| u16::from(*n)).transient(|n: Option<Arc<u16>>| n.map(|n| u32::from(*n)));
    let scope = b.build().unwrap().scope();
    assert_eq!(*scope.get_async::<Option<u32>>().await.unwrap(), Some(5));
}

#[tokio::test]
async fn scoped_and_transient_async() {
    struct Session(Pool);
    let mut b = Builder::new();
    b.scoped_async(async || connect().await.map(Session))
        .transient_async(|session: Arc<Session>| async move { connect().await.map(|pool| (session.0.0, pool.0)) })
        .scoped(|both: Arc<(usize, usize)>| *both.as_ref() == (0, 0));
    let container = b.build().unwrap();
    let (one, two) = (container.scope(), container.scope());
    assert!(one.try_get::<Session>().is_err());
    let sessions = [one.get_async::<Session>().await.unwrap(), two.get_async::<Session>().await.unwrap()];
    assert_ne!(sessions[0].0.0, sessions[1].0.0);
    assert!(Arc::ptr_eq(&one.get::<Session>(), &sessions[0]), "made once, it can be got");
    let pairs = [one.get_async::<(usize, usize)>().await.unwrap(), one.get_async::<(usize, usize)>().await.unwrap()];
    assert_eq!((pairs[0].0, pairs[1].0), (sessions[0].0.0, sessions[0].0.0));
    assert_ne!(pairs[0].1, pairs[1].1);
    assert!(one.try_get::<(usize, usize)>().is_err(), "a transient is never there already");
    assert!(!*one.get_async::<bool>().await.unwrap());
}

#[tokio::test]
async fn every_kind_of_parameter_can_be_awaited() {
    enum Replica {}
    struct All {
        number: usize,
        maybe: Option<Arc<Pool>>,
        none: Option<Arc<String>>,
        all: Vec<Arc<dyn Store>>,
        keyed: Keyed<Replica, Pool>,
        maybe_keyed: Option<Keyed<Replica, Pool>>,
    }
    let mut b = Builder::new();
    b.singleton_async(connect)
        .bind::<dyn Store, Pool>(|s| s)
        .instance::<dyn Store>(Arc::new(Pool(0)))
        .singleton_async(async || connect().await.map(Keyed::<Replica, _>::of))
        .try_singleton(|one: Arc<Pool>, maybe, none, all, keyed, maybe_keyed| -> Result<All, String> {
            Ok(All { number: one.0, maybe, none, all, keyed, maybe_keyed })
        });
    let all = b.build().unwrap().get_async::<All>().await.unwrap();
    assert_eq!(all.maybe.as_ref().unwrap().0, all.number);
    assert!(all.none.is_none());
    assert_eq!(all.all.iter().map(|store| store.number()).collect::<Vec<_>>(), [all.number, 0]);
    assert_ne!(all.keyed.0, all.number);
    assert_eq!(all.maybe_keyed.as_ref().unwrap().0, all.keyed.0);
}

#[tokio::test]
async fn many_who_await_share_one_attempt_and_its_failure_and_the_next_tries_again() {
    let (runs, go_on) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let (count, wait) = (Arc::clone(&runs), Arc::clone(&go_on));
    let mut b = Builder::new();
    b.singleton(Ledger).bind::<dyn Store, Pool>(|s| s).singleton_async(move || {
        let (run, wait) = (count.fetch_add(1, Ordering::Relaxed), Arc::clone(&wait));
        async move {
            wait.acquire().await.unwrap().forget();
            if run == 0 { Err(io::Error::other("refused")) } else { connect().await }
        }
    });
    let container = b.build().unwrap();
    let asked = async || {
        let all = join_all((0..5).map(|_| container.get_async::<Ledger>()));
        join(all, async { go_on.add_permits(1) }).await.0
    };
    for failed in asked().await {
        expect![
            "`Ledger` needs `dyn Store` needs `Pool`: the factory of `Pool`, registered at asynchronous.rs, failed: refused"
        ]
        .assert_eq(&with_causes(&failed.unwrap_err()));
    }
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    let ledgers: Vec<_> = asked().await.into_iter().map(Result::unwrap).collect();
    assert!(ledgers.iter().all(|ledger| Arc::ptr_eq(ledger, &ledgers[0])));
    assert_eq!(runs.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn failure_that_somebody_has_yet_to_take_note_of_is_not_told_to_who_comes_later() {
    let (go_on, fails) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicBool::new(true)));
    let (wait, refuses) = (Arc::clone(&go_on), Arc::clone(&fails));
    let mut b = Builder::new();
    b.singleton_async(move || {
        let (wait, refuses) = (Arc::clone(&wait), Arc::clone(&refuses));
        async move {
            wait.acquire().await.unwrap().forget();
            if refuses.load(Ordering::Relaxed) { Err(io::Error::other("refused")) } else { connect().await }
        }
    });
    let container = b.build().unwrap();
    let mut first = container.get_async::<Pool>().boxed();
    assert!(poll!(&mut first).is_pending());
    go_on.add_permits(2);
    assert!(container.get_async::<Pool>().await.is_err());
    fails.store(false, Ordering::Relaxed);
    assert!(container.get_async::<Pool>().await.is_ok());
    assert!(first.await.is_err());
}

#[tokio::test]
async fn panic_while_awaiting_is_reported_with_its_chain() {
    let mut b = Builder::new();
    b.transient(Job).singleton(Ledger).bind::<dyn Store, Pool>(|s| s).singleton_async(async || {
        yield_now().await;
        if true { panic!("no route to host") } else { Ok::<_, io::Error>(Pool(0)) }
    });
    let container = b.build().unwrap();
    for _ in 0..2 {
        expect![
            "`Job` needs `Ledger` needs `dyn Store` needs `Pool`: the factory of `Pool`, registered at asynchronous.rs, panicked with: no route to host"
        ]
        .assert_eq(&with_causes(&container.get_async::<Job>().await.unwrap_err()));
    }
}

/// A pool whose factory waits until it is allowed to go on, and how often it has begun.
fn held() -> (Container, Arc<Semaphore>, Arc<AtomicUsize>) {
    let (go_on, begun) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (wait, count) = (Arc::clone(&go_on), Arc::clone(&begun));
    let mut b = Builder::new();
    b.singleton(Ledger).bind::<dyn Store, Pool>(|s| s).singleton_async(move || {
        let (wait, count) = (Arc::clone(&wait), Arc::clone(&count));
        async move {
            count.fetch_add(1, Ordering::Relaxed);
            wait.acquire().await.unwrap().forget();
            connect().await
        }
    });
    (b.build().unwrap(), go_on, begun)
}

#[tokio::test(start_paused = true)]
async fn cancelled_first_resolution_is_begun_anew_by_the_next() {
    let (container, go_on, begun) = held();
    assert!(timeout(Duration::from_secs(1), container.get_async::<Ledger>()).await.is_err());
    assert_eq!(begun.load(Ordering::Relaxed), 1);
    go_on.add_permits(1);
    assert!(container.get_async::<Ledger>().await.is_ok());
    assert_eq!(begun.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn attempt_goes_on_when_only_the_first_to_wait_is_cancelled() {
    let (container, go_on, begun) = held();
    let (mut first, mut second) = (container.get_async::<Ledger>().boxed(), container.get_async::<Pool>().boxed());
    assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
    drop(first);
    go_on.add_permits(1);
    assert!(second.await.is_ok());
    assert_eq!(begun.load(Ordering::Relaxed), 1);
}

/// The first future is neither polled any more nor dropped: with a lock that is held over an await, that is the end.
#[tokio::test(start_paused = true)]
async fn attempt_goes_on_when_the_first_to_wait_is_not_polled_any_more() {
    let (container, go_on, begun) = held();
    let mut first = container.get_async::<Ledger>().boxed();
    assert!(poll!(&mut first).is_pending());
    go_on.add_permits(1);
    assert!(timeout(Duration::from_secs(1), container.get_async::<Ledger>()).await.unwrap().is_ok());
    assert!(first.await.is_ok());
    assert_eq!(begun.load(Ordering::Relaxed), 1);
}

/// Whoever cannot await does not wait for somebody who does, who may be on the same thread.
#[tokio::test]
async fn who_does_not_await_never_waits_for_who_does() {
    let (container, _, _) = held();
    let mut first = container.get_async::<Ledger>().boxed();
    assert!(poll!(&mut first).is_pending());
    assert!(container.try_get::<Ledger>().is_err());
}

#[tokio::test(start_paused = true)]
async fn async_factory_that_asks_the_container_past_its_parameters() {
    let container = Arc::new(OnceLock::<Container>::new());
    let itself = Arc::clone(&container);
    let mut b = Builder::new();
    b.singleton_async(move || {
        let container = itself.get().unwrap().clone();
        async move {
            yield_now().await;
            let ledger = container.get_async::<Pool>().await?;
            pending::<()>().await;
            Ok::<_, container::GetError>(Pool(ledger.0))
        }
    });
    let container = container.get_or_init(|| b.build().unwrap());
    let refused = timeout(Duration::from_secs(1), container.get_async::<Pool>()).await.unwrap();
    expect![
        "the factory of `Pool`, registered at asynchronous.rs, failed: the factory of `Pool` asked the container for `Pool`: make it a parameter of the factory"
    ]
    .assert_eq(&with_causes(&refused.unwrap_err()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn made_once_for_all_threads_that_await() {
    for _ in 0..100 {
        let container = wired();
        let asked = (0..8).map(|_| {
            let container = container.clone();
            tokio::spawn(async move { container.get_async::<Job>().await.unwrap().0.0.number() })
        });
        let numbers: Vec<usize> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
        assert!(numbers.iter().all(|number| *number == numbers[0]), "{numbers:?}");
        let made: Vec<u64> = container.tallies().iter().map(|tally| tally.made).collect();
        assert_eq!(made, [8, 1, 1, 1]);
    }
}
