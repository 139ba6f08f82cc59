//! The words that every crate of the workspace shares: ids, time, who asks, what is asked, what happened, which dataset.
//!
//! No I/O, no async runtime. A domain crate names these types in its contracts; everything that crosses a boundary is a
//! [`Request`] or an [`Event`] and travels with a [`Context`].
#![warn(missing_docs)]

mod access;
mod clock;
mod context;
mod contract;
mod dataset;
mod decode;
mod error;
mod event;
mod finite;
mod ids;
mod json;
mod problem;
mod request;
mod secret;
mod trace;

pub use access::{Access, AuthenticationError, Authenticator, Claims, Permission, Principal};
pub use clock::{Clock, ManualClock, SystemClock};
pub use context::{Asked, Context};
pub use contract::{Contract, ContractKind};
pub use dataset::{DatasetFormat, DatasetRef, Fingerprint, FingerprintError};
pub use decode::{DecodeError, UpcastError};
pub use error::{Error, ErrorKind, FieldError, panic_text, with_causes};
pub use event::{Envelope, Event, Metadata, Priority};
pub use ids::{CausationId, CorrelationId, EventId, IdError, Ids, SequentialIds, SystemIds};
pub use json::Json;
pub use problem::Problem;
pub use request::{Request, RequestKind};
pub use secret::Secret;
pub use trace::{SpanId, TraceParent, TraceParentError};
