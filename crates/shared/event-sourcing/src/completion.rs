use kernel::Error;

use crate::Unit;

/// What every unit passes before somebody commits it for a module: inline subscribers add to it, and its events are held to the
/// rules. `Client` of the crate `request` is that of the application, and `InlineSubscribers` of the crate `event-bus` that of whoever has
/// no modules.
///
/// A trait because a [`Repository`](crate::Repository) commits and knows neither:
///
/// ```text
/// request ──> event-bus ──> event-sourcing (Repository, this trait)
///    └─────────────────────────────^
/// ```
pub trait Completion: Sync {
    /// # Errors
    /// Of an inline subscriber; of the rules. The unit must then not be committed.
    ///
    /// # Cancel safety
    /// Dropped, the unit has a part of what belongs to it: drop it too.
    fn complete(&self, unit: &mut Unit) -> impl Future<Output = Result<(), Error>> + Send;
}
