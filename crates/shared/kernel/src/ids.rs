use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The only source of new identities. Production wires [`SystemIds`], tests [`SequentialIds`].
pub trait Ids: Send + Sync + 'static {
    /// An identity that nothing else has.
    fn next(&self) -> Uuid;
}

/// UUIDv7: identity that sorts roughly by time. Never used to order events; the log's position does that.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemIds;

impl Ids for SystemIds {
    #[expect(clippy::disallowed_methods, reason = "the one place that makes random ids")]
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// 1, 2, 3, ... as UUIDs: runs repeat to the letter.
#[derive(Debug, Default)]
pub struct SequentialIds(AtomicU64);

impl Ids for SequentialIds {
    fn next(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1)
    }
}

/// A text is no identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is a UUID: 32 hexadecimal digits, as in 0190b0de-6f0a-7c3e-9f0e-6d9f0f3a1c55")]
pub struct IdError;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Takes what came off the wire or out of [`Ids`]. Says nothing about whether there is such a thing.
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }
            /// Without its type: for the wire, and to name one thing by the identity of another.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                s.parse().map(Self).map_err(|_| IdError)
            }
        }
    };
}

id! {
    /// Identity of one stored event.
    EventId
}
id! {
    /// What ties together everything that one piece of work set off.
    CorrelationId
}
id! {
    /// The event or call that directly caused this one.
    CausationId
}
