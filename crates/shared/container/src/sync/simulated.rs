//! The cell of `once_cell`, made of what shuttle has.

use std::{
    convert::Infallible,
    sync::{OnceLock, PoisonError},
};

use shuttle::sync::Mutex;

/// Whoever makes the value holds the lock, and the others wait for it.
pub struct OnceCell<T> {
    value: OnceLock<T>,
    making: Mutex<()>,
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
        // Mutant `cell_without_lock`: all who find the cell empty make a value.
        let locked = !cfg!(mutant = "cell_without_lock");
        let _making = locked.then(|| self.making.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(value) = self.get() {
            return Ok(value);
        }
        let value = make()?;
        Ok(self.value.get_or_init(|| value))
    }
}
