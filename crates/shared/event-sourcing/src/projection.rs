//! Read models that are filled from the log.
//!
//! A [`Projection`] turns events into documents of its own. Its handler gets the event and a [`View`], and nothing else: no
//! store, no clock, no client can be reached from it, so that to replay the log repeats no effect. A [`Projector`] runs it:
//! batches of up to [`BATCH`] events, in the order of the log, effect and checkpoint in one unit that is guarded by the
//! checkpoint's revision. Two runners of one projection cannot both go on: the unit of the slower one is refused.
//!
//! The documents lie in collections of their [`Generation`], `mental_health.days@2`. A rebuild fills the next generation from
//! the start of the log while the live one goes on, and takes its place in one unit when it has come as far. Readers go through
//! a [`ReadModel`], which finds the live generation by itself.

mod batch;
mod definition;
mod desk;
mod lane;
mod meters;
mod projector;
mod read_model;
mod rebuild;
mod record;
mod standing;
mod view;

pub use definition::{Applies, EventType, Events, OnPoison, Projected, Projection};
pub use desk::{ProjectionError, Projections};
pub use projector::{BATCH, Projector, ProjectorPorts};
pub use read_model::{CatchUpError, ReadModel};
pub use rebuild::{RebuildEnd, RebuildProgress, follow_rebuild};
pub use record::{Generation, GenerationStatus, Halt, ProjectionStatus, collections, position_in, projections};
pub use standing::ProjectionStanding;
pub use view::View;
