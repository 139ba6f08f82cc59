//! How the serving process tells others how it does: its metrics, its traces, the endpoint that is scraped.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use kernel::{Clock, Error, Ids, Secret};
use module::Health;
use monitoring_otlp::Otlp;
use monitoring_prometheus::{Endpoint, Exporter, Probe};
use observability::{Bounds, Export};
use serde::{Deserialize, Deserializer, de::Error as _};
use tokio::sync::watch;

use crate::{
    composition::{LONGEST_SECONDS, Platform, Standing, within},
    control::MetricsReport,
    exit::Failure,
};

/// Spans that are left may take so long to be sent when the process ends.
const LAST_SPANS: Duration = Duration::from_secs(5);

/// Sections below `[monitoring]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonitoringConfig {
    pub prometheus: PrometheusConfig,
    pub otlp: OtlpConfig,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrometheusConfig {
    pub enabled: bool,
    #[serde(deserialize_with = "address")]
    pub address: SocketAddr,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtlpConfig {
    pub enabled: bool,
    #[serde(deserialize_with = "endpoint")]
    pub endpoint: String,
    pub headers: BTreeMap<String, Secret<String>>,
    #[serde(rename = "timeout_seconds", deserialize_with = "some_seconds")]
    pub timeout: Duration,
    #[serde(deserialize_with = "share")]
    pub ratio: f64,
    #[serde(deserialize_with = "queue")]
    pub queue: usize,
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    let example = "is no address to listen on: write IP:PORT, such as 127.0.0.1:9464";
    text.parse().map_err(|_| D::Error::custom(format!("`{text}` {example}")))
}

fn endpoint<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if monitoring_otlp::is_endpoint(&text) {
        return Ok(text);
    }
    Err(D::Error::custom(format!("`{text}` is no endpoint to export spans to: write http://HOST:PORT")))
}

/// Spans that may wait at most: some hundred bytes each.
const LONGEST_QUEUE: usize = 1_000_000;

fn some_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Ok(Duration::from_secs(within(u64::deserialize(deserializer)?, 1..=LONGEST_SECONDS)?))
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    within(f64::deserialize(deserializer)?, 0.0..=1.0)
}

fn queue<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    within(usize::deserialize(deserializer)?, 1..=LONGEST_QUEUE)
}

pub struct Monitoring {
    exporter: Exporter,
    otlp: Option<Otlp>,
    endpoint: Option<Endpoint>,
    probe: watch::Sender<Probe>,
}

impl Monitoring {
    /// Before anything makes its metrics.
    pub fn start(config: &MonitoringConfig, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Result<Self, Failure> {
        let exporter = Exporter::install(Bounds::default())?;
        let otlp = match &config.otlp {
            OtlpConfig { enabled: false, .. } => None,
            OtlpConfig { endpoint, headers, timeout, ratio, queue, .. } => {
                let otlp = Otlp::start(monitoring_otlp::Options {
                    endpoint: endpoint.clone(),
                    headers: headers.clone(),
                    timeout: *timeout,
                    queue: *queue,
                    service: ("borough".into(), env!("CARGO_PKG_VERSION").into()),
                })?;
                observability::export_spans(Export { sink: otlp.sink(), ratio: *ratio, clock, ids })?;
                Some(otlp)
            }
        };
        Ok(Self { exporter, otlp, endpoint: None, probe: watch::Sender::default() })
    }

    /// Answers those who scrape, if the settings say so, from here on.
    pub async fn listen(&mut self, config: &PrometheusConfig) -> Result<(), Failure> {
        if config.enabled {
            let probe = self.probe.subscribe();
            let look = move || probe.borrow().clone();
            let endpoint = Endpoint::bind(config.address, self.exporter.clone(), look).await?;
            tracing::info!("metrics on http://{}/metrics, and /live and /ready", endpoint.address());
            self.endpoint = Some(endpoint);
        }
        Ok(())
    }

    /// Brings up to date what is not kept so by itself.
    pub async fn look(&self, platform: &Platform) -> (Health, Result<Standing, Error>) {
        self.exporter.keep_up();
        platform.application.container.publish_tallies();
        let standing = platform.standing().await;
        let health = platform.application.health(standing.as_ref().map(|standing| &*standing.subscribers));
        let Health { live, ready, reasons, .. } = &health;
        self.probe.send_replace(Probe { live: *live, ready: *ready, reasons: reasons.clone() });
        (health, standing)
    }

    pub fn report(&self) -> MetricsReport {
        MetricsReport { text: self.exporter.render(), metrics: self.exporter.readings() }
    }

    /// Sends the spans that are left, as far as somebody takes them.
    pub async fn stop(self) {
        let Some(otlp) = self.otlp else { return };
        if tokio::time::timeout(LAST_SPANS, otlp.stop()).await.is_err() {
            tracing::warn!("the last spans have not been taken by the collector");
        }
    }
}
