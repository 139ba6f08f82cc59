//! What the tested code stands on fails, is late, panics or is cut off, by a plan that repeats.
//!
//! A [`FaultPlan`] counts the calls of all that it is put [around](FaultPlan::around), and says at which of them what happens:
//! as it is [written down](FaultPlan::at), or as a [`Seed`] has it. [`each_seed`] runs a test with many seeds; the one that fails
//! is told with the command that replays it and with its plan, written down, so that faults can be left out of it one by one.
//!
//! ```ignore
//! each_seed(200, async |seed| {
//!     let faults = seed.faults(8, &[Fault::Fail, Fault::Drop(1), Fault::Panic]);
//!     let store: Arc<dyn Store> = Arc::new(faults.around(Arc::new(MemoryStore::default())));
//!     ...
//! })
//! .await;
//! ```

mod damaged;
mod plan;
mod ports;
mod reading;
mod seed;

pub use damaged::Damaged;
pub use plan::{Fault, FaultPlan, Faulty};
pub(crate) use ports::{commit_error, error, store_error, wait_error};
pub use reading::Reading;
pub(crate) use seed::mixed;
pub use seed::{Seed, each_seed};
