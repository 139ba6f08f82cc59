//! Some minutes at half of what the bus can do: memory must stay flat, nothing may be lost, every key must stay in order.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use event_bus::EnvelopeSubscriber;
use event_sourcing::{MemoryStore, Unit};
use kernel::{Context, Envelope, Error};
use serde::Deserialize;
use tokio::time::{self, MissedTickBehavior};

use super::{
    load::{self, KEYS, Queue as _},
    ours::Borough,
};
use crate::{case::Failure, row::median, usage::resident};

const SUBSCRIBERS: usize = 4;
/// Events that the store keeps: a process that keeps everything could not have flat memory.
const KEPT: usize = 65_536;
/// Between two publishes, which are then as many as the pace asks for.
const TICK: Duration = Duration::from_millis(1);
/// Between two looks at the process.
const LOOK: Duration = Duration::from_secs(5);
/// How much more memory the last third may take than the second: allocators and noise, not a leak that ten minutes show.
const GROWTH: f64 = 1.05;

/// Publishes for so long and says how it went.
///
/// # Errors
/// What was lost, out of order or grew, after the table on standard error.
pub fn soak(duration: Duration) -> Result<String, Failure> {
    let saturated = median((0..5).map(|_| load::saturated::<Borough>(SUBSCRIBERS, 1)).collect());
    let pace = saturated / 2.0;
    eprintln!("saturated at {saturated:.0} events/s; publishing {pace:.0} events/s for {} s", duration.as_secs());
    let checks: Vec<Arc<Check>> = (0..SUBSCRIBERS).map(|_| Arc::default()).collect();
    let runtime = load::runtime();
    let (published, looks) = runtime.block_on(publish(pace, duration, checks.clone()));
    runtime.shutdown_background();
    verdict(published, &checks, &looks)
}

/// What one subscriber has seen.
struct Check {
    handled: AtomicU64,
    /// By key, the number of the last event and one.
    last: [AtomicU64; KEYS as usize],
    disordered: AtomicU64,
}

impl Default for Check {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self { handled: zero(), last: std::array::from_fn(|_| zero()), disordered: zero() }
    }
}

struct Checking(Arc<Check>);

#[derive(Deserialize)]
struct Numbered {
    n: u64,
}

impl EnvelopeSubscriber for Checking {
    async fn handle(&self, _: &Context, event: &Arc<Envelope>, _: &mut Unit) -> Result<(), Error> {
        let Numbered { n } = event.data.read().map_err(|error| Error::internal(error.to_string()))?;
        let expected = if n < KEYS { 0 } else { n - KEYS + 1 };
        if self.0.last[(n % KEYS) as usize].swap(n + 1, Ordering::Relaxed) != expected {
            self.0.disordered.fetch_add(1, Ordering::Relaxed);
        }
        self.0.handled.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// One look at the process: events that the slowest subscriber was behind, and bytes in memory.
struct Look {
    behind: u64,
    memory: u64,
}

async fn publish(pace: f64, duration: Duration, checks: Vec<Arc<Check>>) -> (u64, Vec<Look>) {
    let store = Arc::new(MemoryStore::keeping(KEPT));
    let queue = Borough::over(store, 1, checks.iter().cloned().map(Checking)).await;
    let (origin, start, mut published) = (load::origin(), Instant::now(), 0);
    let mut ticks = time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut looks = Vec::new();
    while start.elapsed() < duration {
        ticks.tick().await;
        let due = (start.elapsed().as_secs_f64() * pace) as u64;
        // At most what memory holds: who is that late publishes the rest at the next ticks.
        let end = due.min(published + KEPT as u64 / 4);
        while published < end {
            queue.publish(&origin, published).await;
            published += 1;
        }
        if start.elapsed() > LOOK * (looks.len() as u32 + 1) {
            let look = Look { behind: published - slowest(&checks), memory: resident(process::id()) };
            let seconds = start.elapsed().as_secs();
            eprintln!("{seconds:>5} s  {published:>12} published  {:>6} behind  {:>6.1} MiB", look.behind, mib(&look));
            looks.push(look);
        }
    }
    let patience = Instant::now() + Duration::from_secs(10);
    while slowest(&checks) < published && Instant::now() < patience {
        time::sleep(TICK).await;
    }
    (published, looks)
}

fn slowest(checks: &[Arc<Check>]) -> u64 {
    checks.iter().map(|check| check.handled.load(Ordering::Relaxed)).min().unwrap_or(0)
}

fn mib(look: &Look) -> f64 {
    look.memory as f64 / f64::from(1 << 20)
}

fn verdict(published: u64, checks: &[Arc<Check>], looks: &[Look]) -> Result<String, Failure> {
    let disordered: u64 = checks.iter().map(|check| check.disordered.load(Ordering::Relaxed)).sum();
    let handled = slowest(checks);
    if looks.len() < 6 {
        return Err(format!("{} looks at the process are too few: soak for a minute or longer", looks.len()).into());
    }
    let third = looks.len() / 3;
    let memory = |looks: &[Look]| median(looks.iter().map(mib).collect());
    let (before, after) = (memory(&looks[third..2 * third]), memory(&looks[2 * third..]));
    let behind = looks.iter().map(|look| look.behind).max().unwrap_or(0);
    let found = format!(
        "{published} events published, {handled} handled by each of {SUBSCRIBERS} subscribers, {disordered} out of order, at most \
         {behind} behind, {before:.1} MiB in the second third and {after:.1} MiB in the last"
    );
    if handled == published && disordered == 0 && after <= before * GROWTH { Ok(found) } else { Err(found.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(handled: u64, disordered: u64, memory: impl Fn(u64) -> u64) -> Result<String, Failure> {
        let check = Check { handled: handled.into(), disordered: disordered.into(), ..Check::default() };
        let looks: Vec<Look> = (0..12).map(|look| Look { behind: 3, memory: memory(look) << 20 }).collect();
        verdict(100, &[Arc::new(check)], &looks)
    }

    #[test]
    fn a_loss_a_disorder_and_a_leak_are_failures() {
        assert!(run(100, 0, |_| 50).is_ok());
        assert!(run(99, 0, |_| 50).is_err());
        assert!(run(100, 1, |_| 50).is_err());
        assert!(run(100, 0, |look| 50 + look).is_err());
    }

    #[test]
    fn a_bus_at_an_easy_pace_loses_nothing() {
        let checks = vec![Arc::default()];
        let (published, _) = load::runtime().block_on(publish(5_000.0, Duration::from_millis(200), checks.clone()));
        assert!(published > 0);
        assert_eq!((slowest(&checks), checks[0].disordered.load(Ordering::Relaxed)), (published, 0));
    }
}
