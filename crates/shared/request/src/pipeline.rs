use std::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
    time::Duration,
};

use event_sourcing::{CommitError, Origin, Store, Unit};
use futures::FutureExt;
use kernel::{Access, Clock, Context, Error, ErrorKind, Ids, Json, Request, RequestKind};
use resilience::{BreakerOptions, Breakers, Bulkhead, BulkheadOptions};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use crate::{
    Client, IdempotencyKey, ModuleStates, RequestInfo, ServiceTable, Stage,
    audit::Audited,
    blocking::Watched,
    cache::{Generations, Lookup},
    compliance,
    idempotency::{self, Once},
    meters,
    table::{Entry, Typed},
};

/// Asks the services of this process: every request goes through the stages of [`Stage::ALL`].
#[derive(Clone)]
pub struct Requests(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    open: OnceLock<Open>,
    states: ModuleStates,
    breakers: Breakers,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    limits: Limits,
}

/// What there is once the services are known.
struct Open {
    table: ServiceTable,
    generations: Generations,
}

/// How much a request may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of JSON of a request that is called by name.
    pub payload: usize,
    /// When to ask again for what is not available now.
    pub retry_after: Duration,
    /// Of each request.
    pub bulkhead: BulkheadOptions,
    /// Of each request; `targets` does not matter.
    pub breaker: BreakerOptions,
    /// A service that holds its thread for longer is named in the log; debug builds only.
    pub blocking: Duration,
}

impl Default for Limits {
    /// 1 MiB, 5 s, 100 ms; the defaults of bulkheads and breakers.
    fn default() -> Self {
        Self {
            payload: 1 << 20,
            retry_after: Duration::from_secs(5),
            bulkhead: BulkheadOptions::default(),
            breaker: BreakerOptions::default(),
            blocking: Duration::from_millis(100),
        }
    }
}

/// A request that nobody serves here.
struct Absent {
    /// Whose it is.
    module: &'static str,
    why: Error,
}

impl Absent {
    fn everywhere(why: Error) -> Box<Self> {
        Box::new(Self { module: "nobody", why })
    }
}

/// One request on its way.
#[derive(Clone, Copy)]
struct Passage<'a> {
    cx: &'a Context,
    info: &'a RequestInfo,
    audited: Option<&'a Audited>,
    /// The deadline by the runtime's timers, once it was looked at.
    until: Option<Instant>,
}

impl Passage<'_> {
    async fn in_time<T>(&self, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        match self.until {
            Some(until) => timeout_at(until, answer).await.unwrap_or_else(|_| Err(late(self.info))),
            None => answer.await,
        }
    }

    fn enter(&self, stage: Stage) {
        tracing::trace!(stage = stage.name(), "enters");
    }
}

impl Requests {
    /// Serves what is in the table, within the default [`Limits`].
    pub fn new(table: ServiceTable, store: Arc<dyn Store>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        let requests = Self::closed(store, clock, ids, Limits::default()).expect("the defaults are in range");
        requests.open(table);
        requests
    }

    /// Without services yet: they want a [`Client`] to be built.
    ///
    /// # Errors
    /// Limits that are out of range, all of them.
    pub fn closed(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        limits: Limits,
    ) -> Result<Self, Error> {
        meters::describe();
        // How many targets there are the table says.
        let breaker = BreakerOptions { targets: usize::MAX, ..limits.breaker.clone() };
        let breakers = Breakers::try_new(breaker, Arc::clone(&clock))?;
        Bulkhead::try_new("", limits.bulkhead.clone())?;
        let states = ModuleStates::default();
        Ok(Self(Arc::new(Inner { open: OnceLock::new(), states, breakers, store, clock, ids, limits })))
    }

    /// From here on there are services. A second table is ignored.
    pub fn open(&self, mut table: ServiceTable) {
        self.0.open.get_or_init(|| {
            table.guard(&self.0.breakers, &self.0.limits.bulkhead);
            let generations = Generations::new(Arc::clone(&self.0.store), table.stale_after());
            Open { table, generations }
        });
    }

    /// For services, which the application that they ask is made of: it does not keep that alive.
    pub fn client(&self) -> Client {
        Client(Arc::downgrade(&self.0))
    }

    /// Which modules can be asked.
    pub fn states(&self) -> &ModuleStates {
        &self.0.states
    }

    /// How the services of the requests do, by the requests' names.
    pub fn breakers(&self) -> &Breakers {
        &self.0.breakers
    }

    /// # Cancel safety
    /// Dropped before the commit, nothing happened; dropped during it, the command is done or not done as a whole, which a
    /// second try with the same [`IdempotencyKey`] finds out.
    pub async fn ask<R: Request>(&self, cx: &Context, request: R) -> Result<R::Response, Error> {
        self.dispatch(cx, None, request).await
    }

    /// A command that may be sent again under the same key.
    ///
    /// # Cancel safety
    /// As [`Requests::ask`].
    pub async fn send<R: Request>(&self, cx: &Context, key: &IdempotencyKey, request: R) -> Result<R::Response, Error> {
        self.dispatch(cx, Some(key), request).await
    }

    /// What a command that this user sent under this key answered, if it was done.
    pub async fn answered<R: Request>(&self, cx: &Context, key: &IdempotencyKey) -> Result<Option<R::Response>, Error> {
        idempotency::answered::<R>(&*self.0.store, cx, key).await
    }

    /// By name, JSON in and out: what a port adapter has.
    ///
    /// # Errors
    /// Also `request.unknown`, `request.too_large`, and `request.unreadable` with the pointer of what cannot be read.
    ///
    /// # Cancel safety
    /// As [`Requests::ask`].
    pub async fn call(
        &self,
        cx: &Context,
        name: &str,
        key: Option<&IdempotencyKey>,
        request: &Json,
    ) -> Result<Json, Error> {
        let open = self.opened()?;
        let call = open.table.json(name).map_err(|unknown| self.absent(open, name, unknown).why)?;
        let (size, limit) = (request.text().len(), self.0.limits.payload);
        if size > limit {
            let message = format!(
                "the JSON of `{name}` has {size} bytes, and {limit} are taken: hand over large data as a file that the \
                 request names, or raise `requests.payload_bytes`"
            );
            return Err(Error::invalid(message).with_code("request.too_large"));
        }
        call(self, cx, key, request).await
    }

    /// Every request that is served, by name.
    pub fn requests(&self) -> Vec<RequestInfo> {
        self.0.open.get().map(|open| open.table.requests()).unwrap_or_default()
    }

    fn opened(&self) -> Result<&Open, Error> {
        self.0
            .open
            .get()
            .ok_or_else(|| Error::internal("asked before all modules were assembled: ask when they have started"))
    }

    fn find<R: Request>(&self) -> Result<(&Open, &Entry, &Typed<R>), Box<Absent>> {
        let open = self.opened().map_err(Absent::everywhere)?;
        let (entry, typed) = open.table.typed::<R>().map_err(|unknown| self.absent(open, R::NAME, unknown))?;
        Ok((open, entry, typed))
    }

    #[cold]
    fn absent(&self, open: &Open, request: &str, unknown: Error) -> Box<Absent> {
        let Some(module) = open.table.elsewhere(request) else { return Absent::everywhere(unknown) };
        let stopped = self.0.states.check(module, request, self.0.limits.retry_after).err();
        Box::new(Absent { module, why: stopped.unwrap_or(unknown) })
    }

    pub(crate) async fn dispatch<R: Request>(
        &self,
        cx: &Context,
        key: Option<&IdempotencyKey>,
        request: R,
    ) -> Result<R::Response, Error> {
        let found = self.find::<R>();
        let unserved = RequestInfo::of::<R>(found.as_ref().err().map_or("nobody", |absent| absent.module));
        let info = found.as_ref().map_or(&unserved, |(_, entry, _)| &entry.info);
        let span = observability::message_span(observability::REQUEST, info.module, info.name, cx);
        let audited = (R::KIND == RequestKind::Command).then(|| Audited {
            module: info.module,
            request: R::NAME,
            subject: request.subject(),
        });
        let passage = Passage { cx, info, audited: audited.as_ref(), until: None };
        async {
            passage.enter(Stage::Span);
            let start = Instant::now();
            let _in_flight = found.as_ref().ok().map(|(_, entry, _)| entry.meters.enter());
            let stages = async {
                let (open, entry, typed) = found.as_ref().map_err(|absent| absent.why.clone())?;
                self.stages(&passage, open, entry, typed, key, request).await
            };
            let result = AssertUnwindSafe(stages).catch_unwind().await;
            let result = result.unwrap_or_else(|panic| Err(panicked(info, panic.as_ref())));
            if let Ok((_, entry, _)) = &found {
                entry.meters.ended(start.elapsed(), result.as_ref().err());
            }
            match &result {
                Ok(_) => tracing::info!("answered"),
                Err(error) => self.not_answered(&passage, error).await,
            }
            result
        }
        .instrument(span)
        .await
    }

    async fn stages<R: Request>(
        &self,
        passage: &Passage<'_>,
        open: &Open,
        entry: &Entry,
        typed: &Typed<R>,
        key: Option<&IdempotencyKey>,
        request: R,
    ) -> Result<R::Response, Error> {
        let (cx, info) = (passage.cx, passage.info);
        passage.enter(Stage::Route);
        self.0.states.check(info.module, info.name, self.0.limits.retry_after)?;
        route(cx, open, info)?;
        passage.enter(Stage::Access);
        access(cx, info)?;
        passage.enter(Stage::Validation);
        typed.service.validate(&request).map_err(Error::invalid_fields)?;
        passage.enter(Stage::Compliance);
        let redacted = compliance::check(&typed.requirements, cx, &request)?;
        passage.enter(Stage::Deadline);
        let until = self.remaining(cx, info)?.map(|remaining| Instant::now() + remaining);
        let passage = &Passage { until, ..*passage };
        let answer = async {
            match R::KIND {
                RequestKind::Query => self.query(passage, open, entry, typed, request).await,
                RequestKind::Command => self.command(passage, entry, typed, key, request).await,
            }
        };
        let Answered { mut response, work } = passage.in_time(answer).await?;
        if let Some(work) = work {
            passage.enter(Stage::Commit);
            self.remaining(cx, info)?;
            response = self.commit::<R>(passage, response, work).await?;
        }
        if redacted.is_empty() { Ok(response) } else { compliance::redact::<R>(response, &redacted) }
    }

    async fn query<'a, R: Request>(
        &self,
        passage: &Passage<'_>,
        open: &Open,
        entry: &Entry,
        typed: &Typed<R>,
        request: R,
    ) -> Result<Answered<'a, R::Response>, Error> {
        passage.enter(Stage::Cache);
        let Some(answers) = &typed.answers else {
            return self.fresh(passage, entry, typed, request).await.map(Answered::already);
        };
        let generation = open.generations.of(answers.stale_after()).await?;
        let lookup = Lookup { generation, meters: &entry.meters };
        let ask = Box::new(|request| Box::pin(self.fresh(passage, entry, typed, request)) as _);
        answers.answer(passage.cx, lookup, request, ask).await.map(Answered::already)
    }

    /// What a query answers that is not kept.
    async fn fresh<R: Request>(
        &self,
        passage: &Passage<'_>,
        entry: &Entry,
        typed: &Typed<R>,
        request: R,
    ) -> Result<R::Response, Error> {
        let (response, unit) = self.serve(passage, entry, typed, request).await?;
        if unit.is_empty() {
            return Ok(response);
        }
        let RequestInfo { name, module, .. } = passage.info;
        Err(Error::internal(format!("`{name}` of module `{module}` is a query and tried to write: make it a command")))
    }

    async fn command<'a, R: Request>(
        &self,
        passage: &Passage<'_>,
        entry: &Entry,
        typed: &Typed<R>,
        key: Option<&'a IdempotencyKey>,
        request: R,
    ) -> Result<Answered<'a, R::Response>, Error> {
        passage.enter(Stage::Idempotency);
        let once = key.map(|key| Once::new(passage.cx, key, &request)).transpose()?;
        if let Some(once) = &once
            && let Some(answer) = once.earlier::<R>(&*self.0.store).await?
        {
            return Ok(Answered::already(answer));
        }
        let (response, unit) = self.serve(passage, entry, typed, request).await?;
        Ok(Answered { response, work: Some(Work { unit, once }) })
    }

    /// Not to be answered before the deadline is a failure of the service, not to be admitted is none.
    async fn serve<R: Request>(
        &self,
        passage: &Passage<'_>,
        entry: &Entry,
        typed: &Typed<R>,
        request: R,
    ) -> Result<(R::Response, Unit), Error> {
        let Passage { cx, info, .. } = *passage;
        passage.enter(Stage::Admission);
        let guard = entry.guard.as_ref().expect("whoever opens the table guards it");
        let _slot = guard.bulkhead.enter().await?;
        let permit = guard.breaker.admit()?;
        passage.enter(Stage::Service);
        let cx = cx.serving(info.module, info.name);
        let mut unit = self.unit(&cx, info.module);
        let answer = typed.service.execute(&cx, &mut unit, request);
        let result = if cfg!(debug_assertions) {
            passage.in_time(Watched::new(answer, self.0.limits.blocking, info)).await
        } else {
            passage.in_time(answer).await
        };
        permit.record(resilience::Outcome::of(&result));
        Ok((result?, unit))
    }

    fn unit(&self, cx: &Context, module: &'static str) -> Unit {
        let (clock, ids) = (Arc::clone(&self.0.clock), Arc::clone(&self.0.ids));
        Unit::new(Origin { module, context: cx.clone(), clock, ids })
    }

    fn remaining(&self, cx: &Context, info: &RequestInfo) -> Result<Option<Duration>, Error> {
        let Some(deadline) = cx.deadline() else { return Ok(None) };
        let remaining = (deadline - self.0.clock.now()).to_std().map_err(|_| late(info))?;
        Ok(Some(remaining))
    }

    /// Commits the command with its answer and its audit record. Where another one under the same key was faster, its answer
    /// holds.
    async fn commit<R: Request>(
        &self,
        passage: &Passage<'_>,
        response: R::Response,
        Work { mut unit, once }: Work<'_>,
    ) -> Result<R::Response, Error> {
        if let Some(once) = &once {
            once.remember::<R>(&response, &mut unit)?;
        }
        if let Some(audited) = &passage.audited {
            audited.done(passage.cx, &mut unit);
        }
        match (self.0.store.commit(unit).await, once) {
            (Ok(_), _) => Ok(response),
            (Err(CommitError::Conflict(conflict)), Some(once)) => match once.earlier::<R>(&*self.0.store).await? {
                Some(answer) => Ok(answer),
                None => Err(CommitError::Conflict(conflict).into()),
            },
            (Err(error), _) => Err(error.into()),
        }
    }

    /// Says that a request was not answered: in the log, and for a command in the audit log.
    async fn not_answered(&self, passage: &Passage<'_>, error: &Error) {
        let (code, detail) = (error.code(), error.detail.as_deref());
        observability::failed(code);
        // What the caller can mend is the caller's news; what only we can is ours.
        if error.kind.is_of_the_caller() {
            tracing::info!(code, "{error}");
        } else {
            tracing::warn!(code, detail, "{error}");
        }
        let Some(audited) = &passage.audited else { return };
        let mut unit = self.unit(passage.cx, passage.info.module);
        audited.not_done(passage.cx, &mut unit, error);
        if let Err(unwritten) = self.0.store.commit(unit).await {
            tracing::error!("the audit record of a command that was not done could not be written: {unwritten}");
        }
    }
}

/// What came of asking.
struct Answered<'a, T> {
    response: T,
    /// What is left to commit.
    work: Option<Work<'a>>,
}

struct Work<'a> {
    unit: Unit,
    once: Option<Once<'a>>,
}

impl<T> Answered<'_, T> {
    fn already(response: T) -> Self {
        Self { response, work: None }
    }
}

/// Whether the request may be asked from where it is asked.
fn route(cx: &Context, open: &Open, info: &RequestInfo) -> Result<(), Error> {
    let Some(asked) = cx.asked() else { return Ok(()) };
    if asked.chain().any(|around| around.request == info.name) {
        let mut chain: Vec<&str> = asked.chain().map(|around| around.request).collect();
        chain.reverse();
        chain.push(info.name);
        let message = format!(
            "`{}` of module `{}` is asked from within itself, {}: let one of them publish an event instead, or move \
             what both need into one module",
            info.name,
            info.module,
            chain.join(" -> ")
        );
        return Err(Error::internal(message).with_code("request.cycle"));
    }
    if open.table.is_undeclared(asked.module, info) {
        let message = format!(
            "module `{}` asks `{}` of module `{}` without saying so: add `.asks` of it to its descriptor",
            asked.module, info.name, info.module
        );
        return Err(Error::internal(message).with_code("request.undeclared"));
    }
    Ok(())
}

fn access(cx: &Context, info: &RequestInfo) -> Result<(), Error> {
    match info.access {
        Access::Public { .. } => Ok(()),
        Access::Requires(permission) if cx.principal().may(permission) => Ok(()),
        Access::Requires(permission) => Err(Error::new(
            ErrorKind::Denied,
            format!(
                "`{}` of module `{}` needs permission `{}`, which `{}` does not have: grant it under [access.grants] in \
                 the settings",
                info.name,
                info.module,
                permission.name(),
                cx.principal().user()
            ),
        )),
    }
}

/// A service that panics fails its own request and nothing else: what it had added to the unit is dropped with it.
fn panicked(info: &RequestInfo, panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    let RequestInfo { name, module, .. } = info;
    Error::internal(format!("the service of `{name}` in module `{module}` failed by a fault of its own: see the log"))
        .with_code("request.panicked")
        .with_detail(text.unwrap_or_else(|| "a panic without a text".into()))
}

fn late(info: &RequestInfo) -> Error {
    let RequestInfo { name, module, .. } = info;
    let message = format!("`{name}` of module `{module}` was not answered before its deadline: allow it more time");
    Error::new(ErrorKind::Deadline, message)
}
