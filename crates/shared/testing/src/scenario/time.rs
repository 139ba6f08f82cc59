use std::time::Duration;

use chrono::TimeDelta;
use kernel::ManualClock;
use tokio::{task::yield_now, time};

/// Steps in which a long time passes.
const STEPS: u32 = 1000;
/// No step is shorter.
const SHORTEST: Duration = Duration::from_millis(100);
/// Turns that everybody gets after each step.
const TURNS: usize = 16;

/// Lets so much time pass for the clock and the runtime.
///
/// # Panics
/// If the runtime has several threads: their time cannot be moved.
pub async fn pass(clock: &ManualClock, time: Duration) {
    let was_running = is_running();
    if was_running {
        time::pause();
    }
    let step = (time / STEPS).max(SHORTEST);
    let mut left = time;
    while !left.is_zero() {
        let by = step.min(left);
        clock.advance(TimeDelta::from_std(by).expect("a step is shorter than a chronology"));
        time::advance(by).await;
        for _ in 0..TURNS {
            yield_now().await;
        }
        left -= by;
    }
    if was_running {
        time::resume();
    }
}

/// Whether the runtime's time goes on by itself. Paused, it is the same however often it is read.
fn is_running() -> bool {
    let start = time::Instant::now();
    (0..10_000).any(|_| time::Instant::now() != start)
}
