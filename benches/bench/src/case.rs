use std::{
    collections::HashMap,
    error::Error,
    hint::black_box,
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::{
    instructions,
    row::{Row, Unit, median},
};

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
    /// Whether to count instructions, which takes valgrind and time.
    pub instructions: bool,
}

/// One of those who take turns.
pub enum Contender {
    /// Gives samples in the case's unit.
    Sampled(Box<dyn FnMut() -> Result<f64, Failure>>),
    /// Does something as often as it is told, and says how long that took: a sample is nanoseconds per time.
    Repeated {
        repeat: Box<dyn FnMut(u64) -> Duration>,
        /// How often for a sample; found with the first.
        times: Option<u64>,
        /// All of it happens on the thread that asks.
        on_one_thread: bool,
    },
}

impl Contender {
    pub fn sampled(sample: impl FnMut() -> Result<f64, Failure> + 'static) -> Self {
        Self::Sampled(Box::new(sample))
    }

    /// Something that happens on other threads than the one that asks.
    pub fn on_threads(repeat: impl FnMut(u64) -> Duration + 'static) -> Self {
        Self::Repeated { repeat: Box::new(repeat), times: None, on_one_thread: false }
    }

    pub fn sample(&mut self) -> Result<f64, Failure> {
        match self {
            Self::Sampled(sample) => sample(),
            Self::Repeated { repeat, times, .. } => {
                let times = *times.get_or_insert_with(|| times_for_a_sample(repeat));
                Ok(repeat(times).as_nanos() as f64 / times as f64)
            }
        }
    }

    /// What it does, so many times, if it is something that can be counted.
    pub fn repeat(&mut self, times: u64) -> Option<Duration> {
        match self {
            Self::Repeated { repeat, on_one_thread: true, .. } => Some(repeat(times)),
            Self::Sampled(_) | Self::Repeated { .. } => None,
        }
    }

    /// Memory blocks that it takes each time.
    fn allocations(&mut self) -> Option<f64> {
        const TIMES: u64 = 1000;
        self.repeat(TIMES)?;
        let counted = allocation_counter::measure(|| _ = self.repeat(TIMES));
        Some(counted.count_total as f64 / TIMES as f64)
    }
}

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
    fn run(&mut self, runs: usize) -> Result<(f64, Option<f64>), Failure> {
        let (mut own, mut other) = (Vec::new(), Vec::new());
        for turn in 0..=runs {
            // Who goes first changes, for the second finds the machine as the first left it.
            let subject_first = turn % 2 == 0;
            if subject_first {
                own.push(self.subject.sample()?);
            }
            if let Some(reference) = &mut self.reference {
                other.push(reference.sample()?);
            }
            if !subject_first {
                own.push(self.subject.sample()?);
            }
        }
        own.remove(0);
        Ok((median(own), self.reference.as_ref().map(|_| median(other.split_off(1)))))
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

    /// Does what is measured so many times, for somebody who counts from outside; the contenders are left out.
    pub fn repeat(self, setting: &Setting, times: u64) -> Result<(), Failure> {
        let mut race = (self.prepare)(setting)?;
        race.subject.repeat(times).map(drop).ok_or_else(|| format!("{} cannot be repeated", self.name).into())
    }

    /// # Panics
    /// If the case names a reference and prepares none, or the reverse.
    pub fn measure(self, setting: &Setting) -> Result<Row, Failure> {
        let at = |failure: Failure| format!("{}: {failure}", self.name);
        let mut race = (self.prepare)(setting).map_err(at)?;
        assert_eq!(race.reference.is_some(), self.reference.is_some(), "{}", self.name);
        let (median, reference_median) = race.run(self.runs).map_err(at)?;
        let allocations = race.subject.allocations();
        let countable = setting.instructions && allocations.is_some();
        let instructions = countable.then(|| instructions::per_op(&self.name)).transpose().map_err(at)?;
        Ok(Row {
            name: self.name,
            allocations,
            instructions,
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
    Contender::on_threads(move |times| {
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
pub fn per_loop(repeat: impl FnMut(u64) -> Duration + 'static) -> Contender {
    Contender::Repeated { repeat: Box::new(repeat), times: None, on_one_thread: true }
}

/// How often fits into 20 milliseconds, which is long beside a tick of the clock and short beside what disturbs it.
fn times_for_a_sample(repeat: &mut dyn FnMut(u64) -> Duration) -> u64 {
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
            Contender::sampled(move || {
                order.borrow_mut().push(letter);
                Ok(samples.remove(0))
            })
        };
        let mut race =
            Race::between(contender('s', vec![1000.0, 3.0, 1.0, 2.0]), contender('r', vec![-1000.0, 30.0, 10.0, 20.0]));
        assert_eq!(race.run(3).unwrap(), (2.0, Some(20.0)));
        assert_eq!(*order.borrow(), "srrssrrs");
    }

    #[test]
    fn a_failed_sample_names_its_row() {
        let case = Case::new("store/append", Unit::OpsPerSecond, None, |_| {
            Ok(Race::alone(Contender::sampled(|| Err("the disk is full".into()))))
        });
        let setting = Setting {
            workspace: PathBuf::new(),
            scratch: PathBuf::new(),
            borough: None,
            boundaries: None,
            peers: HashMap::new(),
            instructions: false,
        };
        assert_eq!(case.measure(&setting).unwrap_err().to_string(), "store/append: the disk is full");
    }

    #[test]
    fn what_an_operation_allocates_is_counted() {
        assert_eq!(per_op(|| (Box::new(1), Box::new(2))).allocations(), Some(2.0));
        assert_eq!(per_op(|| 1).allocations(), Some(0.0));
        assert_eq!(per_op_on_threads(2, || Box::new(1)).allocations(), None);
        assert_eq!(Contender::sampled(|| Ok(1.0)).allocations(), None);
    }

    #[test]
    fn a_sample_per_operation_is_about_its_time() {
        let mut slow = per_op(|| {
            let start = Instant::now();
            while start.elapsed() < Duration::from_micros(50) {}
        });
        let nanos = slow.sample().unwrap();
        assert!(nanos >= 50_000.0, "{nanos}");
    }
}
