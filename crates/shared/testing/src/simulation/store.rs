//! The store as a node sees it: a queue before one writer, and readers beside it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use event_sourcing::{
    Appended, Collection, Commit, CommitError, IndexQuery, LogQuery, Position, Receipt, Store, StoreError,
    StoredDocument, StreamQuery, Unit, WaitError, Write,
};
use kernel::Envelope;
use tokio::sync::{Notify, mpsc, oneshot};

use super::world::World;
use crate::faults::{Fault, commit_error, store_error, wait_error};

/// Commits that are written before the first of them is answered.
const GROUP: usize = 4;

/// One run of a node, from its start to its end.
pub(super) struct Process {
    pub name: String,
    /// What it has handed over and the writer has not written is lost.
    is_killed: AtomicBool,
    /// It asks nothing and hears no answer, as one whose machine has no time for it.
    is_still: AtomicBool,
    /// Those who wait for it to go on, in the order in which they came.
    waiting: Notify,
}

impl Process {
    pub fn new(name: String) -> Arc<Self> {
        Arc::new(Self {
            name,
            is_killed: AtomicBool::default(),
            is_still: AtomicBool::default(),
            waiting: Notify::new(),
        })
    }

    pub fn stand_still(&self, is_still: bool) {
        self.is_still.store(is_still, Ordering::Relaxed);
        self.waiting.notify_waiters();
    }

    /// Waits until it goes on.
    async fn goes_on(&self) {
        // There is one thread: nothing happens between the look and the wait.
        while self.is_still.load(Ordering::Relaxed) {
            self.waiting.notified().await;
        }
    }

    pub fn kill(&self) {
        self.is_killed.store(true, Ordering::Relaxed);
    }

    /// What runs of it after that can only come to its end: the store does not know it any more.
    pub fn is_killed(&self) -> bool {
        self.is_killed.load(Ordering::Relaxed)
    }

    /// For what it asks of the store.
    fn lives(&self) -> Result<(), StoreError> {
        match self.is_killed() {
            true => Err(store_error(Fault::Fail, "the process was killed".into())),
            false => Ok(()),
        }
    }
}

/// A unit on its way to the writer. It is written whoever waits for the answer.
pub(super) struct Job {
    process: Arc<Process>,
    unit: Unit,
    answer: oneshot::Sender<Result<Receipt, CommitError>>,
}

pub(super) type Desk = mpsc::UnboundedSender<Job>;

/// The one writer: takes units in the order in which they come, and lets time pass before it writes and before it answers.
pub(super) async fn write(world: Arc<World>, mut jobs: mpsc::UnboundedReceiver<Job>) {
    while let Some(first) = jobs.recv().await {
        let mut group = vec![first];
        let most = 1 + world.below(GROUP);
        while group.len() < most
            && let Ok(job) = jobs.try_recv()
        {
            group.push(job);
        }
        let mut answers = Vec::new();
        for Job { process, unit, answer } in group {
            world.dither().await;
            let crash = if process.is_killed() { None } else { world.crash_point() };
            if crash.is_some_and(|crash| !crash.is_written) {
                world.crash(&process);
            }
            if process.is_killed() {
                world.tell(format!("writer loses {} of {}", told(unit.writes()), process.name));
                continue;
            }
            let writes = unit.writes().to_vec();
            let result = world.memory.commit(unit).await;
            if result.is_ok() {
                world.committed(&writes).await;
            }
            if crash.is_some() {
                world.crash(&process);
            }
            answers.push((answer, result));
        }
        world.dither().await;
        for (answer, result) in answers {
            // Whoever asked may be gone.
            let _gone = answer.send(result);
        }
    }
}

pub(super) struct NodeStore {
    pub world: Arc<World>,
    pub process: Arc<Process>,
    pub desk: Desk,
}

impl NodeStore {
    async fn read<T>(
        &self,
        name: &'static str,
        what: String,
        work: impl Future<Output = Result<T, StoreError>>,
        tell: impl Fn(&T) -> String,
    ) -> Result<T, StoreError> {
        let Self { world, process, .. } = self;
        let number = world.operation();
        world.tell(format!("{} #{number} {name} {what}", process.name));
        world.dither().await;
        process.goes_on().await;
        process.lives()?;
        let result = world.reads.spoil(name, store_error, work).await;
        world.dither().await;
        process.goes_on().await;
        process.lives()?;
        let answer = result.as_ref().map_or_else(ToString::to_string, tell);
        world.tell(format!("{} #{number} = {answer}", process.name));
        result
    }

    async fn carry_out(&self, unit: Unit) -> Result<Receipt, CommitError> {
        let Self { world, process, .. } = self;
        let number = world.operation();
        world.tell(format!("{} #{number} commit {}", process.name, told(unit.writes())));
        process.goes_on().await;
        process.lives()?;
        let result = world.commits.spoil("store.commit", commit_error, self.hand_over(unit)).await;
        process.goes_on().await;
        process.lives()?;
        let answer = result.as_ref().map_or_else(ToString::to_string, |_| "done".into());
        world.tell(format!("{} #{number} = {answer}", process.name));
        result
    }

    async fn hand_over(&self, unit: Unit) -> Result<Receipt, CommitError> {
        let (answer, answered) = oneshot::channel();
        let job = Job { process: Arc::clone(&self.process), unit, answer };
        let lost = || commit_error(Fault::Mute, "the writer has lost it with its process".into());
        self.desk.send(job).map_err(|_| lost())?;
        answered.await.unwrap_or_else(|_| Err(lost()))
    }
}

#[async_trait]
impl Store for NodeStore {
    fn commit(&self, unit: Unit) -> Commit<'_> {
        Commit::new(self.carry_out(unit))
    }

    async fn document(&self, collection: &str, key: &str) -> Result<Option<StoredDocument>, StoreError> {
        let work = self.world.memory.document(collection, key);
        let tell = |found: &Option<StoredDocument>| found.as_ref().map_or(0, |found| found.revision).to_string();
        self.read("store.document", format!("{collection}/{key}"), work, tell).await
    }

    async fn documents(
        &self,
        collection: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StoredDocument>, StoreError> {
        let work = self.world.memory.documents(collection, after, limit);
        let what = format!("{collection} after {after:?}");
        self.read("store.documents", what, work, |found| found.len().to_string()).await
    }

    async fn indexed(&self, query: IndexQuery) -> Result<Vec<StoredDocument>, StoreError> {
        let what = format!("{query:?}");
        let work = self.world.memory.indexed(query);
        self.read("store.indexed", what, work, |found| found.len().to_string()).await
    }

    async fn declare(&self, collections: &[Collection]) -> Result<(), StoreError> {
        let what = format!("{} collections", collections.len());
        let work = self.world.memory.declare(collections);
        self.read("store.declare", what, work, |()| "done".into()).await
    }

    async fn log(&self, query: LogQuery) -> Result<Vec<Arc<Envelope>>, StoreError> {
        let what = format!("after {}", query.after);
        let work = self.world.memory.log(query);
        self.read("store.log", what, work, |found| format!("{} events", found.len())).await
    }

    async fn stream(&self, stream: &str, query: StreamQuery) -> Result<Vec<Envelope>, StoreError> {
        let work = self.world.memory.stream(stream, query);
        self.read("store.stream", stream.into(), work, |found| format!("{} events", found.len())).await
    }

    async fn position(&self, receipt: &Receipt, within: Duration) -> Result<Position, WaitError> {
        let Self { world, process, .. } = self;
        let number = world.operation();
        world.tell(format!("{} #{number} position of {} events", process.name, receipt.events.len()));
        process.goes_on().await;
        process.lives()?;
        world.reads.spoil("store.position", wait_error, world.memory.position(receipt, within)).await
    }

    async fn head(&self) -> Result<Position, StoreError> {
        self.read("store.head", String::new(), self.world.memory.head(), Position::to_string).await
    }

    async fn checkpoint(&self, subscriber: &str) -> Result<Position, StoreError> {
        let work = self.world.memory.checkpoint(subscriber);
        self.read("store.checkpoint", subscriber.into(), work, Position::to_string).await
    }

    fn appended(&self) -> Appended {
        self.world.memory.appended()
    }
}

/// What is to be written, in a line.
fn told(writes: &[Write]) -> String {
    let each = writes.iter().map(|write| match write {
        Write::Append { stream, envelope, .. } => format!("append {stream} {}", envelope.event_id),
        Write::Put { collection, key, .. } => format!("put {collection}/{key}"),
        Write::Delete { collection, key, .. } => format!("delete {collection}/{key}"),
        Write::Guard { .. } | Write::Require { .. } => "guard".to_owned(),
        Write::Checkpoint { subscriber, position } => format!("checkpoint {subscriber} {position}"),
    });
    each.collect::<Vec<_>>().join(", ")
}
