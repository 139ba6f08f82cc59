//! The metrics of this process for Prometheus: a recorder, its text exposition, and an endpoint to scrape.
//!
//! ```no_run
//! # use monitoring_prometheus::{Endpoint, Exporter, Probe};
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let exporter = Exporter::install(observability::Bounds::default())?; // in `main`, before anything makes its metrics
//! let endpoint = Endpoint::bind("127.0.0.1:9464".parse()?, exporter.clone(), || Probe::default()).await?;
//! println!("{}", exporter.render());
//! # drop(endpoint); Ok(()) }
//! ```
//!
//! Whoever owns the exporter calls [`Exporter::keep_up`] every few seconds, for the time when nobody scrapes.
//!
//! The recorder stands behind [`observability::Bounded`], so that the number of series is bounded whatever a label is given.
#![warn(missing_docs)]

mod endpoint;
mod exporter;
mod exposition;

pub use endpoint::{Endpoint, EndpointError, Probe};
pub use exporter::{Exporter, InstallError};
pub use exposition::{Reading, Sample};
