use chrono::{DateTime, SecondsFormat, Utc};
use event_bus::{DeadLetter, Discarded, EventBus, LetterFilter, Retried};
use event_sourcing::{Found, Position};
use kernel::{Context, Error, Json};
use serde::Serialize;

use crate::{
    cli::{
        DeadLetters, DeadLettersVerb, Global, LetterDiscard, LetterList, LetterRetry, LetterShow, Letters,
        PickedLetters,
    },
    composition::{Config, assemble_in_memory, is_there},
    control::BusOrder,
    exit::Failure,
    report::figures::visible,
    verbs::{here_or_there, open_for_listing, open_to_show, print, print_json, run::DRAIN},
};

const PAGE: usize = 256;

pub async fn dead_letters(global: &Global, args: &DeadLetters) -> Result<(), Failure> {
    let config = Config::load(global, Vec::new())?;
    match &args.verb {
        None => list(&config, &args.list).await,
        Some(DeadLettersVerb::List(args)) => list(&config, args).await,
        Some(DeadLettersVerb::Show(args)) => show(&config, args).await,
        Some(DeadLettersVerb::Retry(args)) => retry(&config, args).await,
        Some(DeadLettersVerb::Discard(args)) => discard(&config, args).await,
    }
}

/// A letter under the name by which verbs know it.
#[derive(Serialize)]
struct Entry<'a> {
    letter: &'a str,
    #[serde(flatten)]
    content: &'a DeadLetter,
    #[serde(flatten)]
    discarded: Option<Discard<'a>>,
}

#[derive(Serialize)]
struct Discard<'a> {
    reason: &'a str,
    by: &'a str,
    at: DateTime<Utc>,
}

async fn list(config: &Config, args: &LetterList) -> Result<(), Failure> {
    let Some(store) = open_for_listing(&config.store.path)? else { return Ok(()) };
    let Letters { subscriber, event, key } = &args.which;
    let filter =
        LetterFilter { subscriber: subscriber.clone(), event_type: event.clone(), key: key.clone(), position: None };
    let letters = event_bus::DeadLetters::of(&*store);
    if args.discarded {
        return list_discarded(letters, &filter, args.json).await;
    }
    let mut after: Option<String> = None;
    loop {
        let page = letters.list(&filter, after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        for Found { key, value, .. } in &page {
            if args.json {
                print(&serde_json::to_string(&Entry { letter: key, content: value, discarded: None })?)?;
            } else {
                print(&line(key, value))?;
            }
        }
    }
    let unreadable = letters.unreadable().await?;
    if let Some(first) = unreadable.first() {
        return Err(Failure::impossible(format!(
            "{} dead letters cannot be read, which neither `retry` nor `discard` touches; the first: {first}",
            unreadable.len()
        )));
    }
    match subscriber {
        Some(name) if after.is_none() => is_known(config, name).await,
        _ => Ok(()),
    }
}

async fn list_discarded(letters: event_bus::DeadLetters<'_>, filter: &LetterFilter, json: bool) -> Result<(), Failure> {
    let mut after: Option<String> = None;
    loop {
        let page = letters.discarded(filter, after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.key.clone());
        for Found { key, value: Discarded { letter, reason, by, at }, .. } in &page {
            if json {
                let discarded = Some(Discard { reason, by, at: *at });
                print(&serde_json::to_string(&Entry { letter: key, content: letter, discarded })?)?;
            } else {
                let at = at.to_rfc3339_opts(SecondsFormat::Millis, true);
                print(&line(key, letter))?;
                print(&visible(&format!("    discarded {at} by {by}: {reason}")))?;
            }
        }
    }
}

/// Whether there is a subscriber of this name, none of whose letters was found.
async fn is_known(config: &Config, name: &str) -> Result<(), Failure> {
    let subscriptions = assemble_in_memory(config).await?.subscriptions;
    if subscriptions.iter().any(|subscription| subscription.name == name) {
        return Ok(());
    }
    Err(Failure::impossible(format!("there is no subscriber `{name}` in this process: see `borough subscribers`")))
}

fn line(letter: &str, DeadLetter { event, error, attempts, .. }: &DeadLetter) -> String {
    let time = event.timestamp.to_rfc3339_opts(SecondsFormat::Millis, true);
    let (event_type, key) = (&event.event_type, &event.metadata.key);
    visible(&format!("{letter}  {time}  {event_type:<36}  {key:<16}  {attempts} tries: {error}"))
}

async fn show(config: &Config, args: &LetterShow) -> Result<(), Failure> {
    let store = open_to_show(&config.store.path)?;
    let found = event_bus::DeadLetters::of(&*store).show(&args.letter).await?;
    let found = found.ok_or_else(|| unknown(&args.letter))?;
    print_json(&Entry { letter: &found.key, content: &found.value, discarded: None })
}

async fn retry(config: &Config, args: &LetterRetry) -> Result<(), Failure> {
    let retried: Retried = carry_out(config, BusOrder::Retry { letters: filter(&args.which)? }).await?.read()?;
    if retried == Retried::default() {
        none_found(&args.which)?;
    }
    let printed = if args.json { print_json(&retried) } else { print(&told(&retried)) };
    // What became of them outweighs who reads of it.
    match retried.failed + retried.behind + retried.held.len() + retried.busy.len() + retried.elsewhere.len() {
        0 => printed,
        _ => Err(Failure::Rejected("not all of them are delivered: see `borough dead-letters`".into())),
    }
}

fn told(Retried { delivered, failed, behind, held, busy, elsewhere }: &Retried) -> String {
    let mut text = format!("{delivered} delivered, {failed} failed again, {behind} wait behind those");
    for subscriber in held {
        text += &format!(
            "\n{subscriber} takes nothing now: `borough status` says why, `borough subscribers resume {subscriber}` has it go on"
        );
    }
    for subscriber in busy {
        text +=
            &format!("\n{subscriber} is busy with a handler that does not end: see `borough status`, and try again");
    }
    for subscriber in elsewhere {
        text += &format!("\n{subscriber} does not run here: see `modules` in the settings");
    }
    text
}

/// Where nothing was found: what somebody names is there, or that is wrong; of all there may be none.
fn none_found(PickedLetters { letter, subscriber, event, key, all }: &PickedLetters) -> Result<(), Failure> {
    if *all {
        return Ok(());
    }
    if let Some(letter) = letter {
        return Err(unknown(letter));
    }
    let named = [("subscriber", subscriber), ("event", event), ("key", key)];
    let named = named.iter().filter_map(|(what, name)| Some(format!("{what} `{}`", name.as_ref()?)));
    let named = named.collect::<Vec<_>>().join(" and ");
    Err(Failure::impossible(format!("there is no dead letter of {named}: see `borough dead-letters`")))
}

fn unknown(letter: &str) -> Failure {
    Failure::impossible(format!("there is no dead letter {letter}: see `borough dead-letters`"))
}

async fn discard(config: &Config, args: &LetterDiscard) -> Result<(), Failure> {
    let order = BusOrder::Discard { letters: filter(&args.which)?, reason: args.reason.clone() };
    let discarded: usize = carry_out(config, order).await?.read()?;
    if discarded == 0 {
        none_found(&args.which)?;
    }
    print(&format!("{discarded} discarded"))
}

fn filter(picked: &PickedLetters) -> Result<LetterFilter, Failure> {
    let PickedLetters { letter, subscriber, event, key, .. } = picked;
    if let Some(letter) = letter {
        let parts =
            letter.rsplit_once('/').and_then(|(subscriber, position)| Some((subscriber, position.parse().ok()?)));
        let (subscriber, position) = parts.ok_or_else(|| {
            Failure::impossible(format!(
                "`{letter}` names no dead letter: take SUBSCRIBER/POSITION of `borough dead-letters`"
            ))
        })?;
        return Ok(LetterFilter::one(subscriber, Position(position)));
    }
    Ok(LetterFilter { subscriber: subscriber.clone(), event_type: event.clone(), key: key.clone(), position: None })
}

/// By the serving process, or by this one while it holds the store.
pub(super) async fn carry_out(config: &Config, order: BusOrder) -> Result<Json, Failure> {
    is_there(&config.store.path)?;
    here_or_there(
        config,
        "borough",
        async |platform| {
            let done = order.carry_out(platform.bus(), &platform.context(config)?).await?;
            // What follows from it is in the log, whether there is time for it now or not.
            let _in_time = platform.drain(DRAIN).await?;
            Ok(done)
        },
        async |client| client.bus(&order).await,
    )
    .await
}

impl BusOrder {
    /// In the process whose subscribers run.
    pub(super) async fn carry_out(&self, bus: &EventBus, cx: &Context) -> Result<Json, Error> {
        fn json(done: &impl Serialize) -> Result<Json, Error> {
            Json::of(done)
                .map_err(|error| Error::internal("what was done cannot be told").with_detail(error.to_string()))
        }
        match self {
            Self::Pause { subscriber } => json(&bus.pause(subscriber).await?),
            Self::Resume { subscriber } => json(&bus.resume(subscriber).await?),
            Self::Retry { letters } => json(&bus.retry_dead_letters(letters).await?),
            Self::Discard { letters, reason } => json(&bus.discard_dead_letters(letters, reason, cx).await?),
        }
    }
}
