//! A collector: the gRPC service of OTLP as OpenTelemetry defines it, which keeps what it takes.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::{ResourceSpans, Span},
};
use tokio::task::JoinSet;
use tonic::{
    Code, Request, Response, Status,
    metadata::MetadataMap,
    transport::{Server, server::TcpIncoming},
};

#[derive(Clone, Default)]
pub struct Collected(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    resources: Vec<ResourceSpans>,
    /// Of all that was sent, what was refused too.
    headers: Vec<MetadataMap>,
    refusals: VecDeque<Code>,
}

impl Collected {
    pub fn resources(&self) -> Vec<ResourceSpans> {
        self.0.lock().unwrap().resources.clone()
    }

    /// The next ones that come are answered so.
    pub fn refuse(&self, codes: impl IntoIterator<Item = Code>) {
        self.0.lock().unwrap().refusals.extend(codes);
    }

    pub fn spans(&self) -> Vec<Span> {
        let scopes = self.resources().into_iter().flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    pub fn headers(&self) -> Vec<MetadataMap> {
        self.0.lock().unwrap().headers.clone()
    }
}

#[tonic::async_trait]
impl TraceService for Collected {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut kept = self.0.lock().unwrap();
        kept.headers.push(request.metadata().clone());
        if let Some(code) = kept.refusals.pop_front() {
            return Err(Status::new(code, "not now"));
        }
        kept.resources.extend(request.into_inner().resource_spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// A collector that listens as long as it is kept.
pub struct Collector {
    pub collected: Collected,
    pub endpoint: String,
    _task: JoinSet<()>,
}

impl Collector {
    pub fn listen() -> Self {
        Self::listen_at("127.0.0.1:0".parse().unwrap())
    }

    pub fn listen_at(address: SocketAddr) -> Self {
        let incoming = TcpIncoming::bind(address).unwrap();
        let endpoint = format!("http://{}", incoming.local_addr().unwrap());
        let collected = Collected::default();
        let server = Server::builder().add_service(TraceServiceServer::new(collected.clone()));
        let mut task = JoinSet::new();
        task.spawn(async move { server.serve_with_incoming(incoming).await.unwrap() });
        Self { collected, endpoint, _task: task }
    }
}
