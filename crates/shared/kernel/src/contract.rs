use std::any::type_name;

use schemars::{JsonSchema, Schema, generate::SchemaSettings};

use crate::{Envelope, Event, Priority, Request, RequestKind, decode::without_upcaster};

/// A message as data: what the programs that exchange it must agree on.
///
/// Both schemas are seen from the program that declares the message. What others write, or an earlier version of it wrote, is
/// in `read`: a field with a default may be absent there. What it writes itself is in `written`: such a field is always there.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    /// Wire name.
    pub name: &'static str,
    /// The Rust type, with its path.
    pub type_name: &'static str,
    /// What is done with it.
    pub kind: ContractKind,
    /// The request, or what is understood of an event that was stored before.
    pub read: Schema,
    /// The response, or the event as it is published.
    pub written: Schema,
    /// Versions of an event before the present one that [`Event::upcast`] has no step from: what is stored of them is not read.
    pub unread: Vec<u32>,
}

/// What is done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContractKind {
    /// It is asked. A changed form is another request, served beside this one.
    Request(RequestKind),
    /// It is published, and stored for ever.
    Event {
        /// [`Event::VERSION`].
        version: u32,
        /// [`Event::PRIORITY`].
        priority: Priority,
    },
    /// It is around every event.
    Envelope,
}

impl Contract {
    /// What callers and the service of a request agree on.
    pub fn of_request<R: Request>() -> Self {
        Self {
            name: R::NAME,
            type_name: type_name::<R>(),
            kind: ContractKind::Request(R::KIND),
            read: read::<R>(),
            written: written::<R::Response>(),
            unread: Vec::new(),
        }
    }

    /// What the publisher and the subscribers of an event agree on.
    pub fn of_event<E: Event>() -> Self {
        let kind = ContractKind::Event { version: E::VERSION, priority: E::PRIORITY };
        Self {
            name: E::NAME,
            type_name: type_name::<E>(),
            kind,
            read: read::<E>(),
            written: written::<E>(),
            unread: without_upcaster::<E>(),
        }
    }

    /// The wire form of every event.
    pub fn of_envelope() -> Self {
        Self {
            name: "envelope",
            type_name: type_name::<Envelope>(),
            kind: ContractKind::Envelope,
            read: read::<Envelope>(),
            written: written::<Envelope>(),
            unread: Vec::new(),
        }
    }
}

fn read<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>()
}

fn written<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}
