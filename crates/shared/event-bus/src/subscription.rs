use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use kernel::{Envelope, Event};

use crate::{
    BatchSubscriber, CpuSubscriber, EnvelopeSubscriber, RetryPolicy, Subscriber,
    handler::{BatchHandler, Computing, Envelopes, Handler, Typed},
    slot::Slot,
};

/// A subscriber under its stable name, which its checkpoint is stored under, and how it wants to be called.
#[derive(Clone)]
pub struct Subscription {
    /// Unique in the program and never changed: checkpoint and dead letters are stored under it. Letters, digits, `-`, `_`,
    /// `.` and `:`.
    pub name: &'static str,
    /// The module that subscribes. What the subscriber publishes is published by it.
    pub module: &'static str,
    /// Wire name of the events that it takes; of several types, `data_quality.*` or `*`.
    pub event_type: &'static str,
    /// What it can rely on.
    pub class: DeliveryClass,
    /// What is granted to the module.
    pub(crate) permissions: Arc<BTreeSet<String>>,
    pub(crate) concurrency: usize,
    pub(crate) mailbox: usize,
    pub(crate) retry: Option<RetryPolicy>,
    pub(crate) on_unknown: OnUnknown,
    pub(crate) calls: Calls,
    pub(crate) slots: u32,
    /// Of whose keys it takes events.
    pub(crate) slot: Slot,
    /// What of an event's type decides, without the `*`.
    prefix: &'static str,
    wildcard: bool,
}

/// When a subscriber is called, and what it can rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeliveryClass {
    /// Before the commit: it adds to the publisher's unit, and where it fails the publisher fails. See
    /// [`InlineSubscribers`](crate::InlineSubscribers).
    Inline {
        /// Lower ones first; among equals, by name.
        order: i32,
    },
    /// After the commit, from a checkpoint: at least once, what is written into the given unit exactly once, in order for each
    /// key.
    #[default]
    Durable,
    /// After the commit, from now on, in memory: best effort, in order, each tried once. What did not fit is counted.
    Ephemeral {
        /// What happens when the mailbox is full.
        overflow: Overflow,
    },
}

/// What a full mailbox of an [`Ephemeral`](DeliveryClass::Ephemeral) subscriber does. The publisher never waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// Takes nothing more from the log until there is room.
    #[default]
    Wait,
    /// Forgets the event that has waited longest.
    DropOldest,
    /// Does not take the new event.
    Reject,
}

/// What to do with an event of a later version than the program knows, or whose data is not what its contract says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnUnknown {
    /// Its key is parked: nothing is lost, nothing is in disorder.
    #[default]
    Park,
    /// It is passed over and counted: for what may be incomplete.
    Skip,
    /// The subscriber stops until it is resumed or the program, upgraded, starts again: for what must be complete.
    Halt,
}

/// Why a subscription cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionFault {
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub fix: String,
}

/// How many events a [`BatchSubscriber`] gets at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchOptions {
    /// At most; 1 or more.
    pub size: usize,
    /// A batch that is not full is handed over when its first event has waited so long; a day at most.
    pub delay: Duration,
}

#[derive(Clone)]
pub(crate) enum Calls {
    Each(Arc<dyn Handler>),
    Batch(BatchOptions, Arc<dyn BatchHandler>),
}

/// Events that a subscriber holds at most unless its subscription says otherwise.
const MAILBOX: usize = 1024;
/// The most that it may say.
const MOST: usize = 1 << 20;
/// How long a batch may wait for more.
const DELAY: Duration = Duration::from_secs(24 * 3600);

impl Subscription {
    /// To all events of type `E`, [`Durable`](DeliveryClass::Durable), from the stored checkpoint of this name on; without one,
    /// from the start of the log. One event at a time, without permissions.
    pub fn new<E: Event>(name: &'static str, module: &'static str, subscriber: impl Subscriber<E>) -> Self {
        Self::to(name, module, E::NAME, Calls::Each(Arc::new(Typed::<E, _>::new(subscriber))))
    }

    /// As [`new`](Self::new), on the bus's threads for computations.
    pub fn cpu<E: Event>(name: &'static str, module: &'static str, subscriber: impl CpuSubscriber<E>) -> Self {
        let computing = Computing(Arc::new(Typed::<E, _>::new(subscriber)));
        Self::to(name, module, E::NAME, Calls::Each(Arc::new(computing)))
    }

    /// As [`new`](Self::new), many events at once.
    pub fn batches<E: Event>(
        name: &'static str,
        module: &'static str,
        options: BatchOptions,
        subscriber: impl BatchSubscriber<E>,
    ) -> Self {
        Self::to(name, module, E::NAME, Calls::Batch(options, Arc::new(Typed::<E, _>::new(subscriber))))
    }

    /// As [`new`](Self::new), to events of every type that `events` names: one wire name, all that begin alike,
    /// `data_quality.*`, or all, `*`.
    pub fn envelopes(
        name: &'static str,
        module: &'static str,
        events: &'static str,
        subscriber: impl EnvelopeSubscriber,
    ) -> Self {
        Self::to(name, module, events, Calls::Each(Arc::new(Envelopes(subscriber))))
    }

    fn to(name: &'static str, module: &'static str, event_type: &'static str, calls: Calls) -> Self {
        let (prefix, wildcard) = event_type.strip_suffix('*').map_or((event_type, false), |prefix| (prefix, true));
        Self {
            name,
            module,
            event_type,
            class: DeliveryClass::Durable,
            permissions: Arc::default(),
            concurrency: 1,
            mailbox: MAILBOX,
            retry: None,
            on_unknown: OnUnknown::Park,
            calls,
            slots: 1,
            slot: Slot::WHOLE,
            prefix,
            wildcard,
        }
    }

    /// The handler may do this, whoever caused the event.
    #[must_use]
    pub fn with_permissions(mut self, permissions: impl IntoIterator<Item = String>) -> Self {
        self.permissions = Arc::new(permissions.into_iter().collect());
        self
    }

    /// What it can rely on.
    #[must_use]
    pub fn with_class(self, class: DeliveryClass) -> Self {
        Self { class, ..self }
    }

    /// Handles so many events at a time, of as many keys.
    #[must_use]
    pub fn with_concurrency(self, concurrency: usize) -> Self {
        Self { concurrency, ..self }
    }

    /// Holds at most so many events in memory, 1,048,576 at most, that wait for their turn. Those behind a key that stands still
    /// come on top, 4,096 with all that is done behind it: that far, and by so many, other keys get ahead of an event that does not
    /// end or waits for its next try. Then they wait too, until it is handled or parked, as the retry policy has it.
    #[must_use]
    pub fn with_mailbox(self, events: usize) -> Self {
        Self { mailbox: events, ..self }
    }

    /// Divides the keys into so many slots, by [`slot_of`](crate::slot_of): each has a checkpoint of its own and a task of its
    /// own, with mailbox and [concurrency](Self::with_concurrency) of its own; of several [nodes](crate::Node), each works on
    /// its share of them. The number is stored, and the bus refuses to start with another one. 1 unless it is said.
    #[must_use]
    pub fn in_slots(self, slots: u32) -> Self {
        Self { slots, ..self }
    }

    /// Instead of the bus's.
    #[must_use]
    pub fn with_retry(self, retry: RetryPolicy) -> Self {
        Self { retry: Some(retry), ..self }
    }

    /// What happens to an event that the program cannot read.
    #[must_use]
    pub fn with_unknown(self, on_unknown: OnUnknown) -> Self {
        Self { on_unknown, ..self }
    }

    /// Whether it takes events of several types.
    pub(crate) fn is_wildcard(&self) -> bool {
        self.wildcard
    }

    /// To the keys of one of its slots only.
    pub(crate) fn of_slot(self, slot: Slot) -> Self {
        Self { slot, ..self }
    }

    pub(crate) fn takes(&self, event: &Envelope) -> bool {
        let is_of_type = match self.wildcard {
            true => self.prefix.is_empty() || event.event_type.starts_with(self.prefix),
            false => event.event_type == self.prefix,
        };
        is_of_type && self.slot.has(&event.metadata.key)
    }

    /// A `*` elsewhere than at the end would be looked for as it stands, in vain.
    fn is_pattern(&self) -> bool {
        self.wildcard && self.prefix.is_empty() || unfit(self.prefix).is_none() && !self.prefix.contains('*')
    }

    /// What of it cannot be carried out, whatever bus takes it.
    pub fn fault(&self) -> Option<SubscriptionFault> {
        let fault = |problem: String, fix: String| Some(SubscriptionFault { problem, fix });
        let Self { concurrency, mailbox, .. } = *self;
        let batch = match &self.calls {
            Calls::Each(_) => None,
            Calls::Batch(options, _) => Some(options),
        };
        if let Some(problem) = unfit(self.name) {
            fault(format!("its name {problem}"), NAMES.into())
        } else if !self.is_pattern() {
            let fix = "take one wire name, all that begin alike, `orders.*`, or all, `*`";
            fault(format!("`{}` is the name of no event", self.event_type), fix.into())
        } else if concurrency == 0 {
            fault("concurrency is 0".into(), "allow one event at a time or more".into())
        } else if mailbox < concurrency {
            fault(format!("mailbox holds {mailbox}"), format!("make it {concurrency} or more"))
        } else if batch.is_some_and(|batch| batch.size == 0 || batch.size > mailbox) {
            fault("batches of a size that cannot be".into(), format!("make it 1 to {mailbox}, as the mailbox holds"))
        } else if mailbox > MOST {
            fault(format!("mailbox holds {mailbox}"), format!("make it {MOST} or less"))
        } else if batch.is_some_and(|batch| batch.delay > DELAY) {
            fault("its batches wait for more than a day".into(), "make their delay shorter".into())
        } else if self.slots == 0 || self.slots > Slot::MOST {
            fault(format!("{} slots", self.slots), format!("divide its keys into 1 to {}", Slot::MOST))
        } else if self.slots > 1 && (self.class != DeliveryClass::Durable || self.name.contains('#')) {
            let fix = "leave the class, and let its name be without `#`, which numbers the slots";
            fault("only a durable subscriber has slots".into(), fix.into())
        } else if batch.is_some() && (concurrency > 1 || self.class != DeliveryClass::Durable) {
            fault("batches are durable and come one after another".into(), "leave concurrency and class".into())
        } else if self.class != DeliveryClass::Durable
            && (concurrency > 1 || self.retry.is_some() || self.on_unknown != OnUnknown::Park)
        {
            let problem = "only a durable subscriber handles several at a time, tries again, and chooses what it does about what it \
                           cannot read";
            fault(problem.into(), "make it durable, or leave concurrency, retry and unknown".into())
        } else {
            let error = self.retry.and_then(|retry| retry.fault())?;
            fault("its retry is out of range".into(), error.message)
        }
    }
}

/// What a name must be under which something is stored: `NAME/..` is then nobody else's.
pub(crate) const NAMES: &str = "give it one of letters, digits, `-`, `_`, `.` and `:`, such as `billing.invoices`";

/// What is wrong with a name.
pub(crate) fn unfit(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("is empty")
    } else if name.contains('/') {
        Some("has a slash in it")
    } else if !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c)) {
        Some("cannot be written everywhere")
    } else {
        None
    }
}

impl fmt::Display for SubscriptionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.problem, self.fix)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, module, event_type, class, .. } = self;
        f.debug_struct("Subscription")
            .field("name", name)
            .field("module", module)
            .field("event_type", event_type)
            .field("class", class)
            .finish_non_exhaustive()
    }
}
