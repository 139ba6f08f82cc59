use std::sync::{Arc, PoisonError};

use futures::future::{BoxFuture, FutureExt, Shared, WeakShared};

use crate::{
    sync::{Mutex, MutexGuard, OnceCell},
    wire::Made,
};

/// An attempt that everybody who wants its value may drive: if the first who polled it is dropped, or not polled any
/// more, the others go on with it.
pub type Attempt<T> = Shared<BoxFuture<'static, Made<T>>>;

/// A value that is made once, by whoever comes first. If that fails, the next to come tries again.
///
/// Invariant: nothing is awaited while either of the two is held.
pub struct Memo<T: ?Sized> {
    /// Whoever makes the value holds the cell.
    value: OnceCell<Arc<T>>,
    /// The attempt that is under way, for as long as somebody waits for it.
    attempt: Mutex<Option<WeakShared<BoxFuture<'static, Made<T>>>>>,
}

impl<T: ?Sized> Memo<T> {
    pub fn new() -> Self {
        Self { value: OnceCell::new(), attempt: Mutex::new(None) }
    }

    #[inline]
    pub fn get(&self) -> Option<Arc<T>> {
        self.value.get().map(Arc::clone)
    }

    pub fn get_or_make(&self, make: impl FnOnce() -> Made<T>) -> Made<T> {
        self.value.get_or_try_init(make).map(Arc::clone)
    }

    /// The value, or the attempt to join, which is begun if there is none. An attempt ends in
    /// [`get_or_finish`](Self::get_or_finish).
    pub fn get_or_join(&self, begin: impl FnOnce() -> BoxFuture<'static, Made<T>>) -> Result<Arc<T>, Attempt<T>>
    where
        T: Send + Sync,
    {
        let mut attempt = self.lock();
        if let Some(value) = self.get() {
            return Ok(value);
        }
        let under_way = attempt.as_ref().and_then(WeakShared::upgrade);
        // One that has ended without a value has failed, and somebody has yet to take note.
        if let Some(under_way) = under_way.filter(|under_way| under_way.peek().is_none()) {
            return Err(under_way);
        }
        let begun = begin().shared();
        *attempt = begun.downgrade();
        Err(begun)
    }

    /// Under the lock, so that nobody finds both the attempt over and the value not there yet, and begins anew.
    pub fn get_or_finish(&self, make: impl FnOnce() -> Made<T>) -> Made<T> {
        let _attempt = self.lock();
        self.get_or_make(make)
    }

    /// What a panic under the lock leaves behind is a memo without a value, as before.
    fn lock(&self) -> MutexGuard<'_, Option<WeakShared<BoxFuture<'static, Made<T>>>>> {
        self.attempt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
