//! Publishes what is due by the clock: scheduled events, and the passing of time.

use std::{collections::HashSet, sync::Arc};

use chrono::{DateTime, Utc};
use event_sourcing::{CommitError, EventRules, Expected, Found, Origin, Store, StoreExt, Unit};
use kernel::{Clock, Context, CorrelationId, Error, Ids};

use crate::{
    InlineSubscribers, KeptEvent, RefusedPublish, Scheduled,
    delivery::refusal,
    passage::{Passage, SPANS, Span},
    principals::part,
};

/// Scheduled events read from the store at once.
const PAGE: usize = 64;

/// Time publishes in its own name.
const TIME: &str = "time";

/// Scheduled events of which it is remembered that they were complained of; beyond that all are complained of anew.
const TOLD: usize = 1024;

pub(crate) struct Timekeeper {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    inline: InlineSubscribers,
    /// Scheduled events that are due and cannot be published, by their keys, and spans that wait: each is told once, not every
    /// second.
    told: HashSet<String>,
}

impl Timekeeper {
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>, inline: InlineSubscribers) -> Self {
        Self { store, clock, ids, inline, told: HashSet::new() }
    }

    /// Publishes what is due now, each event in a unit with the removal of what says that it is to be published. Nobody but a
    /// store that does not answer keeps one event from being published because another one cannot be.
    ///
    /// # Cancel safety
    /// Dropped, some of it is published; the rest is due still.
    pub async fn tick(&mut self, is_wanted: impl Fn(&str) -> bool + Send) {
        let now = self.clock.now();
        if let Err(error) = self.fire(now).await {
            tracing::warn!("scheduled events are late: {error}");
        }
        for span in SPANS.into_iter().filter(|span| is_wanted(span.event_type())) {
            if let Err(error) = self.pass(span, now).await {
                tracing::warn!("`{}` is late: {error}", span.event_type());
            }
        }
    }

    /// Scheduled events in the order in which they are due.
    async fn fire(&mut self, now: DateTime<Utc>) -> Result<(), Error> {
        let mut after: Option<String> = None;
        loop {
            let page = self.store.list_each::<Scheduled>(after.as_deref(), PAGE).await?;
            if page.is_empty() {
                return Ok(());
            }
            for found in page {
                let found = match found {
                    Ok(found) => found,
                    Err(unreadable) => {
                        if self.is_new(&unreadable.key) {
                            tracing::error!(
                                schedule = unreadable.key,
                                "a scheduled event is passed over: {unreadable}"
                            );
                        }
                        after = Some(unreadable.key);
                        continue;
                    }
                };
                if found.value.at > now {
                    return Ok(());
                }
                after = Some(found.key.clone());
                self.fire_one(found, now).await?;
            }
        }
    }

    async fn fire_one(&mut self, found: Found<Scheduled>, now: DateTime<Utc>) -> Result<(), Error> {
        let Found { key, value, revision } = found;
        let mut unit = self.unit(value.event.metadata.correlation_id);
        let Scheduled { stream, mut event, tags, .. } = value.clone();
        event.timestamp = now;
        unit.take_up(stream, event, tags);
        if let Err(error) = self.inline.add_in_time(&mut unit).await {
            return self.refused(Found { key, value, revision }, error).await;
        }
        if let Err(error) = unit.check() {
            return self.refused(Found { key, value, revision }, error.into()).await;
        }
        // Mutant `fired_again`: a scheduled event that was published is still scheduled.
        if !cfg!(mutant = "fired_again") {
            unit.delete::<Scheduled>(key.as_str(), Expected::Exact(revision));
        }
        match self.store.commit(unit).await {
            Ok(_) => Ok(()),
            // Somebody has cancelled it in the last moment, or published it; or an inline subscriber was overtaken, and will be
            // again if it counts on what is not so. Then it is due still.
            Err(CommitError::Conflict(conflict)) => match self.store.get::<Scheduled>(&key).await? {
                Some(found) if found.revision == revision => {
                    self.refused(found, CommitError::Conflict(conflict).into()).await
                }
                _ => Ok(()),
            },
            Err(error) => self.refused(Found { key, value, revision }, refusal(error)?).await,
        }
    }

    /// What an inline subscriber refuses today it may take tomorrow: it stays scheduled. What is against the rules will always be.
    async fn refused(&mut self, found: Found<Scheduled>, error: Error) -> Result<(), Error> {
        let Found { key, value: Scheduled { stream, event, tags, .. }, revision } = found;
        let is_final = EventRules::refused(&error);
        if is_final || self.is_new(&key) {
            let (schedule, detail, event_type) = (&key, error.detail.as_deref(), &event.event_type);
            tracing::error!(schedule, detail, "`{event_type}` is due and refused: {error}");
        }
        if !is_final {
            return Ok(());
        }
        let (correlation, refused) = (event.metadata.correlation_id, format!("{TIME}/{}", event.event_id));
        let unit = RefusedPublish { events: vec![KeptEvent { stream, event, tags }], error }.into_unit(|document| {
            let mut unit = self.unit(correlation);
            unit.put(refused.as_str(), document, Expected::Any);
            unit.delete::<Scheduled>(key.as_str(), Expected::Exact(revision));
            unit
        });
        settled(self.store.commit(unit).await).map(drop)
    }

    /// Whether nobody was told of it yet.
    fn is_new(&mut self, key: &str) -> bool {
        if self.told.len() >= TOLD {
            self.told.clear();
        }
        self.told.insert(key.to_owned())
    }

    /// What has passed since it was last looked at. The first look only says from when on.
    async fn pass(&mut self, span: Span, now: DateTime<Utc>) -> Result<(), Error> {
        let name = span.event_type();
        let found = self.store.get::<Passage>(name).await?;
        let Some(Found { value: Passage { until }, mut revision, .. }) = found else {
            let mut unit = self.unit(CorrelationId::new(self.ids.next()));
            unit.put(name, &Passage { until: span.start(now) }, Expected::Absent);
            return settled(self.store.commit(unit).await).map(drop);
        };
        if span.is_far_ahead(until, now) {
            tracing::warn!(
                "`{name}` was published up to {until}, and it is {now}: the clock was set back, and it begins anew"
            );
            let mut unit = self.unit(CorrelationId::new(self.ids.next()));
            unit.put(name, &Passage { until: span.start(now) }, Expected::Exact(revision));
            return settled(self.store.commit(unit).await).map(drop);
        }
        if until > now && self.is_new(name) {
            tracing::warn!(
                "`{name}` was published up to {until}, and it is {now}: the clock was set back, and it goes on then"
            );
        }
        let passed = span.passed(until, now);
        if let Some((began, _)) = passed.first().filter(|(began, _)| *began > until) {
            tracing::warn!(
                "`{name}` was not published for what passed between {until} and {began}: that is too long ago"
            );
        }
        for (began, ended) in passed {
            let mut unit = self.unit(CorrelationId::new(self.ids.next()));
            span.publish(&mut unit, (began, ended));
            self.inline.add_in_time(&mut unit).await?;
            // Mutant `time_passes_again`: an hour that has passed passes again at the next look.
            if !cfg!(mutant = "time_passes_again") {
                unit.put(name, &Passage { until: ended }, Expected::Exact(revision));
            }
            match self.store.commit(unit).await {
                Ok(_) => revision += 1,
                Err(CommitError::Conflict(conflict)) => {
                    let is_so_still =
                        self.store.get::<Passage>(name).await?.is_some_and(|now| now.revision == revision);
                    return if is_so_still { Err(CommitError::Conflict(conflict).into()) } else { Ok(()) };
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn unit(&self, correlation: CorrelationId) -> Unit {
        let context = Context::new(part(&format!("module:{TIME}")), correlation);
        let (clock, ids) = (Arc::clone(&self.clock), Arc::clone(&self.ids));
        Unit::new(Origin { module: TIME, context, clock, ids })
    }
}

/// Whether it was written. Another process that was faster has written the same, or taken away what it was about.
fn settled(answer: Result<event_sourcing::Receipt, CommitError>) -> Result<bool, Error> {
    match answer {
        Ok(_) => Ok(true),
        Err(CommitError::Conflict(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
