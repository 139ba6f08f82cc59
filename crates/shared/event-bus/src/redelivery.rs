//! How a follower is asked to try dead letters again.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use event_sourcing::StoreError;
use serde::{Deserialize, Serialize};
use tokio::{sync::watch, time::timeout};

use crate::{
    BusError, LetterFilter,
    sync::{Mutex, MutexGuard},
};

/// How long whoever asks waits without a letter that has come to its end.
const QUIET: Duration = Duration::from_secs(30);

/// What came of trying dead letters again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retried {
    /// Letters whose event was handled: they are gone.
    pub delivered: usize,
    /// Letters that failed again. They have the new error, and their tries are counted on; one that had only waited behind others is
    /// tried as often as any event, by itself.
    pub failed: usize,
    /// Letters that were not tried, because an earlier one of their key failed again.
    pub behind: usize,
    /// Subscribers that take nothing now, being paused or halted: resume them first. Or their task has panicked, as their status says:
    /// start the program again.
    pub held: Vec<String>,
    /// Subscribers that were not waited for any longer: for half a minute no handler of theirs has ended, of a letter or of what
    /// must end before. Letters that were not tried by then are not tried.
    #[serde(default)]
    pub busy: Vec<String>,
    /// Subscribers that do not run in this process.
    pub elsewhere: Vec<String>,
}

impl Retried {
    pub(crate) fn add(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.failed += other.failed;
        self.behind += other.behind;
        self.held.extend(other.held);
        self.busy.extend(other.busy);
        self.elsewhere.extend(other.elsewhere);
    }
}

/// What was asked of one follower.
pub(crate) struct Ask {
    pub filter: LetterFilter,
    told: watch::Sender<Told>,
}

/// What whoever asked is told, letter by letter.
#[derive(Default)]
struct Told {
    retried: Retried,
    end: Option<Result<(), StoreError>>,
}

/// Where the answer comes. Without it nothing more is tried of what was asked.
pub(crate) struct Answer(watch::Receiver<Told>);

impl Ask {
    /// Nobody waits for the answer.
    pub fn is_given_up(&self) -> bool {
        self.told.is_closed()
    }

    pub fn tell(&self, change: impl FnOnce(&mut Retried)) {
        self.told.send_modify(|told| change(&mut told.retried));
    }

    /// There is no more to tell.
    pub fn end(self, result: Result<(), StoreError>) {
        self.told.send_modify(|told| told.end = Some(result));
    }
}

impl Answer {
    /// Until the end, or until nothing has been heard for too long.
    pub async fn of(mut self, subscriber: String) -> Result<Retried, BusError> {
        loop {
            {
                let told = self.0.borrow_and_update();
                if let Some(end) = &told.end {
                    return Ok(end.clone().map(|()| told.retried.clone())?);
                }
            }
            match timeout(QUIET, self.0.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(BusError::Stopped(subscriber)),
                Err(_) => {
                    let retried = self.0.borrow().retried.clone();
                    return Ok(Retried { busy: vec![subscriber], ..retried });
                }
            }
        }
    }
}

/// Where a follower finds what it was asked. Closed, it forgets who asked, who then knows that there will be no answer.
#[derive(Clone)]
pub(crate) struct Desk(Arc<Mutex<Option<Vec<Ask>>>>);

impl Default for Desk {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Some(Vec::new()))))
    }
}

impl Desk {
    pub fn ask(&self, filter: LetterFilter) -> Answer {
        let (told, answer) = watch::channel(Told::default());
        if let Some(asked) = self.asked().as_mut() {
            asked.push(Ask { filter, told });
        }
        Answer(answer)
    }

    pub fn take(&self) -> Vec<Ask> {
        self.asked().as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub fn close(&self) {
        // Mutant `desk_stays_open`: who asks of a follower that has ended waits for ever.
        if !cfg!(mutant = "desk_stays_open") {
            *self.asked() = None;
        }
    }

    fn asked(&self) -> MutexGuard<'_, Option<Vec<Ask>>> {
        // Nothing that is done with it can stop half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use shuttle::{check_random, future::block_on, thread};

    use super::*;

    const ORDERS: usize = 2000;

    /// Whether it was answered before the desk was closed.
    async fn answered(Answer(mut told): Answer) -> bool {
        while told.borrow_and_update().end.is_none() {
            if told.changed().await.is_err() {
                return false;
            }
        }
        true
    }

    /// Two ask while a follower looks for that twice and ends. Nobody is left waiting, which shuttle would find.
    #[test]
    fn whoever_asks_hears_of_the_end() {
        check_random(
            || {
                let desk = Desk::default();
                let ask = |desk: Desk| thread::spawn(move || block_on(answered(desk.ask(LetterFilter::default()))));
                let asking = [ask(desk.clone()), ask(desk.clone())];
                let following = thread::spawn(move || {
                    let mut ended = 0;
                    for _ in 0..2 {
                        let asked = desk.take();
                        ended += asked.len();
                        asked.into_iter().for_each(|ask| ask.end(Ok(())));
                    }
                    desk.close();
                    ended
                });
                let answered = asking.map(|asking| asking.join().unwrap());
                let answered = answered.into_iter().filter(|answered| *answered).count();
                assert_eq!(answered, following.join().unwrap());
            },
            ORDERS,
        );
    }
}
