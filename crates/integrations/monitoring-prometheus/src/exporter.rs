use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use observability::{Bounded, Bounds, Catalogue};

use crate::{Reading, exposition};

/// Upper bounds of the buckets of what is measured in seconds: from what a request in memory takes to what nobody waits for.
const SECONDS: [f64; 16] =
    [0.000_01, 0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];
/// Of what is measured in bytes: 256 B to 64 MiB.
const BYTES: [f64; 10] =
    [256.0, 1024.0, 4096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0, 67_108_864.0];
/// Of what is counted.
const SIZES: [f64; 11] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 10_000.0];

/// Reads the metrics that the recorder has. Cheap to clone.
#[derive(Clone)]
pub struct Exporter {
    handle: PrometheusHandle,
    catalogue: Catalogue,
}

/// Why the metrics of this process are not recorded.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Metrics go to one recorder.
    #[error("the metrics of this process are recorded already: `install` belongs into `main`, once")]
    Twice,
    /// The buckets are out of order: a fault of this crate.
    #[error("the histograms cannot be set up")]
    Buckets(#[source] BuildError),
}

impl Exporter {
    /// Records the metrics of this process from here on. What made its metrics before records nothing.
    ///
    /// # Errors
    /// There is a recorder.
    pub fn install(bounds: Bounds) -> Result<Self, InstallError> {
        let (recorder, exporter) = Self::with_recorder(bounds)?;
        metrics::set_global_recorder(recorder).map_err(|_| InstallError::Twice)?;
        Ok(exporter)
    }

    /// The same without installing the recorder, for a part of a program.
    ///
    /// # Errors
    /// None but a fault of this crate.
    pub fn with_recorder(bounds: Bounds) -> Result<(Bounded<PrometheusRecorder>, Self), InstallError> {
        let builder = PrometheusBuilder::new().set_buckets(&SIZES);
        let builder =
            builder.and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS));
        let builder =
            builder.and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_bytes".into()), &BYTES));
        let recorder = builder.map_err(InstallError::Buckets)?.build_recorder();
        let handle = recorder.handle();
        let bounded = Bounded::new(recorder, bounds);
        let catalogue = bounded.catalogue();
        Ok((bounded, Self { handle, catalogue }))
    }

    /// Everything in the text exposition format, version 0.0.4.
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Everything as data, by name and labels.
    pub fn readings(&self) -> Vec<Reading> {
        exposition::readings(&self.render())
    }

    /// What there is to record, whether or not it has a value.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Puts the values of histograms into their buckets, which rendering does too: where neither happens every few seconds,
    /// they pile up.
    pub fn keep_up(&self) {
        self.handle.run_upkeep();
    }
}
