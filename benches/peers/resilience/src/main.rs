//! `peer-resilience NAME`: the library of that name answers every line on standard input with the nanoseconds that one guarded
//! call takes.
//!
//! `call` and `call@2-threads` are calls that succeed, `sixteen` and `sixteen@2-threads` are fifteen of them and one that fails.
//! Breakers look at the last 100 calls or, where they cannot, at what they look at by default, and stay closed.

use std::{
    env,
    future::poll_fn,
    hint::black_box,
    io,
    process::ExitCode,
    time::{Duration, Instant},
};

/// Does it so many times on each of so many threads, and answers how long a thread took.
type Repeat = Box<dyn FnMut(u64) -> Duration>;

fn main() -> ExitCode {
    let name = env::args().nth(1).unwrap_or_default();
    for line in io::stdin().lines() {
        let question = line.expect("questions are text");
        let Some(mut repeat) = contender(&name, &question) else {
            eprintln!(
                "unknown: `{name}` `{question}`; known are recloser and failsafe with call, sixteen, and either @2-threads, \
                 tower-resilience and backon with call"
            );
            return ExitCode::from(2);
        };
        println!("{}", sample(&mut repeat));
    }
    ExitCode::SUCCESS
}

fn contender(name: &str, question: &str) -> Option<Repeat> {
    let (what, threads) = match question.split_once('@') {
        Some((what, "2-threads")) => (what, 2),
        Some(_) => return None,
        None => (question, 1),
    };
    Some(match (name, what) {
        ("recloser", "call") => {
            let breaker = recloser_breaker();
            on_threads(threads, move || drop(black_box(breaker.call(succeed))))
        }
        ("recloser", "sixteen") => {
            let breaker = recloser_breaker();
            on_threads(threads, move || sixteen(|call| drop(black_box(breaker.call(call)))))
        }
        ("failsafe", "call") => {
            let breaker = failsafe::Config::new().build();
            on_threads(threads, move || drop(black_box(failsafe::CircuitBreaker::call(&breaker, succeed))))
        }
        ("failsafe", "sixteen") => {
            let breaker = failsafe::Config::new().build();
            on_threads(threads, move || {
                sixteen(|call| drop(black_box(failsafe::CircuitBreaker::call(&breaker, call))));
            })
        }
        ("tower-resilience", "call") if threads == 1 => tower_resilience_layer(),
        ("backon", "call") if threads == 1 => backon_retry(),
        _ => return None,
    })
}

#[inline(never)]
fn succeed() -> Result<u64, ()> {
    black_box(Ok(1))
}

#[inline(never)]
fn fail() -> Result<u64, ()> {
    black_box(Err(()))
}

fn sixteen(guarded: impl Fn(fn() -> Result<u64, ()>)) {
    for _ in 0..15 {
        guarded(succeed);
    }
    guarded(fail);
}

fn recloser_breaker() -> recloser::Recloser {
    recloser::Recloser::custom().error_rate(0.5).closed_len(100).build()
}

fn tower_resilience_layer() -> Repeat {
    use tower::{Layer, Service};
    let layer =
        tower_resilience::circuitbreaker::CircuitBreakerLayer::builder().build().expect("its defaults are right");
    let mut service = layer.layer(tower::service_fn(|_: u64| async { succeed() }));
    let runtime = runtime();
    Box::new(move |times| {
        let start = Instant::now();
        runtime.block_on(async {
            for _ in 0..times {
                poll_fn(|cx| Service::<u64>::poll_ready(&mut service, cx)).await.ok();
                black_box(service.call(1).await).ok();
            }
        });
        start.elapsed()
    })
}

fn backon_retry() -> Repeat {
    use backon::{ExponentialBuilder, Retryable};
    let runtime = runtime();
    Box::new(move |times| {
        let start = Instant::now();
        runtime.block_on(async {
            for _ in 0..times {
                let retry = (|| async { succeed() }).retry(ExponentialBuilder::default().with_jitter());
                black_box(retry.await).ok();
            }
        });
        start.elapsed()
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime on this thread")
}

fn on_threads(threads: u32, op: impl Fn() + Sync + 'static) -> Repeat {
    Box::new(move |times| {
        let each = || {
            let start = Instant::now();
            for _ in 0..times {
                op();
            }
            start.elapsed()
        };
        if threads == 1 {
            return each();
        }
        std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(each)).collect();
            let taken = running.into_iter().map(|thread| thread.join().expect("no call panics"));
            taken.sum::<Duration>() / threads
        })
    })
}

/// Nanoseconds each, over as many as fill 20 milliseconds.
fn sample(repeat: &mut Repeat) -> f64 {
    let mut times = 16_u64;
    loop {
        let taken = repeat(times);
        if taken.as_millis() > 20 {
            return taken.as_nanos() as f64 / times as f64;
        }
        times *= 2;
    }
}
