//! The container beside a bare `Arc`, and beside containers of others.

use std::sync::Arc;

use container::{Builder, Container};

use crate::{
    case::{Case, Contender, Failure, Race, Setting, per_op, per_op_on_threads},
    peer,
    row::Unit::NanosPerOp,
};

/// Samples take 20 milliseconds each, so there can be many.
const RUNS: usize = 21;

struct Clock(u64);
struct Cache(u64);
struct Ledger(u64);
struct Report(Arc<Clock>, Arc<Cache>, Arc<Ledger>);
struct Session(Arc<Clock>);

impl Report {
    fn new(clock: Arc<Clock>, cache: Arc<Cache>, ledger: Arc<Ledger>) -> Self {
        Self(clock, cache, ledger)
    }
}

pub fn cases(setting: &Setting) -> Vec<Case> {
    let cases = [
        Case::new("container/singleton", NanosPerOp, Some("arc-clone"), |_| {
            let (container, value) = (container()?, Arc::new(Clock(1)));
            Ok(Race::between(per_op(move || container.get::<Clock>()), per_op(move || Arc::clone(&value))))
        }),
        Case::new("container/singleton@2-threads", NanosPerOp, Some("arc-clone"), |_| {
            let (container, value) = (container()?, Arc::new(Clock(1)));
            Ok(Race::between(
                per_op_on_threads(2, move || container.get::<Clock>()),
                per_op_on_threads(2, move || Arc::clone(&value)),
            ))
        }),
        Case::new("container/transient-3", NanosPerOp, Some("arc-clone-3"), |_| {
            let container = container()?;
            Ok(Race::between(per_op(move || container.get::<Report>()), per_op(by_hand())))
        }),
        Case::new("container/transient-3@2-threads", NanosPerOp, Some("arc-clone-3"), |_| {
            let container = container()?;
            let subject = per_op_on_threads(2, move || container.get::<Report>());
            Ok(Race::between(subject, per_op_on_threads(2, by_hand())))
        }),
        beside_a_peer("container/scoped-cached", "dependency-injector", "scoped", setting, || {
            let scope = container()?.scope();
            Ok(per_op(move || scope.get::<Session>()))
        }),
        beside_a_peer("container/scoped-cached@2-threads", "dependency-injector", "scoped@2-threads", setting, || {
            let scope = container()?.scope();
            Ok(per_op_on_threads(2, move || scope.get::<Session>()))
        }),
        beside_a_peer("container/scope-and-first", "ferrous-di", "scope+first", setting, || {
            let container = container()?;
            Ok(per_op(move || container.scope().get::<Session>()))
        }),
        beside_a_peer("container/scope-and-first@2-threads", "ferrous-di", "scope+first@2-threads", setting, || {
            let container = container()?;
            Ok(per_op_on_threads(2, move || container.scope().get::<Session>()))
        }),
    ];
    cases.into_iter().map(|case| case.runs(RUNS)).collect()
}

/// What the container does for a transient value, without the container.
fn by_hand() -> impl Fn() -> Arc<Report> + Send + Sync {
    let (clock, cache, ledger) = (Arc::new(Clock(1)), Arc::new(Cache(2)), Arc::new(Ledger(3)));
    move || Arc::new(Report::new(Arc::clone(&clock), Arc::clone(&cache), Arc::clone(&ledger)))
}

/// A case of which the reference is in `benches/peers/di`; alone when that was not built.
fn beside_a_peer(
    name: &'static str,
    reference: &'static str,
    question: &'static str,
    setting: &Setting,
    subject: fn() -> Result<Contender, Failure>,
) -> Case {
    let peer = setting.peers.get("di").cloned();
    Case::new(name, NanosPerOp, peer.is_some().then_some(reference), move |_| {
        let subject = subject()?;
        Ok(match peer {
            Some(program) => Race::between(subject, peer::contender(&program, [reference], question)?),
            None => Race::alone(subject),
        })
    })
}

/// The container of all cases.
///
/// # Panics
/// If it gives anything else than what the rows are named for, which would be quick and worthless.
fn container() -> Result<Container, Failure> {
    let mut builder = Builder::new();
    builder
        .singleton(|| Clock(1))
        .singleton(|| Cache(2))
        .singleton(|| Ledger(3))
        .transient(Report::new)
        .scoped(Session);
    let container = builder.build()?;

    let report = container.get::<Report>();
    assert!(Arc::ptr_eq(&report.0, &container.get::<Clock>()), "a singleton is one");
    assert_eq!((report.0.0, report.1.0, report.2.0), (1, 2, 3));
    assert!(!Arc::ptr_eq(&report, &container.get::<Report>()), "a transient is new");
    let scope = container.scope();
    let session = scope.get::<Session>();
    assert!(Arc::ptr_eq(&session, &scope.get::<Session>()), "a scope has one of its own");
    assert!(!Arc::ptr_eq(&session, &container.scope().get::<Session>()), "and no other scope has it");
    assert!(Arc::ptr_eq(&session.0, &report.0));
    Ok(container)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_container_gives_what_the_rows_are_named_for() {
        assert!(container().is_ok());
    }
}
