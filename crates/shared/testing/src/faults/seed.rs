use std::{
    env,
    ffi::OsStr,
    io::{Write, stderr},
    panic::{AssertUnwindSafe, Location},
    path::{Path, PathBuf},
    process,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use futures::FutureExt;
use kernel::panic_text;

use super::{Fault, FaultPlan};
use crate::effort;

/// Names the one seed that is to be run.
const VARIABLE: &str = "BOROUGH_SEED";
/// How many seconds one seed may take.
const LIMIT_VARIABLE: &str = "BOROUGH_SEED_SECONDS";
const LIMIT: u64 = 300;

/// What one run is made of: the same number, the same run.
pub struct Seed {
    number: u64,
    drawn: Mutex<u64>,
    plans: Arc<Mutex<Vec<FaultPlan>>>,
}

/// Runs a test with the seeds from 0 on, so many for each unit of [`effort`](crate::effort), or with the one that the variable
/// `BOROUGH_SEED` names.
///
/// A seed that has not ended after five minutes of real time, or as many seconds as `BOROUGH_SEED_SECONDS` says, ends the process
/// with code 101: nothing else can end what hangs. It is told as one that fails.
///
/// # Panics
/// With the first seed that fails: what it failed with, the command that replays it and the faults that it injected. If a variable
/// is no whole number.
#[track_caller]
pub fn each_seed(runs: u64, run: impl AsyncFn(&Seed)) -> impl Future<Output = ()> {
    let replay = Replay::of(Location::caller());
    async move {
        let limit = Duration::from_secs(number(LIMIT_VARIABLE).unwrap_or(LIMIT));
        for number in number(VARIABLE).map_or(0..runs * u64::from(effort()), |seed| seed..seed + 1) {
            let seed = Seed::of(number);
            let _watched = seed.watch(limit, &replay);
            if let Err(panic) = AssertUnwindSafe(run(&seed)).catch_unwind().await {
                panic!("{}", report(&panic_text(panic), number, &replay, &seed.plans));
            }
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let value = env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable}={value}: name a whole number")))
}

fn report(what: &str, number: u64, replay: &Replay, plans: &Mutex<Vec<FaultPlan>>) -> String {
    let plans = plans.lock().unwrap_or_else(PoisonError::into_inner);
    let plans: String = plans.iter().map(|plan| format!("\n  {plan}")).collect();
    let plans = if plans.is_empty() { plans } else { format!("\nits faults, to be left out one by one:{plans}") };
    let Replay { place, command } = replay;
    format!("{what}\nwith seed {number}, at {place}; replay it alone:\n  {VARIABLE}={number} {command}{plans}")
}

impl Seed {
    /// For whoever runs one by itself, without [`each_seed`].
    pub fn of(number: u64) -> Self {
        Self { number, drawn: Mutex::default(), plans: Arc::default() }
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

    /// Ends the process where this seed takes too long, unless what this answers is dropped before.
    fn watch(&self, limit: Duration, replay: &Replay) -> mpsc::Sender<()> {
        let (watched, ended) = mpsc::channel();
        let (number, replay, plans) = (self.number, replay.clone(), Arc::clone(&self.plans));
        thread::spawn(move || {
            if ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                let what = format!("it has not ended for {limit:?}, and nobody waits for it any more");
                // Past what the test prints, which is only shown when it has ended.
                _ = writeln!(stderr(), "{}", report(&what, number, &replay, &plans));
                process::exit(101);
            }
        });
        watched
    }
}

/// What somebody types to run the test again, and where it is.
#[derive(Clone)]
struct Replay {
    place: &'static Location<'static>,
    command: String,
}

impl Replay {
    /// Of the test that runs. Whoever runs it sets the variables that cargo does.
    fn of(place: &'static Location<'static>) -> Self {
        let package = env::var("CARGO_PKG_NAME").unwrap_or_default();
        let target = target(&package);
        // With one test thread everything runs on `main`, and nobody knows which test it is, unless it is the only one.
        let thread = thread::current();
        let named = env::args().skip_while(|argument| argument != "--exact").nth(1);
        let test = thread.name().filter(|name| *name != "main").map(str::to_owned).or(named);
        let test = test.map(|name| format!(" -- --exact {name}")).unwrap_or_default();
        Self { place, command: format!("cargo test -p {package} {target}{test}") }
    }
}

/// Which of the package's targets this program is, as cargo is told.
fn target(package: &str) -> String {
    let program = env::current_exe().unwrap_or_default();
    let stem = program.file_stem().and_then(OsStr::to_str).unwrap_or_default();
    let name = stem.rsplit_once('-').map_or(stem, |(name, _hash)| name);
    let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let is_there = |path: &Path| folder.join(path).exists();
    let tests = Path::new("tests").join(name);
    if is_there(&tests.join("main.rs")) || is_there(&tests.with_extension("rs")) {
        format!("--test {name}")
    } else if name == package.replace('-', "_") && is_there(Path::new("src/lib.rs")) {
        "--lib".into()
    } else {
        format!("--bin {name}")
    }
}

/// SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
pub(crate) fn mixed(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
