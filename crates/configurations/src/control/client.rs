use std::{path::Path, time::Duration};

use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, body::Bytes, header};
use hyper_util::rt::TokioIo;
use interfaces_ai::{PipelineStarted, StartPipeline};
use kernel::{Error, ErrorKind, Json, Problem};
use serde::{Serialize, de::DeserializeOwned};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::{
    composition::Config,
    control::{BusOrder, CallOrder, MetricsReport, ProjectionOrder, ResumeOrder, StatusReport, Ticket},
    exit::Failure,
};

/// How long a process on this machine may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Talks to the process that serves a store.
pub struct Client {
    ticket: Ticket,
}

impl Client {
    /// The serving process of this store, if there is one and it answers.
    pub async fn find(store: &Path) -> Option<Self> {
        let bytes = std::fs::read(Ticket::path(store)).ok()?;
        let client = Self { ticket: serde_json::from_slice(&bytes).ok()? };
        client.status().await.ok()?;
        Some(client)
    }

    /// The serving process, for verbs that show what only it knows.
    pub async fn serving(config: &Config) -> Result<Self, Failure> {
        let store = &config.store.path;
        Self::find(store).await.ok_or_else(|| {
            Failure::impossible(format!("no process serves {}: start one with `borough serve`", store.display()))
        })
    }

    /// The serving process, to do what this one wanted to do itself. It acts for nobody but its own user.
    pub async fn in_place_of(config: &Config) -> Result<Option<Self>, Failure> {
        let client = Self::find(&config.store.path).await;
        if client.is_some() && config.as_user.is_some() {
            return Err(Failure::impossible(
                "--as acts as somebody else where this process holds the store, and `borough serve` holds it: stop it",
            ));
        }
        Ok(client)
    }

    pub async fn status(&self) -> Result<StatusReport, Failure> {
        self.call(Method::GET, "/status", &()).await
    }

    pub async fn metrics(&self) -> Result<MetricsReport, Failure> {
        self.call(Method::GET, "/metrics", &()).await
    }

    pub async fn start(&self, request: &StartPipeline) -> Result<PipelineStarted, Failure> {
        self.call(Method::POST, "/pipelines", request).await
    }

    pub async fn resume(&self, runs: Vec<Uuid>) -> Result<(), Failure> {
        self.call(Method::POST, "/sagas/resume", &ResumeOrder { runs }).await
    }

    /// What came of it, as JSON. Handlers take their time.
    pub async fn bus(&self, order: &BusOrder) -> Result<Json, Failure> {
        let body = serde_json::to_vec(order)?;
        Ok(self.answer(Method::POST, "/bus", body, Duration::MAX).await??)
    }

    /// What came of it, as JSON.
    pub async fn projections(&self, order: &ProjectionOrder) -> Result<Json, Failure> {
        self.call(Method::POST, "/projections", order).await
    }

    /// The result of the call, beside what keeps it from being made.
    pub async fn call_by_name(&self, order: &CallOrder) -> Result<Result<Json, Error>, Failure> {
        let body = serde_json::to_vec(order)?;
        // The service has its own deadline; this one is for a process that does not answer at all.
        let patience = order.timeout.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        self.answer(Method::POST, "/call", body, patience.map_or(Duration::MAX, |limit| limit + PATIENCE)).await
    }

    async fn call<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<T, Failure> {
        let body = serde_json::to_vec(body)?;
        Ok(self.answer(method, path, body, PATIENCE).await??)
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        patience: Duration,
    ) -> Result<Result<T, Error>, Failure> {
        let answer = tokio::time::timeout(patience, self.exchange(method, path, body)).await;
        let (ok, bytes) = answer.unwrap_or_else(|_| Err("it did not answer in time".into())).map_err(|reason| {
            Error::new(ErrorKind::Unavailable, format!("the serving process cannot be reached: {reason}"))
        })?;
        if ok {
            return Ok(Ok(serde_json::from_slice(&bytes)?));
        }
        let problem: Result<Problem, _> = serde_json::from_slice(&bytes);
        Ok(Err(problem.map_or_else(
            |_| Error::internal(format!("the serving process answered: {}", String::from_utf8_lossy(&bytes))),
            Error::from,
        )))
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<(bool, Bytes), Box<dyn std::error::Error + Send + Sync>> {
        let stream = TcpStream::connect(self.ticket.address).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.ticket.address.to_string())
            .header(header::AUTHORIZATION, format!("Bearer {}", self.ticket.token))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))?;
        let answer = async {
            let response = sender.send_request(request).await?;
            let ok = response.status().is_success();
            Ok::<_, hyper::Error>((ok, response.into_body().collect().await?.to_bytes()))
        };
        tokio::pin!(answer, connection);
        // The connection moves the bytes of the exchange; both are driven here, so nothing outlives this call.
        loop {
            tokio::select! {
                biased;
                result = &mut answer => return Ok(result?),
                result = &mut connection => result?,
            }
        }
    }
}
