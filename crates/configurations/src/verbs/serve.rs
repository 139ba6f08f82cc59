use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use event_bus::Drain;
use interfaces_ai::{PipelineStarted, StartPipeline};
use kernel::{CorrelationId, Error, ErrorKind, Json, SystemClock, SystemIds};
use module::ModuleStatus;
use request::IdempotencyKey;
use saga::{ResumeError, SagaId, SagaRecord, Silent};
use tokio::{
    sync::oneshot,
    task::{Id, JoinError, JoinSet},
    time::MissedTickBehavior,
};
use uuid::Uuid;

use crate::{
    cli::{Global, Serve},
    composition::{Config, Platform},
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
    let mut monitoring = Monitoring::start(&config.monitoring, Arc::new(SystemClock), Arc::new(SystemIds))?;
    let platform = Platform::start(&config, "borough serve").await?;
    monitoring.listen(&config.monitoring.prometheus).await?;
    let (server, mut orders) = Server::start(&config, &*platform.ids).await?;
    let mut serving = Serving {
        since: platform.clock.now(),
        config,
        platform,
        monitoring,
        runs: JoinSet::new(),
        driving: HashMap::new(),
        calls: JoinSet::new(),
    };
    serving.take_up_open_runs().await?;
    serving.monitoring.look(&serving.platform).await;
    let (store, process) = (serving.config.store.path.display(), std::process::id());
    let modules = serving.platform.application.modules().len();
    tracing::info!(%store, process, modules, version = env!("CARGO_PKG_VERSION"), "serving");
    print(&format!("serving {store}, stop with Ctrl-C or SIGTERM"))?;

    tokio::pin!(end);
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // Everything that can happen to a serving process stands here.
        tokio::select! {
            () = &mut end => break,
            Some(order) = orders.recv() => serving.carry_out(order).await,
            Some(ended) = serving.runs.join_next_with_id() => serving.ended(ended),
            _ = look.tick() => drop(serving.monitoring.look(&serving.platform).await),
            Some(answered) = serving.calls.join_next() => serving.answered(answered).await,
        }
    }
    drop(orders);
    drop(server);
    serving.drain().await
}

/// The serving process: the one owner of all that runs in it.
struct Serving {
    config: Config,
    platform: Platform,
    monitoring: Monitoring,
    since: DateTime<Utc>,
    runs: JoinSet<Result<SagaRecord, ResumeError>>,
    driving: HashMap<Id, Uuid>,
    /// Each ends with the work that it was a part of.
    calls: JoinSet<Option<CorrelationId>>,
}

impl Serving {
    async fn take_up_open_runs(&mut self) -> Result<(), Failure> {
        for run in self.platform.application.sagas.open().await? {
            tracing::info!(run = %run.id, saga = run.saga, "taking up an open run");
            self.drive(run.id.0);
        }
        Ok(())
    }

    async fn carry_out(&mut self, order: Order) {
        // A client that has gone does not need its answer.
        match order {
            Order::Status(answer) => drop(answer.send(self.status().await)),
            Order::Metrics(answer) => {
                self.monitoring.look(&self.platform).await;
                let _ = answer.send(self.monitoring.report());
            }
            Order::Start(request, answer) => drop(answer.send(self.start(*request).await)),
            Order::Call(order, answer) => self.call(order, answer),
            Order::Bus(order, answer) => {
                let cx = self.platform.context(&self.config).map_err(|e| Error::new(ErrorKind::Denied, e.to_string()));
                let bus = Arc::clone(self.platform.bus());
                self.calls.spawn(async move {
                    let done = async { order.carry_out(&bus, &cx?).await };
                    let _ = answer.send(done.await);
                    None
                });
            }
            Order::Projections(order, answer) => {
                let projections = self.platform.application.projections.clone();
                self.calls.spawn(async move {
                    let _ = answer.send(order.carry_out(&projections).await);
                    None
                });
            }
            Order::Resume(runs, answer) => {
                runs.into_iter().for_each(|run| self.drive(run));
                let _ = answer.send(());
            }
        }
    }

    async fn start(&mut self, request: StartPipeline) -> Result<PipelineStarted, Error> {
        let cx = self.platform.context(&self.config).map_err(|e| Error::new(ErrorKind::Denied, e.to_string()))?;
        let started = self.platform.application.requests.ask(&cx, request).await?;
        self.drive(started.saga_id);
        Ok(started)
    }

    /// Asks beside the loop, which goes on with other orders.
    fn call(&mut self, order: CallOrder, answer: oneshot::Sender<Result<Json, Error>>) {
        let cx = self.platform.context(&self.config).map_err(|e| Error::new(ErrorKind::Denied, e.to_string()));
        let cx = cx.and_then(|cx| order.context(cx, &*self.platform.clock));
        let requests = self.platform.application.requests.clone();
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
            work
        });
    }

    /// What a call has begun is driven here, as what `run` begins.
    async fn answered(&mut self, call: Result<Option<CorrelationId>, JoinError>) {
        let Ok(Some(work)) = call else { return };
        match self.platform.begun(work).await {
            Ok(runs) => runs.into_iter().for_each(|run| self.drive(run.0)),
            Err(failure) => tracing::error!("what a call has begun is taken up at the next start: {failure}"),
        }
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
        let subscribers = self.platform.bus().status().await?;
        Ok(StatusReport {
            version: env!("CARGO_PKG_VERSION").into(),
            process: std::process::id(),
            since: self.since,
            store: std::path::absolute(&self.config.store.path).unwrap_or_else(|_| self.config.store.path.clone()),
            health: self.monitoring.look(&self.platform).await,
            head: self.platform.store.head().await?,
            modules: self.platform.application.modules().into_iter().map(reported).collect(),
            subscribers: subscribers.into_iter().map(Into::into).collect(),
            projections: self.platform.application.projections.standings().into_iter().map(Into::into).collect(),
            driving: self.driving.values().copied().collect(),
        })
    }

    /// Lets runs and subscribers end; what does not in time is in the journal and the log, and goes on with the next process.
    async fn drain(mut self) -> Result<(), Failure> {
        let timeout = self.config.serve.drain;
        let (runs, calls) = (self.runs.len(), self.calls.len());
        tracing::info!(runs, calls, "asked to stop: what is under way has {timeout:?} to end");
        self.monitoring.stopping();
        let again = interrupted()?;
        let deadline = tokio::time::Instant::now() + timeout;
        let ending = async {
            let work = async {
                while let Some(call) = self.calls.join_next().await {
                    self.answered(call).await;
                }
                while let Some(ended) = self.runs.join_next_with_id().await {
                    if let Ok((_, Err(error))) = &ended {
                        tracing::warn!("{error}");
                    }
                }
            };
            let in_time = tokio::time::timeout_at(deadline, work).await.is_ok();
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            Ok::<_, Failure>(self.platform.drain(left).await? == Drain::Complete && in_time)
        };
        let drained = tokio::select! {
            drained = ending => drained,
            // Whoever asks a second time does not want to wait.
            () = again => Ok(false),
        };
        self.calls.shutdown().await;
        self.runs.shutdown().await;
        self.platform.stop().await;
        self.monitoring.stop().await;
        let all = drained?;
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
}

fn reported(module: ModuleStatus) -> ModuleReport {
    let ModuleStatus { name, state, troubles, services } = module;
    ModuleReport { name: name.into(), state, troubles, services: services.into_iter().map(Into::into).collect() }
}
