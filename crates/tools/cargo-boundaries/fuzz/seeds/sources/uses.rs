//! Imports.
use serde::{self as s, de::{Deserialize as _, *}, ser};
use {::tokio::sync, self::inner::{self, x as y}};
pub(in crate::inner) use super::super::a;
extern crate serde as other;
pub extern crate self as me;
mod inner { pub mod x { pub use crate::me::own::*; } }
#[path = "nowhere.rs"]
mod gone;
fn f() { use inner::x; x::<u8>::new(); <tokio::T as s::U<'_>>::V }
