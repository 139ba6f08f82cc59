use std::{collections::HashMap, convert::Infallible, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use event_bus::Drain;
use interfaces_ai::{PipelineStarted, StartPipeline};
use kernel::{Context, Error, ErrorKind, Json, SystemClock, SystemIds};
use module::ModuleStatus;
use request::IdempotencyKey;
use saga::{ResumeError, SagaId, SagaRecord, Silent};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    task::{Id, JoinError, JoinSet, spawn_blocking},
    time::{Instant, Interval, MissedTickBehavior, timeout_at},
};
use uuid::Uuid;

use crate::{
    cli::{Global, Serve},
    composition::{Config, Platform, Standing, begun},
    control::{CallOrder, ModuleReport, Order, Server, StatusReport},
    exit::Failure,
    monitoring::Monitoring,
    verbs::{interrupted, print},
};

/// Between two looks at how the process does; histograms are put away as often.
const LOOK: Duration = Duration::from_secs(5);

pub async fn serve(global: &Global, args: &Serve) -> Result<(), Failure> {
    let flags = args.drain.map(|seconds| ("serve.drain_seconds".to_owned(), seconds.to_string()));
    let config = Config::load(global, flags.into_iter().collect())?;
    let end = interrupted()?;
    let monitoring = Monitoring::start(&config.monitoring, Arc::new(SystemClock), Arc::new(SystemIds))?;
    let platform = Platform::start(&config, "borough serve").await?;
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut serving = Serving {
        since: platform.clock.now(),
        config,
        platform,
        monitoring,
        runs: JoinSet::new(),
        driving: HashMap::new(),
        calls: JoinSet::new(),
        looks,
        stopping: false,
    };
    let (server, mut orders) = match serving.begin().await {
        Ok(begun) => begun,
        Err(failure) => return serving.stop().await.and(Err(failure)),
    };
    tokio::select! {
        () = end => {}
        never = serving.go_on(&mut orders) => match never {},
    }
    let all = serving.drain(&mut orders).await;
    drop(orders);
    drop(server);
    serving.stop().await?;
    let all = all?;
    if all {
        tracing::info!("stopped");
    } else {
        tracing::warn!("stopped before all had ended");
    }
    print(if all {
        "stopped"
    } else {
        "stopped before all had ended: runs and deliveries go on with the next process, calls do not"
    })
}

/// The serving process: the one owner of all that runs in it.
struct Serving {
    config: Config,
    platform: Platform,
    monitoring: Monitoring,
    since: DateTime<Utc>,
    looks: Interval,
    runs: JoinSet<Result<SagaRecord, ResumeError>>,
    driving: HashMap<Id, Uuid>,
    /// Each ends with the runs that it has begun, which are driven here.
    calls: JoinSet<Vec<SagaId>>,
    /// From here on it takes nothing on.
    stopping: bool,
}

impl Serving {
    /// From here on it is there for others.
    async fn begin(&mut self) -> Result<(Server, mpsc::Receiver<Order>), Failure> {
        self.monitoring.listen(&self.config.monitoring.prometheus).await?;
        let begun = Server::start(&self.config, &*self.platform.ids).await?;
        self.take_up_open_runs().await?;
        let _shown = self.monitoring.look(&self.platform).await;
        let (store, process) = (self.config.store.path.display(), std::process::id());
        let modules = self.platform.application.modules().len();
        tracing::info!(%store, process, modules, version = env!("CARGO_PKG_VERSION"), "serving");
        // It serves all the same where nobody reads that.
        if let Err(failure) = print(&format!("serving {store}, stop with Ctrl-C or SIGTERM")) {
            tracing::warn!("{failure}");
        }
        Ok(begun)
    }

    async fn take_up_open_runs(&mut self) -> Result<(), Failure> {
        for run in self.platform.application.sagas.open().await? {
            tracing::info!(run = %run.id, saga = run.saga, "taking up an open run");
            self.drive(run.id.0);
        }
        Ok(())
    }

    async fn go_on(&mut self, orders: &mut mpsc::Receiver<Order>) -> Infallible {
        loop {
            self.happen(orders).await;
        }
    }

    /// The next of all that can happen to a serving process. Nothing here waits for long: what takes its time runs beside it.
    async fn happen(&mut self, orders: &mut mpsc::Receiver<Order>) {
        tokio::select! {
            Some(order) = orders.recv() => self.carry_out(order).await,
            Some(ended) = self.runs.join_next_with_id() => self.ended(ended),
            Some(begun) = self.calls.join_next() => self.answered(begun),
            _ = self.looks.tick() => drop(self.monitoring.look(&self.platform).await),
        }
    }

    async fn carry_out(&mut self, order: Order) {
        if self.stopping && !matches!(order, Order::Status(_) | Order::Metrics(_)) {
            // The endpoint tells whoever is left without an answer that the process is stopping.
            return;
        }
        // A client that has gone does not need its answer.
        match order {
            Order::Status(answer) => drop(answer.send(self.status().await)),
            Order::Metrics(answer) => {
                let _shown = self.monitoring.look(&self.platform).await;
                let _ = answer.send(self.monitoring.report());
            }
            Order::Start(request, answer) => self.start(*request, answer),
            Order::Call(order, answer) => self.call(order, answer),
            Order::Bus(order, answer) => {
                let cx = self.context();
                let bus = Arc::clone(self.platform.bus());
                self.calls.spawn(async move {
                    let done = async { order.carry_out(&bus, &cx?).await };
                    let _ = answer.send(done.await);
                    Vec::new()
                });
            }
            Order::Projections(order, answer) => {
                let projections = self.platform.application.projections.clone();
                self.calls.spawn(async move {
                    let _ = answer.send(order.carry_out(&projections).await);
                    Vec::new()
                });
            }
            Order::Resume(runs, answer) => {
                runs.into_iter().for_each(|run| self.drive(run));
                let _ = answer.send(());
            }
        }
    }

    fn start(&mut self, request: StartPipeline, answer: oneshot::Sender<Result<PipelineStarted, Error>>) {
        let cx = self.context();
        let requests = self.platform.application.requests.clone();
        self.calls.spawn(async move {
            let started = async { requests.ask(&cx?, request).await }.await;
            let run = started.as_ref().ok().map(|started| SagaId(started.saga_id));
            let _ = answer.send(started);
            run.into_iter().collect()
        });
    }

    /// What it begins is driven here, as what `run` begins.
    fn call(&mut self, order: CallOrder, answer: oneshot::Sender<Result<Json, Error>>) {
        let cx = self.context().and_then(|cx| order.context(cx, &*self.platform.clock));
        let (requests, sagas) = (self.platform.application.requests.clone(), self.platform.application.sagas.clone());
        self.calls.spawn(async move {
            let result = async {
                let cx = cx?;
                let key = order.key.map(IdempotencyKey::try_new).transpose()?;
                let answer = requests.call(&cx, &order.name, key.as_ref(), &order.request).await?;
                Ok((answer, cx.correlation()))
            };
            let (result, work) = match result.await {
                Ok((result, work)) => (Ok(result), Some(work)),
                Err(error) => (Err(error), None),
            };
            let _ = answer.send(result);
            let Some(work) = work else { return Vec::new() };
            begun(&sagas, work).await.unwrap_or_else(|failure| {
                tracing::error!("what a call has begun is taken up at the next start: {failure}");
                Vec::new()
            })
        });
    }

    fn context(&self) -> Result<Context, Error> {
        self.platform.context(&self.config).map_err(|e| Error::new(ErrorKind::Denied, e.to_string()))
    }

    fn answered(&mut self, begun: Result<Vec<SagaId>, JoinError>) {
        begun.unwrap_or_default().into_iter().for_each(|run| self.drive(run.0));
    }

    fn drive(&mut self, run: Uuid) {
        if self.driving.values().any(|driven| *driven == run) {
            return;
        }
        let sagas = self.platform.application.sagas.clone();
        let task = self.runs.spawn(async move { sagas.drive(SagaId(run), &Silent).await });
        self.driving.insert(task.id(), run);
    }

    fn ended(&mut self, ended: Result<(Id, Result<SagaRecord, ResumeError>), JoinError>) {
        let (id, outcome) = match ended {
            Ok((id, Ok(record))) => (id, format!("ended {}", record.state.name())),
            Ok((id, Err(error))) => (id, format!("cannot go on: {error}")),
            Err(panic) => (panic.id(), format!("cannot go on: {panic}")),
        };
        if let Some(run) = self.driving.remove(&id) {
            tracing::info!(%run, "{outcome}");
        }
    }

    async fn status(&self) -> Result<StatusReport, Error> {
        let (health, standing) = self.monitoring.look(&self.platform).await;
        let Standing { head, subscribers } = standing?;
        Ok(StatusReport {
            version: env!("CARGO_PKG_VERSION").into(),
            process: std::process::id(),
            since: self.since,
            store: std::path::absolute(&self.config.store.path).unwrap_or_else(|_| self.config.store.path.clone()),
            health,
            head,
            modules: self.platform.application.modules().into_iter().map(reported).collect(),
            subscribers: subscribers.into_iter().map(Into::into).collect(),
            projections: self.platform.application.projections.standings().into_iter().map(Into::into).collect(),
            driving: self.driving.values().copied().collect(),
        })
    }

    /// Lets runs and subscribers end, and tells whoever asks how far that is; whether all have ended.
    async fn drain(&mut self, orders: &mut mpsc::Receiver<Order>) -> Result<bool, Failure> {
        let timeout = self.config.serve.drain;
        let (runs, calls) = (self.runs.len(), self.calls.len());
        tracing::info!(runs, calls, "asked to stop: what is under way has {timeout:?} to end");
        self.stopping = true;
        self.platform.application.stopping();
        // Before anything else happens, nobody sends it work.
        self.looks.reset_immediately();
        let again = interrupted()?;
        let deadline = Instant::now() + timeout;
        let ending = async {
            let work = async {
                while !(self.runs.is_empty() && self.calls.is_empty()) {
                    self.happen(orders).await;
                }
            };
            let in_time = timeout_at(deadline, work).await.is_ok();
            let caught_up = self.platform.drain(deadline.saturating_duration_since(Instant::now()));
            tokio::select! {
                drained = caught_up => Ok(drained? == Drain::Complete && in_time),
                never = self.go_on(orders) => match never {},
            }
        };
        tokio::select! {
            all = ending => all,
            // Whoever asks a second time does not want to wait.
            () = again => Ok(false),
        }
    }

    /// What has not ended is in the journal and the log, and goes on with the next process.
    async fn stop(mut self) -> Result<(), Failure> {
        let again = interrupted()?;
        let closing = async move {
            self.calls.shutdown().await;
            self.runs.shutdown().await;
            self.platform.stop().await;
            self.monitoring.stop().await;
        };
        // A disk that hangs holds the thread that closes the store.
        let runtime = Handle::current();
        let closed = spawn_blocking(move || runtime.block_on(closing));
        tokio::select! {
            closed = closed => closed.map_err(Failure::impossible),
            () = again => Err(Failure::impossible(
                "stopped before the store was closed: what it has acknowledged is in it and its log, and goes on with the \
                 next process",
            )),
        }
    }
}

fn reported(module: ModuleStatus) -> ModuleReport {
    let ModuleStatus { name, state, troubles, services } = module;
    ModuleReport { name: name.into(), state, troubles, services: services.into_iter().map(Into::into).collect() }
}
