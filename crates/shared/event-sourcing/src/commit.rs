use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use crate::{CommitError, MemoryStore, Receipt, Unit};

type Outcome = Result<Receipt, CommitError>;

/// What [`Store::commit`](crate::Store::commit) gives: the answer, in time.
///
/// A store in memory has it at the first poll, and an allocation for each event would be a twentieth of what a publish costs.
#[must_use = "nothing is written before it is awaited"]
pub struct Commit<'s>(State<'s>);

#[expect(clippy::large_enum_variant, reason = "an allocation less is what it is for")]
enum State<'s> {
    AtOnce(&'s MemoryStore, Unit),
    Answered,
    InTime(Pin<Box<dyn Future<Output = Outcome> + Send + 's>>),
}

impl<'s> Commit<'s> {
    /// Of an adapter whose work this is.
    pub fn new(work: impl Future<Output = Outcome> + Send + 's) -> Self {
        Self(State::InTime(Box::pin(work)))
    }

    pub(crate) fn at_once(store: &'s MemoryStore, unit: Unit) -> Self {
        Self(State::AtOnce(store, unit))
    }
}

impl Future for Commit<'_> {
    type Output = Outcome;

    /// # Panics
    /// After the answer, as futures do.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        if let State::AtOnce(store, unit) = &mut self.0 {
            // Where it lies: a unit is large, and to move it costs as much as to write it.
            let answer = store.write(unit);
            self.0 = State::Answered;
            let (receipt, lets_others) = answer?;
            if !lets_others {
                return Poll::Ready(Ok(receipt));
            }
            // It is written. Dropped here, nothing of it is undone.
            let answer = async {
                tokio::task::yield_now().await;
                Ok(receipt)
            };
            self.0 = State::InTime(Box::pin(answer));
        }
        match &mut self.0 {
            State::InTime(work) => work.as_mut().poll(cx),
            State::AtOnce(..) | State::Answered => panic!("a future is not polled after its answer"),
        }
    }
}

impl fmt::Debug for Commit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commit").finish_non_exhaustive()
    }
}
