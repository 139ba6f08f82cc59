mod tree;

use std::{
    cell::RefCell,
    env,
    ffi::OsString,
    process::{Command, Stdio},
    rc::Rc,
    time::Duration,
};

use cpu_time::ProcessTime;
use wait4::Wait4;

use crate::case::{Contender, Failure};

pub use self::tree::now as resident;

/// CPU time, user and system, of all threads of this process until now.
pub fn own_cpu_time() -> Result<Duration, Failure> {
    Ok(ProcessTime::try_now()?.as_duration())
}

/// What one run of a program took, with all that it started.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spent {
    pub cpu_seconds: f64,
    /// At one time.
    pub peak_bytes: f64,
}

/// Samples one number of the runs in turn, and makes those that no other row has made yet.
pub fn nth_run(
    runs: Rc<RefCell<Vec<Spent>>>,
    run: impl Fn() -> Result<Spent, Failure> + 'static,
    pick: impl Fn(&Spent) -> f64 + 'static,
) -> Contender {
    let mut turn = 0;
    Contender::sampled(move || {
        let mut runs = runs.borrow_mut();
        if turn == runs.len() {
            runs.push(run()?);
        }
        turn += 1;
        Ok(pick(&runs[turn - 1]))
    })
}

/// Runs a command and answers what it took. Its output is dropped; it must succeed.
///
/// A fresh process of this program ([`spend`]) stands between: a process's peak counts the memory of the one that it was
/// forked from, and this one may hold a whole dataset.
pub fn spent_by(command: &Command) -> Result<Spent, Failure> {
    let mut launcher = Command::new(env::current_exe()?);
    launcher.arg("--spend").arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        launcher.current_dir(folder);
    }
    let output = launcher.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().into());
    }
    parse(&String::from_utf8(output.stdout)?).ok_or_else(|| "the launcher answered nothing".into())
}

/// The launcher's side of [`spent_by`]: runs a program and says what that took.
pub fn spend(words: &[OsString]) -> Result<String, Failure> {
    let (program, args) = words.split_first().ok_or("no program to run")?;
    let child = Command::new(program).args(args).stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let (used, of_tree) = tree::peak_while(child.id(), || child.wait4());
    let used = used?;
    if !used.status.success() {
        return Err(format!("{}: {}", program.display(), used.status).into());
    }
    let cpu = used.rusage.utime + used.rusage.stime;
    // The system knows the peak of the largest process to the byte, and of the tree only what was seen.
    Ok(format!("{} {}", cpu.as_secs_f64(), used.rusage.maxrss.max(of_tree)))
}

fn parse(answer: &str) -> Option<Spent> {
    let (cpu_seconds, peak_bytes) = answer.trim().split_once(' ')?;
    Some(Spent { cpu_seconds: cpu_seconds.parse().ok()?, peak_bytes: peak_bytes.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_time_grows_with_work() {
        let before = own_cpu_time().unwrap();
        let mut sum = 0_u64;
        while own_cpu_time().unwrap() < before + Duration::from_millis(20) {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(sum > 0);
    }

    #[test]
    fn a_program_is_measured_and_must_succeed() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let spent = parse(&spend(&words(&["sh", "-c", "exit 0"])).unwrap()).unwrap();
        assert!(spent.cpu_seconds < 1.0 && spent.peak_bytes > 100_000.0, "{spent:?}");
        assert_eq!(spend(&words(&["sh", "-c", "exit 3"])).unwrap_err().to_string(), "sh: exit status: 3");
    }

    #[test]
    fn two_rows_share_their_runs() {
        let runs = Rc::new(RefCell::new(Vec::new()));
        let made = Rc::new(RefCell::new(0.0));
        let counted = {
            let made = Rc::clone(&made);
            move || {
                *made.borrow_mut() += 1.0;
                Ok(Spent { cpu_seconds: *made.borrow(), peak_bytes: 100.0 * *made.borrow() })
            }
        };
        let mut seconds = nth_run(Rc::clone(&runs), counted.clone(), |spent| spent.cpu_seconds);
        let mut bytes = nth_run(runs, counted, |spent| spent.peak_bytes);
        assert_eq!((seconds.sample().unwrap(), seconds.sample().unwrap()), (1.0, 2.0));
        assert_eq!((bytes.sample().unwrap(), bytes.sample().unwrap(), bytes.sample().unwrap()), (100.0, 200.0, 300.0));
        assert_eq!(*made.borrow(), 3.0);
    }
}
