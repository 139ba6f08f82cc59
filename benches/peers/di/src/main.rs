//! `peer-di NAME`: the container of that name answers every line on standard input, `scoped` or `scope+first`, with the
//! nanoseconds that one such resolution takes; with `@2-threads` behind it, on two threads at once.
//!
//! The graph is the same for all: a scoped value that needs one singleton.

use std::{
    env,
    hint::black_box,
    io,
    process::ExitCode,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

struct Clock(#[expect(dead_code, reason = "gives the value a size")] u64);
struct Session(#[expect(dead_code, reason = "is kept alive")] Arc<Clock>);

type Resolve = Box<dyn Fn() + Send + Sync>;

fn main() -> ExitCode {
    let name = env::args().nth(1).unwrap_or_default();
    for line in io::stdin().lines() {
        let question = line.expect("questions are text");
        let (question, threads) = match question.strip_suffix("@2-threads") {
            Some(question) => (question, 2),
            None => (question.as_str(), 1),
        };
        let Some(resolve) = resolution(&name, question) else {
            eprintln!(
                "unknown: `{name}` `{question}`; known are dependency-injector and ferrous-di, scoped and scope+first"
            );
            return ExitCode::from(2);
        };
        println!("{}", sample(&resolve, threads));
    }
    ExitCode::SUCCESS
}

fn resolution(name: &str, question: &str) -> Option<Resolve> {
    Some(match (name, question) {
        ("dependency-injector", "scoped") => {
            let scope = dependency_injector_scope(&dependency_injector_container());
            Box::new(move || drop(black_box(scope.get::<Session>())))
        }
        ("dependency-injector", "scope+first") => {
            let container = dependency_injector_container();
            Box::new(move || drop(black_box(dependency_injector_scope(&container).get::<Session>())))
        }
        ("ferrous-di", "scoped") => {
            use ferrous_di::Resolver;
            let scope = ferrous_provider().create_scope();
            Box::new(move || drop(black_box(scope.get_required::<Session>())))
        }
        ("ferrous-di", "scope+first") => {
            use ferrous_di::Resolver;
            let provider = ferrous_provider();
            Box::new(move || drop(black_box(provider.create_scope().get_required::<Session>())))
        }
        _ => return None,
    })
}

fn dependency_injector_container() -> dependency_injector::Container {
    let container = dependency_injector::Container::new();
    container.singleton(Clock(1));
    container
}

/// It has no scoped registrations: a scope is a child into which its values are registered anew.
fn dependency_injector_scope(container: &dependency_injector::Container) -> dependency_injector::Container {
    let (scope, parent) = (container.scope(), container.clone());
    scope.lazy(move || Session(parent.get().expect("registered above")));
    scope
}

fn ferrous_provider() -> ferrous_di::ServiceProvider {
    use ferrous_di::Resolver;
    let mut services = ferrous_di::ServiceCollection::new();
    services.add_singleton(Clock(1));
    services.add_scoped_factory::<Session, _>(|resolver| Session(resolver.get_required()));
    services.build()
}

/// Nanoseconds each, over as many as fill 20 milliseconds; of several threads, their mean.
fn sample(resolve: &Resolve, threads: u32) -> f64 {
    let mut times = 16_u64;
    loop {
        let taken = taken(resolve, threads, times);
        if taken.as_millis() > 20 {
            return taken.as_nanos() as f64 / times as f64;
        }
        times *= 2;
    }
}

fn taken(resolve: &Resolve, threads: u32, times: u64) -> Duration {
    let each = || {
        let start = Instant::now();
        for _ in 0..times {
            resolve();
        }
        start.elapsed()
    };
    if threads == 1 {
        return each();
    }
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(each)).collect();
        let taken = running.into_iter().map(|thread| thread.join().expect("a resolution does not panic"));
        taken.sum::<Duration>() / threads
    })
}
