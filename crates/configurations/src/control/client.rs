use std::{io::ErrorKind, path::Path, time::Duration};

use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, body::Bytes, header};
use hyper_util::rt::TokioIo;
use interfaces_ai::{PipelineStarted, StartPipeline};
use kernel::{Error, Json, Problem};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};
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
    /// The serving process of this store, if there is one.
    ///
    /// # Errors
    /// There is one, and it does not answer, or this user cannot know.
    pub async fn find(store: &Path) -> Result<Option<Self>, Failure> {
        let path = Ticket::path(store);
        let ticket = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).ok(),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => None,
            Err(error) => {
                return Err(Failure::impossible(format!(
                    "whether a process serves {}, nobody can tell who cannot read {}: {error}: ask as the user who runs \
                     `borough serve`",
                    store.display(),
                    path.display()
                )));
            }
        };
        let Some(client) = ticket.map(|ticket| Self { ticket }) else { return Ok(None) };
        let Ok(answer) = timeout(PATIENCE, client.exchange(Method::GET, "/status", b"null".to_vec())).await else {
            return Err(Failure::impossible(format!(
                "the process that serves {} has not answered for {} seconds: it hangs or was halted, and holds the store until it \
                 ends; killed, it leaves all that it has acknowledged",
                store.display(),
                PATIENCE.as_secs()
            )));
        };
        Ok(answer.is_ok_and(|(ok, bytes)| is_ours(ok, &bytes)).then_some(client))
    }

    /// The serving process, for verbs that show what only it knows.
    pub async fn serving(config: &Config) -> Result<Self, Failure> {
        let store = &config.store.path;
        Self::find(store).await?.ok_or_else(|| {
            Failure::impossible(format!("no process serves {}: start one with `borough serve`", store.display()))
        })
    }

    /// The serving process, to do what this one wanted to do itself. It acts for nobody but its own user.
    pub async fn in_place_of(config: &Config) -> Result<Option<Self>, Failure> {
        let client = Self::find(&config.store.path).await?;
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
        Ok(self.answer(Method::POST, "/bus", body, None).await??)
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
        self.answer(Method::POST, "/call", body, patience.map(|limit| limit + PATIENCE)).await
    }

    async fn call<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<T, Failure> {
        let body = serde_json::to_vec(body)?;
        Ok(self.answer(method, path, body, Some(PATIENCE)).await??)
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        patience: Option<Duration>,
    ) -> Result<Result<T, Error>, Failure> {
        let exchange = self.exchange(method, path, body);
        let answer = match patience {
            Some(patience) => {
                timeout(patience, exchange).await.unwrap_or_else(|_| Err("it did not answer in time".into()))
            }
            None => tokio::select! {
                biased;
                answer = exchange => answer,
                () = self.silence() => Err("it does not answer any more; what was begun may go on in it".into()),
            },
        };
        let (ok, bytes) = answer.map_err(|reason| {
            Error::new(kernel::ErrorKind::Unavailable, format!("the serving process cannot be reached: {reason}"))
        })?;
        if ok {
            return serde_json::from_slice(&bytes).map(Ok).map_err(|error| {
                Failure::impossible(format!(
                    "the serving process answers in a form that this program does not know: use that of its version ({error})"
                ))
            });
        }
        let problem: Result<Problem, _> = serde_json::from_slice(&bytes);
        Ok(Err(problem.map_or_else(
            |_| Error::internal(format!("the serving process answered: {}", String::from_utf8_lossy(&bytes))),
            Error::from,
        )))
    }

    /// Until the process does not say how it is: what takes its time is no sign of that.
    async fn silence(&self) {
        loop {
            sleep(PATIENCE).await;
            let asked = timeout(PATIENCE, self.exchange(Method::GET, "/status", Vec::new())).await;
            if !matches!(asked, Ok(Ok(_))) {
                return;
            }
        }
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

/// Whether it is a serving process that gave this answer, of whatever version and in whatever state, and not another program that has
/// taken the address of one that is gone, or one that serves another store.
fn is_ours(ok: bool, answer: &[u8]) -> bool {
    if ok {
        return serde_json::from_slice::<Value>(answer).is_ok_and(|report| report["process"].is_u64());
    }
    serde_json::from_slice::<Problem>(answer).is_ok_and(|problem| problem.code != "denied")
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// Answers so often how it is, and everything else after an hour.
    async fn serve(listener: TcpListener, mut lives: usize) -> io::Result<()> {
        loop {
            let (mut stream, _) = listener.accept().await?;
            let mut asked = [0; 4096];
            let length = stream.read(&mut asked).await?;
            let is_status = asked[..length].starts_with(b"GET /status");
            if is_status && lives == 0 {
                std::mem::forget(stream);
                continue;
            }
            lives -= usize::from(is_status);
            tokio::spawn(async move {
                sleep(if is_status { Duration::ZERO } else { Duration::from_secs(3600) }).await;
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnull").await
            });
        }
    }

    async fn ask(lives: usize) -> Result<Json, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ticket = Ticket { address: listener.local_addr().unwrap(), token: "secret".into() };
        let serving = tokio::spawn(serve(listener, lives));
        let answer = Client { ticket }.bus(&BusOrder::Retry { letters: event_bus::LetterFilter::default() }).await;
        serving.abort();
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_hangs_is_not_waited_for() {
        for lives in [0, 3] {
            let failure = ask(lives).await.unwrap_err().to_string();
            assert!(failure.contains("it does not answer any more"), "{failure}");
        }
    }

    /// It is there: who is told that there is none would start another one, in vain.
    #[tokio::test(start_paused = true)]
    async fn a_process_that_hangs_is_not_taken_for_none() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("borough.db");
        let find = async || Client::find(&store).await.map(|found| found.is_some());
        assert!(!find().await.unwrap(), "nobody serves it");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ticket = Ticket { address: listener.local_addr().unwrap(), token: "secret".into() };
        std::fs::write(Ticket::path(&store), serde_json::to_vec(&ticket).unwrap()).unwrap();
        let serving = tokio::spawn(serve(listener, 0));
        let failure = find().await.unwrap_err().to_string();
        assert!(failure.contains("has not answered for 10 seconds"), "{failure}");
        serving.abort();
        assert!(serving.await.is_err());
        assert!(!find().await.unwrap(), "it has died and left its ticket");
    }

    /// Who holds the store is there, whatever is wrong with it or newer than this program.
    #[test]
    fn a_serving_process_is_known_by_its_answer() {
        let problem = |error: Error| serde_json::to_vec(&Problem::from(&error)).unwrap();
        let unavailable = Error::new(kernel::ErrorKind::Unavailable, "the store has not answered");
        let denied = Error::new(kernel::ErrorKind::Denied, "that is not the token");
        let newer = br#"{ "process": 7, "something": "else" }"#.to_vec();
        for (ok, answer, known) in [
            (true, newer, true),
            (false, problem(unavailable), true),
            (false, problem(Error::internal("a panic")), true),
            (false, problem(denied), false),
            (true, b"<html>".to_vec(), false),
            (false, b"{}".to_vec(), false),
        ] {
            assert_eq!(is_ours(ok, &answer), known, "{}", String::from_utf8_lossy(&answer));
        }
    }

    /// What is not known might narrow what is to be discarded.
    #[test]
    fn an_order_with_a_field_that_is_not_known_is_refused() {
        for order in
            [r#"{"discard":{"letters":{"older":3},"reason":"old"}}"#, r#"{"pause":{"subscriber":"x","key":"y"}}"#]
        {
            let error = serde_json::from_str::<BusOrder>(order).unwrap_err().to_string();
            assert!(error.starts_with("unknown field "), "{error}");
        }
    }

    /// Another user's, as a rule.
    #[tokio::test]
    async fn where_the_ticket_cannot_be_read_nobody_is_told_that_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("borough.db");
        std::fs::create_dir(Ticket::path(&store)).unwrap();
        let failure = Client::find(&store).await.map(|_| ()).unwrap_err().to_string();
        assert!(failure.contains("borough.db.control: ") && failure.contains("ask as the user who runs"), "{failure}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_takes_its_time_is() {
        assert_eq!(ask(usize::MAX).await.unwrap().text(), "null");
    }
}
