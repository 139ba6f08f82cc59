mod report;
mod setup;
mod stub;
mod time;

use std::{
    any::type_name,
    collections::BTreeSet,
    panic::Location,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use event_bus::{DeadLetter, Drain, EventBus};
use event_sourcing::{Blobs, Origin, Position, Store, StoreExt, Unit};
use kernel::{Claims, Clock, Context, CorrelationId, Error, Event, Ids, ManualClock, Request, SequentialIds};
use module::{Application, Grants};
use tokio::time::Instant;

use self::report::{Letter, Report, Stimulus, as_json, letter};
pub use self::setup::Setup;
use crate::{Published, actors::work_of};

/// How often what is waited for is looked at, where nothing tells that it may have come.
const LOOK: Duration = Duration::from_millis(20);

/// Modules that run, with their bus, on a store in memory, ids that count and a clock that only the test moves.
///
/// ```ignore
/// let scenario = Scenario::of([shop::module(), stock::module()]).settings("[shop]\nmost = 9").start().await;
/// scenario.when(PlaceOrder { item: "rose".into() }).await;
/// scenario.expect::<StockReserved>(|event| event.item == "rose").await;
/// ```
///
/// Expected is what follows from the latest `when...`: events that were published before it do not count, nor do those that other
/// work has set off, unless it was time that passed, which is nobody's work. An expectation that does not come true panics with
/// what was published instead, who is behind and what was parked. Times are the runtime's: in a test with `start_paused` waiting
/// takes none.
///
/// That nothing comes, and how things stand in the end, is not told from subscribers that have given up: an event that was parked
/// is to be [expected](Self::expect_parked) first, behind the `when...` that has led to it. One that the test itself has paused counts as done.
///
/// Dropped, it stops the bus where it is; [`stop`](Self::stop) ends it as a program would.
pub struct Scenario {
    application: Application,
    bus: EventBus,
    store: Arc<dyn Store>,
    blobs: Arc<dyn Blobs>,
    clock: Arc<ManualClock>,
    ids: Arc<SequentialIds>,
    grants: Grants,
    within: Duration,
    user: RwLock<String>,
    stimulus: RwLock<Stimulus>,
    /// What was parked before the scenario began.
    earlier: BTreeSet<Letter>,
    /// Of which subscribers and keys the test knows that events were parked.
    parked: RwLock<BTreeSet<(String, String)>>,
}

impl Scenario {
    /// These modules: one alone, some, or all of an application.
    pub fn of(modules: impl IntoIterator<Item = module::Module>) -> Setup {
        Setup::of(modules.into_iter().collect())
    }

    /// From here on it is this user who asks, with what was granted to them.
    pub fn by(&self, user: impl Into<String>) -> &Self {
        *self.user.write().unwrap_or_else(PoisonError::into_inner) = user.into();
        self
    }

    /// Asks, and answers what is answered.
    ///
    /// # Panics
    /// If it is refused.
    #[track_caller]
    pub fn when<R: Request>(&self, request: R) -> impl Future<Output = R::Response> {
        let place = Location::caller();
        async move {
            match self.stimulate(request).await {
                Ok(answer) => answer,
                Err(error) => self.fail(place, format!("`{}` to be answered", R::NAME), refusal(&error)).await,
            }
        }
    }

    /// Asks, and answers the refusal.
    ///
    /// # Panics
    /// If it is not refused, or otherwise.
    #[track_caller]
    pub fn expect_refused<R: Request>(
        &self,
        request: R,
        matches: impl Fn(&Error) -> bool,
    ) -> impl Future<Output = Error> {
        let place = Location::caller();
        async move {
            let expected = format!("`{}` to be refused as the test says", R::NAME);
            match self.stimulate(request).await {
                Err(error) if matches(&error) => error,
                Err(error) => self.fail(place, expected, refusal(&error)).await,
                Ok(answer) => self.fail(place, expected, format!("answered: {}", as_json(&answer))).await,
            }
        }
    }

    /// Publishes, in the name of the module that declares it: of one of these, or of a neighbour that is not here.
    ///
    /// # Panics
    /// If nobody declares it, an inline subscriber refuses it, or the store does.
    #[track_caller]
    pub fn when_published<E: Event>(&self, event: E) -> impl Future<Output = ()> {
        let place = Location::caller();
        async move {
            let publisher = self.application.description.modules.iter().find(|m| m.publishes.contains(&E::NAME));
            let expected = format!("`{}` to be published", E::NAME);
            let Some(publisher) = publisher.map(|module| module.name) else {
                let name = type_name::<E>().rsplit("::").next().unwrap_or_default();
                let instead = format!("nobody declares it: set the scenario up with `.publishing::<{name}>()`");
                return self.fail(place, expected, instead).await;
            };
            let cx = self.work();
            let told = format!("event `{}` of {publisher}: {}", E::NAME, as_json(&event));
            self.begin(told, Some(cx.correlation())).await;
            let (clock, ids) = (Arc::clone(&self.clock) as Arc<dyn Clock>, Arc::clone(&self.ids) as Arc<dyn Ids>);
            let mut unit = Unit::new(Origin { module: publisher, context: cx, clock, ids });
            unit.publish(&event);
            if let Err(error) = self.bus.commit(unit).await {
                self.fail(place, expected, refusal(&error)).await
            }
        }
    }

    /// Lets the clock and the runtime's timers go on by so much, in up to a thousand steps: what happens every so often
    /// happens about as often as it would.
    pub async fn when_time_passes(&self, time: Duration) {
        self.begin(format!("{time:?} that passed"), None).await;
        time::pass(&self.clock, time).await;
    }

    /// Waits for an event, and answers it.
    ///
    /// # Panics
    /// If there is none that matches [within](Setup::within) the time.
    #[track_caller]
    pub fn expect<E: Event>(&self, matches: impl Fn(&E) -> bool) -> impl Future<Output = E> {
        let place = Location::caller();
        async move {
            let found = async || self.followed().await.of::<E>().into_iter().find(|event| matches(event));
            match self.wait(found).await {
                Some(event) => event,
                None => {
                    let count = self.followed().await.envelopes_of::<E>().len();
                    let expected = format!("`{}`, as the test says, within {:?}", E::NAME, self.within);
                    let instead = match count {
                        0 => "no event of this name".to_owned(),
                        1 => "1 event of this name, another one".to_owned(),
                        count => format!("{count} events of this name, others"),
                    };
                    self.fail(place, expected, instead).await
                }
            }
        }
    }

    /// Once the subscribers have handled everything, there is no such event.
    ///
    /// # Panics
    /// If there is one; if the subscribers come to no end [within](Setup::within) the time, one has halted, or has parked an event
    /// that was not [expected](Self::expect_parked).
    #[track_caller]
    pub fn expect_none<E: Event>(&self, matches: impl Fn(&E) -> bool) -> impl Future<Output = ()> {
        let place = Location::caller();
        async move {
            let unsettled = self.unsettled().await;
            let found = self.followed().await.of::<E>().into_iter().find(|event| matches(event));
            if let Some(instead) = found.map(|event| as_json(&event)).or(unsettled) {
                self.fail(place, format!("no `{}` as the test says", E::NAME), instead).await
            }
        }
    }

    /// Once the subscribers have handled everything, asks until the answer matches, and answers it. The question is no
    /// stimulus.
    ///
    /// # Panics
    /// If the subscribers come to no end, or no answer matches, [within](Setup::within) the time; if one has halted, or has parked
    /// an event that was not [expected](Self::expect_parked).
    #[track_caller]
    pub fn expect_state<R: Request + Clone>(
        &self,
        request: R,
        matches: impl Fn(&R::Response) -> bool,
    ) -> impl Future<Output = R::Response> {
        let place = Location::caller();
        async move {
            if let Some(instead) = self.unsettled().await {
                let expected = format!("`{}` {} to be answered once all is handled", R::NAME, as_json(&request));
                return self.fail(place, expected, instead).await;
            }
            let latest = RwLock::new(String::new());
            let found = async || {
                let told = match self.ask(request.clone()).await {
                    Ok(answer) if matches(&answer) => return Some(answer),
                    Ok(answer) => format!("answered: {}", as_json(&answer)),
                    Err(error) => refusal(&error),
                };
                *latest.write().unwrap_or_else(PoisonError::into_inner) = told;
                None
            };
            match self.wait(found).await {
                Some(answer) => answer,
                None => {
                    let expected = format!("`{}` {} to be answered as the test says", R::NAME, as_json(&request));
                    self.fail(place, expected, latest.into_inner().unwrap_or_else(PoisonError::into_inner)).await
                }
            }
        }
    }

    /// Waits until a subscriber has given an event up, whenever that was published, and answers the dead letter. One that was parked
    /// before the latest `when...` does not count. From here on the test knows that it gives up events of this key.
    ///
    /// # Panics
    /// If it has parked none that matches [within](Setup::within) the time.
    #[track_caller]
    pub fn expect_parked(
        &self,
        subscriber: &str,
        matches: impl Fn(&DeadLetter) -> bool,
    ) -> impl Future<Output = DeadLetter> {
        let place = Location::caller();
        async move {
            let before = self.stimulus().letters;
            let is_meant = |letter: &DeadLetter| letter.subscriber == subscriber && matches(letter);
            let found = async || {
                let letters = letters(&*self.store).await.into_iter();
                letters.filter(|found| !before.contains(&letter(found))).find(is_meant)
            };
            match self.wait(found).await {
                Some(letter) => {
                    let known = (letter.subscriber.clone(), letter.event.metadata.key.clone());
                    self.parked.write().unwrap_or_else(PoisonError::into_inner).insert(known);
                    letter
                }
                None => {
                    let expected =
                        format!("`{subscriber}` to park an event as the test says, within {:?}", self.within);
                    let instead = match letters(&*self.store).await.iter().any(is_meant) {
                        true => "one that it had parked before: expect it behind that which has led to it",
                        false => "none that it has parked",
                    };
                    self.fail(place, expected, instead.into()).await
                }
            }
        }
    }

    /// What was published since the latest `when...`, by whatever work.
    pub async fn published(&self) -> Published {
        Published::since(&*self.store, self.stimulus().since).await
    }

    /// A piece of work of the user who asks, for what is asked past the scenario.
    pub fn work(&self) -> Context {
        let user = self.user.read().unwrap_or_else(PoisonError::into_inner).clone();
        let permissions = self.grants.get(&user).into_iter().flatten().cloned();
        work_of(&Claims::new(user, permissions), CorrelationId::new(self.ids.next()))
    }

    /// Asks, without a claim to what is answered, and without being a stimulus.
    ///
    /// # Errors
    /// Of the service, or of the pipeline before it.
    pub async fn ask<R: Request>(&self, request: R) -> Result<R::Response, Error> {
        self.application.requests.ask(&self.work(), request).await
    }

    /// The modules.
    pub fn application(&self) -> &Application {
        &self.application
    }

    /// The subscribers.
    pub fn bus(&self) -> &EventBus {
        &self.bus
    }

    /// What they write into.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The time that they see.
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Ends the subscribers and then the modules, as a program does when it is told to.
    ///
    /// # Panics
    /// If a module does not stop.
    pub async fn stop(mut self) {
        self.bus.stop().await;
        self.application.stop().await.expect("every module stops");
    }
}

impl Scenario {
    async fn begin(&self, told: String, correlation: Option<CorrelationId>) {
        let since = self.store.head().await.unwrap_or(Position(0));
        let letters = letters(&*self.store).await.iter().map(letter).collect();
        *self.stimulus.write().unwrap_or_else(PoisonError::into_inner) = Stimulus { told, since, letters, correlation };
    }

    fn stimulus(&self) -> Stimulus {
        self.stimulus.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn stimulate<R: Request>(&self, request: R) -> Result<R::Response, Error> {
        let cx = self.work();
        let told = format!("request `{}` of {}: {}", R::NAME, cx.principal().user(), as_json(&request));
        self.begin(told, Some(cx.correlation())).await;
        self.application.requests.ask(&cx, request).await
    }

    /// What was published since then, and follows from it.
    async fn followed(&self) -> Published {
        let published = self.published().await;
        match self.stimulus().correlation {
            Some(work) => published.within(work),
            None => published,
        }
    }

    /// Why it cannot be said what became of all that there is. `None` where every subscriber has handled it, or has given it up
    /// with the knowledge of the test.
    async fn unsettled(&self) -> Option<String> {
        if !matches!(self.bus.drain(self.within).await, Ok(Drain::Complete)) {
            return Some(format!("subscribers that are not done within {:?}", self.within));
        }
        let statuses = self.bus.status().await.unwrap_or_default();
        if let Some((name, why)) = statuses.iter().find_map(|status| Some((status.name, status.halted.as_ref()?))) {
            return Some(format!("`{name}`, which has halted: {why}"));
        }
        let known = self.parked.read().unwrap_or_else(PoisonError::into_inner).clone();
        let is_news = |letter: &DeadLetter| {
            let of = (letter.subscriber.clone(), letter.event.metadata.key.clone());
            !self.earlier.contains(&report::letter(letter)) && !known.contains(&of)
        };
        let DeadLetter { subscriber, event, error, .. } = letters(&*self.store).await.into_iter().find(is_news)?;
        Some(format!(
            "`{subscriber}`, which has parked `{}` of key `{}`: {error}: if that is meant, `expect_parked` it first",
            event.event_type, event.metadata.key
        ))
    }

    async fn wait<T>(&self, found: impl AsyncFn() -> Option<T>) -> Option<T> {
        let until = Instant::now() + self.within;
        let mut appended = self.store.appended();
        loop {
            if let Some(found) = found().await {
                return Some(found);
            }
            if Instant::now() >= until {
                return None;
            }
            let _looked_at_either_way = tokio::time::timeout(LOOK, appended.changed()).await;
        }
    }

    async fn fail<T>(&self, place: &'static Location<'static>, expected: String, instead: String) -> T {
        let (stimulus, published) = (self.stimulus(), self.published().await);
        let (letters, statuses) = (letters(&*self.store).await, self.bus.status().await.unwrap_or_default());
        panic!("{}", Report { place, expected, instead, stimulus, published, letters, statuses })
    }
}

async fn letters(store: &dyn Store) -> Vec<DeadLetter> {
    let letters = store.list::<DeadLetter>(None, usize::MAX).await;
    letters.unwrap_or_default().into_iter().map(|letter| letter.value).collect()
}

fn refusal(error: &Error) -> String {
    let detail = error.detail.as_ref().map(|detail| format!(" (for the log: {detail})")).unwrap_or_default();
    format!("refused with `{}`: {error}{detail}", error.code())
}
