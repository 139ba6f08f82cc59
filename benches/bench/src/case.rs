use std::{
    collections::HashMap,
    error::Error,
    hint::black_box,
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::row::{Row, Unit, median};

/// Why a measurement could not be made: shown to the person who asked for it, nobody handles it.
pub type Failure = Box<dyn Error>;

/// Where and against whom is measured.
pub struct Setting {
    pub workspace: PathBuf,
    pub scratch: PathBuf,
    /// The release binary.
    pub borough: Option<PathBuf>,
    /// The release binary of the boundary checker.
    pub boundaries: Option<PathBuf>,
    /// Programs that speak for contenders, by name.
    pub peers: HashMap<String, PathBuf>,
}

/// One sample in the case's unit.
pub type Contender = Box<dyn FnMut() -> Result<f64, Failure>>;

/// Those who take turns.
pub struct Race {
    pub subject: Contender,
    pub reference: Option<Contender>,
}

impl Race {
    pub fn between(subject: Contender, reference: Contender) -> Self {
        Self { subject, reference: Some(reference) }
    }

    pub fn alone(subject: Contender) -> Self {
        Self { subject, reference: None }
    }

    /// Medians of subject and reference over `runs` turns each, after one turn that warms up.
    fn run(mut self, runs: usize) -> Result<(f64, Option<f64>), Failure> {
        let (mut own, mut other) = (Vec::new(), Vec::new());
        for turn in 0..=runs {
            // Who goes first changes, for the second finds the machine as the first left it.
            let subject_first = turn % 2 == 0;
            if subject_first {
                own.push((self.subject)()?);
            }
            if let Some(reference) = &mut self.reference {
                other.push(reference()?);
            }
            if !subject_first {
                own.push((self.subject)()?);
            }
        }
        own.remove(0);
        Ok((median(own), self.reference.map(|_| median(other.split_off(1)))))
    }
}

/// A row before it is measured. Nothing is set up until then, so that a filter costs nothing.
pub struct Case {
    pub name: String,
    unit: Unit,
    reference: Option<&'static str>,
    runs: usize,
    prepare: Box<Prepare>,
}

type Prepare = dyn FnOnce(&Setting) -> Result<Race, Failure>;

impl Case {
    /// A case whose samples take long: 7 of them.
    pub fn new(
        name: impl Into<String>,
        unit: Unit,
        reference: Option<&'static str>,
        prepare: impl FnOnce(&Setting) -> Result<Race, Failure> + 'static,
    ) -> Self {
        Self { name: name.into(), unit, reference, runs: 7, prepare: Box::new(prepare) }
    }

    /// Takes this many samples instead of 7.
    pub fn runs(self, runs: usize) -> Self {
        Self { runs, ..self }
    }

    /// # Panics
    /// If the case names a reference and prepares none, or the reverse.
    pub fn measure(self, setting: &Setting) -> Result<Row, Failure> {
        let at = |failure: Failure| format!("{}: {failure}", self.name);
        let race = (self.prepare)(setting).map_err(at)?;
        assert_eq!(race.reference.is_some(), self.reference.is_some(), "{}", self.name);
        let (median, reference_median) = race.run(self.runs).map_err(at)?;
        Ok(Row {
            name: self.name,
            unit: self.unit,
            median,
            runs: self.runs,
            reference: self.reference,
            reference_median,
        })
    }
}

/// A contender that does something so short that only a long loop of it can be timed. A sample is nanoseconds per time.
pub fn per_op<T>(mut op: impl FnMut() -> T + 'static) -> Contender {
    per_loop(move |times| {
        let start = Instant::now();
        for _ in 0..times {
            black_box(op());
        }
        start.elapsed()
    })
}

/// As [`per_op`] with as many threads at once, and their mean.
pub fn per_op_on_threads<T>(threads: u32, op: impl Fn() -> T + Send + Sync + 'static) -> Contender {
    per_loop(move |times| {
        let each = || {
            let start = Instant::now();
            for _ in 0..times {
                black_box(op());
            }
            start.elapsed()
        };
        std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(each)).collect();
            let taken = running.into_iter().map(|thread| thread.join().expect("the operation does not panic"));
            taken.sum::<Duration>() / threads
        })
    })
}

/// As [`per_op`] from a loop that does it so many times and answers how long that took.
pub fn per_loop(mut repeat: impl FnMut(u64) -> Duration + 'static) -> Contender {
    let times = times_for_a_sample(&mut repeat);
    Box::new(move || Ok(repeat(times).as_nanos() as f64 / times as f64))
}

/// How often fits into 20 milliseconds, which is long beside a tick of the clock and short beside what disturbs it.
fn times_for_a_sample(repeat: &mut impl FnMut(u64) -> Duration) -> u64 {
    let mut times = 16;
    loop {
        let taken = repeat(times);
        if taken > Duration::from_millis(20) || times > 1 << 30 {
            return times;
        }
        times *= 2;
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use super::*;

    #[test]
    fn contenders_take_turns_and_the_first_turn_does_not_count() {
        let order = Rc::new(RefCell::new(String::new()));
        let contender = |letter: char, mut samples: Vec<f64>| -> Contender {
            let order = Rc::clone(&order);
            Box::new(move || {
                order.borrow_mut().push(letter);
                Ok(samples.remove(0))
            })
        };
        let race =
            Race::between(contender('s', vec![1000.0, 3.0, 1.0, 2.0]), contender('r', vec![-1000.0, 30.0, 10.0, 20.0]));
        assert_eq!(race.run(3).unwrap(), (2.0, Some(20.0)));
        assert_eq!(*order.borrow(), "srrssrrs");
    }

    #[test]
    fn a_failed_sample_names_its_row() {
        let case = Case::new("store/append", Unit::OpsPerSecond, None, |_| {
            Ok(Race::alone(Box::new(|| Err("the disk is full".into()))))
        });
        let setting = Setting {
            workspace: PathBuf::new(),
            scratch: PathBuf::new(),
            borough: None,
            boundaries: None,
            peers: HashMap::new(),
        };
        assert_eq!(case.measure(&setting).unwrap_err().to_string(), "store/append: the disk is full");
    }

    #[test]
    fn a_sample_per_operation_is_about_its_time() {
        let mut slow = per_op(|| {
            let start = Instant::now();
            while start.elapsed() < Duration::from_micros(50) {}
        });
        let nanos = slow().unwrap();
        assert!(nanos >= 50_000.0, "{nanos}");
    }
}
