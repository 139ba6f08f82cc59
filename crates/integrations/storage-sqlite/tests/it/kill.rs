//! `kill -9` at any moment and at exact ones. The test starts its own binary again as the process that is killed.

use std::{
    collections::BTreeSet,
    env,
    io::{BufRead as _, BufReader, Lines},
    path::Path,
    process::{self, Child, ChildStdout, Command, Stdio},
    sync::Arc,
};

use event_sourcing::{Store as _, StoreErrorKind};
use storage_sqlite::SqliteStore;
use tokio::{runtime::Runtime, task::JoinSet};

use crate::{numbered, numbers, open, place};

/// Tells the process to be killed where the store is, how many units it has under way at a time, and how many it commits.
const STORE: &str = "STORE_OF_THE_VICTIM";
const AT_A_TIME: &str = "UNITS_AT_A_TIME_OF_THE_VICTIM";
const UNITS: &str = "UNITS_OF_THE_VICTIM";

struct Victim {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Victim {
    fn start(test: &str, store: &Path, at_a_time: usize, units: usize, halt: Option<&str>) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture"]).env(STORE, store).env(AT_A_TIME, at_a_time.to_string());
        command.env(UNITS, units.to_string());
        command.env_remove("BOROUGH_HALT_AT_COMMIT").envs(halt.map(|at| ("BOROUGH_HALT_AT_COMMIT", at)));
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// The next number that it acknowledges; none when it is dead.
    fn acknowledged(&mut self) -> Option<u64> {
        let numbers = self.lines.by_ref().map_while(Result::ok);
        numbers.filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok()).next()
    }

    /// Kills it and answers what else it had acknowledged.
    fn kill(mut self) -> Vec<u64> {
        self.process.kill().unwrap();
        assert!(!self.process.wait().unwrap().success(), "it was killed at work");
        std::iter::from_fn(|| self.acknowledged()).collect()
    }
}

impl Drop for Victim {
    /// A test that fails leaves nobody at work.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs in the process that is killed: commits numbered units and says which are acknowledged.
#[expect(clippy::print_stdout, reason = "how it talks to the test that started it")]
fn play_the_victim() {
    let Some(path) = env::var_os(STORE) else { return };
    let [at_a_time, units] = [AT_A_TIME, UNITS].map(|name| env::var(name).unwrap().parse::<usize>().unwrap());
    Runtime::new().unwrap().block_on(async {
        let store = Arc::new(open(path.as_ref()).unwrap());
        let first = numbers(&*store).await.into_iter().max().map_or(1, |n| n + 1);
        let mut commits = JoinSet::new();
        for n in (first..).take(units) {
            let store = Arc::clone(&store);
            commits.spawn(async move {
                store.commit(numbered(n)).await.unwrap();
                // The test harness has begun a line of its own.
                println!("\nacknowledged {n}");
            });
            if commits.len() >= at_a_time {
                commits.join_next().await.unwrap().unwrap();
            }
        }
    });
    // What follows in the test is for the one who kills.
    process::exit(0);
}

#[test]
fn killed_at_any_moment_it_keeps_what_it_acknowledged() {
    play_the_victim();
    let test = "kill::killed_at_any_moment_it_keeps_what_it_acknowledged";
    let (_folder, path) = place();
    let runtime = Runtime::new().unwrap();
    let (mut acknowledged, mut written) = (BTreeSet::new(), BTreeSet::new());
    for (round, survives) in [1, 40, 2, 170, 9, 333, 71, 3].into_iter().enumerate() {
        let mut victim = Victim::start(test, &path, 8, usize::MAX, None);
        let process = victim.process.id();
        for _ in 0..survives {
            acknowledged.insert(victim.acknowledged().expect("it goes on until it is killed"));
        }
        let locked = open(&path).unwrap_err();
        assert_eq!(locked.kind, StoreErrorKind::Locked);
        assert!(locked.message.contains(&format!("(process {process}, since ")), "{locked}");
        acknowledged.extend(victim.kill());

        // Whoever comes first finds the log that the dead process left, a reader as well.
        let store = if round % 2 == 0 { open(&path).unwrap() } else { SqliteStore::open_read(&path).unwrap().unwrap() };
        let there: BTreeSet<u64> = runtime.block_on(numbers(&store)).into_iter().collect();
        let lost: Vec<_> = acknowledged.difference(&there).collect();
        assert!(lost.is_empty(), "round {round}: acknowledged and lost: {lost:?}");
        let lost: Vec<_> = written.difference(&there).collect();
        assert!(lost.is_empty(), "round {round}: there before and lost: {lost:?}");
        written = there;
    }
    assert!(acknowledged.len() >= 1 + 40 + 2 + 170 + 9 + 333 + 71 + 3);
}

/// Debug builds stop the writer where a test wants to kill the process.
#[cfg(debug_assertions)]
#[test]
fn killed_at_a_commit_it_has_that_commit_or_not() {
    play_the_victim();
    let test = "kill::killed_at_a_commit_it_has_that_commit_or_not";
    for (at, at_a_time, expected) in [
        ("before:1", 1, 0..=0),
        ("after:1", 1, 1..=1),
        ("before:3", 1, 2..=2),
        ("after:3", 1, 3..=3),
        // Units that share a transaction stop together.
        ("before:20", 16, 0..=19),
        ("after:20", 16, 20..=36),
    ] {
        let (_folder, path) = place();
        let mut victim = Victim::start(test, &path, at_a_time, 100, Some(at));
        let mut line = String::new();
        BufReader::new(victim.process.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let (moment, unit) = at.split_once(':').unwrap();
        assert_eq!(line, format!("halted {moment} commit {unit}\n"));
        let acknowledged = victim.kill();
        let there = Runtime::new().unwrap().block_on(numbers(&open(&path).unwrap()));
        assert!(expected.contains(&there.len()), "{at}: {there:?}");
        assert!(acknowledged.iter().all(|n| there.contains(n)), "{at}: {acknowledged:?} of {there:?}");
        assert!(!at.starts_with("after") || acknowledged.len() < there.len(), "{at}: stopped before the answer");
    }
}
