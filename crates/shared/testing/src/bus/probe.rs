use std::{
    panic::panic_any,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use event_bus::{BatchSubscriber, CpuSubscriber, EnvelopeSubscriber, Subscriber};
use event_sourcing::{Document, Expected, Store, StoreExt, Unit};
use kernel::{Context, Envelope, Error, Event, Priority};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::store::{CardIndex, Noted, nested};

/// What a [`Probe`] does with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Writes down that it was here, in the unit.
    Write,
    /// Nothing.
    Look,
    /// Writes and then fails.
    Fail,
    /// Writes and then panics.
    Panic,
    /// Waits for a permit of [`Probe::gate`], then writes.
    Wait,
    /// Writes, and among it what nests too deep for any store.
    Nest,
    /// Writes after so many milliseconds.
    Sleep(u64),
}

/// Events that a subscriber has handled, as they are stored with the checkpoint: how often each, and in which order for a key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Numbers of the notes, in the order in which they were handled.
    pub notes: Vec<u64>,
}

impl Document for Seen {
    const COLLECTION: &'static str = "testing.seen";
}

type Script = dyn Fn(&str, u64, u32) -> Action + Send + Sync;

/// A subscriber that does as it is told and remembers it.
#[derive(Clone)]
pub struct Probe(Arc<Inner>);

struct Inner {
    name: &'static str,
    store: Arc<dyn Store>,
    script: Box<Script>,
    /// Key and number of every try, in order.
    tries: Mutex<Vec<(String, u64)>>,
    gate: Semaphore,
    inside: AtomicUsize,
    most_inside: AtomicUsize,
}

impl Probe {
    /// What it does with a note depends on the writer, the number and which try it is, from 1.
    pub fn new(
        name: &'static str,
        store: &Arc<dyn Store>,
        script: impl Fn(&str, u64, u32) -> Action + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner {
            name,
            store: Arc::clone(store),
            script: Box::new(script),
            tries: Mutex::default(),
            gate: Semaphore::new(0),
            inside: AtomicUsize::new(0),
            most_inside: AtomicUsize::new(0),
        }))
    }

    /// Writes down every note.
    pub fn writing(name: &'static str, store: &Arc<dyn Store>) -> Self {
        Self::new(name, store, |_, _, _| Action::Write)
    }

    /// Its name, as a subscriber's.
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// Key and number of every try since it was made, in order.
    ///
    /// # Panics
    /// Never: nobody panics while he adds to it.
    pub fn tries(&self) -> Vec<(String, u64)> {
        self.0.tries.lock().unwrap().clone()
    }

    /// Handlers that wait go on when there are permits.
    pub fn gate(&self) -> &Semaphore {
        &self.0.gate
    }

    /// How many handlers have been running at the same time.
    pub fn most_inside(&self) -> usize {
        self.0.most_inside.load(Ordering::SeqCst)
    }

    /// Handlers that are running.
    pub fn inside(&self) -> usize {
        self.0.inside.load(Ordering::SeqCst)
    }

    fn begin(&self, key: &str, n: u64) -> (Action, Inside<'_>) {
        let inside = self.0.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most_inside.fetch_max(inside, Ordering::SeqCst);
        let attempt = {
            let mut tries = self.0.tries.lock().unwrap();
            tries.push((key.to_owned(), n));
            tries.iter().filter(|tried| (tried.0.as_str(), tried.1) == (key, n)).count() as u32
        };
        ((self.0.script)(key, n, attempt), Inside(&self.0.inside))
    }

    async fn act(&self, action: Action, key: &str, n: u64, unit: &mut Unit) -> Result<(), Error> {
        match action {
            Action::Look => return Ok(()),
            Action::Wait => self.0.gate.acquire().await.unwrap().forget(),
            Action::Sleep(time) => tokio::time::sleep(Duration::from_millis(time)).await,
            Action::Write | Action::Fail | Action::Panic | Action::Nest => {}
        }
        self.write(key, &[n], unit).await?;
        match action {
            Action::Fail => Err(Error::internal("told to fail")),
            Action::Panic => panic_any("told to panic"),
            Action::Nest => {
                unit.put(key, &CardIndex { entries: nested(200) }, Expected::Any);
                Ok(())
            }
            Action::Write | Action::Look | Action::Wait | Action::Sleep(_) => Ok(()),
        }
    }

    async fn write(&self, key: &str, notes: &[u64], unit: &mut Unit) -> Result<(), Error> {
        let key = format!("{}/{key}", self.0.name);
        let found = self.0.store.get::<Seen>(&key).await?;
        let expected = found.as_ref().map_or(Expected::Absent, |found| Expected::Exact(found.revision));
        let mut seen = found.map(|found| found.value).unwrap_or_default();
        seen.notes.extend(notes);
        unit.put(key, &seen, expected);
        Ok(())
    }

    /// What it has written down about a key: the effect, in the order in which it was committed.
    ///
    /// # Panics
    /// If the store does not answer.
    pub async fn seen(&self, key: &str) -> Vec<u64> {
        let found = self.0.store.get::<Seen>(&format!("{}/{key}", self.0.name)).await.unwrap();
        found.map(|found| found.value.notes).unwrap_or_default()
    }
}

struct Inside<'a>(&'a AtomicUsize);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Subscriber<Noted> for Probe {
    async fn handle(&self, _: &Context, event: &Noted, unit: &mut Unit) -> Result<(), Error> {
        let (action, _inside) = self.begin(&event.writer, event.n);
        self.act(action, &event.writer, event.n, unit).await
    }
}

impl EnvelopeSubscriber for Probe {
    async fn handle(&self, _: &Context, event: &Arc<Envelope>, unit: &mut Unit) -> Result<(), Error> {
        let key = format!("{} {}", event.event_type, event.metadata.key);
        let n = event.metadata.position.unwrap_or_default();
        let (action, _inside) = self.begin(&key, n);
        self.act(action, &key, n, unit).await
    }
}

impl CpuSubscriber<Noted> for Probe {
    fn handle(&self, _: &Context, event: &Noted, unit: &mut Unit) -> Result<(), Error> {
        let (action, _inside) = self.begin(&event.writer, event.n);
        if let Action::Sleep(time) = action {
            std::thread::sleep(Duration::from_millis(time));
        }
        let thread = std::thread::current().id();
        unit.put(format!("{}/{}", self.0.name, event.writer), &Seen { notes: vec![event.n] }, Expected::Any);
        match action {
            Action::Fail => Err(Error::internal("told to fail")),
            Action::Panic => panic_any(format!("told to panic on {thread:?}")),
            _ => Ok(()),
        }
    }
}

impl BatchSubscriber<Noted> for Probe {
    /// One document for each batch, named by its first note.
    async fn handle(&self, _: &Context, events: &[Noted], unit: &mut Unit) -> Result<(), Error> {
        let first = &events[0];
        let (mut worst, _inside) = self.begin(&first.writer, first.n);
        for event in &events[1..] {
            let action = (self.0.script)(&event.writer, event.n, 1);
            worst = if matches!(action, Action::Fail | Action::Nest) { action } else { worst };
        }
        if let Action::Sleep(time) = worst {
            tokio::time::sleep(Duration::from_millis(time)).await;
        }
        let notes: Vec<u64> = events.iter().map(|event| event.n).collect();
        let key = format!("{}/batch {}", self.0.name, first.n);
        unit.put(key, &Seen { notes }, Expected::Absent);
        if worst == Action::Nest {
            unit.put("deep", &CardIndex { entries: nested(200) }, Expected::Any);
        }
        if worst == Action::Fail { Err(Error::internal("told to fail")) } else { Ok(()) }
    }
}

/// An event as urgent as its type says, from 0, low, to 3, critical.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ranked<const PRIORITY: usize> {
    /// Its key.
    pub key: String,
}

impl<const PRIORITY: usize> Event for Ranked<PRIORITY> {
    const NAME: &'static str = ["ranks.low", "ranks.normal", "ranks.high", "ranks.critical"][PRIORITY];
    const PRIORITY: Priority = [Priority::Low, Priority::Normal, Priority::High, Priority::Critical][PRIORITY];

    fn key(&self) -> String {
        self.key.clone()
    }
}
