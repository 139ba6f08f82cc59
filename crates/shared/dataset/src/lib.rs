//! The one reader of a [`DatasetRef`](kernel::DatasetRef): CSV and Parquet, to typed columns in row order.
//!
//! [`identify`] makes a reference from a path; [`Dataset::open`] reads one, after checking that the bytes still are those
//! that the reference names. What a value is (a null, a number, a date) is decided in one place for both formats: see
//! [`NULLS`] and [`Kind`].
//!
//! ```no_run
//! # async fn example() -> Result<(), dataset::DatasetError> {
//! use dataset::{Dataset, identify};
//!
//! let reference = identify("people.csv".as_ref()).await?;
//! let people = Dataset::open(&reference).await?;
//! let adults = people.predicate("age >= 18")?;
//! println!("{} of {}", people.evaluate(&adults)?.true_count(), people.rows());
//! # Ok(()) }
//! ```
#![warn(missing_docs)]

mod categories;
mod cell;
mod column;
mod csv;
mod error;
mod identify;
mod parquet;
mod predicate;
mod reader;
mod source;

pub use categories::Categories;
pub use cell::{Kind, NULLS};
pub use column::{Column, ColumnType, Mixed, value_text};
pub use error::DatasetError;
pub use identify::identify;
pub use predicate::Predicate;
pub use reader::{Dataset, NumericColumn};
