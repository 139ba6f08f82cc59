//! A folder of its own for each test, and the binary run in it.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

pub struct Home(TempDir);

/// How a verb ended.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Home {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a small dataset, `data.csv`, whose target can be learnt, and its sidecar.
    pub fn with_data() -> Self {
        let home = Self::new();
        home.write("data.csv", dataset(400));
        home.write("data.toml", "target = \"delay > 15\"\nexclude = [\"leak\"]\n");
        home
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The binary in this folder, with nothing of the tester's environment that it would listen to.
    pub fn borough(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_borough"));
        command.current_dir(self.0.path()).env_remove("RUST_LOG").env("NO_COLOR", "1").env("COLUMNS", "100");
        command.stdin(Stdio::null());
        for (variable, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BOROUGH_")) {
            command.env_remove(variable);
        }
        command
    }

    /// With a store in which all subscribers and projections have begun: what commits next is what is asked of it, however many there
    /// are.
    pub fn begun(self) -> Self {
        assert_eq!(self.run(&["call", "mlops.list-models", "{}"]).code, Some(0));
        self
    }

    /// Those that a request needs.
    pub fn permissions(&self) -> Vec<String> {
        let requests = self.json(&["requests", "--json"]);
        let needed = requests.as_array().unwrap().iter().filter_map(|request| request["permission"].as_str());
        needed.map(str::to_owned).collect()
    }

    pub fn run(&self, args: &[&str]) -> Ended {
        self.run_with(args, &[])
    }

    pub fn run_with(&self, args: &[&str], environment: &[(&str, &str)]) -> Ended {
        Ended::of(self.borough().args(args).envs(environment.iter().copied()).output().unwrap())
    }

    /// One JSON document of a verb that succeeds.
    pub fn json(&self, args: &[&str]) -> Value {
        let ended = self.run(args);
        assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.stderr);
        serde_json::from_str(&ended.stdout).unwrap()
    }

    /// Runs a verb again and again until it prints this.
    pub fn wait_for(&self, args: &[&str], text: &str) {
        let told = (0..200).map(|_| self.run(args)).find(|ended| ended.stdout.contains(text));
        assert!(told.is_some(), "{args:?} never printed `{text}`");
    }

    /// The types of all events in the log, in order.
    pub fn events(&self) -> Vec<String> {
        let ended = self.run(&["events", "--json"]);
        let lines = ended.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|event| event["event_type"].as_str().unwrap().to_owned()).collect()
    }

    /// Every audit record: who, which request, how it ended.
    pub fn audit(&self) -> Vec<String> {
        let ended = self.run(&["audit", "--json"]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let lines = ended.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["data"].take());
        let told = |record: Value| {
            let text = |field: &str| record[field].as_str().unwrap_or("-").to_owned();
            [text("user"), text("acting"), text("request"), text("outcome"), text("code")].join(" ")
        };
        lines.map(told).collect()
    }

    /// Text with this folder's path taken out.
    pub fn neutral(&self, text: &str) -> String {
        let real = self.0.path().canonicalize().unwrap();
        text.replace(&real.display().to_string(), "HOME").replace(&self.0.path().display().to_string(), "HOME")
    }

    pub fn spawn(&self, args: &[&str], environment: &[(&str, &str)]) -> Running {
        let mut command = self.borough();
        command.args(args).envs(environment.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Running { child, stdout, stderr }
    }
}

impl Ended {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// A process that goes on while the test does something else. Killed when the test is done with it.
pub struct Running {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Waits for a line on stderr; `false` if the process ended without one.
    pub fn says(&mut self, text: &str) -> bool {
        says(&mut self.stderr, text)
    }

    /// The same on stdout.
    pub fn prints(&mut self, text: &str) -> bool {
        says(&mut self.stdout, text)
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal and waits for the end.
    #[cfg(unix)]
    pub fn signal(mut self, signal: &str) -> Ended {
        self.send(signal);
        self.end()
    }

    /// The same, while it goes on.
    #[cfg(unix)]
    pub fn send(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    pub fn end(&mut self) -> Ended {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.stdout.read_to_string(&mut stdout).unwrap();
        self.stderr.read_to_string(&mut stderr).unwrap();
        Ended { code: self.child.wait().unwrap().code(), stdout, stderr }
    }
}

fn says(stream: &mut impl BufRead, text: &str) -> bool {
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).unwrap() == 0 {
            return false;
        }
        if line.contains(text) {
            return true;
        }
    }
}

/// Rows whose `delay` follows from `wind` and `hour`, with a few oddities; `leak` gives it away.
pub fn dataset(rows: u32) -> String {
    let mut text = String::from("id,hour,wind,carrier,delay,leak\n");
    for row in 0..rows {
        let hour = row * 7 % 24;
        let wind = row * 13 % 41;
        let carrier = ["AA", "BB", "CC"][row as usize % 3];
        let delay = i64::from(wind) - i64::from(hour) + i64::from(row * 31 % 7);
        let wind = if row % 50 == 49 { String::new() } else { wind.to_string() };
        writeln!(text, "{row},{hour},{wind},{carrier},{delay},{}", delay * 2).unwrap();
    }
    text
}
