//! A process that is killed: the test starts its own binary again, and finds by the environment which of the two it is.

#![cfg_attr(not(debug_assertions), expect(dead_code, reason = "only debug builds stop where they are told to"))]

use std::{
    env,
    io::{BufRead as _, BufReader, Lines},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

/// Tells the process to be killed where the store is.
const STORE: &str = "STORE_OF_THE_VICTIM";

pub struct Victim {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    halt: Option<String>,
}

impl Victim {
    /// Starts the test again, to play the victim: over this store, told these things, stopped for good at `before:K` or
    /// `after:K`.
    pub fn start(test: &str, store: &Path, told: &[(&str, String)], halt: Option<&str>) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture"]).env(STORE, store).envs(told.iter().cloned());
        command.env_remove("BOROUGH_HALT_AT_COMMIT").envs(halt.map(|at| ("BOROUGH_HALT_AT_COMMIT", at)));
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines, halt: halt.map(str::to_owned) }
    }

    /// In the process to be killed: where its store is.
    pub fn store() -> Option<PathBuf> {
        env::var_os(STORE).map(PathBuf::from)
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The next number that it acknowledges; none when it is dead.
    pub fn acknowledged(&mut self) -> Option<u64> {
        let numbers = self.lines.by_ref().map_while(Result::ok);
        numbers.filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok()).next()
    }

    /// Waits until it stands where it was to be stopped. If it does not come there, it has come to its end.
    pub fn halts(&mut self) -> bool {
        let (moment, unit) = self.halt.as_deref().and_then(|at| at.split_once(':')).expect("it is told where to halt");
        let mut line = String::new();
        BufReader::new(self.process.stderr.take().unwrap()).read_line(&mut line).unwrap();
        if line == format!("halted {moment} commit {unit}\n") {
            return true;
        }
        assert!(self.process.wait().unwrap().success() && line.is_empty(), "it did not come to its end: {line}");
        false
    }

    /// Kills it and answers what else it had acknowledged.
    pub fn kill(mut self) -> Vec<u64> {
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
