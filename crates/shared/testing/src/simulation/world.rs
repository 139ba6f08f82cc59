use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use event_sourcing::{MemoryStore, Origin, Write};
use kernel::{Claims, Clock, CorrelationId, Ids};
use tokio::{task::yield_now, time::sleep};
use uuid::Uuid;

use super::{
    CrashPoint, Outcome, Scenario,
    clocks::Wall,
    leases::{LEASE, Leases},
    rules::Rules,
    store::Process,
    trace::{Trace, hash},
    views::Views,
};
use crate::{
    actors::work_of,
    faults::{Fault, FaultPlan, Seed, mixed},
};

/// What all nodes of a run have in common.
pub(super) struct World {
    pub scenario: &'static Scenario,
    /// How many there are.
    pub nodes: usize,
    pub seed: Seed,
    /// What is committed: for the store's writer, its readers, and whoever judges.
    pub memory: MemoryStore,
    pub clock: Arc<Wall>,
    pub ids: Arc<Drawn>,
    pub rules: Rules,
    pub leases: Leases,
    pub views: Views,
    pub commits: FaultPlan,
    pub reads: FaultPlan,
    pub handlers: FaultPlan,
    trace: Trace,
    operations: AtomicU64,
    units: AtomicU64,
    crash: Option<CrashPoint>,
    /// That were started.
    processes: Mutex<Vec<Arc<Process>>>,
    is_calm: AtomicBool,
    counted: Mutex<BTreeMap<&'static str, u64>>,
    failures: Mutex<Vec<String>>,
}

/// Ids that say nothing about when they were made.
pub(super) struct Drawn {
    seed: u64,
    count: AtomicU64,
}

impl World {
    pub fn new(scenario: &'static Scenario, number: u64, nodes: usize, crash: Option<CrashPoint>) -> Arc<Self> {
        // Scenarios of one seed have nothing else in common.
        let of_name = hash(&[scenario.name.to_owned()]);
        let seed = Seed::of(number ^ of_name);
        let late = Fault::Delay(Duration::from_millis(1 + seed.below(400)));
        let of_commits = [Fault::Fail, Fault::Mute, Fault::Busy, Fault::Drop(0), Fault::Drop(1), Fault::Drop(2), late];
        let commits = seed.faults(8 + seed.below(24), &of_commits);
        let reads = seed.faults(20 + seed.below(40), &[Fault::Fail, Fault::Busy, Fault::Drop(1), late]);
        let handlers = seed.faults(4 + seed.below(8), &[Fault::Fail, Fault::Panic, Fault::Drop(2), Fault::Mute, late]);
        Arc::new(Self {
            scenario,
            nodes,
            memory: MemoryStore::default(),
            clock: Arc::new(Wall::starting()),
            ids: Arc::new(Drawn { seed: mixed(number ^ of_name), count: AtomicU64::new(0) }),
            rules: Rules::of(scenario.parts),
            leases: Leases::default(),
            views: Views::default(),
            commits,
            reads,
            handlers,
            seed,
            trace: Trace::default(),
            operations: AtomicU64::new(0),
            units: AtomicU64::new(0),
            crash,
            processes: Mutex::default(),
            is_calm: AtomicBool::new(false),
            counted: Mutex::default(),
            failures: Mutex::default(),
        })
    }

    /// A number from 0 to below this one.
    pub fn below(&self, limit: usize) -> usize {
        self.seed.below(limit as u64) as usize
    }

    /// Whether nodes share the subscribers.
    pub fn has_leases(&self) -> bool {
        self.scenario.has_leases(self.nodes)
    }

    /// By how much the clock of a node that starts is ahead of the wall's, or behind it.
    pub fn ahead(&self) -> TimeDelta {
        if !self.has_leases() || self.is_calm() || self.below(2) == 0 {
            return TimeDelta::zero();
        }
        self.count("clocks differ");
        let most = 3 * LEASE.as_millis() as i64;
        TimeDelta::milliseconds(self.seed.below(2 * most as u64) as i64 - most)
    }

    /// These writes are there, and nobody has seen them yet.
    pub async fn committed(&self, writes: &[Write]) {
        self.rules.committed(self, writes).await;
        if self.has_leases() {
            self.leases.committed(self, writes).await;
        }
        if self.scenario.has_chart {
            self.views.committed(self, writes).await;
        }
    }

    /// A process is started.
    pub fn started(&self, process: &Arc<Process>) {
        lock(&self.processes).push(Arc::clone(process));
    }

    /// A unit comes to the writer: the crash point that there is at it.
    pub fn crash_point(&self) -> Option<CrashPoint> {
        if self.is_calm() {
            return None;
        }
        let commit = self.units.fetch_add(1, Ordering::Relaxed) + 1;
        self.crash.filter(|crash| crash.commit == commit)
    }

    /// The machine stops that the process runs on.
    pub fn crash(&self, process: &Process) {
        self.tell(format!("the machine of {} stops", process.name));
        if self.has_leases() {
            process.kill();
        } else {
            lock(&self.processes).iter().for_each(|process| process.kill());
        }
    }

    /// Lets others go first, for as long as the seed has it.
    pub async fn dither(&self) {
        match self.below(16) {
            0..8 => {}
            8..15 => {
                for _ in 0..=self.below(3) {
                    yield_now().await;
                }
            }
            _ => sleep(Duration::from_millis(1 + self.seed.below(20))).await,
        }
    }

    /// Whoever works for a user: each time another piece of work.
    pub fn origin(&self) -> Origin {
        let context = work_of(&Claims::new("tester", []), CorrelationId::new(self.ids.next()));
        let (clock, ids): (Arc<dyn Clock>, Arc<dyn Ids>) = (self.clock.clone(), self.ids.clone());
        Origin { module: super::subscribers::MODULE, context, clock, ids }
    }

    pub fn tell(&self, line: impl AsRef<str>) {
        self.trace.add(format!("{:>7} {}", self.clock.elapsed().as_millis(), line.as_ref()));
    }

    /// Something is begun.
    pub fn operation(&self) -> u64 {
        self.operations.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Something was done to the run that is not a plan's.
    pub fn count(&self, fault: &'static str) {
        *lock(&self.counted).entry(fault).or_default() += 1;
    }

    pub fn failed(&self, failure: impl Into<String>) {
        let failure = failure.into();
        self.tell(format!("FAILED {failure}"));
        lock(&self.failures).push(failure);
    }

    pub fn has_failed(&self) -> bool {
        !lock(&self.failures).is_empty()
    }

    /// From here on nothing fails, but for what always does.
    pub fn calm(&self) {
        self.is_calm.store(true, Ordering::Relaxed);
        [&self.commits, &self.reads, &self.handlers].into_iter().for_each(FaultPlan::end);
    }

    pub fn is_calm(&self) -> bool {
        self.is_calm.load(Ordering::Relaxed)
    }

    pub fn outcome(&self) -> Outcome {
        let mut faults = lock(&self.counted).clone();
        for (plan, on_fail) in
            [(&self.commits, "commit fails"), (&self.reads, "read fails"), (&self.handlers, "handler fails")]
        {
            for (_, fault) in plan.injected() {
                let kind = match fault {
                    Fault::Fail => on_fail,
                    // Of a handler that is an error after it has written.
                    Fault::Mute if on_fail == "handler fails" => on_fail,
                    Fault::Mute => "commit is done and not answered",
                    Fault::Busy => "store is busy",
                    Fault::Delay(_) | Fault::Late(_) => "call is late",
                    Fault::Drop(_) => "call is dropped",
                    Fault::Panic => "handler panics",
                    // None of the plans has one: a node that is killed does not answer either.
                    Fault::Hang | Fault::HangDone => continue,
                };
                *faults.entry(kind).or_default() += 1;
            }
        }
        let trace = std::mem::take(&mut *self.trace.lines());
        let operations = self.operations.load(Ordering::Relaxed);
        let commits = self.units.load(Ordering::Relaxed);
        Outcome { hash: hash(&trace), operations, commits, faults, failures: lock(&self.failures).clone(), trace }
    }
}

impl Ids for Drawn {
    fn next(&self) -> Uuid {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        Uuid::from_u64_pair(mixed(self.seed ^ count), count)
    }
}

/// Nothing of a run can stop half way while it holds one of these.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
