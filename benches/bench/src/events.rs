//! The event bus over the store in memory beside the queues that programs build such a thing from.
//!
//! Both publish an envelope that the same code has built. Ours is then in a store, in order, and each subscriber has a
//! checkpoint, retries and a place for what fails; the queues hand it on and forget it.

mod load;
mod ours;

use crate::{
    case::{Case, Contender, Failure, Race, Setting},
    peer,
    row::Unit::{NanosPerOp, OpsPerSecond},
};

use self::ours::Borough;

pub fn cases(setting: &Setting) -> Vec<Case> {
    let rate = |name, subscribers, publishers, question| {
        let sample = move || load::saturated::<Borough>(subscribers, publishers);
        beside(name, OpsPerSecond, "tokio-broadcast", question, setting, sample)
    };
    let paced = |name, quantile, question| {
        let sample = move || load::paced::<Borough>(4, quantile);
        beside(name, NanosPerOp, "tokio-mpsc-unbounded", question, setting, sample)
    };
    vec![
        rate("events/1-1", 1, 1, "1-1"),
        rate("events/4-1", 4, 1, "4-1"),
        rate("events/16-1", 16, 1, "16-1"),
        rate("events/4-2", 4, 2, "4-2"),
        rate("events/16-2", 16, 2, "16-2"),
        paced("events/paced-4-p50", 0.5, "paced-4-p50"),
        paced("events/paced-4-p99", 0.99, "paced-4-p99"),
        paced("events/paced-4-p999", 0.999, "paced-4-p999"),
    ]
}

/// A case of which the reference is in `benches/peers/bus`; alone when that was not built.
fn beside(
    name: &'static str,
    unit: crate::row::Unit,
    reference: &'static str,
    question: &'static str,
    setting: &Setting,
    mut sample: impl FnMut() -> f64 + 'static,
) -> Case {
    let program = setting.peers.get("bus").cloned();
    let reference = program.is_some().then_some(reference);
    Case::new(name, unit, reference, move |_| {
        let subject = Contender::sampled(move || Ok::<_, Failure>(sample()));
        Ok(match (program, reference) {
            (Some(program), Some(reference)) => {
                Race::between(subject, peer::contender(&program, [reference], question)?)
            }
            _ => Race::alone(subject),
        })
    })
}
