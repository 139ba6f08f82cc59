use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
    time::Duration,
};

use event_bus::InlineSubscribers;
use event_sourcing::{CommitError, EventRules, Store, Unit};
use kernel::{Access, Clock, Context, Error, ErrorKind, Ids, Json, Request, RequestKind};
use metrics::{NoopRecorder, with_local_recorder};
use resilience::{BreakerOptions, Breakers, Bulkhead};
use tokio::time::Instant;

use crate::{
    Client, IdempotencyKey, Limits, ModuleStates, RequestInfo, ServiceTable, Stage,
    audit::Audited,
    blocking::Watched,
    cache::{Generations, Lookup},
    compliance,
    idempotency::{self, Once},
    meters::{self, Meters},
    passage::Passage,
    table::{Entry, Typed},
};

/// Asks the services of this process: every request goes through the stages of [`Stage::ALL`].
#[derive(Clone)]
pub struct Requests(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    open: OnceLock<Open>,
    states: ModuleStates,
    breakers: Breakers,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub limits: Limits,
}

/// What there is once the services are known.
struct Open {
    table: ServiceTable,
    generations: Generations,
    inline: InlineSubscribers,
}

/// A request that nobody serves here.
struct Absent {
    /// Whose it is.
    module: &'static str,
    meters: Meters,
    why: Error,
}

impl Absent {
    fn everywhere(request: &'static str, why: Error) -> Box<Self> {
        let module = "nobody";
        Box::new(Self { module, meters: Meters::new(module, request), why })
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
        // Only to look at the options: it is not to be counted.
        with_local_recorder(&NoopRecorder, || Bulkhead::try_new("", limits.bulkhead.clone()))?;
        let states = ModuleStates::default();
        Ok(Self(Arc::new(Inner { open: OnceLock::new(), states, breakers, store, clock, ids, limits })))
    }

    /// From here on there are services. A second table is ignored.
    pub fn open(&self, mut table: ServiceTable) {
        self.0.open.get_or_init(|| {
            table.guard(&self.0.breakers, &self.0.limits.bulkhead);
            let generations = Generations::new(Arc::clone(&self.0.store), table.stale_after());
            let inline = table.take_inline().unwrap_or_else(|| {
                InlineSubscribers::of(&[]).holding_to(EventRules::default(), Arc::clone(&self.0.store))
            });
            Open { table, generations, inline }
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
        self.dispatch(cx, None, || Ok(request)).await
    }

    /// A command that may be sent again under the same key.
    ///
    /// # Cancel safety
    /// As [`Requests::ask`].
    pub async fn send<R: Request>(&self, cx: &Context, key: &IdempotencyKey, request: R) -> Result<R::Response, Error> {
        self.dispatch(cx, Some(key), || Ok(request)).await
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
        match self.named(name) {
            Ok(entry) => (entry.json)(self, cx, key, entry, request).await,
            Err(absent) => {
                let Absent { module, meters, why } = &*absent;
                // Nobody here knows whether it is a command: it might be one.
                let audited = Audited { module, request: name, key, subject: None, since: Instant::now() };
                let passage = Passage { cx, module, request: name, meters, audited: Some(&audited), until: None };
                self.pass(&passage, async { Err(why.clone()) }).await
            }
        }
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
        let open = self.opened().map_err(|why| Absent::everywhere(R::NAME, why))?;
        let (entry, typed) = open.table.typed::<R>().map_err(|why| self.absent(open, R::NAME, R::NAME, why))?;
        Ok((open, entry, typed))
    }

    fn named(&self, name: &str) -> Result<&Entry, Box<Absent>> {
        // Metrics have one name for all names that callers think of.
        let open = self.opened().map_err(|why| Absent::everywhere("unknown", why))?;
        open.table.named(name).map_err(|why| self.absent(open, name, "unknown", why))
    }

    #[cold]
    fn absent(&self, open: &Open, request: &str, measured: &'static str, unknown: Error) -> Box<Absent> {
        let Some((request, module)) = open.table.elsewhere(request) else {
            return Absent::everywhere(measured, unknown);
        };
        let stopped = self.0.states.check(module, request, self.0.limits.retry_after).err();
        Box::new(Absent { module, meters: Meters::new(module, request), why: stopped.unwrap_or(unknown) })
    }

    /// What cannot be given passes as the reason, to be refused where requests are validated.
    pub(crate) async fn dispatch<R: Request>(
        &self,
        cx: &Context,
        key: Option<&IdempotencyKey>,
        given: impl FnOnce() -> Result<R, Error>,
    ) -> Result<R::Response, Error> {
        let found = self.find::<R>();
        let (module, meters) = match &found {
            Ok((_, entry, _)) => (entry.info.module, &entry.meters),
            Err(absent) => (absent.module, &absent.meters),
        };
        let passage = Passage { cx, module, request: R::NAME, meters, audited: None, until: None };
        let (is_command, since) = (R::KIND == RequestKind::Command, Instant::now());
        let given = catch_unwind(AssertUnwindSafe(|| {
            let request = given()?;
            let subject = if is_command { request.subject() } else { None };
            Ok((request, subject))
        }));
        let (request, subject) = match given.unwrap_or_else(|panic| Err(passage.panicked(panic))) {
            Ok((request, subject)) => (Ok(request), subject),
            Err(error) => (Err(error), None),
        };
        let audited = is_command.then_some(Audited { module, request: R::NAME, key, subject, since });
        let passage = Passage { audited: audited.as_ref(), ..passage };
        let stages = async {
            let (open, entry, typed) = found.as_ref().map_err(|absent| absent.why.clone())?;
            self.stages(&passage, open, entry, typed, key, request).await
        };
        self.pass(&passage, stages).await
    }

    async fn stages<R: Request>(
        &self,
        passage: &Passage<'_>,
        open: &Open,
        entry: &Entry,
        typed: &Typed<R>,
        key: Option<&IdempotencyKey>,
        request: Result<R, Error>,
    ) -> Result<R::Response, Error> {
        let (cx, info) = (passage.cx, &entry.info);
        Stage::Route.enter();
        self.0.states.check(info.module, info.name, self.0.limits.retry_after)?;
        route(cx, open, info)?;
        Stage::Access.enter();
        access(cx, info)?;
        Stage::Validation.enter();
        if let (RequestKind::Query, Some(_)) = (R::KIND, key) {
            return Err(idempotency::without_effect(info));
        }
        let request = request?;
        typed.service.validate(&request).map_err(Error::invalid_fields)?;
        Stage::Compliance.enter();
        let redacted = compliance::check(&typed.requirements, cx, &request)?;
        Stage::Deadline.enter();
        let until = self.remaining(passage)?.map(|remaining| Instant::now() + remaining);
        let passage = &Passage { until, ..*passage };
        let answer = async {
            match R::KIND {
                RequestKind::Query => self.query(passage, open, entry, typed, request).await,
                RequestKind::Command => self.command(passage, entry, typed, key, request).await,
            }
        };
        let Answered { response, work } = passage.in_time(answer).await?;
        // A service that holds its thread is not cut: the timer is not looked at before it answers.
        self.remaining(passage)?;
        let redact = |response| compliance::redact::<R>(response, &redacted);
        match work {
            None => redact(response),
            Some(work) => {
                Stage::Commit.enter();
                self.commit::<R>(passage, response, work, redact).await
            }
        }
    }

    async fn query<'a, R: Request>(
        &self,
        passage: &Passage<'_>,
        open: &Open,
        entry: &Entry,
        typed: &Typed<R>,
        request: R,
    ) -> Result<Answered<'a, R::Response>, Error> {
        Stage::Cache.enter();
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
        let RequestInfo { name, module, .. } = entry.info;
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
        Stage::Idempotency.enter();
        let once = key.map(|key| Once::new(passage.cx, key, &request)).transpose()?;
        // Mutant `sent_twice_done_twice`: a command that was sent under this key before is done again.
        if let Some(once) = once.as_ref().filter(|_| !cfg!(mutant = "sent_twice_done_twice"))
            && let Some(answer) = once.earlier::<R>(&*self.0.store).await?
        {
            return Ok(Answered::already(answer));
        }
        let (response, unit) = self.serve(passage, entry, typed, request).await?;
        Ok(Answered { response, work: Some(Work { unit, once }) })
    }

    /// Not to be answered is a failure of the service if it had its time, not to be admitted is none.
    async fn serve<R: Request>(
        &self,
        passage: &Passage<'_>,
        entry: &Entry,
        typed: &Typed<R>,
        request: R,
    ) -> Result<(R::Response, Unit), Error> {
        let (cx, info) = (passage.cx, &entry.info);
        Stage::Admission.enter();
        let guard = entry.guard.as_ref().expect("whoever opens the table guards it");
        let _slot = guard.bulkhead.enter().await?;
        let permit = guard.breaker.admit()?;
        let hurried = passage.until.filter(|until| *until < Instant::now() + self.0.limits.patience);
        Stage::Service.enter();
        let cx = cx.serving(info.module, info.name);
        let mut unit = self.unit(&cx, info.module);
        let answer = typed.service.execute(&cx, &mut unit, request);
        let result = if cfg!(debug_assertions) {
            passage.in_time(Watched::new(answer, self.0.limits.blocking, info)).await
        } else {
            passage.in_time(answer).await
        };
        let is_late = matches!(&result, Err(error) if error.kind == ErrorKind::Deadline);
        if is_late && hurried.is_some_and(|until| until <= Instant::now()) {
            // The caller went away: that says nothing about the service.
            drop(permit);
        } else {
            permit.record(resilience::Outcome::of(&result));
        }
        Ok((result?, unit))
    }

    fn remaining(&self, passage: &Passage<'_>) -> Result<Option<Duration>, Error> {
        let Some(deadline) = passage.cx.deadline() else { return Ok(None) };
        let remaining = (deadline - self.0.clock.now()).to_std().map_err(|_| passage.late())?;
        Ok(Some(remaining))
    }

    /// Lets the inline subscribers add to a unit, and holds its events to the rules: for others who commit for the same modules.
    ///
    /// # Errors
    /// Of the first subscriber that fails; of the rules; that there are no services yet. The unit must then not be committed.
    ///
    /// # Cancel safety
    /// Dropped, the unit has what some of them added: drop it too.
    pub async fn complete(&self, unit: &mut Unit) -> Result<(), Error> {
        self.opened()?.inline.add_to(unit).await
    }

    /// Commits the command with its answer and its audit record. Where another one under the same key was faster, its answer
    /// holds. What cannot be answered is not done.
    async fn commit<R: Request>(
        &self,
        passage: &Passage<'_>,
        mut response: R::Response,
        Work { mut unit, once }: Work<'_>,
        redact: impl Fn(R::Response) -> Result<R::Response, Error>,
    ) -> Result<R::Response, Error> {
        passage.in_time(self.complete(&mut unit)).await?;
        if let Some(once) = &once {
            response = once.remember::<R>(&response, &mut unit)?;
        }
        let response = redact(response)?;
        if let Some(audited) = &passage.audited {
            audited.done(passage.cx, &mut unit);
        }
        match (self.0.store.commit(unit).await, once) {
            (Ok(_), _) => Ok(response),
            (Err(CommitError::Conflict(conflict)), Some(once)) => match once.earlier::<R>(&*self.0.store).await? {
                Some(answer) => redact(answer),
                None => Err(CommitError::Conflict(conflict).into()),
            },
            (Err(error), _) => Err(error.into()),
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
        // Mutant `access_unchecked`: everybody may do everything.
        Access::Requires(_) if cfg!(mutant = "access_unchecked") => Ok(()),
        Access::Requires(permission) if cx.principal().may(permission) => Ok(()),
        Access::Requires(permission) => {
            let user = cx.principal().user();
            let who = match cx.principal().acting() {
                Some(acting) => format!("`{acting}`, which acts for `{user}`,"),
                None => format!("`{user}`"),
            };
            let message = format!(
                "`{}` of module `{}` needs permission `{}`, which {who} does not have: grant it under [access.grants] in the settings",
                info.name,
                info.module,
                permission.name(),
            );
            Err(Error::new(ErrorKind::Denied, message))
        }
    }
}
