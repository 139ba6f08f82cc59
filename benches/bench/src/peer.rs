use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use crate::case::{Contender, Failure};

/// A contender in a process of its own, for what should not share a lock file or a language with this workspace.
///
/// It sets up, then answers every line on its standard input with a line that holds one sample as a number. The line says
/// which of its cases to run. It ends when its input does.
struct Peer {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// `NAME=PATH`.
pub fn parse(argument: &str) -> Result<(String, PathBuf), String> {
    match argument.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok((name.into(), path.into())),
        _ => Err("expected NAME=PATH".into()),
    }
}

/// Starts a program that answers `case` with samples.
pub fn contender<S: AsRef<OsStr>>(
    program: &Path,
    args: impl IntoIterator<Item = S>,
    case: &'static str,
) -> Result<Contender, Failure> {
    let shown = program.display().to_string();
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().map_err(|error| format!("cannot start {shown}: {error}"))?;
    let mut peer = Peer {
        questions: process.stdin.take(),
        answers: BufReader::new(process.stdout.take().expect("stdout is piped")),
        process,
    };
    Ok(Contender::sampled(move || peer.sample(case).map_err(|failure| format!("{shown}: {failure}").into())))
}

impl Peer {
    fn sample(&mut self, case: &str) -> Result<f64, Failure> {
        let questions = self.questions.as_mut().expect("open until it is dropped");
        writeln!(questions, "{case}")?;
        questions.flush()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        answer.trim().parse().map_err(|_| format!("answered `{}`, not a number", answer.trim()).into())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.questions = None;
        // Its answers are in; how it ends changes nothing.
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Contender {
        contender(Path::new("sh"), ["-c", script], "forest").unwrap()
    }

    #[test]
    fn a_peer_answers_with_samples() {
        let mut peer = shell("while read case; do test $case = forest && echo 1.5; done");
        assert_eq!(peer.sample().unwrap(), 1.5);
        assert_eq!(peer.sample().unwrap(), 1.5);
    }

    #[test]
    fn a_peer_that_does_not_answer_fails_the_sample() {
        assert_eq!(shell("read case").sample().unwrap_err().to_string(), "sh: answered ``, not a number");
        assert_eq!(
            shell("read case; echo $case?").sample().unwrap_err().to_string(),
            "sh: answered `forest?`, not a number"
        );
    }

    #[test]
    fn a_peer_is_named() {
        assert_eq!(parse("di=/bin/di").unwrap(), ("di".into(), "/bin/di".into()));
        assert!(parse("/bin/di").is_err());
        assert!(parse("di=").is_err());
    }
}
