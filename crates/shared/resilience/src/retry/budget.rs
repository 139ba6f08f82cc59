use std::{sync::Arc, time::Duration};

use kernel::Error;
use tower::retry::budget::{Budget, TpsBudget};

use super::RetryBudgetOptions;

/// What retries are paid from; clones are the same budget. It is tower's, with options that are checked.
///
/// When a target is down and everything is tried again, retries make its load a multiple of what it was, and layers of retries
/// a power of that. With a budget it is a little more than before: successes pay in, retries are paid, and when nothing is
/// left the first error is the answer.
#[derive(Debug, Clone)]
pub struct RetryBudget(Arc<TpsBudget>);

impl RetryBudget {
    /// Full: with what `per_second` gives over the whole window.
    ///
    /// # Errors
    /// All options that are wrong.
    pub fn try_new(options: &RetryBudgetOptions) -> Result<Self, Error> {
        options.check()?;
        let window = Duration::from_secs(options.window_seconds.into());
        let share = options.percent as f32 / 100.0;
        Ok(Self(Arc::new(TpsBudget::new(window, options.per_second, share))))
    }

    pub(super) fn deposit(&self) {
        self.0.deposit();
    }

    pub(super) fn withdraw(&self) -> bool {
        self.0.withdraw()
    }
}
