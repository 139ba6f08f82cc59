use std::{num::NonZeroU64, sync::Arc};

use event_sourcing::{Moment, Repository, Snapshot, SnapshotPolicy, Store, StoreExt};

use super::{
    account::Account,
    writing::{Nobody, author, opened, tries},
};
use crate::patience::{polled, soon};

/// Every future of a repository is polled so many times and dropped, for every number of times until it comes to its end. Then
/// events and snapshot are there together, or neither is.
pub(super) async fn dropped_at_any_poll(store: Arc<dyn Store>) {
    opened(&store, "savings", 0).await;
    let every = SnapshotPolicy::Every(NonZeroU64::MIN);
    let (id, repository) = ("savings".to_owned(), Repository::<Account>::new(Arc::clone(&store)).with_snapshots(every));
    let origin = author();
    for polls in 0.. {
        let before = repository.load(&id).await.unwrap().version();
        let paid = repository.retrying(tries(1), &id, &origin, &Nobody, |account| account.pay_in(&id, 1, "more"));
        let answer = soon("retrying", polled(paid, polls)).await;
        // Whoever must wait for the same things settles what may still be under way.
        let settled = repository.retrying(tries(9), &id, &origin, &Nobody, |account| account.pay_in(&id, 2, "more"));
        let (settled, _) = soon("settling", settled).await.unwrap();
        let written = settled.version() - before - 1;
        assert!(written <= 1 && (polls > 0 || written == 0), "after {polls} polls: {written}");
        let snapshot = store.get::<Snapshot<Account>>(&id).await.unwrap().unwrap().value;
        assert_eq!(snapshot.version, settled.version());
        if let Some(answer) = answer {
            assert_eq!((answer.unwrap().0.version(), written), (before + 1, 1), "acknowledged, and not there");
            break;
        }
    }
    let version = repository.load(&id).await.unwrap().version();
    for polls in 0.. {
        let load = soon("load", polled(repository.load(&id), polls)).await;
        let then = soon("as of", polled(repository.as_of(&id, Moment::Version(1)), polls)).await;
        let exists = soon("exists", polled(repository.exists(&id), polls)).await;
        if let (Some(load), Some(then), Some(exists)) = (load, then, exists) {
            assert_eq!((load.unwrap().version(), then.unwrap().version(), exists.unwrap()), (version, 1, true));
            break;
        }
    }
}
