//! The whole job, with the release binary as a person runs it: CPU seconds and peak memory.

use std::{
    cell::RefCell,
    fs,
    path::{Path, PathBuf},
    process::Command,
    rc::Rc,
};

use crate::{
    case::{Case, Contender, Failure, Race, Setting},
    row::Unit,
    sample::{LARGE_ROWS, repeated_sample, sample},
    usage::{Spent, spent_by},
};

pub fn cases(_: &Setting) -> Vec<Case> {
    let mut cases = rows_of("job/sample", |setting| Ok(sample(setting)));
    cases.extend(rows_of("job/340k", |setting| repeated_sample(setting, LARGE_ROWS)));
    cases
}

/// Two rows of the same runs.
fn rows_of(name: &'static str, data: fn(&Setting) -> Result<PathBuf, Failure>) -> Vec<Case> {
    let runs = Rc::new(RefCell::new(Vec::new()));
    let row = |name: String, unit, pick: fn(&Spent) -> f64| {
        let runs = Rc::clone(&runs);
        Case::new(name, unit, None, move |setting| {
            let borough = setting.borough.clone().ok_or("needs --borough, the release binary")?;
            let (data, store) = (data(setting)?, setting.scratch.join("job"));
            Ok(Race::alone(nth_run(runs, move || run(&borough, &data, &store), pick)))
        })
    };
    vec![
        row(name.to_owned(), Unit::Seconds, |spent| spent.cpu_seconds),
        row(format!("{name}-memory"), Unit::Bytes, |spent| spent.peak_bytes),
    ]
}

/// Samples one number of the runs in turn, and makes those that the other row has not made yet.
fn nth_run(
    runs: Rc<RefCell<Vec<Spent>>>,
    run: impl Fn() -> Result<Spent, Failure> + 'static,
    pick: fn(&Spent) -> f64,
) -> Contender {
    let mut turn = 0;
    Box::new(move || {
        let mut runs = runs.borrow_mut();
        if turn == runs.len() {
            runs.push(run()?);
        }
        turn += 1;
        Ok(pick(&runs[turn - 1]))
    })
}

/// One job on a store of its own: on an old one the second run would find the first one's champion.
fn run(borough: &Path, data: &Path, store: &Path) -> Result<Spent, Failure> {
    if store.exists() {
        fs::remove_dir_all(store)?;
    }
    fs::create_dir_all(store)?;
    let mut job = Command::new(borough);
    job.arg("run").arg(data).arg("--json").current_dir(store);
    spent_by(&job)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!((seconds().unwrap(), seconds().unwrap()), (1.0, 2.0));
        assert_eq!((bytes().unwrap(), bytes().unwrap(), bytes().unwrap()), (100.0, 200.0, 300.0));
        assert_eq!(*made.borrow(), 3.0);
    }
}
