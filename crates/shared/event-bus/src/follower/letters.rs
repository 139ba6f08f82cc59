//! Dead letters are tried again by the follower itself, beside its other deliveries. As long as a key has letters its later events
//! are put behind them, so there is one who handles the events of a key, and their order is that of the log.
//!
//! A letter that was never tried waits for one before it. As soon as there is none, because it was handled or discarded, by
//! whomever, it is delivered by itself, and tried as often as any other event: nothing has to be remembered for that, and a crash
//! changes nothing about it but that its tries are counted anew.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    future::pending,
    mem::take,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use event_sourcing::{CommitError, Expected, Found, Position, StoreError, StoreExt};
use kernel::{Envelope, Error};
use tokio::time::{Instant, sleep_until};

use super::{Follower, lanes::Work};
use crate::{
    DeadLetter, DeliveryOutcome, LetterFilter,
    delivery::{Delivery, Tried, Verdict, position, refusal},
    handler::Fault,
    mailbox::Waiting,
    redelivery::Ask,
    subscription::Calls,
};

/// What the follower knows about its letters and has not done yet.
#[derive(Default)]
pub(super) struct Letters {
    rounds: VecDeque<Round>,
    /// Whether there is a key of which no letter was ever tried.
    loose: bool,
    /// Of such keys, those that wait for the next try, and until when.
    waiting: Waits,
    /// Of what is being tried, the letters of its key, and the round that it is of, if somebody still wants to hear of that.
    trying: Option<(Sequence, Option<Round>)>,
    look: Look,
}

/// The keys of which a letter is wanted, or was parked behind others that are gone: each from its first letter on, until one fails.
#[derive(Default)]
struct Round {
    /// Who wants it; nobody where nothing holds the letters back any more.
    ask: Option<Ask>,
    /// What is left of it. `None` until it begins.
    sequences: Option<VecDeque<Sequence>>,
}

/// The letters of one key in the order of the log.
struct Sequence {
    key: String,
    ids: VecDeque<String>,
    /// The first of them, where it is tried once more.
    tried: Option<Waiting>,
}

/// By key, what waits for its next try, and until when.
type Waits = BTreeMap<String, (Instant, Sequence)>;

/// A look at the letters, which may be many: a page at a time.
#[derive(Default)]
struct Look {
    after: Option<String>,
    /// Of each key that was seen, its first letter, and whether that was never tried.
    keys: HashMap<String, (String, bool)>,
    /// Whether there came one meanwhile that nothing holds back.
    is_loose: bool,
}

/// A letter that is being tried again.
pub(super) type Redelivering = Pin<Box<dyn Future<Output = Redelivered> + Send>>;

/// What came of it.
pub(super) type Redelivered = Result<End, StoreError>;

pub(super) enum End {
    Delivered,
    Failed,
    /// It is tried once more after so long.
    Again(Waiting, Duration),
    /// It cannot be read, and nothing is to be handled until it can.
    Halted(Arc<Envelope>, Error),
    /// Somebody else has discarded it, or it is passed over.
    Gone,
}

impl Letters {
    pub fn is_empty(&self) -> bool {
        self.rounds.is_empty() && !self.loose && self.waiting.is_empty() && self.trying.is_none()
    }

    /// Until one of them is tried once more.
    pub async fn ripen(&self) {
        match self.waiting.values().map(|(until, _)| *until).min() {
            Some(until) => sleep_until(until).await,
            None => pending().await,
        }
    }

    /// Whoever asked hears that it goes on.
    pub fn go_on(&self) {
        self.rounds.iter().filter_map(|round| round.ask.as_ref()).for_each(|ask| ask.tell(|_| ()));
    }

    /// Those that have waited for long enough are one round, before the others or where the one before is.
    fn take_up(&mut self) {
        let now = Instant::now();
        let mut ripe: Vec<_> =
            self.waiting.extract_if(.., |_, (until, _)| *until <= now).map(|(_, ripe)| ripe).collect();
        if ripe.is_empty() {
            return;
        }
        ripe.sort_by_key(|(until, _)| *until);
        let ripe = ripe.into_iter().map(|(_, sequence)| sequence);
        let has_begun = |round: &&mut Round| round.ask.is_none() && round.sequences.is_some();
        match self.rounds.iter_mut().find(has_begun).and_then(|round| round.sequences.as_mut()) {
            Some(sequences) => sequences.extend(ripe),
            None => self.rounds.push_front(Round { ask: None, sequences: Some(ripe.collect()) }),
        }
    }

    /// The round has had its turn. Who asks and what nobody asks for take turns, letter by letter; those who ask, one after another.
    fn put_back(&mut self, round: Round) {
        let is_overtaken = self.rounds.front().is_some_and(|next| round.ask.is_none() || next.ask.is_none());
        // Mutant `asks_last`: who asks waits until nobody's letters are tried any more.
        self.rounds.insert(usize::from(is_overtaken && !cfg!(mutant = "asks_last")), round);
    }

    /// A letter is there that nothing holds back: a look that is under way may have passed it already.
    fn loosen(&mut self) {
        self.loose = true;
        self.look.is_loose = true;
    }

    /// The first round has these. Where nobody asks for it, without the keys that wait for their next try or that somebody asked for.
    fn begin(&mut self, mut due: VecDeque<Sequence>) {
        if self.rounds.front().is_some_and(|round| round.ask.is_none()) {
            let others = self.rounds.iter().filter_map(|round| round.sequences.as_ref()).flatten();
            let others: HashSet<&str> = others.map(|sequence| sequence.key.as_str()).collect();
            due.retain(|Sequence { key, .. }| !self.waiting.contains_key(key) && !others.contains(key.as_str()));
        }
        if let Some(round) = self.rounds.front_mut() {
            round.sequences = Some(due);
        }
    }

    /// What is known of the tries of a key that nobody asked for. It is tried by somebody else now.
    fn known(&mut self, key: &str) -> Option<Sequence> {
        if let Some((_, waiting)) = self.waiting.remove(key) {
            return Some(waiting);
        }
        let rounds = self.rounds.iter_mut().filter(|round| round.ask.is_none());
        rounds.filter_map(|round| round.sequences.as_mut()).find_map(|sequences| {
            let place = sequences.iter().position(|sequence| sequence.key == key)?;
            sequences.remove(place)
        })
    }

    /// The events that have failed and are tried again.
    pub fn tried(&self) -> BTreeSet<Position> {
        let ripe = self.rounds.iter().filter_map(|round| round.sequences.as_ref()).flatten();
        let tried = self.waiting.values().map(|(_, sequence)| sequence).chain(ripe);
        tried.filter_map(|sequence| Some(position(&sequence.tried.as_ref()?.event))).collect()
    }

    /// These rounds go on no more. What they have begun with may be held back by nothing.
    fn drop_rounds(&mut self, are_over: impl Fn(&Round) -> bool) {
        let had_begun = self.rounds.iter().any(|round| are_over(round) && round.sequences.is_some());
        self.rounds.retain(|round| !are_over(round));
        if had_begun {
            self.loosen();
        }
    }

    /// Whoever asked hears of it. What was being tried is given up.
    pub fn fail(&mut self, error: &StoreError) {
        self.answer(|ask| ask.end(Err(error.clone())));
        self.trying = None;
    }

    /// Nothing more is tried for those who asked.
    fn answer(&mut self, answer: impl Fn(Ask)) {
        let trying = self.trying.iter_mut().find_map(|(_, round)| round.take_if(|round| round.ask.is_some()));
        let (asked, rounds): (VecDeque<Round>, _) =
            take(&mut self.rounds).into_iter().partition(|round| round.ask.is_some());
        self.rounds = rounds;
        // What they have begun with may be held back by nothing.
        if trying.iter().chain(&asked).any(|round| round.sequences.is_some()) {
            self.loosen();
        }
        trying.into_iter().chain(asked).filter_map(|round| round.ask).for_each(answer);
    }
}

impl Follower {
    /// Carries out what was ordered about them.
    pub(super) async fn look_as_told(&mut self, work: &mut Work) -> Result<(), StoreError> {
        let letters = self.orders.borrow().letters;
        if letters != self.obeyed.letters {
            self.obeyed.letters = letters;
            self.look_at_letters(work).await?;
        }
        Ok(())
    }

    /// Whether there is something to be done about them.
    pub(super) fn has_letters(&self, work: &Work) -> bool {
        let is_asked = || self.letters.rounds.iter().any(|round| round.ask.is_some());
        let is_told = || self.orders.borrow().letters != self.obeyed.letters;
        self.redelivers() || is_asked() || is_told() || (!self.parked.is_empty() && work.is_look_due())
    }

    /// Which keys are parked, what was asked about them, and whether some are held back by nothing any more.
    pub(super) async fn look_at_letters(&mut self, work: &mut Work) -> Result<(), StoreError> {
        // Whoever asked hears that it begins; the others, only of what ends.
        let asked = self.delivery.desk.take().into_iter().inspect(|ask| ask.tell(|_| ()));
        self.letters.rounds.extend(asked.map(|ask| Round { ask: Some(ask), sequences: None }));
        self.letters.drop_rounds(|round| round.ask.as_ref().is_some_and(Ask::is_given_up));
        self.letters.look = Look::default();
        self.parked.look();
        while !self.look_on(work).await? {}
        Ok(())
    }

    /// One page further: for what another process may have done. Whether all of them are seen, or it is to stop.
    pub(super) async fn look_on(&mut self, work: &mut Work) -> Result<bool, StoreError> {
        let (after, delivery) = (self.letters.look.after.take(), Arc::clone(&self.delivery));
        let reading = async move {
            let mut seen = Vec::new();
            let name = delivery.subscription.name;
            let see = |position: &str, letter: DeadLetter| {
                seen.push((letter.event.metadata.key, id(name, position), letter.attempts == 0));
            };
            let after = delivery.letters_after(after, see).await?;
            Ok((seen, after))
        };
        let Some((seen, after)) = self.beside(work, reading).await? else { return Ok(true) };
        let Look { after: next, keys, .. } = &mut self.letters.look;
        for (key, id, is_loose) in seen {
            keys.entry(key).or_insert((id, is_loose));
        }
        if after.is_some() {
            *next = after;
            return Ok(false);
        }
        let Look { keys, is_loose, .. } = take(&mut self.letters.look);
        let Letters { waiting, loose, trying, .. } = &mut self.letters;
        // What is discarded while it is being tried is being handled nevertheless.
        let tried = trying.as_ref().map(|(sequence, _)| sequence.key.clone());
        // One that was put there meanwhile, behind what has gone, may not have been seen.
        let is_unseen = self.parked.looked(keys.keys().cloned().chain(tried));
        // What waits for its next try may have been discarded, and others of its key wait for nothing then.
        waiting.retain(|key, (_, sequence)| {
            let is_there = keys.get(key).is_none_or(|(first, _)| Some(first) <= sequence.ids.front());
            let waits_on = is_there && self.parked.holds(key);
            if let Some(tried) = sequence.tried.as_ref().filter(|_| !waits_on) {
                self.delivery.watch.ends(position(&tried.event));
            }
            waits_on
        });
        *loose =
            is_loose || is_unseen || keys.iter().any(|(key, (_, is_loose))| *is_loose && !waiting.contains_key(key));
        Ok(true)
    }

    /// The next letter that is to be tried again, if there is one and it may be now. One at a time, and none while another is being
    /// tried: so an order comes between two of them, and so does whatever else waits for its turn.
    pub(super) async fn redelivery(&mut self, work: &mut Work) -> Result<Option<Redelivering>, StoreError> {
        if self.letters.is_empty() {
            return Ok(None);
        }
        if self.is_held() {
            self.decline();
            return Ok(None);
        }
        self.letters.drop_rounds(|round| round.ask.as_ref().is_some_and(Ask::is_given_up));
        self.letters.take_up();
        if self.letters.rounds.iter().all(|round| round.ask.is_some()) && take(&mut self.letters.loose) {
            self.letters.rounds.push_back(Round::default());
        }
        self.pay_in();
        // A pause may have been ordered while something was read.
        while !self.is_ordered()
            && let Some(Round { ask, sequences }) = self.letters.rounds.front_mut()
        {
            let Some(sequences) = sequences else {
                let filter = ask.as_ref().map(|ask| ask.filter.clone());
                let reading = due(Arc::clone(&self.delivery), filter);
                let Some(due) = self.beside(work, reading).await? else { return Ok(None) };
                self.letters.begin(due);
                continue;
            };
            while let Some(mut sequence) = sequences.pop_front() {
                let Some(id) = sequence.ids.front().cloned() else { continue };
                // Who asks for what waits, or is ripe and waits for its turn, has it tried now.
                let known = self.letters.known(&sequence.key).and_then(|known| known.tried);
                if let Some(known) = &known {
                    self.delivery.watch.ends(position(&known.event));
                }
                let known = known.filter(|known| position(&known.event) == place(&id));
                let tried = sequence.tried.take().or(known);
                self.letters.trying = Some((sequence, self.letters.rounds.pop_front()));
                return Ok(Some(Box::pin(redeliver(Arc::clone(&self.delivery), id, tried))));
            }
            // It is known again which keys are parked before whoever asked is answered.
            self.look_at_letters(work).await?;
            if let Some(Round { ask: Some(ask), .. }) = self.letters.rounds.pop_front() {
                ask.end(Ok(()));
            }
        }
        Ok(None)
    }

    /// One of its events has become a letter. If none of its key is known any more, nothing holds back one that was never tried.
    pub(super) fn parks(&mut self, waiting: &Waiting) {
        let is_first = self.parked.park(&waiting.event.metadata.key);
        if is_first && waiting.attempts == 0 {
            self.letters.loosen();
        }
    }

    /// Whether there is a letter that is to be tried again and may be.
    pub(super) fn redelivers(&self) -> bool {
        let Letters { rounds, loose, waiting, .. } = &self.letters;
        let is_ripe = || waiting.values().any(|(until, _)| *until <= Instant::now());
        (!rounds.is_empty() || *loose || is_ripe()) && !self.is_held()
    }

    /// Those who ask do not wait for what may last.
    fn decline(&mut self) {
        let (name, leaving) = (self.delivery.subscription.name, self.obeyed.leaving);
        self.letters.answer(|ask| {
            ask.tell(|retried| if leaving { &mut retried.elsewhere } else { &mut retried.held }.push(name.to_owned()));
            ask.end(Ok(()));
        });
    }

    /// A letter has been tried again.
    pub(super) fn redelivered(&mut self, end: Redelivered) -> Result<(), StoreError> {
        let end = end?;
        self.letters.go_on();
        let Some((mut sequence, mut round)) = self.letters.trying.take() else { return Ok(()) };
        if let Some(ask) = round.as_ref().and_then(|round| round.ask.as_ref()) {
            ask.tell(|retried| match end {
                End::Delivered => retried.delivered += 1,
                // The rest of its key stays behind it.
                End::Failed | End::Again(..) | End::Halted(..) => {
                    retried.failed += 1;
                    retried.behind += sequence.ids.len() - 1;
                }
                End::Gone => {}
            });
        }
        if let (Some(id), false) = (sequence.ids.front(), matches!(end, End::Again(..))) {
            self.delivery.watch.ends(place(id));
        }
        match end {
            End::Delivered | End::Gone => {
                sequence.ids.pop_front();
                match round.as_mut().and_then(|round| round.sequences.as_mut()) {
                    Some(sequences) => sequences.push_front(sequence),
                    None => self.letters.loosen(),
                }
            }
            End::Failed => {}
            End::Halted(event, error) => {
                self.letters.loosen();
                self.halt_at(&event, error);
            }
            End::Again(tried, wait) => {
                sequence.tried = Some(tried);
                self.letters.waiting.insert(sequence.key.clone(), (Instant::now() + wait, sequence));
            }
        }
        if let Some(round) = round {
            self.letters.put_back(round);
        }
        Ok(())
    }
}

/// What a letter is stored under.
fn id(subscriber: &str, position: &str) -> String {
    format!("{subscriber}/{position}")
}

/// Where in the log its event is.
fn place(id: &str) -> Position {
    let position = id.rsplit_once('/').and_then(|(_, position)| position.parse().ok());
    Position(position.expect("a letter that was listed ends with the position of its event"))
}

/// The letters of each key of which one is wanted. Where nobody asks for any, those are that were never tried and that nothing holds
/// back.
async fn due(delivery: Arc<Delivery>, filter: Option<LetterFilter>) -> Result<VecDeque<Sequence>, StoreError> {
    let mut order: Vec<(Sequence, bool)> = Vec::new();
    let mut by_key: HashMap<String, usize> = HashMap::new();
    let name = delivery.subscription.name;
    delivery
        .letters(|position, letter| {
            let is_due = filter.as_ref().is_some_and(|filter| filter.takes(&letter));
            let key = letter.event.metadata.key;
            let index = *by_key.entry(key.clone()).or_insert_with(|| {
                let is_loose = filter.is_none() && letter.attempts == 0;
                order.push((Sequence { key, ids: VecDeque::new(), tried: None }, is_loose));
                order.len() - 1
            });
            let (Sequence { ids, .. }, is_any_due) = &mut order[index];
            *is_any_due |= is_due;
            let id = id(name, position);
            // Mutant `letters_backwards`: the letters of a key are tried again in the wrong order.
            if cfg!(mutant = "letters_backwards") { ids.push_front(id) } else { ids.push_back(id) }
        })
        .await?;
    Ok(order.into_iter().filter(|(_, is_due)| *is_due).map(|(sequence, _)| sequence).collect())
}

/// One try. The letter goes in the unit of the effect, or stays with what it failed with. With one that has only waited behind others
/// the same is done as with any event.
async fn redeliver(delivery: Arc<Delivery>, id: String, tried: Option<Waiting>) -> Redelivered {
    let Some(found) = delivery.store.get::<DeadLetter>(&id).await? else { return Ok(End::Gone) };
    let Found { value: letter, revision, .. } = found;
    let waiting = match tried {
        Some(tried) => tried,
        None => {
            let waiting = Waiting { attempts: letter.attempts, ..delivery.event_of(&letter).await?.into() };
            Waiting { failures: delivery.failures(position(&waiting.event)).await?, ..waiting }
        }
    };
    let Tried { mut waiting, mut unit, result, took } = attempt(&delivery, waiting).await;
    delivery.meters.took(took);
    let fault = match result {
        Err(fault) => fault,
        Ok(()) => {
            delivery.record(&mut unit, &waiting, took, DeliveryOutcome::Done, None);
            // Mutant `letter_stays`: a letter that was delivered is still there, to be delivered again.
            if !cfg!(mutant = "letter_stays") {
                unit.delete::<DeadLetter>(id.as_str(), Expected::Exact(revision));
            }
            // Mutant `letter_moves_checkpoint`: a letter that is delivered takes the checkpoint with it.
            if cfg!(mutant = "letter_moves_checkpoint") {
                unit.checkpoint(delivery.subscription.name, position(&waiting.event));
            }
            match delivery.commit(unit).await {
                Ok(_) => {
                    delivery.meters.done.increment(1);
                    return Ok(End::Delivered);
                }
                Err(error) => Fault::Failed(refusal(error)?),
            }
        }
    };
    // Mutant `letters_once`: what has waited behind others is tried once only.
    let verdict = if letter.attempts == 0 && !cfg!(mutant = "letters_once") {
        delivery.verdict(&mut waiting, fault)
    } else {
        delivery.meters.failed.increment(1);
        let (Fault::Failed(error) | Fault::Unreadable(error)) = fault;
        let error = error.shortened();
        let (subscriber, event_id) = (delivery.subscription.name, &letter.event.event_id);
        tracing::warn!(subscriber, %event_id, detail = error.detail.as_deref(), "a dead letter failed again: {error}");
        Verdict::Park(error)
    };
    let (unit, end) = match verdict {
        Verdict::Retry(wait) => return Ok(End::Again(waiting, wait)),
        Verdict::Halt(error) => return Ok(End::Halted(waiting.event, error)),
        Verdict::Skip(error) => {
            let mut unit = delivery.own_unit(&waiting.event);
            delivery.record(&mut unit, &waiting, took, DeliveryOutcome::Skipped, Some(&error));
            unit.delete::<DeadLetter>(id.as_str(), Expected::Exact(revision));
            delivery.meters.skipped.increment(1);
            (unit, End::Gone)
        }
        Verdict::Park(error) => {
            let letter = DeadLetter { error, attempts: waiting.attempts, ..letter };
            let unit = letter.into_unit(|letter| {
                let mut unit = delivery.own_unit(&letter.event);
                delivery.record(&mut unit, &waiting, took, DeliveryOutcome::Parked, Some(&letter.error));
                unit.put(id.as_str(), letter, Expected::Exact(revision));
                unit
            });
            (unit, End::Failed)
        }
    };
    match delivery.commit(unit).await {
        Ok(_) => Ok(end),
        Err(CommitError::Conflict(_) | CommitError::Late { .. }) => Ok(End::Gone),
        Err(CommitError::Unwritable(message)) => Err(StoreError::unwritable(message)),
        Err(CommitError::Store(error)) => Err(error),
    }
}

async fn attempt(delivery: &Arc<Delivery>, waiting: Waiting) -> Tried {
    match &delivery.subscription.calls {
        Calls::Each(handler) => Arc::clone(delivery).attempt(Arc::clone(handler), waiting).await,
        Calls::Batch(_, handler) => {
            let (handled, took) = delivery.attempt_batch(&**handler, std::slice::from_ref(&waiting.event)).await;
            let waiting = Waiting { attempts: waiting.attempts + 1, ..waiting };
            let (unit, result) = match handled {
                Ok(unit) => (unit, Ok(())),
                Err(fault) => (delivery.own_unit(&waiting.event), Err(fault)),
            };
            Tried { waiting, unit, result, took }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.delivery.desk.close();
    }
}
