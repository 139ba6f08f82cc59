use std::env;

/// What `cargo xtask torture --full` raises.
const VARIABLE: &str = "BOROUGH_EFFORT";

/// How many times as many cases a random test tries as usual: 1, or what the variable `BOROUGH_EFFORT` says.
///
/// # Panics
/// If the variable is no whole number above 0: who misspells it must not believe that much was tried.
pub fn effort() -> u32 {
    let Ok(text) = env::var(VARIABLE) else { return 1 };
    let effort = text.parse().ok().filter(|&effort| effort > 0);
    effort.unwrap_or_else(|| panic!("{VARIABLE}={text}: name a whole number from 1 on"))
}
