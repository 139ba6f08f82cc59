use std::sync::Arc;

use chrono::TimeDelta;
use event_sourcing::{Expected, LoadError, Moment, Origin, Repository, SnapshotPolicy, Store, StreamQuery, Unit};
use kernel::{Clock, DecodeError, Error, ErrorKind, Event, ManualClock};

use super::{
    account::{Account, Moved, MovedCents, MovedEuros, MovedLater, moved},
    writing::{Nobody, author, opened, tries},
};
use crate::store::Noted;

pub(super) async fn it_is_as_it_was_at_each_version(store: Arc<dyn Store>) {
    opened(&store, "savings", 1).await;
    let (id, plain) = ("savings".to_owned(), Repository::<Account>::new(Arc::clone(&store)));
    let every = SnapshotPolicy::Every(2.try_into().unwrap());
    let kept = Repository::<Account>::new(Arc::clone(&store)).with_snapshots(every);
    let origin = author();
    for cents in 2..=6 {
        kept.retrying(tries(1), &id, &origin, &Nobody, |account| account.pay_in(&id, cents, "more")).await.unwrap();
    }
    for repository in [&plain, &kept] {
        for (version, cents) in [(0, 0), (1, 0), (2, 1), (3, 3), (4, 6), (5, 10), (6, 15), (7, 21)] {
            let then = repository.as_of(&id, Moment::Version(version)).await.unwrap();
            assert_eq!((then.version(), then.cents), (version, cents));
        }
        let error = repository.as_of(&id, Moment::Version(8)).await.unwrap_err();
        assert!(matches!(error, LoadError::Absent { version: 8, last: 7, .. }), "{error}");
        assert_eq!(Error::from(error).kind, ErrorKind::NotFound);
        // What was, is not what is: it cannot be gone on from.
        let mut then = repository.as_of(&id, Moment::Version(6)).await.unwrap();
        let mut unit = Unit::new(author());
        repository.save(&mut then, [moved(&id, 1, "late")], &mut unit);
        store.commit(unit).await.unwrap_err();
    }
}

pub(super) async fn it_is_as_it_was_at_each_time(store: Arc<dyn Store>) {
    let clock = Arc::new(ManualClock::default());
    let (start, second) = (clock.now(), TimeDelta::seconds(1));
    let origin = Origin { clock: Arc::<ManualClock>::clone(&clock), ..author() };
    let every = SnapshotPolicy::Every(1.try_into().unwrap());
    let (id, repository) = ("savings".to_owned(), Repository::<Account>::new(Arc::clone(&store)).with_snapshots(every));
    repository.retrying(tries(1), &id, &origin, &Nobody, |account| account.open(&id, "Ada")).await.unwrap();
    for cents in [1, 2] {
        clock.advance(second);
        repository
            .retrying(tries(1), &id, &origin, &Nobody, |account| account.pay_in(&id, cents, "more"))
            .await
            .unwrap();
    }
    for (time, version, cents) in [
        (start - second, 0, 0),
        (start, 1, 0),
        (start + second / 2, 1, 0),
        (start + second, 2, 1),
        (start + second * 2, 3, 3),
        (start + second * 100, 3, 3),
    ] {
        let then = repository.as_of(&id, Moment::Time(time)).await.unwrap();
        assert_eq!((then.version(), then.cents), (version, cents), "{time}");
    }
}

/// More than is read at once, with and without a snapshot in the middle.
pub(super) async fn long_streams_are_read_to_their_end(store: Arc<dyn Store>) {
    opened(&store, "savings", 0).await;
    let once = |account: &Account, _: u64| account.reasons.len() == 600;
    let (id, plain) = ("savings".to_owned(), Repository::<Account>::new(Arc::clone(&store)));
    let kept = Repository::<Account>::new(Arc::clone(&store)).with_snapshots(SnapshotPolicy::When(once));
    for events in [599, 423, 1, 1, 600] {
        let mut account = kept.load(&id).await.unwrap();
        let mut unit = Unit::new(author());
        let events = (0..events).map(|n| moved(&id, n, "more"));
        kept.save(&mut account, events, &mut unit);
        store.commit(unit).await.unwrap();
        for repository in [&kept, &plain] {
            let loaded = repository.load(&id).await.unwrap();
            assert_eq!((loaded.version(), &*loaded), (account.version(), &*account));
        }
    }
    assert_eq!(plain.as_of(&id, Moment::Version(1025)).await.unwrap().version(), 1025);
}

/// An event of three versions, as three programs have written it.
pub(super) async fn earlier_versions_of_events_are_upcast(store: Arc<dyn Store>) {
    opened(&store, "savings", 1).await;
    let mut unit = Unit::new(author());
    let (account, stream) = ("savings".to_owned(), "account-savings");
    unit.append(stream, Expected::Exact(2), &MovedEuros { account: account.clone(), euros: 2 });
    unit.append(stream, Expected::Exact(3), &MovedCents { account: account.clone(), cents: 30 });
    let reason = "rent".to_owned();
    unit.append(stream, Expected::Exact(4), &Moved { account: account.clone(), cents: -11, reason });
    store.commit(unit).await.unwrap();
    let loaded = Repository::<Account>::new(Arc::clone(&store)).load(&account).await.unwrap();
    assert_eq!(loaded.cents, 1 + 200 + 30 - 11);
    assert_eq!(loaded.reasons, ["gift", "not said", "not said", "rent"]);
    let stored = store.stream(stream, StreamQuery::after(2, 9)).await.unwrap();
    let versions: Vec<u32> = stored.iter().map(|event| event.metadata.schema_version).collect();
    assert_eq!(versions, [1, 2, 3], "what is stored stays as it is");
}

pub(super) async fn what_cannot_be_read_is_said(store: Arc<dyn Store>) {
    let repository = Repository::<Account>::new(Arc::clone(&store));
    let (later, foreign) = ("later".to_owned(), "foreign".to_owned());
    let mut unit = Unit::new(author());
    unit.append("account-later", Expected::Absent, &MovedLater { account: later.clone(), units: 3 });
    unit.append("account-foreign", Expected::Absent, &Noted::new("a", 1));
    store.commit(unit).await.unwrap();
    let error = repository.load(&later).await.unwrap_err();
    let newer = |why: &DecodeError| matches!(why, DecodeError::Newer { version: 4, known: 3, .. });
    assert!(matches!(&error, LoadError::Undecodable { version: 1, why, .. } if newer(why)), "{error}");
    let error = Error::from(error);
    assert_eq!((error.kind, error.code()), (ErrorKind::Internal, "aggregate.unreadable"));
    let error = repository.load(&foreign).await.unwrap_err();
    assert!(matches!(&error, LoadError::Foreign { event_type, .. } if event_type == Noted::NAME), "{error}");
    assert_eq!(
        error.to_string(),
        "version 1 of stream `account-foreign` is `testing.noted`, which is none of the aggregate's events \
         (testing.account_opened, testing.account_moved): add it to them, or write it to another stream"
    );
    // Before the event that cannot be read everything can be.
    assert!(repository.as_of(&foreign, Moment::Version(0)).await.unwrap().is_new());
}
