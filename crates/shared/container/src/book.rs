//! What all wires of a container share: who they are, how often they were used, and which factory runs.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use thread_local::ThreadLocal;

use crate::{Step, sync, wire};

/// How often a registration was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// What was used.
    pub registration: Step,
    /// How often its value was handed out, to a caller or to a factory; also when that failed.
    pub resolved: u64,
    /// How often its factory made a value.
    pub made: u64,
}

pub struct Book {
    steps: Vec<Step>,
    /// Each thread counts for itself, or they would spend their time passing one cache line around.
    counts: ThreadLocal<Box<[Count]>>,
}

/// Written by one thread only, so that adding takes no locked instruction.
#[derive(Default)]
pub struct Count {
    resolved: AtomicU64,
    made: AtomicU64,
}

/// What a resolution takes along from one factory to the next. Not held over an await: it belongs to a thread.
#[derive(Clone, Copy)]
pub struct Visit<'v> {
    /// Those of the scope; none outside of one.
    pub cells: &'v [wire::Cell],
    counts: &'v [Count],
}

impl Visit<'_> {
    #[inline]
    pub fn count_resolved(self, index: usize) {
        add_one(&self.counts[index].resolved);
    }

    #[inline]
    pub fn count_made(self, index: usize) {
        add_one(&self.counts[index].made);
    }
}

impl Book {
    pub fn new(steps: Vec<Step>) -> Self {
        Self { steps, counts: ThreadLocal::new() }
    }

    pub fn step(&self, index: usize) -> Step {
        self.steps[index]
    }

    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.steps.iter().map(|step| step.name)
    }

    #[inline]
    pub fn visit<'v>(&'v self, cells: &'v [wire::Cell]) -> Visit<'v> {
        Visit { cells, counts: self.own_counts() }
    }

    pub fn tallies(&self) -> Vec<Tally> {
        let sum = |count: &dyn Fn(&Count) -> &AtomicU64, index: usize| {
            self.counts.iter().map(|counts| count(&counts[index]).load(Relaxed)).sum()
        };
        let tally = |(index, &registration)| Tally {
            registration,
            resolved: sum(&|count| &count.resolved, index),
            made: sum(&|count| &count.made, index),
        };
        self.steps.iter().enumerate().map(tally).collect()
    }

    #[inline]
    fn own_counts(&self) -> &[Count] {
        match self.counts.get() {
            Some(counts) => counts,
            None => self.begin_counts(),
        }
    }

    #[cold]
    fn begin_counts(&self) -> &[Count] {
        self.counts.get_or(|| self.steps.iter().map(|_| Count::default()).collect())
    }

    /// From here until the guard is dropped, the factory of this registration runs on this thread.
    pub fn enter(&self, index: usize) -> Entered {
        let running = Running { book: self.address(), factory: self.steps[index].name };
        Entered { before: RUNNING.with(|cell| cell.replace(Some(running))) }
    }

    /// The factory of this container that runs on this thread.
    pub fn running(&self) -> Option<&'static str> {
        let running = RUNNING.with(Cell::get);
        running.filter(|running| running.book == self.address()).map(|running| running.factory)
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

#[inline]
fn add_one(count: &AtomicU64) {
    count.store(count.load(Relaxed) + 1, Relaxed);
}

sync::thread_local! {
    static RUNNING: Cell<Option<Running>> = const { Cell::new(None) };
}

#[derive(Clone, Copy)]
struct Running {
    book: usize,
    factory: &'static str,
}

/// See [`Book::enter`].
pub struct Entered {
    before: Option<Running>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        RUNNING.with(|cell| cell.set(self.before));
    }
}
