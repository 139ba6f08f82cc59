use std::{env, time::Duration};

/// What `cargo xtask torture --full` raises.
const VARIABLE: &str = "BOROUGH_EFFORT";

/// How long a test goes on that could go on for ever, at more than the usual effort.
const ENDURANCE: Duration = Duration::from_secs(10);

/// How many times as many cases a random test tries as usual: 1, or what the variable `BOROUGH_EFFORT` says.
///
/// # Panics
/// If the variable is no whole number above 0: who misspells it must not believe that much was tried.
pub fn effort() -> u32 {
    let Ok(text) = env::var(VARIABLE) else { return 1 };
    let effort = text.parse().ok().filter(|&effort| effort > 0);
    effort.unwrap_or_else(|| panic!("{VARIABLE}={text}: name a whole number from 1 on"))
}

/// How long a test goes on at least that could go on for ever, such as one that waits for an unlucky race: no longer than it must,
/// or ten seconds at any [`effort`] above the usual.
///
/// # Panics
/// As [`effort`].
pub fn endurance() -> Duration {
    if effort() > 1 { ENDURANCE } else { Duration::ZERO }
}
