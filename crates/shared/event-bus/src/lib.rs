//! Subscribers over the log.
//!
//! One event with n subscribers is n deliveries, each with its own checkpoint, retries and failure. A [`Subscriber`] puts its
//! effect into the unit that it is given; effect and checkpoint are committed together, so a crash at any instruction loses
//! no event and repeats no effect. What a subscriber can rely on is its [`DeliveryClass`]:
//!
//! | class | runs | guarantee | order |
//! | --- | --- | --- | --- |
//! | [`Inline`](DeliveryClass::Inline) | before the commit, in the publisher's unit | atomic; a failure aborts the publisher | explicit, then by name |
//! | [`Durable`](DeliveryClass::Durable) | after the commit, from a checkpoint | at least once; an effect in the given unit exactly once | of each key, as published |
//! | [`Ephemeral`](DeliveryClass::Ephemeral) | after the commit, in memory, from the end of the log | best effort, each tried once; drops are counted | as published |
//!
//! The log is the queue: publishing is a commit, whoever subscribes. A durable subscriber holds a bounded part of the log in
//! memory and handles up to [`concurrency`](Subscription::with_concurrency) events at a time, never two of one key. Among the
//! keys that are ready, the most urgent goes first; one in 64 times it is the one that has been ready longest, if that has seen 64
//! others go before it.
//!
//! An event that keeps failing parks its key: it and the later events of that key go to the dead letters, the other keys
//! flow on, and the checkpoint moves past them. While a try waits for the next, other keys flow as well; but batches come one after
//! another, and what follows waits for a batch that is tried again. A unit that the store refuses for good, such as one that writes upon
//! a damaged document, is a failure of its event like any other. Dead letters are tried
//! again by [`EventBus::retry_dead_letters`] in the order of their key, which flows again when the last of them is gone.
//!
//! A delivery that wrote nothing is not committed: its progress is kept in memory and stored with the next unit, after 256
//! events, when a second passes without events or behind one that is not done, and at the stop. After a crash such an event comes
//! again; there is no effect of it that would be repeated, but for those outside of the unit, which happen at least once in any case.
//!
//! The bus also publishes what is [scheduled](Schedule) when it is due, and that an hour, a day or a month has passed, if
//! somebody subscribes to that: by the injected clock, once each.
//!
//! # Several processes
//!
//! A durable subscriber can be divided by keys [into slots](Subscription::in_slots): each is a follower with a checkpoint of its
//! own, and a key is in one of them, by [`slot_of`]. Where the bus is told [which node it is](BusOptions::node), it works on a slot
//! only as long as it holds its lease, and the nodes over one store share the slots fairly: each holds its part of them, rounded
//! up at most. Without a node there is but this process, and leases cost nothing.
//!
//! | what happens | what follows |
//! | --- | --- |
//! | a node stops | it gives back what it holds in its last unit, and the others take it at their next look, within a second |
//! | a node dies | the others take what it held when its lease has ended by their clocks, and not before |
//! | a node starts | the others end what is under way in the slots above their share, and give them back |
//! | a node is paused beyond its lease, or its clock is wrong | a slot may change hands early or late; **what it commits of a slot that it has lost is refused**, so nothing is done twice, and what it had in flight is dropped |
//!
//! Each unit of a slot requires the very revision of the claim under which the work began, the fencing token, and the store checks
//! that where it writes. So clocks, pauses of a virtual machine and delays of a network decide when a slot changes hands, and
//! never what its events have done. What a handler does outside of its unit has no such fence.
//!
//! A node writes one document in a third of its lease, whatever it holds, one unit for each slot that it takes or gives back, and
//! one for each node that it finds gone. It reads the leases every second, or every third of a lease.
//!
//! Dead letters, delivery records, pauses and that somebody resumes are of the subscriber and not of a slot. Letters are tried again by the process that
//! holds their slot; asked elsewhere, it is said.
//!
//! A handler acts for the user who caused its event, with the permissions of its own module.
#![warn(missing_docs)]

mod at_rest;
mod bus;
mod collections;
mod control;
mod dead_letters;
mod delivery;
mod error;
mod follower;
mod handler;
mod inline;
mod lease;
mod letter;
mod listener;
mod mailbox;
mod meters;
mod parked;
mod passage;
mod principals;
mod progress;
mod publisher;
mod record;
mod redelivery;
mod retention;
mod retry;
mod running;
mod schedule;
mod slot;
mod standing;
mod stretch;
mod subscriber;
mod subscription;
mod sync;
mod timekeeper;
mod watch;

pub use at_rest::{Checkpoints, at_rest};
pub use bus::{BusOptions, Drain, EventBus, Ports};
pub use collections::collections;
pub use control::Pause;
pub use dead_letters::{DeadLetters, Discarded, LetterFilter};
pub use error::BusError;
pub use inline::InlineSubscribers;
pub use lease::{Lease, Node};
pub use letter::DeadLetter;
pub use passage::{DayPassed, HourPassed, MonthPassed, contracts};
pub use publisher::{
    KeptEvent, PublishError, Published, Publisher, PublisherOptions, PublisherStatus, RefusedPublish, SpoolError,
};
pub use record::{DeliveryOutcome, DeliveryRecord};
pub use redelivery::Retried;
pub use retention::Retention;
pub use retry::RetryPolicy;
pub use schedule::{Schedule, ScheduleId, Scheduled, scheduled};
pub use slot::slot_of;
pub use standing::{Failing, Overlong, SlotStatus, SubscriberStatus};
pub use subscriber::{BatchSubscriber, CpuSubscriber, EnvelopeSubscriber, Subscriber};
pub use subscription::{BatchOptions, DeliveryClass, OnUnknown, Overflow, Subscription, SubscriptionFault};
