use std::{
    env,
    io::{self, Write as _},
    thread,
};

/// A place at which whoever writes stops for good, so that a test can kill the process exactly there.
///
/// `BOROUGH_HALT_AT_COMMIT=before:K` or `after:K`; K counts from 1 the committed units of this process that write something,
/// and of an import its transactions, the last of which is to take the store's place. Debug builds only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Halt {
    moment: Moment,
    unit: u64,
    committed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Before,
    After,
}

impl Halt {
    /// # Panics
    /// If the variable cannot be understood: a test that misspells it must not pass.
    pub fn from_env() -> Option<Self> {
        if !cfg!(debug_assertions) {
            return None;
        }
        let value = env::var("BOROUGH_HALT_AT_COMMIT").ok()?;
        Some(Self::parse(&value).unwrap_or_else(|| {
            panic!("BOROUGH_HALT_AT_COMMIT is `{value}`: expected `before:K` or `after:K` with K from 1")
        }))
    }

    fn parse(value: &str) -> Option<Self> {
        let (moment, unit) = value.split_once(':')?;
        let moment = match moment {
            "before" => Moment::Before,
            "after" => Moment::After,
            _ => return None,
        };
        let unit = unit.parse().ok().filter(|&unit| unit > 0)?;
        Some(Self { moment, unit, committed: 0 })
    }

    /// Commits so many units together, if there is no place to stop at before or behind that.
    pub fn around<T, E>(halt: &mut Option<Self>, units: u64, commit: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        if let Some(halt) = halt {
            halt.before(units);
        }
        let committed = commit()?;
        if let Some(halt) = halt {
            halt.after(units);
        }
        Ok(committed)
    }

    /// About to commit so many units together.
    fn before(&self, units: u64) {
        if self.moment == Moment::Before && self.is_within(units) {
            self.stop("before");
        }
    }

    /// These units are durable and not yet acknowledged.
    fn after(&mut self, units: u64) {
        if self.moment == Moment::After && self.is_within(units) {
            self.stop("after");
        }
        self.committed += units;
    }

    fn is_within(&self, units: u64) -> bool {
        (self.committed + 1..=self.committed + units).contains(&self.unit)
    }

    fn stop(&self, moment: &str) -> ! {
        let _ = writeln!(io::stderr(), "halted {moment} commit {}", self.unit);
        loop {
            thread::park();
        }
    }
}
