//! The cell of `once_cell`, made of what shuttle has.

use std::{
    cell::Cell,
    convert::Infallible,
    sync::{OnceLock, PoisonError},
};

use shuttle::sync::Mutex;

/// Whoever makes the value holds the lock, and the others wait for it.
pub struct OnceCell<T> {
    value: OnceLock<T>,
    making: Mutex<()>,
}

// All threads of a simulation are this one thread, and no other simulation is.
std::thread_local! {
    static LOCK_IS_LEFT_OUT: Cell<bool> = const { Cell::new(false) };
}

/// The mutant: runs the simulation with cells that let everybody in.
pub fn without_the_lock<R>(simulation: impl FnOnce() -> R) -> R {
    LOCK_IS_LEFT_OUT.set(true);
    let result = simulation();
    LOCK_IS_LEFT_OUT.set(false);
    result
}

impl<T> OnceCell<T> {
    pub fn new() -> Self {
        Self { value: OnceLock::new(), making: Mutex::new(()) }
    }

    /// Others may come before whoever looks, and before what follows from what was seen.
    pub fn get(&self) -> Option<&T> {
        shuttle::thread::yield_now();
        let value = self.value.get();
        shuttle::thread::yield_now();
        value
    }

    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        let Ok(value) = self.get_or_try_init(|| Ok::<_, Infallible>(make()));
        value
    }

    pub fn get_or_try_init<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        let _making = (!LOCK_IS_LEFT_OUT.get()).then(|| self.making.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(value) = self.get() {
            return Ok(value);
        }
        let value = make()?;
        Ok(self.value.get_or_init(|| value))
    }
}
