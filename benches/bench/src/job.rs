//! The whole job, with the release binary as a person runs it: CPU seconds and peak memory.

use std::{
    cell::RefCell,
    fs,
    path::{Path, PathBuf},
    process::Command,
    rc::Rc,
};

use crate::{
    case::{Case, Failure, Race, Setting},
    row::Unit,
    sample::{LARGE_ROWS, repeated_sample, sample},
    usage::{Spent, nth_run, spent_by},
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
