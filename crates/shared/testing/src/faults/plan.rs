use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use crate::{
    faults::seed::mixed,
    patience::{awake, polled},
};

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails before it has done anything.
    Fail,
    /// It is told to come back later, before it has done anything: a store that is busy.
    Busy,
    /// It begins so much later, by the runtime's time.
    Delay(Duration),
    /// Its answer comes so much later, by the runtime's time.
    Late(Duration),
    /// It panics before it has done anything.
    Panic,
    /// Its future is dropped after so many polls, also if it comes to its end in the last of them. The caller hears that it has
    /// failed, and cannot know what was done; after 0 polls nothing was.
    Drop(usize),
    /// It is done, and the caller hears that it has failed.
    Mute,
    /// It never answers, and nothing is done: the process has died before. See [`FaultPlan::hung`].
    Hang,
    /// It is done and never answers: the process has died behind it.
    HangDone,
}

/// At which calls there are faults. Clones count together.
#[derive(Clone)]
pub struct FaultPlan {
    source: Arc<Source>,
    takes_no_time: bool,
    journal: Arc<Mutex<Journal>>,
    hung: Arc<Notify>,
}

enum Source {
    ByHand(Mutex<Hand>),
    Literal(BTreeMap<u64, Fault>),
    Seeded { seed: u64, one_in: u64, faults: Vec<Fault> },
}

/// What the test has said last.
#[derive(Default)]
struct Hand {
    next: VecDeque<Fault>,
    then: Option<Fault>,
}

#[derive(Default)]
struct Journal {
    /// Calls that count; all, if none is named.
    only: Vec<&'static str>,
    calls: u64,
    has_ended: bool,
    injected: Vec<(u64, Fault, &'static str)>,
}

impl FaultPlan {
    /// These, by the number of the call, from 1.
    pub fn at(faults: impl IntoIterator<Item = (u64, Fault)>) -> Self {
        Self::from(Source::Literal(faults.into_iter().collect()))
    }

    /// None, until the test says otherwise: [`next`](Self::next), [`always`](Self::always).
    pub fn by_hand() -> Self {
        Self::from(Source::ByHand(Mutex::default()))
    }

    /// At the next calls these, one each.
    ///
    /// # Panics
    /// If the plan is not [`by_hand`](Self::by_hand).
    pub fn next(&self, faults: &[Fault]) {
        self.hand().next.extend(faults);
    }

    /// From here on at every call for which there is no [`next`](Self::next) one. With `None` the store, or what it is, is sound
    /// again, and what was next is forgotten.
    ///
    /// # Panics
    /// If the plan is not [`by_hand`](Self::by_hand).
    pub fn always(&self, fault: Option<Fault>) {
        let mut hand = self.hand();
        hand.then = fault;
        if fault.is_none() {
            hand.next.clear();
        }
    }

    /// At one in so many calls one of these, as the seed has it.
    ///
    /// # Panics
    /// If there is none to choose from.
    pub(crate) fn seeded(seed: u64, one_in: u64, faults: &[Fault]) -> Self {
        assert!(one_in > 0 && !faults.is_empty(), "a plan chooses one of its faults at one in 1 calls or fewer");
        Self::from(Source::Seeded { seed, one_in, faults: faults.to_vec() })
    }

    /// Only these calls count and are spoilt: `store.commit`, `blobs.put`, the wire name of a request or of an event.
    #[must_use]
    pub fn only(self, calls: impl IntoIterator<Item = &'static str>) -> Self {
        self.journal().only = calls.into_iter().collect();
        self
    }

    /// A runtime whose time is paused stands still during a call without a fault: what threads work on that the runtime does not
    /// know, as those of a store, takes as long as they need and no time at all. Not for calls that wait for time to pass.
    #[must_use]
    pub fn in_no_time(mut self) -> Self {
        self.takes_no_time = true;
        self
    }

    /// The same with faults at its calls: a store, blobs, a service or a subscriber.
    pub fn around<T: ?Sized>(&self, inner: Arc<T>) -> Faulty<T> {
        Faulty { inner, plan: self.clone() }
    }

    /// From here on there are none.
    pub fn end(&self) {
        self.journal().has_ended = true;
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.journal().calls
    }

    /// Faults so far, by the number of the call.
    pub fn injected(&self) -> Vec<(u64, Fault)> {
        self.journal().injected.iter().map(|(call, fault, _)| (*call, *fault)).collect()
    }

    /// Waits until a call hangs.
    pub async fn hung(&self) {
        self.hung.notified().await;
    }

    fn from(source: Source) -> Self {
        Self { source: Arc::new(source), takes_no_time: false, journal: Arc::default(), hung: Arc::default() }
    }

    fn hand(&self) -> MutexGuard<'_, Hand> {
        match &*self.source {
            Source::ByHand(hand) => hand.lock().unwrap_or_else(PoisonError::into_inner),
            Source::Literal(_) | Source::Seeded { .. } => panic!("the plan is written down: make one `by_hand`"),
        }
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of this call, and what happens to it.
    fn draw(&self, name: &'static str) -> (u64, Option<Fault>) {
        let mut journal = self.journal();
        if !journal.only.is_empty() && !journal.only.contains(&name) {
            return (0, None);
        }
        journal.calls += 1;
        let call = journal.calls;
        if journal.has_ended {
            return (call, None);
        }
        let fault = match &*self.source {
            Source::ByHand(_) => {
                let mut hand = self.hand();
                hand.next.pop_front().or(hand.then)
            }
            Source::Literal(faults) => faults.get(&call).copied(),
            Source::Seeded { seed, one_in, faults } => {
                let chance = mixed(mixed(*seed) ^ call);
                let choice = mixed(chance) as usize % faults.len();
                chance.is_multiple_of(*one_in).then(|| faults[choice])
            }
        };
        journal.injected.extend(fault.map(|fault| (call, fault, name)));
        (call, fault)
    }

    async fn hang<T>(&self) -> T {
        self.hung.notify_one();
        std::future::pending().await
    }

    /// Does the work as the plan has it. The error says what was injected.
    pub(crate) async fn spoil<T, E>(
        &self,
        name: &'static str,
        error: fn(Fault, String) -> E,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let (call, fault) = self.draw(name);
        match fault {
            None if self.takes_no_time => awake(work).await,
            None => work.await,
            Some(fault @ Fault::Fail) => Err(error(fault, format!("injected: call {call}, `{name}`, fails"))),
            Some(fault @ Fault::Busy) => Err(error(fault, format!("injected: call {call}, `{name}`, finds it busy"))),
            Some(Fault::Panic) => panic!("injected: call {call}, `{name}`, panics"),
            Some(Fault::Delay(time)) => {
                tokio::time::sleep(time).await;
                work.await
            }
            Some(Fault::Late(time)) => {
                let answer = work.await;
                tokio::time::sleep(time).await;
                answer
            }
            Some(fault @ Fault::Drop(polls)) => {
                drop(polled(work, polls).await);
                Err(error(fault, format!("injected: call {call}, `{name}`, was dropped after {polls} polls")))
            }
            Some(fault @ Fault::Mute) => {
                work.await?;
                Err(error(fault, format!("injected: call {call}, `{name}`, is done and says that it is not")))
            }
            Some(Fault::Hang) => self.hang().await,
            Some(Fault::HangDone) => {
                drop(work.await);
                self.hang().await
            }
        }
    }
}

/// The plan as it came about, in the form in which it can be written into a test.
impl fmt::Display for FaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let journal = self.journal();
        write!(f, "FaultPlan::at([")?;
        for (index, (call, fault, name)) in journal.injected.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            match fault {
                Fault::Delay(time) | Fault::Late(time) => {
                    let kind = if matches!(fault, Fault::Delay(_)) { "Delay" } else { "Late" };
                    write!(f, "{comma}({call}, Fault::{kind}(Duration::from_nanos({})))", time.as_nanos())?
                }
                fault => write!(f, "{comma}({call}, Fault::{fault:?})")?,
            }
            write!(f, " /* {name} */")?;
        }
        write!(f, "])")?;
        if journal.only.is_empty() { Ok(()) } else { write!(f, ".only({:?})", journal.only) }
    }
}

/// Something with faults at its calls: see [`FaultPlan::around`].
pub struct Faulty<T: ?Sized> {
    pub(super) inner: Arc<T>,
    pub(super) plan: FaultPlan,
}
