use chrono::{DateTime, Utc};
use event_sourcing::{
    CommitError, Document, Expected, Found, Origin, Position, Store, StoreError, StoreExt, Unit, Unreadable,
};
use kernel::Error;
use serde::{Deserialize, Serialize};

use crate::{DeadLetter, DeliveryOutcome, DeliveryRecord, delivery::position, progress::key};

/// Letters read from the store at once.
const PAGE: usize = 256;

/// The dead letters of all subscribers, as any process sees them that can read the store.
///
/// They are tried again by the process whose subscribers run: see
/// [`EventBus::retry_dead_letters`](crate::EventBus::retry_dead_letters).
#[derive(Clone, Copy)]
pub struct DeadLetters<'a> {
    store: &'a dyn Store,
}

/// Which letters: those to which all that is said here applies; all of them where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
// What an older process does not know might narrow the choice.
#[serde(deny_unknown_fields)]
pub struct LetterFilter {
    /// Of this subscriber.
    pub subscriber: Option<String>,
    /// Of events of this wire name.
    pub event_type: Option<String>,
    /// Of events of this key.
    pub key: Option<String>,
    /// Of the event at this place of the log.
    pub position: Option<Position>,
}

/// What became of a letter that somebody has given up for good, stored under the letter's own key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Discarded {
    /// As it was; without the data of an event for which there is no room here.
    pub letter: DeadLetter,
    /// Why, in the words of whoever did it.
    pub reason: String,
    /// Name of the user who did it.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

impl Document for Discarded {
    const COLLECTION: &'static str = "event_bus.discarded_letters";
}

impl LetterFilter {
    /// The one letter of this subscriber and this event.
    pub fn one(subscriber: impl Into<String>, position: Position) -> Self {
        Self { subscriber: Some(subscriber.into()), position: Some(position), ..Self::default() }
    }

    /// Every letter of one subscriber.
    pub fn of(subscriber: impl Into<String>) -> Self {
        Self { subscriber: Some(subscriber.into()), ..Self::default() }
    }

    pub(crate) fn takes(&self, DeadLetter { subscriber, event, .. }: &DeadLetter) -> bool {
        let Self { subscriber: of, event_type, key, position } = self;
        of.as_ref().is_none_or(|of| of == subscriber)
            && event_type.as_ref().is_none_or(|wanted| *wanted == event.event_type)
            && key.as_ref().is_none_or(|wanted| *wanted == event.metadata.key)
            && position.is_none_or(|wanted| Some(wanted.0) == event.metadata.position)
    }
}

fn key_of<D>(letter: &Result<Found<D>, Unreadable>) -> &str {
    match letter {
        Ok(found) => &found.key,
        Err(unreadable) => &unreadable.key,
    }
}

impl<'a> DeadLetters<'a> {
    /// Those that are in this store.
    pub fn of(store: &'a dyn Store) -> Self {
        Self { store }
    }

    /// At most `limit` letters by subscriber and place in the log, from the first whose key comes after `after`. One that cannot
    /// be read is passed over: see [`unreadable`](Self::unreadable).
    ///
    /// # Errors
    /// What the store says.
    pub async fn list(
        &self,
        filter: &LetterFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Found<DeadLetter>>, StoreError> {
        self.matching(filter, after, limit, |letter| letter).await
    }

    /// As [`list`](Self::list), of those that were given up for good.
    ///
    /// # Errors
    /// What the store says.
    pub async fn discarded(
        &self,
        filter: &LetterFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Found<Discarded>>, StoreError> {
        self.matching(filter, after, limit, |discarded: &Discarded| &discarded.letter).await
    }

    async fn matching<D: Document>(
        &self,
        filter: &LetterFilter,
        after: Option<&str>,
        limit: usize,
        letter: fn(&D) -> &DeadLetter,
    ) -> Result<Vec<Found<D>>, StoreError> {
        let first = filter.subscriber.as_ref().map(|subscriber| format!("{subscriber}/"));
        let mut after = first.as_deref().max(after).map(str::to_owned);
        let mut letters = Vec::new();
        while letters.len() < limit {
            let page = self.store.list_each::<D>(after.as_deref(), PAGE).await?;
            let Some(last) = page.last().map(key_of) else { break };
            let is_past = first.as_ref().is_some_and(|first| !last.starts_with(first));
            after = Some(last.to_owned());
            letters.extend(page.into_iter().flatten().filter(|found| filter.takes(letter(&found.value))));
            if is_past {
                break;
            }
        }
        letters.truncate(limit);
        Ok(letters)
    }

    /// What stands among the letters and is none that can be read, by its key: an earlier build has written it, or damage. Nobody
    /// tries it again or discards it.
    ///
    /// # Errors
    /// What the store says.
    pub async fn unreadable(&self) -> Result<Vec<Unreadable>, StoreError> {
        let (mut unreadable, mut after) = (Vec::new(), None);
        loop {
            let page = self.store.list_each::<DeadLetter>(after.as_deref(), PAGE).await?;
            let Some(last) = page.last().map(key_of) else { return Ok(unreadable) };
            after = Some(last.to_owned());
            unreadable.extend(page.into_iter().filter_map(Result::err));
        }
    }

    /// One letter by its key, `subscriber/position`, with or without zeros before the number: its event, what the last try failed
    /// with, and how many there were.
    ///
    /// # Errors
    /// What the store says.
    pub async fn show(&self, letter: &str) -> Result<Option<Found<DeadLetter>>, StoreError> {
        let parts = letter.rsplit_once('/').and_then(|(of, position)| Some((of, position.parse().ok()?)));
        match parts {
            Some((subscriber, position)) => self.store.get(&key(subscriber, Position(position))).await,
            None => Ok(None),
        }
    }

    /// Gives letters up for good. Each leaves a [`Discarded`] in the unit in which it goes. Where the first letter of a key
    /// goes, those that were parked behind it are delivered next, by the process whose subscribers run.
    ///
    /// The answer counts them. `origin` says who does it.
    ///
    /// # Errors
    /// A reason that says nothing; what the store says. Then those before are discarded.
    ///
    /// # Cancel safety
    /// Dropped, some of them are discarded, each with its record.
    pub async fn discard(&self, filter: &LetterFilter, reason: &str, origin: &Origin) -> Result<usize, Error> {
        if reason.trim().is_empty() {
            return Err(Error::invalid("dead letters are not discarded without a reason: say why"));
        }
        let (mut after, mut discarded) = (None, 0);
        loop {
            let page = self.list(filter, after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else { return Ok(discarded) };
            after = Some(last.key.clone());
            for found in page {
                discarded += usize::from(self.discard_one(found, reason, origin).await?);
            }
        }
    }

    /// Whether it was still there.
    async fn discard_one(&self, found: Found<DeadLetter>, reason: &str, origin: &Origin) -> Result<bool, Error> {
        let mut found = Some(found);
        // A letter that fails again meanwhile is another revision of the same letter.
        while let Some(Found { key, value: letter, revision }) = found {
            let record = DeliveryRecord::one(self.store, position(&letter.event), &letter.subscriber).await?;
            let unit = letter.into_unit(|letter| {
                let (letter, by) = (letter.clone(), origin.context.principal().user().to_owned());
                let discarded = Discarded { letter, reason: reason.into(), by, at: origin.clock.now() };
                let mut unit = Unit::new(origin.clone());
                unit.delete::<DeadLetter>(key.as_str(), Expected::Exact(revision));
                // Mutant `discarded_in_silence`: a letter that was discarded leaves no record.
                if !cfg!(mutant = "discarded_in_silence") {
                    unit.put(key.as_str(), &discarded, Expected::Any);
                }
                // Whoever traces the event sees what became of it.
                if let Some(Found { key, value, revision }) = &record {
                    let value = DeliveryRecord { outcome: DeliveryOutcome::Discarded, ..value.clone() };
                    unit.put(key.as_str(), &value, Expected::Exact(*revision));
                }
                unit
            });
            match self.store.commit(unit).await {
                Ok(_) => return Ok(true),
                Err(CommitError::Conflict(_)) => found = self.show(&key).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }

    /// Names of the subscribers that have such letters.
    pub(crate) async fn subscribers(&self, filter: &LetterFilter) -> Result<Vec<String>, StoreError> {
        let (mut names, mut after): (Vec<String>, _) = (Vec::new(), None);
        loop {
            let page = self.list(filter, after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else { return Ok(names) };
            after = Some(last.key.clone());
            names.extend(page.into_iter().map(|letter| letter.value.subscriber));
            names.dedup();
        }
    }
}
