use std::{num::NonZeroU32, sync::Arc};

use event_bus::InlineSubscribers;
use event_sourcing::{
    CommitError, Completion, EventLimits, EventRules, Loaded, Origin, Receipt, Repository, RetryingError, Store, Unit,
};
use futures::executor::block_on;
use kernel::{Error, ErrorKind, SystemIds};
use tokio::task::JoinSet;

use super::account::{Account, Refusal, moved};
use crate::{actors::origin, patience::soon};

/// A program without modules: nobody adds anything to a unit.
pub(super) struct Nobody;

impl Completion for Nobody {
    async fn complete(&self, _: &mut Unit) -> Result<(), Error> {
        Ok(())
    }
}

/// No two events have the same id.
pub(super) fn author() -> Origin {
    Origin { ids: Arc::new(SystemIds), ..origin("test") }
}

pub(super) fn tries(limit: u32) -> NonZeroU32 {
    NonZeroU32::new(limit).unwrap()
}

/// An account of Ada's with this much.
pub(super) async fn opened(store: &Arc<dyn Store>, account: &str, cents: i64) {
    let mut unit = Unit::new(author());
    let mut loaded = Loaded::<Account>::fresh(account.to_owned());
    let repository = Repository::new(Arc::clone(store));
    let events = [loaded.open(account, "Ada").unwrap(), moved(account, cents, "gift")];
    repository.save(&mut loaded, events, &mut unit);
    store.commit(unit).await.unwrap();
}

pub(super) async fn what_is_saved_is_loaded(store: Arc<dyn Store>) {
    let repository = Repository::<Account>::new(Arc::clone(&store));
    let id = "savings".to_owned();
    let mut account = repository.load(&id).await.unwrap();
    assert!(account.is_new() && !repository.exists(&id).await.unwrap());
    assert_eq!(account.pay_in(&id, 5, "gift"), Err(Refusal::NotOpen));

    let mut unit = Unit::new(author());
    let event = account.open(&id, "Ada").unwrap();
    repository.save(&mut account, event, &mut unit);
    // The next command of the same unit sees the first.
    let event = account.pay_in(&id, 500, "gift").unwrap();
    repository.save(&mut account, event, &mut unit);
    assert!(!repository.exists(&id).await.unwrap(), "nothing is there before the commit");
    store.commit(unit).await.unwrap();

    let loaded = repository.load(&id).await.unwrap();
    assert_eq!((loaded.id(), loaded.version(), loaded.is_new()), (&id, 2, false));
    assert_eq!((loaded.owner.as_deref(), loaded.cents), (Some("Ada"), 500));
    assert!(repository.exists(&id).await.unwrap() && !repository.exists(&"other".to_owned()).await.unwrap());
    // No events, no write.
    let mut unit = Unit::new(author());
    let event = account.pay_in(&id, 0, "nothing").unwrap();
    repository.save(&mut account, event, &mut unit);
    assert!(unit.is_empty());
    assert_eq!(*account, loaded.into_state());
}

pub(super) async fn whoever_is_second_conflicts(store: Arc<dyn Store>) {
    opened(&store, "savings", 100).await;
    let (id, repository) = ("savings".to_owned(), Repository::<Account>::new(Arc::clone(&store)));
    let mut both = [repository.load(&id).await.unwrap(), repository.load(&id).await.unwrap()];
    let mut answers = Vec::new();
    for account in &mut both {
        let mut unit = Unit::new(author());
        let event = account.pay_in(&id, -100, "rent").unwrap();
        repository.save(account, event, &mut unit);
        answers.push(store.commit(unit).await);
    }
    assert!(answers[0].is_ok());
    assert!(matches!(&answers[1], Err(CommitError::Conflict(conflict)) if conflict.what.contains("account-savings")));
    assert_eq!(repository.load(&id).await.unwrap().cents, 0, "it is paid once");
    // Whoever thinks it new is second, too.
    let mut unit = Unit::new(author());
    let mut fresh = Loaded::<Account>::fresh(id.clone());
    let event = fresh.open(&id, "Cleo").unwrap();
    repository.save(&mut fresh, event, &mut unit);
    assert!(matches!(store.commit(unit).await, Err(CommitError::Conflict(_))));
    assert_eq!(repository.load(&id).await.unwrap().owner.as_deref(), Some("Ada"));
}

pub(super) async fn a_unit_that_was_dropped_leaves_nothing_to_go_on_from(store: Arc<dyn Store>) {
    opened(&store, "savings", 100).await;
    let (id, repository) = ("savings".to_owned(), Repository::<Account>::new(Arc::clone(&store)));
    let mut account = repository.load(&id).await.unwrap();
    repository.save(&mut account, [moved(&id, 1, "lost")], &mut Unit::new(author()));
    let mut unit = Unit::new(author());
    repository.save(&mut account, [moved(&id, 2, "later")], &mut unit);
    assert!(matches!(store.commit(unit).await, Err(CommitError::Conflict(_))));
    assert_eq!(repository.load(&id).await.unwrap().version(), 2);
}

/// Somebody else is faster as often as it is told, between the load and the commit.
pub(super) async fn a_conflict_is_tried_again_up_to_the_limit(store: Arc<dyn Store>) {
    opened(&store, "savings", 0).await;
    let (id, origin) = ("savings".to_owned(), author());
    let repository = Arc::new(Repository::<Account>::new(Arc::clone(&store)));
    let faster = |cents: i64| {
        let mut unit = Unit::new(author());
        let mut account = block_on(repository.load(&id)).unwrap();
        repository.save(&mut account, [moved(&id, cents, "faster")], &mut unit);
        block_on(store.commit(unit)).unwrap();
    };
    for (rivals, limit) in [(0, 1), (1, 2), (2, 3), (1, 9)] {
        let left = std::cell::Cell::new(rivals);
        let command = |account: &Account| {
            if left.get() > 0 {
                left.set(left.get() - 1);
                faster(10);
            }
            account.pay_in(&id, 1, "slower")
        };
        let before = repository.load(&id).await.unwrap();
        let (account, receipt) = repository.retrying(tries(limit), &id, &origin, &Nobody, command).await.unwrap();
        assert_eq!(account.cents, before.cents + 10 * rivals + 1);
        assert_eq!(receipt.events[0].1, account.version());
        assert_eq!(*repository.load(&id).await.unwrap(), account.into_state());
    }
    let before = repository.load(&id).await.unwrap().cents;
    let command = |account: &Account| {
        faster(10);
        account.pay_in(&id, 1, "slower")
    };
    let error = repository.retrying(tries(3), &id, &origin, &Nobody, command).await.unwrap_err();
    assert!(matches!(&error, RetryingError::Conflict { tries: 3, .. }), "{error}");
    assert_eq!(Error::from(error).kind, ErrorKind::Conflict);
    assert_eq!(repository.load(&id).await.unwrap().cents, before + 30);
    // What the domain refuses is not tried again, and what comes to nothing writes nothing.
    let calls = std::cell::Cell::new(0);
    let refused = repository.retrying(tries(9), &id, &origin, &Nobody, |account| {
        calls.set(calls.get() + 1);
        account.pay_in(&id, -1_000_000, "greed")
    });
    let refused = refused.await.unwrap_err();
    assert!(matches!(&refused, RetryingError::Refused(Refusal::Overdrawn { .. })), "{refused}");
    assert_eq!((calls.get(), Error::from(refused).kind), (1, ErrorKind::Rejected));
    let head = store.head().await.unwrap();
    let (_, receipt) =
        repository.retrying(tries(1), &id, &origin, &Nobody, |a| a.pay_in(&id, 0, "nothing")).await.unwrap();
    assert_eq!((receipt, store.head().await.unwrap()), (Receipt::default(), head));
}

pub(super) async fn no_event_is_lost_among_many(store: Arc<dyn Store>) {
    opened(&store, "savings", 0).await;
    let (id, repository) = ("savings".to_owned(), Arc::new(Repository::<Account>::new(Arc::clone(&store))));
    let mut crowd = JoinSet::new();
    for member in 0..8 {
        let (id, repository) = (id.clone(), Arc::clone(&repository));
        crowd.spawn(async move {
            for _ in 0..10 {
                let origin = author();
                let paid =
                    repository.retrying(tries(1000), &id, &origin, &Nobody, |a| a.pay_in(&id, 1 << member, "one"));
                paid.await.unwrap();
            }
        });
    }
    soon("the crowd", crowd.join_all()).await;
    let account = repository.load(&id).await.unwrap();
    assert_eq!((account.cents, account.version()), (10 * 0xff, 82));
}

pub(super) async fn what_the_rules_refuse_is_not_committed(store: Arc<dyn Store>) {
    opened(&store, "savings", 0).await;
    let rules = EventRules::new(EventLimits { payload_bytes: 200, ..EventLimits::default() });
    let (id, repository) = ("savings".to_owned(), Repository::<Account>::new(Arc::clone(&store)));
    let rules = InlineSubscribers::of(&[]).holding_to(rules, Arc::clone(&store));
    let long = "because ".repeat(40);
    let origin = author();
    let paid = repository.retrying(tries(1), &id, &origin, &rules, |account| account.pay_in(&id, 1, &long)).await;
    let error = Error::from(paid.unwrap_err());
    assert_eq!(error.code(), "event.too_large");
    assert_eq!(repository.load(&id).await.unwrap().version(), 2);
}
