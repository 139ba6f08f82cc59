//! The three ways to show a run, on runs made by hand.

mod document;
mod page;
mod schema;
mod text;
mod values;
