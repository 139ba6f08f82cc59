//! Isolation forest over the numeric columns of a dataset: the rows that are easiest to isolate, and the columns that did it.
//!
//! [`Detector`] answers [`DetectAnomalies`](interfaces_data::DetectAnomalies); [`module()`] offers it to the others.
//! [`Forest`] is the algorithm alone, over columns in memory:
//!
//! ```
//! use anomaly_detection::Forest;
//! use interfaces_data::ForestOptions;
//!
//! let mut column: Vec<f64> = (0..200).map(f64::from).collect();
//! column[7] = 5000.0;
//! let forest = Forest::grow(&[&column], ForestOptions::default());
//! assert_eq!(forest.most_anomalous(1)[0].row, 7);
//! ```

mod domain;

mod application;

mod api;

pub use api::module;
pub use application::Detector;
pub use domain::{Forest, Scored, Share};
