use std::{
    future::poll_fn,
    task::{Poll, Waker},
};

use crate::{
    Position,
    sync::{Arc, AtomicBool, AtomicU64, AtomicUsize, Mutex, Ordering, PoisonError, RwLock},
};

/// How many listeners are woken by whoever announces. Each wakes all the others before it does anything else: the many are not
/// woken at the cost of the committer. Two, because tokio keeps the task that was woken last for the thread that woke it, which
/// may be busy.
const HERALDS: usize = 2;

/// The store's side of [`Appended`]: says that the log has grown. Clones say it to the same listeners.
///
/// A `watch` channel does the same for several times the price: every commit pays it, and so does everybody who waits for one.
#[derive(Clone)]
pub struct Appends(Arc<Board>);

struct Board {
    head: AtomicU64,
    listeners: RwLock<Vec<Arc<Listener>>>,
    /// How many listeners wait: a committer whom nobody waits for looks no further.
    waiting: Arc<AtomicUsize>,
}

struct Listener {
    /// Whether there is a waker that has not been woken. Only then is the lock taken.
    waits: AtomicBool,
    /// Of the board.
    waiting: Arc<AtomicUsize>,
    waker: Mutex<Option<Waker>>,
    rung: AtomicBool,
}

/// Wakes when a log has grown. A hint: what is in the log decides.
pub struct Appended {
    board: Arc<Board>,
    listener: Arc<Listener>,
    seen: u64,
}

/// Wakes one [`Appended`] though nothing was appended: for whoever has something else to say to the same task.
#[derive(Clone)]
pub struct Bell(Arc<Listener>);

impl Appends {
    /// Of a log that ends here.
    pub fn new(head: Position) -> Self {
        let (listeners, waiting) = (RwLock::new(Vec::new()), Arc::new(AtomicUsize::new(0)));
        Self(Arc::new(Board { head: AtomicU64::new(head.0), listeners, waiting }))
    }

    /// The log ends here now. A head before an earlier one changes nothing. Whether whoever announces it should let others have
    /// the thread: several were woken, nobody else had anything to do, and tokio keeps the last of them for this thread.
    pub fn announce(&self, head: Position) -> bool {
        self.0.head.fetch_max(head.0, Ordering::SeqCst) < head.0 && self.0.wake(HERALDS)
    }

    /// Listens from now on.
    pub fn listen(&self) -> Appended {
        let listener = Arc::new(Listener {
            waits: AtomicBool::new(false),
            waiting: Arc::clone(&self.0.waiting),
            waker: Mutex::new(None),
            rung: AtomicBool::new(false),
        });
        self.0.listeners.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&listener));
        Appended { board: Arc::clone(&self.0), listener, seen: self.0.head.load(Ordering::SeqCst) }
    }
}

impl Board {
    /// At most so many of those who wait. Whether there were several, and all waited.
    fn wake(&self, most: usize) -> bool {
        let waiting = self.waiting.load(Ordering::SeqCst);
        if waiting == 0 {
            return false;
        }
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
        let woken = listeners.iter().filter(|listener| listener.wake()).take(most).count();
        woken > 1 && waiting >= listeners.len()
    }
}

impl Listener {
    /// After the waker was put there, and before the last look at the head. Counted before it is said, so that the count is never
    /// too low; where it waits already, whoever ends that finds the new waker.
    fn wait(&self) {
        if !self.waits.load(Ordering::SeqCst) {
            self.waiting.fetch_add(1, Ordering::SeqCst);
            self.waits.store(true, Ordering::SeqCst);
        }
    }

    /// Whether it has waited until now.
    fn end_wait(&self) -> bool {
        let waited = self.waits.load(Ordering::SeqCst) && self.waits.swap(false, Ordering::SeqCst);
        if waited {
            self.waiting.fetch_sub(1, Ordering::SeqCst);
        }
        waited
    }

    /// The listener shows its waker and looks at the head again; this comes after the head was raised. One of the two sees the
    /// other.
    fn wake(&self) -> bool {
        let waited = self.end_wait();
        if waited {
            let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
        waited
    }
}

impl Appended {
    /// Whether the log has grown, or somebody has rung, since the last look.
    pub fn has_changed(&self) -> bool {
        self.board.head.load(Ordering::SeqCst) != self.seen || self.listener.rung.load(Ordering::SeqCst)
    }

    /// Looks where the log ends: it has not changed since.
    pub fn look(&mut self) -> Position {
        if self.listener.rung.load(Ordering::SeqCst) {
            self.listener.rung.store(false, Ordering::SeqCst);
        }
        let head = self.board.head.load(Ordering::SeqCst);
        if self.seen != head {
            self.seen = head;
            self.board.wake(usize::MAX);
        }
        Position(head)
    }

    /// Waits until it [has changed](Self::has_changed), and looks.
    ///
    /// # Cancel safety
    /// Only waits; can be dropped and called again.
    pub async fn changed(&mut self) -> Position {
        poll_fn(|cx| {
            if self.has_changed() {
                return Poll::Ready(self.look());
            }
            {
                let mut waker = self.listener.waker.lock().unwrap_or_else(PoisonError::into_inner);
                match &mut *waker {
                    Some(shown) => shown.clone_from(cx.waker()),
                    none => *none = Some(cx.waker().clone()),
                }
            }
            self.listener.wait();
            // It may have grown between the first look and the waker.
            if self.has_changed() { Poll::Ready(self.look()) } else { Poll::Pending }
        })
        .await
    }

    /// Wakes this one.
    pub fn bell(&self) -> Bell {
        Bell(Arc::clone(&self.listener))
    }
}

impl Drop for Appended {
    fn drop(&mut self) {
        let mut listeners = self.board.listeners.write().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| !Arc::ptr_eq(listener, &self.listener));
        drop(listeners);
        self.listener.end_wait();
        // It may have been told and not have said so.
        self.board.wake(usize::MAX);
    }
}

impl Bell {
    /// It [has changed](Appended::has_changed).
    pub fn ring(&self) {
        self.0.rung.store(true, Ordering::SeqCst);
        self.0.wake();
    }
}

#[cfg(test)]
mod tests {
    use shuttle::{check_random, future::block_on, thread};

    use super::*;

    const ORDERS: usize = 5000;

    /// Two append and one rings, while two wait until they have seen the last event and the bell. Nobody is left waiting:
    /// shuttle finds every thread that is.
    #[test]
    fn whoever_waits_hears_of_the_last_event() {
        check_random(
            || {
                let appends = Appends::new(Position(0));
                let mut listeners: Vec<Appended> = (0..2).map(|_| appends.listen()).collect();
                let bell = listeners[0].bell();
                let other = appends.clone();
                let appending = [
                    thread::spawn(move || (1..=2).for_each(|head| _ = appends.announce(Position(head)))),
                    thread::spawn(move || (2..=3).for_each(|head| _ = other.announce(Position(head)))),
                    thread::spawn(move || bell.ring()),
                ];
                let waiting = listeners.drain(..).map(|mut listener| {
                    thread::spawn(move || block_on(async { while listener.changed().await < Position(3) {} }))
                });
                let waiting: Vec<_> = waiting.collect();
                appending.into_iter().chain(waiting).for_each(|thread| thread.join().unwrap());
            },
            ORDERS,
        );
    }

    /// A bell alone wakes.
    #[test]
    fn a_bell_is_heard() {
        check_random(
            || {
                let appends = Appends::new(Position(7));
                let mut listener = appends.listen();
                let bell = listener.bell();
                let ringing = thread::spawn(move || bell.ring());
                assert_eq!(block_on(listener.changed()), Position(7));
                assert!(!listener.has_changed());
                ringing.join().unwrap();
            },
            ORDERS,
        );
    }
}
