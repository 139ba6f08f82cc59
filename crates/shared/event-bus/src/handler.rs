//! Subscribers without their types.

use std::{marker::PhantomData, panic::resume_unwind, pin::Pin, sync::Arc};

use event_sourcing::Unit;
use kernel::{Context, Envelope, Error, Event};
use tokio::sync::{
    OwnedSemaphorePermit, Semaphore,
    mpsc::{self, Receiver, Sender},
};

use crate::{BatchSubscriber, CpuSubscriber, EnvelopeSubscriber, Subscriber, stretch::Stretch};

/// Why an event was not handled.
#[derive(Debug)]
pub(crate) enum Fault {
    /// By the handler: worth another try.
    Failed(Error),
    /// It cannot be read, however often it is tried.
    Unreadable(Error),
}

pub(crate) type Handling<'a> = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send + 'a>>;

/// The threads on which [`CpuSubscriber`]s compute.
#[derive(Clone)]
pub(crate) struct Threads {
    free: Arc<Semaphore>,
    /// Whoever computes has a copy, also where nobody waits for what comes of it.
    computing: Option<Sender<()>>,
}

/// One of them, until this is dropped.
pub(crate) struct Thread {
    _free: OwnedSemaphorePermit,
    _computing: Option<Sender<()>>,
}

impl Threads {
    pub fn new(threads: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(threads)), computing: None }
    }

    /// The same threads, for somebody of whom it is to be known when nothing computes for him any more: then, and when nobody has
    /// these, there is nothing more to receive.
    pub fn observed(&self) -> (Self, Receiver<()>) {
        let (computing, ended) = mpsc::channel(1);
        (Self { free: Arc::clone(&self.free), computing: Some(computing) }, ended)
    }

    /// One, when it is free; none for a handler that does not compute.
    pub async fn one_for(&self, handler: &dyn Handler) -> Option<Thread> {
        if !handler.computes() {
            return None;
        }
        let free = Arc::clone(&self.free).acquire_owned().await.expect("nobody closes the threads");
        Some(Thread { _free: free, _computing: self.computing.clone() })
    }
}

pub(crate) trait Handler: Send + Sync {
    /// Whether it is to be given a thread.
    fn computes(&self) -> bool;

    fn one<'a>(
        &'a self,
        cx: &'a Context,
        event: &'a Arc<Envelope>,
        unit: &'a mut Unit,
        thread: Option<Thread>,
    ) -> Handling<'a>;

    /// One after another until one of them has written: one future, and no look-up of the handler, for many events.
    fn stretch<'a>(&'a self, stretch: Stretch<'a>) -> Handling<'a>;
}

pub(crate) trait BatchHandler: Send + Sync {
    /// Whether this one can be read at all, so that it does not spoil a batch.
    fn check(&self, event: &Envelope) -> Result<(), Fault>;

    fn batch<'a>(&'a self, cx: &'a Context, events: &'a [Arc<Envelope>], unit: &'a mut Unit) -> Handling<'a>;
}

/// What [`Handler`] is made of: the future has a name, so that a loop around it need not box it.
pub(crate) trait Handles: Send + Sync {
    const COMPUTES: bool = false;

    fn handle_one(
        &self,
        cx: &Context,
        event: &Arc<Envelope>,
        unit: &mut Unit,
        thread: Option<Thread>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}

impl<H: Handles> Handler for H {
    fn computes(&self) -> bool {
        H::COMPUTES
    }

    fn one<'a>(
        &'a self,
        cx: &'a Context,
        event: &'a Arc<Envelope>,
        unit: &'a mut Unit,
        thread: Option<Thread>,
    ) -> Handling<'a> {
        Box::pin(self.handle_one(cx, event, unit, thread))
    }

    fn stretch<'a>(&'a self, stretch: Stretch<'a>) -> Handling<'a> {
        Box::pin(stretch.run(self))
    }
}

/// A subscriber to one type of event.
pub(crate) struct Typed<E, S> {
    subscriber: S,
    event: PhantomData<fn() -> E>,
}

impl<E, S> Typed<E, S> {
    pub fn new(subscriber: S) -> Self {
        Self { subscriber, event: PhantomData }
    }
}

impl<E: Event, S: Subscriber<E>> Handles for Typed<E, S> {
    async fn handle_one(
        &self,
        cx: &Context,
        event: &Arc<Envelope>,
        unit: &mut Unit,
        _: Option<Thread>,
    ) -> Result<(), Fault> {
        let event: E = read(event)?;
        self.subscriber.handle(cx, &event, unit).await.map_err(Fault::Failed)
    }
}

pub(crate) struct Envelopes<S>(pub S);

impl<S: EnvelopeSubscriber> Handles for Envelopes<S> {
    async fn handle_one(
        &self,
        cx: &Context,
        event: &Arc<Envelope>,
        unit: &mut Unit,
        _: Option<Thread>,
    ) -> Result<(), Fault> {
        self.0.handle(cx, event, unit).await.map_err(Fault::Failed)
    }
}

/// A subscriber that computes.
pub(crate) struct Computing<E, S>(pub Arc<Typed<E, S>>);

impl<E: Event, S: CpuSubscriber<E>> Handles for Computing<E, S> {
    const COMPUTES: bool = true;

    async fn handle_one(
        &self,
        cx: &Context,
        event: &Arc<Envelope>,
        unit: &mut Unit,
        thread: Option<Thread>,
    ) -> Result<(), Fault> {
        let event: E = read(event)?;
        let (this, cx) = (Arc::clone(&self.0), cx.clone());
        // It goes there and comes back: dropped in between, what is written is dropped with it.
        let mut taken = Unit::new(unit.origin().clone());
        std::mem::swap(unit, &mut taken);
        let computing = tokio::task::spawn_blocking(move || {
            // The thread is free when the work ends, not when nobody waits for it any more.
            let _thread = thread;
            let result = this.subscriber.handle(&cx, &event, &mut taken);
            (taken, result)
        });
        match computing.await {
            Ok((filled, result)) => {
                *unit = filled;
                result.map_err(Fault::Failed)
            }
            Err(panic) if panic.is_panic() => resume_unwind(panic.into_panic()),
            Err(_) => Err(Fault::Failed(Error::internal("the program ends before the event was handled"))),
        }
    }
}

impl<E: Event, S: BatchSubscriber<E>> BatchHandler for Typed<E, S> {
    fn check(&self, event: &Envelope) -> Result<(), Fault> {
        read::<E>(event).map(drop)
    }

    fn batch<'a>(&'a self, cx: &'a Context, events: &'a [Arc<Envelope>], unit: &'a mut Unit) -> Handling<'a> {
        Box::pin(async move {
            let events: Vec<E> = events.iter().map(|event| read(event)).collect::<Result<_, _>>()?;
            self.subscriber.handle(cx, &events, unit).await.map_err(Fault::Failed)
        })
    }
}

fn read<E: Event>(envelope: &Envelope) -> Result<E, Fault> {
    envelope.decode().map_err(|error| Fault::Unreadable(error.into()))
}
