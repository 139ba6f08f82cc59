use std::{io, net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;
use tokio::{net::TcpListener, task::JoinSet};

use crate::Exporter;

/// What the endpoint answers about the process beside its metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// If not, whoever watches the process starts it anew.
    pub live: bool,
    /// If not, nobody sends it work.
    pub ready: bool,
    /// Why not.
    pub reasons: Vec<String>,
}

/// Why there is no endpoint.
#[derive(Debug, thiserror::Error)]
#[error("the monitoring endpoint cannot listen on {address}: set `monitoring.prometheus.address` to one that is free")]
pub struct EndpointError {
    address: SocketAddr,
    source: io::Error,
}

/// `/metrics` for Prometheus, `/live` and `/ready` for whoever runs the process, over HTTP, for everybody who reaches the
/// address. Dropping it closes the port.
pub struct Endpoint {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

/// Asked before each answer: it may bring metrics up to date.
type Look = Arc<dyn Fn() -> Probe + Send + Sync>;

impl Endpoint {
    /// Listens from here on; port 0 takes a free one. `look` tells how the process is, at once: it is asked for every answer.
    ///
    /// # Errors
    /// The address is taken, or not of this machine.
    pub async fn bind(
        address: SocketAddr,
        exporter: Exporter,
        look: impl Fn() -> Probe + Send + Sync + 'static,
    ) -> Result<Self, EndpointError> {
        let cannot = |source| EndpointError { address, source };
        let listener = TcpListener::bind(address).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let look: Look = Arc::new(look);
        let router = Router::new()
            .route("/metrics", get(metrics))
            .route("/live", get(|State((_, look)): Shown| async move { answer(&look(), |probe| probe.live) }))
            .route("/ready", get(|State((_, look)): Shown| async move { answer(&look(), |probe| probe.ready) }))
            .with_state((exporter, look));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            // It accepts until it is dropped: connections that fail are the other side's.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, _tasks: tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

type Shown = State<(Exporter, Look)>;

async fn metrics(State((exporter, look)): Shown) -> Response {
    let _up_to_date = look();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], exporter.render()).into_response()
}

fn answer(probe: &Probe, holds: fn(&Probe) -> bool) -> Response {
    let status = if holds(probe) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(probe)).into_response()
}
