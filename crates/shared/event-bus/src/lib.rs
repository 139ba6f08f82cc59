//! Durable subscribers over the log.
//!
//! One event with n subscribers is n deliveries, each with its own checkpoint, retries and failure. A [`Subscriber`] puts its
//! effect into the unit that it is given; effect and checkpoint are committed together, so a crash at any instruction loses
//! no event and repeats no effect. A subscriber takes its events one at a time in log order.
//!
//! An event that keeps failing parks its key: it and the later events of that key go to the dead letters, the other keys
//! flow on, and the checkpoint moves past them.
//!
//! A handler acts for the user who caused its event, with the permissions of its own module.
#![warn(missing_docs)]

mod bus;
mod delivery;
mod subscriber;

pub use bus::{Drain, EventBus, SubscriberLag};
pub use delivery::{DeadLetter, RetryPolicy};
pub use subscriber::{Subscriber, Subscription};
