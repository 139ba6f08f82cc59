use std::{
    collections::HashSet,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use container::{Builder, Container, Keyed};

/// Counts how often a factory ran.
#[derive(Clone, Default)]
struct Runs(Arc<AtomicUsize>);

impl Runs {
    fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

struct Pool(usize);
struct Session {
    number: usize,
    pool: Arc<Pool>,
}
struct Job {
    number: usize,
    session: Arc<Session>,
}
struct Quote {
    number: usize,
    pool: Arc<Pool>,
}
trait Numbered: Send + Sync {
    fn number(&self) -> usize;
}
impl Numbered for Pool {
    fn number(&self) -> usize {
        self.0
    }
}
impl Numbered for Session {
    fn number(&self) -> usize {
        self.number
    }
}
impl Numbered for Quote {
    fn number(&self) -> usize {
        self.number
    }
}

#[derive(Default)]
struct Counts {
    pools: Runs,
    sessions: Runs,
    jobs: Runs,
    quotes: Runs,
}

/// A singleton pool; a session per scope; a job (needs the session) and a quote (does not) each time.
fn wired(counts: &Counts) -> Container {
    let (pools, sessions) = (counts.pools.clone(), counts.sessions.clone());
    let (jobs, quotes) = (counts.jobs.clone(), counts.quotes.clone());
    let mut b = Builder::new();
    b.transient(move |session| Job { number: jobs.next(), session })
        .scoped(move |pool| Session { number: sessions.next(), pool })
        .transient(move |pool| Quote { number: quotes.next(), pool })
        .singleton(move || Pool(pools.next()));
    b.build().unwrap()
}

#[test]
fn singleton_is_made_once_when_first_asked_for() {
    let counts = Counts::default();
    let container = wired(&counts);
    assert_eq!(counts.pools.count(), 0, "nothing is made before it is asked for");
    assert!(Arc::ptr_eq(&container.get::<Pool>(), &container.clone().get::<Pool>()));
    assert!(Arc::ptr_eq(&container.get::<Pool>(), &container.scope().get::<Pool>()));
    assert_eq!(counts.pools.count(), 1);
}

#[tokio::test]
async fn singletons_are_made_after_what_they_need_and_else_in_order_of_registration() {
    let log = Arc::new(std::sync::Mutex::new(Vec::new()));
    let note = |name: &'static str| {
        let log = log.clone();
        move || log.lock().unwrap().push(name)
    };
    let (a, b, c) = (note("report"), note("ledger"), note("pool"));
    let mut builder = Builder::new();
    builder
        .singleton(move |_: Arc<u16>, _: Arc<u32>| {
            a();
            1_u8
        })
        .singleton(move |_: Arc<u32>| {
            b();
            2_u16
        })
        .singleton(move || {
            c();
            3_u32
        });
    let container = builder.build().unwrap();
    assert!(log.lock().unwrap().is_empty(), "nothing runs while it is built");
    container.warm_up(Duration::from_secs(1)).await.unwrap();
    assert_eq!(*log.lock().unwrap(), ["pool", "ledger", "report"]);
}

#[test]
fn transient_is_made_each_time_with_the_same_singletons() {
    let counts = Counts::default();
    let container = wired(&counts);
    assert_eq!(counts.quotes.count(), 0, "nothing is made before it is asked for");
    let (first, second) = (container.get::<Quote>(), container.scope().get::<Quote>());
    assert_eq!((first.number, second.number), (0, 1));
    assert!(Arc::ptr_eq(&first.pool, &second.pool));
}

#[test]
fn scoped_is_made_once_in_each_scope_and_shared_by_what_is_made_there() {
    let counts = Counts::default();
    let container = wired(&counts);
    let (one, two) = (container.scope(), container.scope());
    assert_eq!(counts.sessions.count(), 0, "nothing is made before it is asked for");
    let jobs = [one.get::<Job>(), one.get::<Job>(), two.get::<Job>()];
    assert_eq!(jobs.each_ref().map(|job| job.number), [0, 1, 2]);
    assert_eq!(jobs.each_ref().map(|job| job.session.number), [0, 0, 1]);
    assert!(Arc::ptr_eq(&one.get::<Session>(), &jobs[0].session));
    assert!(Arc::ptr_eq(&jobs[0].session.pool, &jobs[2].session.pool));
}

#[test]
fn scope_drops_its_values_and_outlives_its_container() {
    let scope = wired(&Counts::default()).scope();
    let session = Arc::downgrade(&scope.get::<Session>());
    assert!(session.upgrade().is_some());
    drop(scope);
    assert!(session.upgrade().is_none());
}

#[test]
fn binding_has_the_lifetime_of_what_it_is_bound_to() {
    let mut b = Builder::new();
    let runs = Runs::default();
    let sessions = runs.clone();
    b.value(Pool(7)).bind::<dyn Numbered, Pool>(|s| s);
    b.scoped(move |pool| Session { number: sessions.next(), pool });
    trait Current: Numbered {}
    impl Current for Session {}
    b.bind::<dyn Current, Session>(|s| s);
    let container = b.build().unwrap();
    assert_eq!(container.get::<dyn Numbered>().number(), 7);
    let (one, two) = (container.scope(), container.scope());
    let numbers = [&one, &one, &two].map(|scope| scope.get::<dyn Current>().number());
    assert_eq!(numbers, [0, 0, 1]);
    assert_eq!(one.get::<Session>().number, 0, "the scope has one session, bound or not");
}

#[test]
fn all_of_a_trait_come_in_order_of_registration_whatever_the_order_of_building() {
    struct All(Vec<usize>);
    let mut b = Builder::new();
    b.singleton(|all: Vec<Arc<dyn Numbered>>| All(all.iter().map(|n| n.number()).collect()))
        .bind::<dyn Numbered, Quote>(|s| s)
        .bind::<dyn Numbered, Pool>(|s| s)
        .transient(|pool| Quote { number: 5, pool })
        .value(Pool(7))
        .instance::<dyn Numbered>(Arc::new(Pool(6)));
    assert_eq!(b.build().unwrap().get::<All>().0, [5, 7, 6]);
}

#[test]
fn optional_and_empty() {
    let mut b = Builder::new();
    b.singleton(|none: Option<Arc<Pool>>, some: Option<Arc<u8>>, empty: Vec<Arc<dyn Numbered>>| {
        (none.is_none(), some.map(|n| *n), empty.len())
    })
    .value(7_u8);
    assert_eq!(*b.build().unwrap().get::<(bool, Option<u8>, usize)>(), (true, Some(7), 0));
}

#[test]
fn keyed_values_of_one_type_are_told_apart_by_their_keys() {
    enum Primary {}
    enum Replica {}
    struct Both(Keyed<Primary, Pool>, Option<Keyed<Replica, Pool>>, Keyed<Replica, dyn Numbered>, bool);
    let mut b = Builder::new();
    b.singleton(|| Keyed::<Primary, _>::of(Pool(1)))
        .scoped(|| Keyed::<Replica, _>::of(Pool(2)))
        .value(Pool(3))
        .bind::<Keyed<Replica, dyn Numbered>, Pool>(|pool| Arc::new(Keyed::new(pool)))
        .scoped(|one, two, three, none: Option<Keyed<Primary, dyn Numbered>>| Both(one, two, three, none.is_none()));
    let scope = b.build().unwrap().scope();
    let both = scope.get::<Both>();
    assert_eq!((both.0.0, both.1.as_ref().unwrap().0, both.2.number(), both.3), (1, 2, 3, true));
    let replica = Keyed::clone(&scope.get::<Keyed<Replica, Pool>>()).into_inner();
    assert_eq!(replica.0, 2);
    assert_eq!(format!("{:?}", Keyed::<Replica, _>::of(5)), "Keyed(5)");
}

#[test]
fn sixteen_parameters() {
    let mut b = Builder::new();
    type N = Arc<u64>;
    b.value(1_u64);
    #[rustfmt::skip]
    b.singleton(|a: N, b: N, c: N, d: N, e: N, f: N, g: N, h: N, i: N, j: N, k: N, l: N, m: N, n: N, o: N, p: N| {
        u8::try_from([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p].iter().map(|n| **n).sum::<u64>()).unwrap()
    });
    assert_eq!(*b.build().unwrap().get::<u8>(), 16);
}

#[test]
fn concurrent_callers_see_one_of_what_there_is_one_of() {
    const THREADS: usize = 8;
    const ROUNDS: usize = 200;
    let counts = Counts::default();
    let container = wired(&counts);
    let scopes: Vec<_> = (0..ROUNDS).map(|_| container.scope()).collect();
    let barrier = Barrier::new(THREADS);
    let seen: Vec<(HashSet<usize>, Vec<usize>)> = thread::scope(|threads| {
        let spawned: Vec<_> = (0..THREADS)
            .map(|_| {
                threads.spawn(|| {
                    barrier.wait();
                    let rounds = scopes.iter().map(|scope| (container.get::<Pool>().0, scope.get::<Job>()));
                    rounds.map(|(pool, job)| (pool, job.session.number)).unzip()
                })
            })
            .collect();
        spawned.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(seen.iter().all(|(pools, sessions)| pools.len() == 1 && *sessions == seen[0].1));
    assert_eq!((counts.pools.count(), counts.sessions.count()), (1, ROUNDS));
    assert_eq!(counts.jobs.count(), THREADS * ROUNDS);
}
