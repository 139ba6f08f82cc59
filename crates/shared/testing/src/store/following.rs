//! Following the log, and waiting for what comes of a commit.

use std::{sync::Arc, time::Duration};

use event_sourcing::{
    EventQuery, Expected, LogQuery, Position, Receipt, Store, StoreErrorKind, StoreExt as _, Subscription, Unit,
    WaitError,
};
use kernel::Event;
use tokio::task::JoinSet;

use super::{Noted, Tagged, notes, unit};
use crate::{
    actors::origin,
    patience::{polled, soon},
};

const WRITERS: u64 = 4;
const UNITS: u64 = 25;

fn wanted() -> EventQuery {
    EventQuery::of(&[Tagged::NAME], &["even:yes"])
}

/// Of each writer two events in a unit, one of which may be wanted.
async fn write(store: Arc<dyn Store>, writer: u64) {
    for n in 0..UNITS {
        let mut unit = Unit::new(origin("test"));
        unit.append(format!("own-{writer}"), Expected::Any, &Noted::new("noise", n));
        let tags: &[&str] = if n % 2 == 0 { &["even:yes"] } else { &[] };
        unit.append(format!("own-{writer}"), Expected::Any, &Tagged::new(n, tags));
        store.commit(unit).await.unwrap();
    }
}

/// Subscriptions miss nothing and repeat nothing: in pages of any size, dropped at any poll, and begun anew where one ended.
/// Rule 1 of docs/durability.md.
pub(super) async fn subscriptions_miss_nothing(store: Arc<dyn Store>) {
    let mut writers = JoinSet::new();
    (0..WRITERS).for_each(|writer| _ = writers.spawn(write(Arc::clone(&store), writer)));
    let most = WRITERS * UNITS.div_ceil(2);
    let mut readers = JoinSet::new();
    for page in [1, 3, 1000] {
        let store = Arc::clone(&store);
        readers.spawn(async move {
            let mut events = Vec::new();
            let mut subscription = Subscription::new(store.clone(), Some(wanted()), Position(0)).in_pages_of(page);
            let mut polls = 0;
            while (events.len() as u64) < most {
                polls += 1;
                let Some(answer) = polled(subscription.next(), polls % 5).await else { continue };
                let answer = answer.unwrap();
                assert!((1..=page).contains(&answer.events.len()));
                assert!(answer.events.last().unwrap().metadata.position.unwrap() <= answer.position.0);
                assert_eq!(answer.position, subscription.position());
                events.extend(answer.events);
                if polls % 3 == 0 {
                    subscription = Subscription::new(store.clone(), Some(wanted()), answer.position).in_pages_of(page);
                }
            }
            events
        });
    }
    soon("writing", writers.join_all()).await;
    let read = soon("reading", readers.join_all()).await;
    let all = store.log(LogQuery { matching: Some(wanted()), ..LogQuery::after(Position(0), usize::MAX) });
    let all = all.await.unwrap();
    assert_eq!(all.len() as u64, most);
    read.into_iter().for_each(|events| assert_eq!(events, all));
    // Without a query it is the whole log.
    let mut everything = Subscription::new(Arc::clone(&store), None, Position(3)).in_pages_of(usize::MAX);
    let page = soon("catching up", everything.next()).await.unwrap();
    assert_eq!((page.events.len() as u64, page.position), (WRITERS * UNITS * 2 - 3, store.head().await.unwrap()));
}

/// It goes on also where nothing matches, so that whoever resumes need not read that again; and it wakes when something does.
pub(super) async fn a_subscription_follows(store: Arc<dyn Store>) {
    let origin = origin("test");
    let mut subscription = Subscription::new(Arc::clone(&store), Some(wanted()), Position(0));
    let follows = tokio::spawn(async move {
        let page = subscription.next().await.unwrap();
        (page, subscription)
    });
    store.commit(notes(&origin, "noise", 3)).await.unwrap();
    tokio::task::yield_now().await;
    let mut unit = unit(&origin);
    unit.append("s", Expected::Any, &Tagged::new(7, &["even:yes"]));
    unit.append("s", Expected::Any, &Noted::new("noise", 4));
    store.commit(unit).await.unwrap();
    let (page, mut subscription) = soon("following", follows).await.unwrap();
    assert_eq!(page.events.iter().map(|e| e.decode::<Tagged>().unwrap().n).collect::<Vec<_>>(), [7]);
    assert_eq!(page.position, Position(5), "what lies behind the last match is read too");
    store.commit(notes(&origin, "noise", 2)).await.unwrap();
    let caught_up = async {
        while subscription.position() < Position(7) {
            assert!(polled(subscription.next(), 2).await.is_none(), "nothing matches");
        }
    };
    soon("going on", caught_up).await;
    let mut beyond = Subscription::new(store, None, Position(99));
    let error = soon("saying so", beyond.next()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Corrupt);
    assert!(error.message.contains("the log ends at 7, before position 99"), "{error}");
}

/// Rule 13 of docs/durability.md.
pub(super) async fn positions_are_waited_for(store: Arc<dyn Store>) {
    let (origin, long, short) = (origin("test"), Duration::from_secs(30), Duration::from_millis(1));
    let nothing = store.position(&Receipt::default(), short).await.unwrap();
    assert_eq!(nothing, Position(0), "there is nothing to wait for");
    for head in [2, 4] {
        let receipt = store.commit(notes(&origin, "s", 2)).await.unwrap();
        let position = store.position(&receipt, long).await.unwrap();
        assert_eq!(position, Position(head), "of the last event");
        store.until_visible(position, long).await.unwrap();
    }
    let mut quiet = unit(&origin);
    quiet.checkpoint("reader", Position(2));
    let receipt = store.commit(quiet).await.unwrap();
    assert_eq!(store.position(&receipt, long).await.unwrap(), Position(0), "it had no events");
    store.until_handled("reader", Position(2), long).await.unwrap();

    let late = store.until_handled("reader", Position(4), short).await.unwrap_err();
    let message = late.to_string();
    let WaitError::Late { what, wanted, within, .. } = late else { panic!("{late}") };
    assert_eq!((what.as_str(), wanted, within), ("subscriber `reader`", Position(4), short));
    assert!(message.contains("and not to 4 within 1ms"), "{message}");
    let late = store.until_visible(Position(5), short).await.unwrap_err();
    assert!(matches!(late, WaitError::Late { wanted: Position(5), .. }), "{late}");

    // Whoever waits sees it when it comes.
    let waiting = [("visible", Arc::clone(&store)), ("handled", Arc::clone(&store))].map(|(what, store)| {
        tokio::spawn(async move {
            match what {
                "visible" => store.until_visible(Position(5), long).await,
                _ => store.until_handled("reader", Position(4), long).await,
            }
        })
    });
    tokio::task::yield_now().await;
    let mut both = notes(&origin, "s", 1);
    both.checkpoint("reader", Position(4));
    store.commit(both).await.unwrap();
    for waiting in waiting {
        soon("waiting", waiting).await.unwrap().unwrap();
    }
}
