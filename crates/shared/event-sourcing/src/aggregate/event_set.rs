use kernel::{DecodeError, Envelope, Event, EventId};

use crate::{Expected, Unit};

/// Several types of event as one type: what an aggregate, or anybody else who reads a stream of them, matches on.
///
/// [`event_set!`](crate::event_set) writes it for an enum with one variant for each type. An [`Event`] alone is a set of one.
pub trait EventSet: Sized + Send + Sync + 'static {
    /// Wire names of all types.
    const NAMES: &'static [&'static str];

    /// The event as its type has it now; `None` if it is of no type of this set.
    fn decode(envelope: &Envelope) -> Option<Result<Self, DecodeError>>;

    /// Appends the event inside as [`Unit::append`] does.
    ///
    /// # Panics
    /// As [`Unit::append`].
    fn append(&self, unit: &mut Unit, stream: &str, expected: Expected) -> EventId;
}

impl<E: Event> EventSet for E {
    const NAMES: &'static [&'static str] = &[E::NAME];

    fn decode(envelope: &Envelope) -> Option<Result<Self, DecodeError>> {
        (envelope.event_type == E::NAME).then(|| envelope.decode())
    }

    fn append(&self, unit: &mut Unit, stream: &str, expected: Expected) -> EventId {
        unit.append(stream, expected, self)
    }
}

/// Declares an enum with one variant for each type of event, as an [`EventSet`](crate::EventSet).
///
/// ```
/// # use kernel::Event;
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, JsonSchema)] pub struct Lent;
/// # impl Event for Lent { const NAME: &'static str = "library.lent"; fn key(&self) -> String { String::new() } }
/// # #[derive(Serialize, Deserialize, JsonSchema)] pub struct Returned;
/// # impl Event for Returned { const NAME: &'static str = "library.returned"; fn key(&self) -> String { String::new() } }
/// event_sourcing::event_set! {
///     /// What happens to a book.
///     pub enum BookEvent {
///         Lent(Lent),
///         Returned(Returned),
///     }
/// }
/// ```
///
/// By hand that is the enum, `impl EventSet` with a line for each variant in `NAMES`, `decode` and `append`, a `From` for each
/// type of event, and an `IntoIterator` of the one event itself, so that a command which always has one event returns it as it is.
/// The crate that uses it names `kernel`.
#[macro_export]
macro_rules! event_set {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $name:ident {
            $($(#[$variant_meta:meta])* $variant:ident($event:ty)),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        $visibility enum $name {
            $($(#[$variant_meta])* $variant($event),)+
        }

        impl $crate::EventSet for $name {
            const NAMES: &'static [&'static str] = &[$(<$event as ::kernel::Event>::NAME),+];

            fn decode(envelope: &::kernel::Envelope) -> Option<Result<Self, ::kernel::DecodeError>> {
                $(if let Some(event) = <$event as $crate::EventSet>::decode(envelope) {
                    return Some(event.map(Self::$variant));
                })+
                None
            }

            fn append(&self, unit: &mut $crate::Unit, stream: &str, expected: $crate::Expected) -> ::kernel::EventId {
                match self {
                    $(Self::$variant(event) => $crate::EventSet::append(event, unit, stream, expected),)+
                }
            }
        }

        $(impl From<$event> for $name {
            fn from(event: $event) -> Self {
                Self::$variant(event)
            }
        })+

        impl IntoIterator for $name {
            type Item = Self;
            type IntoIter = std::iter::Once<Self>;

            fn into_iter(self) -> Self::IntoIter {
                std::iter::once(self)
            }
        }
    };
}
