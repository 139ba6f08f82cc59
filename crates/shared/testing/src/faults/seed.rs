use std::{
    any::Any,
    env,
    ffi::OsStr,
    panic::AssertUnwindSafe,
    path::Path,
    sync::{Mutex, PoisonError},
    thread,
};

use futures::FutureExt;
use kernel::panic_text;

use super::{Fault, FaultPlan};
use crate::effort;

/// Names the one seed that is to be run.
const VARIABLE: &str = "BOROUGH_SEED";

/// What one run is made of: the same number, the same run.
pub struct Seed {
    number: u64,
    drawn: Mutex<u64>,
    plans: Mutex<Vec<FaultPlan>>,
}

/// Runs a test with the seeds from 0 on, so many for each unit of [`effort`](crate::effort), or with the one that the variable
/// `BOROUGH_SEED` names.
///
/// # Panics
/// With the first seed that fails: what it failed with, the command that replays it and the faults that it injected.
pub async fn each_seed(runs: u64, run: impl AsyncFn(&Seed)) {
    let named = env::var(VARIABLE).ok();
    let named = named.map(|seed| seed.parse().unwrap_or_else(|_| panic!("{VARIABLE}={seed}: name a whole number")));
    for number in named.map_or(0..runs * u64::from(effort()), |seed| seed..seed + 1) {
        let seed = Seed::of(number);
        if let Err(panic) = AssertUnwindSafe(run(&seed)).catch_unwind().await {
            panic!("{}", seed.report(panic));
        }
    }
}

impl Seed {
    /// For whoever runs one by itself, without [`each_seed`].
    pub fn of(number: u64) -> Self {
        Self { number, drawn: Mutex::default(), plans: Mutex::default() }
    }

    /// Which one it is.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// A number from 0 to below this one; another one each time.
    ///
    /// # Panics
    /// If there is none.
    pub fn below(&self, limit: u64) -> u64 {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        *drawn += 1;
        mixed(mixed(!self.number) ^ *drawn) % limit
    }

    /// A plan of this seed: at one in so many calls one of these faults.
    ///
    /// # Panics
    /// If there is none to choose from.
    pub fn faults(&self, one_in: u64, faults: &[Fault]) -> FaultPlan {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = FaultPlan::seeded(mixed(self.number) ^ plans.len() as u64, one_in, faults);
        plans.push(plan.clone());
        plan
    }

    fn report(&self, panic: Box<dyn Any + Send>) -> String {
        let text = panic_text(panic);
        let plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let plans: String = plans.iter().map(|plan| format!("\n  {plan}")).collect();
        let plans = if plans.is_empty() { plans } else { format!("\nits faults, to be left out one by one:{plans}") };
        format!("{text}\nwith seed {}; replay it alone:\n  {}{plans}", self.number, self.command())
    }

    /// What somebody types to run the test that runs, with this seed.
    fn command(&self) -> String {
        // Both are set by whoever runs the tests of this workspace; a folder is called as its crate.
        let folder = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
        let package = Path::new(&folder).file_name().and_then(OsStr::to_str).map(|name| format!(" -p {name}"));
        let program = env::current_exe().unwrap_or_default();
        let program = program.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        let target = if program.starts_with("it-") { " --test it" } else { " --lib" };
        // With one test thread everything runs on `main`, and nobody knows which test it is.
        let thread = thread::current();
        let test = thread.name().filter(|name| *name != "main").map(|name| format!(" -- --exact {name}"));
        let (package, test) = (package.unwrap_or_default(), test.unwrap_or_default());
        format!("{VARIABLE}={} cargo test{package}{target}{test}", self.number)
    }
}

/// SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
pub(crate) fn mixed(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
