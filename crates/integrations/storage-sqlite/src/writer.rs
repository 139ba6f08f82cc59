use std::{
    mem::take,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU32, Ordering},
    },
    time::Duration,
};

use event_sourcing::{Appends, CommitError, Deadline, Position, Receipt, StoreError, StoreErrorKind, Unit, Write};
use rusqlite::{Connection, ErrorCode, hooks::Wal};
use tokio::{
    sync::{
        mpsc::{
            self,
            error::{SendTimeoutError, TrySendError},
        },
        oneshot,
    },
    time::timeout,
};

use crate::{
    fault::StoreFile,
    fold::{self, Folder},
    halt::Halt,
    log_file::Leftovers,
    sync::{Builder, JoinHandle, block_on},
    transaction::{Known, Transaction},
};

/// Units that wait for the writer.
const QUEUE: usize = 1024;
/// Units that share a transaction.
const GROUP: usize = 512;

/// The thread that writes, and the way to it.
pub(crate) struct Writer {
    file: StoreFile,
    queue: Option<mpsc::Sender<Order>>,
    /// How long a unit waits for a place in the queue.
    patience: Duration,
    thread: Option<JoinHandle<()>>,
}

/// What the thread is told.
pub(crate) enum Order {
    Write(Job),
    /// Something else that needs the connection, alone.
    Run(Box<dyn FnOnce(&mut Desk) + Send>),
    /// The folder has done what it can.
    Folded,
}

pub(crate) struct Job {
    writes: Vec<Write>,
    limit: Option<Arc<Limit>>,
    answer: oneshot::Sender<Answer>,
}

type Outcome = Result<Receipt, CommitError>;

/// The writes come back to be dropped by the thread that made them: the writer has better things to do, and freeing what
/// another thread allocates has the two wait for each other.
struct Answer {
    outcome: Outcome,
    _writes: Vec<Write>,
}

/// The deadline of a unit, and whether the writer has begun with it or whoever sent it has given it up: one of the two.
struct Limit {
    deadline: Deadline,
    turn: AtomicU8,
}

impl Limit {
    const BEGUN: u8 = 1;
    const GIVEN_UP: u8 = 2;

    fn of(deadline: Deadline) -> Arc<Self> {
        Arc::new(Self { deadline, turn: AtomicU8::new(0) })
    }

    /// For the writer, before anything of the unit is written; also of one that was begun before.
    fn begin(&self) -> Result<(), CommitError> {
        self.deadline.check()?;
        let was = self.turn.compare_exchange(0, Self::BEGUN, Ordering::Relaxed, Ordering::Relaxed);
        // The clock was set back since; the answer was given.
        if was == Err(Self::GIVEN_UP) { Err(self.deadline.late()) } else { Ok(()) }
    }

    /// For whoever waits: what to answer instead, if it is late and not begun.
    fn give_up(&self) -> Option<CommitError> {
        let late = self.deadline.check().err()?;
        let was = self.turn.compare_exchange(0, Self::GIVEN_UP, Ordering::Relaxed, Ordering::Relaxed);
        was.is_ok().then_some(late)
    }
}

impl Job {
    fn settle(self, outcome: Outcome) {
        // Whoever asked may be gone; what was written stays written.
        let _ = self.answer.send(Answer { outcome, _writes: self.writes });
    }
}

impl Writer {
    pub fn start(
        mut connection: Connection,
        file: StoreFile,
        appended: Appends,
        patience: Duration,
    ) -> Result<Self, StoreError> {
        let (queue, orders) = mpsc::channel(QUEUE);
        let log_pages = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&log_pages);
        let count = move |_: &mut Wal, pages: i32| {
            counted.store(pages.unsigned_abs(), Ordering::Relaxed);
            Ok(())
        };
        // It takes the place of SQLite's own, which would fold the log and leave it as it is.
        connection.wal_hook(Some(count)).map_err(|cause| file.fault(&cause))?;
        let (known, halt) = (Known::default(), Halt::from_env());
        let folder = Folder::new(file.clone(), queue.downgrade());
        let leftovers = Leftovers::default();
        let desk = Desk { folder, connection, file: file.clone(), known, log_pages, appended, leftovers, halt };
        let thread = Builder::new().name("sqlite-writer".into()).spawn(|| desk.work(orders)).map_err(|cause| {
            let what = format!("cannot be written: no thread for it ({cause})");
            file.error(StoreErrorKind::Unavailable, &what)
        })?;
        Ok(Self { file, queue: Some(queue), patience, thread: Some(thread) })
    }

    /// # Cancel safety
    /// Until the queue takes it the unit is the caller's and is dropped with the future; from then on it is the writer's,
    /// which never looks at whether anybody still waits.
    pub async fn commit(&self, unit: Unit) -> Result<Receipt, CommitError> {
        let (answer, mut answered) = oneshot::channel();
        let limit = unit.deadline().map(Limit::of);
        let job = Job { writes: unit.into_writes(), limit: limit.clone(), answer };
        let patience = limit.as_ref().map_or(self.patience, |limit| limit.deadline.left().min(self.patience));
        if let Err(refused) = self.queue(Order::Write(job), patience).await {
            let late =
                limit.filter(|_| matches!(refused, SendTimeoutError::Timeout(_))).and_then(|limit| limit.give_up());
            return Err(late.unwrap_or_else(|| self.refusal(&refused).into()));
        }
        let answer = match limit {
            None => answered.await,
            Some(limit) => match timeout(limit.deadline.left(), &mut answered).await {
                Ok(answer) => answer,
                // What is being written is waited for: nobody could say what became of it.
                Err(_) => match limit.give_up() {
                    Some(late) => return Err(late),
                    None => answered.await,
                },
            },
        };
        answer.map_or_else(|_| Err(self.stopped().into()), |answer| answer.outcome)
    }

    async fn queue(&self, order: Order, patience: Duration) -> Result<(), SendTimeoutError<Order>> {
        let queue = self.queue.as_ref().expect("the queue is taken away only when the writer is dropped");
        // A timer only for those who must wait.
        match queue.try_send(order) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(order)) => queue.send_timeout(order, patience).await,
            Err(TrySendError::Closed(order)) => Err(SendTimeoutError::Closed(order)),
        }
    }

    fn refusal(&self, refused: &SendTimeoutError<Order>) -> StoreError {
        match refused {
            SendTimeoutError::Timeout(_) => {
                let what = format!(
                    "has had {QUEUE} units waiting for its writer for {:?}, and nothing of this one was written: try again later",
                    self.patience
                );
                self.file.error(StoreErrorKind::Busy, &what)
            }
            SendTimeoutError::Closed(_) => self.stopped(),
        }
    }

    /// Does something with the connection, between the units.
    ///
    /// # Cancel safety
    /// As [`commit`](Self::commit).
    pub async fn run<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let task = Box::new(move |desk: &mut Desk| {
            let result = task(&mut desk.connection);
            if result.is_err() {
                desk.undo();
            }
            drop(answer.send(result));
        });
        self.queue(Order::Run(task), self.patience).await.map_err(|refused| self.refusal(&refused))?;
        answered.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    fn stopped(&self) -> StoreError {
        let what = "has no writer any more, and it is not known whether this was written: restart the program";
        self.file.error(StoreErrorKind::Unavailable, what)
    }
}

impl Drop for Writer {
    /// Writes what is queued and ends the thread, which closes its connection.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(store = %self.file, "the writer panicked");
        }
    }
}

/// What the thread works with.
pub(crate) struct Desk {
    /// Dropped before the connection, which is the last one to close.
    folder: Folder,
    connection: Connection,
    file: StoreFile,
    known: Known,
    /// After the last commit.
    log_pages: Arc<AtomicU32>,
    appended: Appends,
    leftovers: Leftovers,
    halt: Option<Halt>,
}

/// Why a group of units was not written.
enum Failure {
    /// One of them is to blame, perhaps.
    Unit(rusqlite::Error),
    Group(rusqlite::Error),
}

impl Drop for Desk {
    /// Folds the log, all of it where nobody is in the middle of reading it. What has taken the place of a store that was lost belongs
    /// to others.
    fn drop(&mut self) {
        self.folder.rest();
        fold::end(&self.connection, &self.file);
    }
}

impl Desk {
    fn work(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            let mut taken = Vec::new();
            if block_on(orders.recv_many(&mut taken, GROUP)) == 0 {
                break;
            }
            // Mutant `queued_forgotten`: what waits for the writer when the store is dropped is not written.
            if cfg!(mutant = "queued_forgotten") && orders.is_closed() {
                break;
            }
            let mut group = Vec::with_capacity(taken.len());
            for order in taken {
                match order {
                    Order::Write(job) => group.push(job),
                    Order::Run(task) => {
                        self.settle(take(&mut group));
                        task(&mut self);
                        self.fold();
                    }
                    Order::Folded => {
                        self.settle(take(&mut group));
                        self.folder.rest();
                        if self.log_pages() >= fold::LONG {
                            fold::begin_anew(&self.connection, &self.file);
                        }
                    }
                }
            }
            self.settle(group);
        }
    }

    /// Writes the units and answers all of them.
    fn settle(&mut self, mut group: Vec<Job>) {
        if group.is_empty() {
            return;
        }
        match self.write(&mut group) {
            Ok(outcomes) => {
                for (job, outcome) in group.into_iter().zip(outcomes) {
                    job.settle(outcome);
                }
            }
            // A unit that cannot be written, being too large perhaps, must not take its neighbours with it.
            Err(Failure::Unit(_)) if group.len() > 1 => {
                for job in group {
                    self.settle(vec![job]);
                }
            }
            Err(Failure::Unit(cause) | Failure::Group(cause)) => {
                let error = self.file.fault(&cause);
                tracing::warn!(units = group.len(), detail = %cause, "not written: {error}");
                for job in group {
                    job.settle(Err(error.clone().into()));
                }
            }
        }
    }

    /// One transaction; after a failure nothing of it is left.
    fn write(&mut self, group: &mut Vec<Job>) -> Result<Vec<Outcome>, Failure> {
        let outcomes = self.try_write(group);
        if outcomes.is_err() {
            self.undo();
        }
        outcomes
    }

    /// After a transaction that has failed.
    fn undo(&mut self) {
        self.known.forget();
        // SQLite has already rolled back by itself after some failures, such as a full disk.
        if !self.connection.is_autocommit()
            && let Err(cause) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(store = %self.file, %cause, "cannot roll back");
        }
        // Mutant `leftovers_kept`: what a commit that failed has left is there after a kill, or has the store be refused.
        if self.file.lost().is_none()
            && !cfg!(mutant = "leftovers_kept")
            && let Err(cause) = self.leftovers.remove(&self.file)
        {
            tracing::error!(store = %self.file, %cause, "what a commit that failed has left in the log cannot be removed");
        }
    }

    fn try_write(&mut self, group: &mut Vec<Job>) -> Result<Vec<Outcome>, Failure> {
        // Whoever sent these has only waited for those before them.
        if group.iter().all(|job| job.writes.is_empty()) {
            return Ok(group.iter().map(|_| Ok(Receipt::default())).collect());
        }
        let mut transaction = Transaction::begin(&self.connection, &mut self.known).map_err(Failure::Group)?;
        let mut outcomes = Vec::with_capacity(group.len());
        for job in group.iter() {
            let outcome = match job.limit.as_ref().map_or(Ok(()), |limit| limit.begin()) {
                Ok(()) => transaction.write(&job.writes).map_err(Failure::Unit)?.map_err(CommitError::from),
                Err(late) => Err(late),
            };
            outcomes.push(outcome);
        }
        let written = group.iter().zip(&outcomes).filter(|(job, outcome)| outcome.is_ok() && !job.writes.is_empty());
        let written = written.count() as u64;
        // Mutant `answered_before_commit`: whoever waits goes on before anything is durable.
        if cfg!(mutant = "answered_before_commit") {
            group.drain(..).zip(&outcomes).for_each(|(job, outcome)| job.settle(outcome.clone()));
        }
        let head = Halt::around(&mut self.halt, written, || transaction.commit());
        // A full disk often shows here first.
        let head = head.map_err(|cause| match cause.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Failure::Unit(cause),
            _ => Failure::Group(cause),
        })?;
        let head = Position(head);
        self.appended.announce(head);
        self.fold();
        Ok(outcomes)
    }

    /// Once the log has become long.
    fn fold(&mut self) {
        match self.log_pages() {
            // It grows faster than it is folded, or somebody reads what is in it all the time.
            fold::TOO_LONG.. => fold::begin_anew(&self.connection, &self.file),
            pages => self.folder.look(pages),
        }
    }

    fn log_pages(&self) -> u32 {
        self.log_pages.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use event_sourcing::Origin;
    use shuttle::{check_random, thread};
    use testing::store::Noted;

    use super::*;
    use crate::{rows, schema};

    fn unit(origin: &Origin, by: &str) -> Unit {
        let mut unit = Unit::new(origin.clone());
        unit.publish(&Noted { writer: by.into(), n: 1 });
        unit
    }

    /// Two commit three units each, one after another, and look at the last answer no more than once; another has something else done
    /// in between, while the log becomes long and is folded. Then the store is dropped, and the file has all of it: each unit once, and
    /// those of one after another.
    #[test]
    fn every_unit_that_was_queued_is_written_once_and_in_its_turn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("borough.db");
        let origin = testing::origin("test");
        check_random(
            move || {
                let _gone = std::fs::remove_file(&path);
                let file = StoreFile::locate(&path).unwrap();
                let mut connection = Connection::open(&path).unwrap();
                connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF").unwrap();
                schema::migrate(&mut connection, &file).unwrap();
                let appended = Appends::new(Position(0));
                let writer = Writer::start(connection, file.clone(), appended, Duration::from_secs(5)).unwrap();
                let writer = Arc::new(writer);
                let committing = ["a", "b"].map(|by| {
                    let (writer, origin) = (Arc::clone(&writer), origin.clone());
                    thread::spawn(move || {
                        let mut last = Position(0);
                        for _ in 0..2 {
                            let receipt = block_on(writer.commit(unit(&origin, by))).unwrap();
                            let position = receipt.position.unwrap();
                            assert!(position > last, "{position} after {last}");
                            last = position;
                        }
                        block_on(testing::polled(Box::pin(writer.commit(unit(&origin, by))), 1));
                    })
                });
                block_on(writer.run(|_| Ok(()))).unwrap();
                committing.into_iter().for_each(|thread| thread.join().unwrap());
                drop(writer);
                assert!(!file.log_path().exists(), "all of it is in the file");
                let connection = Connection::open(&path).unwrap();
                let mut rows = connection.prepare("SELECT key, version FROM events ORDER BY position").unwrap();
                let rows: Vec<(String, u64)> = rows
                    .query_map([], |row| Ok((row.get(0)?, rows::number(row, 1)?)))
                    .unwrap()
                    .collect::<Result<_, _>>()
                    .unwrap();
                for by in ["a", "b"] {
                    let versions: Vec<u64> =
                        rows.iter().filter(|(key, _)| key == by).map(|(_, version)| *version).collect();
                    assert_eq!(versions, [1, 2, 3], "of {by}");
                }
            },
            200,
        );
    }
}
