use std::{
    hint::spin_loop,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use crate::load::{Counters, Queue, origin, runtime};

/// Events of a sample, and the time between two.
const PACED: usize = 5_000;
const PACE: Duration = Duration::from_micros(20);

/// Nanoseconds from publish to handler entry at this quantile, one publish every 20 microseconds.
pub fn paced<Q: Queue>(subscribers: usize, quantile: f64) -> f64 {
    let runtime = runtime();
    let latency = runtime.block_on(async {
        let counters = Counters::new(subscribers, PACED, true);
        let queue = Q::open(subscribers, &counters).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
        let publishing = Arc::clone(&counters);
        tokio::spawn(async move {
            let origin = origin();
            let paced = publishing.paced.as_ref().expect("it was asked for");
            let mut next = Instant::now();
            for n in 0..PACED {
                next += PACE;
                while Instant::now() < next {
                    spin_loop();
                }
                paced.published[n].store(paced.start.elapsed().as_nanos() as u64, Ordering::Relaxed);
                queue.publish(&origin, n as u64).await;
            }
            // Who owns the queue closes it; its subscribers are not done.
            let _done = publishing.done.acquire_many(subscribers as u32).await.map(drop);
            publishing.done.add_permits(subscribers);
        });
        let _done = counters.done.acquire_many(subscribers as u32).await;
        let paced = counters.paced.as_ref().expect("it was asked for");
        let mut latencies: Vec<u64> = paced.latencies.iter().map(|ns| ns.load(Ordering::Relaxed)).collect();
        latencies.sort_unstable();
        latencies[(latencies.len() as f64 * quantile) as usize] as f64
    });
    runtime.shutdown_background();
    latency
}
