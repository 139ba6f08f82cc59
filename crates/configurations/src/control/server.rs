use std::{io, net::Ipv4Addr, path::PathBuf, sync::Arc};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request, State, rejection::JsonRejection},
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use interfaces_ai::{PipelineStarted, StartPipeline};
use kernel::{Error, ErrorKind, Ids, Problem};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
};
use uuid::Uuid;

use crate::{
    composition::Config,
    control::{BusOrder, CallOrder, MetricsReport, ProjectionOrder, ResumeOrder, StatusReport, Ticket},
    exit::Failure,
};

/// What a client wants of the serving loop, which owns everything.
pub enum Order {
    Status(oneshot::Sender<Result<StatusReport, Error>>),
    Metrics(oneshot::Sender<MetricsReport>),
    Start(Box<StartPipeline>, oneshot::Sender<Result<PipelineStarted, Error>>),
    Resume(Vec<Uuid>, oneshot::Sender<()>),
    Bus(BusOrder, oneshot::Sender<Result<kernel::Json, Error>>),
    Projections(ProjectionOrder, oneshot::Sender<Result<kernel::Json, Error>>),
    Call(CallOrder, oneshot::Sender<Result<kernel::Json, Error>>),
}

/// Orders that may wait for the loop; a client beyond that waits to be read.
const WAITING: usize = 64;

/// Of an order, beside the request in it, whose limit is the settings'.
const AROUND_A_REQUEST: usize = 64 << 10;

/// The listening endpoint. Dropping it removes the ticket and closes the port.
pub struct Server {
    ticket: PathBuf,
    task: tokio::task::JoinHandle<io::Result<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
        // A ticket that stays behind names a closed port: clients say that nobody answers.
        let _ = std::fs::remove_file(&self.ticket);
    }
}

impl Server {
    /// Listens on a free loopback port and leaves the ticket beside the store.
    pub async fn start(config: &Config, ids: &dyn Ids) -> Result<(Self, mpsc::Receiver<Order>), Failure> {
        let cannot = |e: io::Error| Failure::impossible(format!("the control endpoint cannot be opened: {e}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let token = format!("{}{}", ids.next().simple(), ids.next().simple());
        let path = Ticket::path(&config.store.path);
        write_private(&path, &serde_json::to_vec(&Ticket { address, token: token.clone() })?)
            .map_err(|e| Failure::impossible(format!("the token file {} cannot be written: {e}", path.display())))?;
        let (orders, receiver) = mpsc::channel(WAITING);
        let most = config.requests.payload_bytes.saturating_add(AROUND_A_REQUEST);
        let guard = middleware::from_fn_with_state(Arc::<str>::from(token), authorised);
        let router = Router::new()
            .route("/status", get(status))
            .route("/metrics", get(metrics))
            .route("/pipelines", post(start))
            .route("/sagas/resume", post(resume))
            .route("/call", post(call))
            .route("/bus", post(bus))
            .route("/projections", post(projections))
            .layer(DefaultBodyLimit::max(most))
            .layer(guard)
            .with_state(orders);
        let task = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok((Self { ticket: path, task }, receiver))
    }
}

type Orders = State<mpsc::Sender<Order>>;

async fn authorised(State(token): State<Arc<str>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if same(given.as_bytes(), token.as_bytes()) {
        next.run(request).await
    } else {
        refused(&Error::new(ErrorKind::Denied, "the token is not the one in the token file beside the store"))
    }
}

/// Compares in a time that does not tell where the first difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
}

async fn status(State(orders): Orders) -> Response {
    let (answer, answered) = oneshot::channel();
    reply(ask(&orders, Order::Status(answer), answered).await.and_then(|result| result))
}

async fn metrics(State(orders): Orders) -> Response {
    let (answer, answered) = oneshot::channel();
    reply(ask(&orders, Order::Metrics(answer), answered).await)
}

async fn start(State(orders): Orders, order: Body<StartPipeline>) -> Response {
    let (answer, answered) = oneshot::channel();
    let order = match order {
        Ok(Json(request)) => Order::Start(Box::new(request), answer),
        Err(rejection) => return unreadable(&rejection),
    };
    reply(ask(&orders, order, answered).await.and_then(|result| result))
}

async fn resume(State(orders): Orders, order: Body<ResumeOrder>) -> Response {
    let (answer, answered) = oneshot::channel();
    match order {
        Ok(Json(order)) => reply(ask(&orders, Order::Resume(order.runs, answer), answered).await),
        Err(rejection) => unreadable(&rejection),
    }
}

async fn bus(State(orders): Orders, order: Body<BusOrder>) -> Response {
    let (answer, answered) = oneshot::channel();
    match order {
        Ok(Json(order)) => reply(ask(&orders, Order::Bus(order, answer), answered).await.and_then(|result| result)),
        Err(rejection) => unreadable(&rejection),
    }
}

async fn projections(State(orders): Orders, order: Body<ProjectionOrder>) -> Response {
    let (answer, answered) = oneshot::channel();
    let order = match order {
        Ok(Json(order)) => Order::Projections(order, answer),
        Err(rejection) => return unreadable(&rejection),
    };
    reply(ask(&orders, order, answered).await.and_then(|result| result))
}

async fn call(State(orders): Orders, headers: HeaderMap, order: Body<CallOrder>) -> Response {
    let (answer, answered) = oneshot::channel();
    let traceparent = headers.get("traceparent").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let order = order.map(|Json(order)| Json(CallOrder { traceparent: order.traceparent.or(traceparent), ..order }));
    match order {
        Ok(Json(order)) => reply(ask(&orders, Order::Call(order, answer), answered).await.and_then(|result| result)),
        Err(rejection) => unreadable(&rejection),
    }
}

type Body<T> = Result<Json<T>, JsonRejection>;

fn unreadable(rejection: &JsonRejection) -> Response {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let message = "the request has more bytes than `requests.payload_bytes` allows: hand over large data as a file \
                       that the request names, or raise it and start the serving process again";
        return refused(&Error::invalid(message).with_code("request.too_large"));
    }
    refused(&Error::invalid(rejection.body_text()).with_code("request.unreadable"))
}

async fn ask<T>(orders: &mpsc::Sender<Order>, order: Order, answered: oneshot::Receiver<T>) -> Result<T, Error> {
    let stopping =
        || Error::new(ErrorKind::Unavailable, "the serving process is stopping: try again when it has stopped");
    orders.send(order).await.map_err(|_| stopping())?;
    answered.await.map_err(|_| stopping())
}

fn reply<T: serde::Serialize>(result: Result<T, Error>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(error) => refused(&error),
    }
}

fn refused(error: &Error) -> Response {
    let problem = Problem::from(error);
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/problem+json")], Json(problem)).into_response()
}

/// Writes a file that only its owner can read, in one step: a reader sees the old one or the new one. The draft has a name
/// that nobody could have taken before.
fn write_private(path: &std::path::Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut draft = tempfile::NamedTempFile::new_in(folder.unwrap_or(std::path::Path::new(".")))?;
    draft.write_all(bytes)?;
    draft.persist(path)?;
    Ok(())
}
