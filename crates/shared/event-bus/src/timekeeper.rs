//! Publishes what is due by the clock: scheduled events, and the passing of time.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use event_sourcing::{CommitError, Expected, Found, Origin, Store, StoreExt, Unit};
use kernel::{Clock, Context, CorrelationId, Error, Ids};

use crate::{
    InlineSubscribers, Scheduled,
    passage::{Passage, SPANS, Span},
    principals::part,
};

/// Scheduled events read from the store at once.
const PAGE: usize = 64;

/// Time publishes in its own name.
const TIME: &str = "time";

pub(crate) struct Timekeeper {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub inline: InlineSubscribers,
}

impl Timekeeper {
    /// Publishes what is due now, each event in a unit with the removal of what says that it is to be published. Nobody but a
    /// store that fails keeps one event from being published because another one cannot be.
    ///
    /// # Cancel safety
    /// Dropped, some of it is published; the rest is due still.
    pub async fn tick(&self, is_wanted: impl Fn(&str) -> bool + Send) {
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
    async fn fire(&self, now: DateTime<Utc>) -> Result<(), Error> {
        let mut after: Option<String> = None;
        loop {
            let page = self.store.list::<Scheduled>(after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.key.clone());
            for found in page {
                if found.value.at > now {
                    return Ok(());
                }
                self.fire_one(found, now).await?;
            }
        }
    }

    async fn fire_one(&self, found: Found<Scheduled>, now: DateTime<Utc>) -> Result<(), Error> {
        let Found { key, value: Scheduled { stream, mut event, tags, .. }, revision } = found;
        let event_type = event.event_type.clone();
        let mut unit = self.unit(event.metadata.correlation_id);
        event.timestamp = now;
        unit.take_up(stream, event, tags);
        if let Err(error) = self.inline.add_to(&mut unit).await {
            // It stays scheduled: what an inline subscriber refuses today it may take tomorrow.
            tracing::error!(
                schedule = key,
                detail = error.detail.as_deref(),
                "`{event_type}` is due and refused: {error}"
            );
            return Ok(());
        }
        // Mutant `fired_again`: a scheduled event that was published is still scheduled.
        if !cfg!(mutant = "fired_again") {
            unit.delete::<Scheduled>(key.as_str(), Expected::Exact(revision));
        }
        match self.store.commit(unit).await {
            // Somebody has cancelled it in the last moment, or an inline subscriber was overtaken: then it is due still.
            Ok(_) | Err(CommitError::Conflict(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// What has passed since it was last looked at. The first look only says from when on.
    async fn pass(&self, span: Span, now: DateTime<Utc>) -> Result<(), Error> {
        let name = span.event_type();
        let found = self.store.get::<Passage>(name).await?;
        let Some(Found { value: Passage { until }, mut revision, .. }) = found else {
            let mut unit = self.unit(CorrelationId::new(self.ids.next()));
            unit.put(name, &Passage { until: span.start(now) }, Expected::Absent);
            return settled(self.store.commit(unit).await).map(drop);
        };
        let passed = span.passed(until, now);
        if let Some((began, _)) = passed.first().filter(|(began, _)| *began > until) {
            tracing::warn!(
                "`{name}` was not published for what passed between {until} and {began}: that is too long ago"
            );
        }
        for (began, ended) in passed {
            let mut unit = self.unit(CorrelationId::new(self.ids.next()));
            span.publish(&mut unit, (began, ended));
            self.inline.add_to(&mut unit).await?;
            // Mutant `time_passes_again`: an hour that has passed passes again at the next look.
            if !cfg!(mutant = "time_passes_again") {
                unit.put(name, &Passage { until: ended }, Expected::Exact(revision));
            }
            if !settled(self.store.commit(unit).await)? {
                return Ok(());
            }
            revision += 1;
        }
        Ok(())
    }

    fn unit(&self, correlation: CorrelationId) -> Unit {
        let context = Context::new(part(&format!("module:{TIME}")), correlation);
        let (clock, ids) = (Arc::clone(&self.clock), Arc::clone(&self.ids));
        Unit::new(Origin { module: TIME, context, clock, ids })
    }
}

/// Whether it was written. Another process that was faster has written the same.
fn settled(answer: Result<event_sourcing::Receipt, CommitError>) -> Result<bool, Error> {
    match answer {
        Ok(_) => Ok(true),
        Err(CommitError::Conflict(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
