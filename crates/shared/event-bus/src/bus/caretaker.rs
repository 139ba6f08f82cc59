//! What goes on as long as there is a bus, turn by turn.

use std::{collections::HashMap, panic::AssertUnwindSafe, sync::Arc};

use event_sourcing::{Document, Store, StoreError, StoreExt};
use futures::FutureExt;
use kernel::panic_text;
use tokio::time::sleep;

use super::Shared;
use crate::{
    Pause, control::Resumption, follower::PATIENCE, retention::Sweeper, running::Running, timekeeper::Timekeeper,
};

/// Looks again and again who works on what.
pub(super) async fn keep(shared: Arc<Shared>) {
    while let Some(keeper) = shared.keeper.get() {
        sleep(keeper.pause()).await;
        turn(async {
            if let Err(error) = keeper.look(&shared).await {
                tracing::warn!("who works on what is not looked at: {error}");
            }
        })
        .await;
    }
}

/// A turn of what goes on as long as the bus. A port that panics in it has failed, and the next turn comes.
async fn turn(turn: impl Future<Output = ()>) {
    if let Err(panic) = AssertUnwindSafe(turn).catch_unwind().await {
        tracing::error!("a port of the bus has panicked, and is asked again: {}", panic_text(panic));
    }
}

/// Every second, and none of it waits for another.
pub(super) async fn take_care(shared: Arc<Shared>) {
    if shared.is_durable {
        tokio::join!(keep_time(&shared), clear_records(&shared), look_after(&shared));
    } else {
        look_after(&shared).await;
    }
}

/// What is due by the clock.
async fn keep_time(shared: &Shared) {
    let (store, inline) = (Arc::clone(&shared.store), shared.inline.clone());
    let mut timekeeper = Timekeeper::new(store, Arc::clone(&shared.clock), Arc::clone(&shared.ids), inline);
    loop {
        sleep(PATIENCE).await;
        let running = shared.running().clone();
        let is_named = |event: &str| running.iter().any(|running| running.subscription.event_type == event);
        turn(timekeeper.tick(|event| is_named(event) || shared.inline.name(event))).await;
    }
}

/// Once a minute, which records of deliveries are kept no longer.
async fn clear_records(shared: &Shared) {
    let mut sweeper = Sweeper::default();
    loop {
        sleep(PATIENCE).await;
        turn(async {
            let (now, unit) = (shared.clock.now(), || shared.own_unit());
            if let Err(error) = sweeper.sweep(shared.options.records, &*shared.store, now, unit).await {
                tracing::warn!("records of deliveries are kept for longer: {error}");
            }
        })
        .await;
    }
}

/// Whom somebody has paused or resumed, perhaps in another process, and what the gauges show.
async fn look_after(shared: &Shared) {
    let mut resumed = None;
    loop {
        sleep(PATIENCE).await;
        turn(look_around(shared, &mut resumed)).await;
    }
}

/// With what is known of those who were resumed.
async fn look_around(shared: &Shared, resumed: &mut Option<HashMap<String, u64>>) {
    let running = shared.running().clone();
    let said: Vec<u64> = running.iter().map(|running| running.said()).collect();
    match revisions::<Pause>(&*shared.store).await {
        Ok(paused) => running.iter().zip(said).for_each(|(running, said)| {
            let is_paused = paused.contains_key(running.subscription.name);
            if running.is_paused() != is_paused && running.said() == said {
                running.order(|orders| orders.paused = is_paused);
            }
        }),
        Err(error) => tracing::warn!("who is paused cannot be read: {error}"),
    }
    if shared.keeper.get().is_some() {
        match revisions::<Resumption>(&*shared.store).await {
            Ok(now) => {
                let before = resumed.replace(now.clone());
                let is_told = |name: &str| before.as_ref().is_some_and(|before| before.get(name) != now.get(name));
                let told = running.iter().filter(|running| is_told(running.subscription.name));
                told.for_each(|running| running.order(|orders| orders.resumed += 1));
            }
            Err(error) => tracing::warn!("who is resumed cannot be read: {error}"),
        }
    }
    if let Err(error) = measure(shared, &running).await {
        tracing::debug!("the gauges of subscribers stay as they are: {error}");
    }
}

async fn measure(shared: &Shared, running: &[Arc<Running>]) -> Result<(), StoreError> {
    let head = shared.store.head().await?;
    for running in running {
        running.measure(&*shared.store, head, shared.clock.now(), shared.options.overlong).await?;
    }
    Ok(())
}

/// What is stored under which name, also what cannot be read.
async fn revisions<D: Document>(store: &dyn Store) -> Result<HashMap<String, u64>, StoreError> {
    const PAGE: usize = 256;
    let mut revisions = HashMap::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.list_each::<D>(after.as_deref(), PAGE).await?;
        let is_last = page.len() < PAGE;
        for found in page {
            let (name, revision) =
                found.map_or_else(|unreadable| (unreadable.key, 0), |found| (found.key, found.revision));
            after = Some(name.clone());
            revisions.insert(name, revision);
        }
        if is_last {
            return Ok(revisions);
        }
    }
}
