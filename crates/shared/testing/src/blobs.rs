#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]

use std::sync::Arc;

use event_sourcing::Blobs;
use kernel::Fingerprint;
use tokio::task::JoinSet;

use crate::patience::polled;

/// What every adapter of [`Blobs`] must do. `make` gives an empty store of blobs each time.
///
/// # Panics
/// Where the adapter breaks the contract.
pub async fn blobs_conformance<B: Blobs>(make: impl AsyncFn() -> B) {
    what_is_put_comes_back(&make().await).await;
    what_is_removed_is_gone(&make().await).await;
    many_at_once_do_not_disturb_each_other(Arc::new(make().await)).await;
    dropped_at_any_poll_a_put_is_whole_or_absent(&make().await).await;
}

async fn what_is_put_comes_back(blobs: &dyn Blobs) {
    let large: Vec<u8> = (0..250_000_u32).flat_map(u32::to_le_bytes).collect();
    let all = [vec![], vec![0], b"model".to_vec(), b"Model".to_vec(), large];
    assert_eq!(blobs.get(&Fingerprint::of(&all[0])).await.unwrap(), None, "nothing is there at first");
    for bytes in &all {
        assert_eq!(blobs.put(bytes.clone()).await.unwrap(), Fingerprint::of(bytes));
        assert_eq!(blobs.put(bytes.clone()).await.unwrap(), Fingerprint::of(bytes), "a put can be repeated");
    }
    for bytes in &all {
        assert!(blobs.get(&Fingerprint::of(bytes)).await.unwrap().as_ref() == Some(bytes), "{} bytes", bytes.len());
    }
    assert_eq!(blobs.get(&Fingerprint::of(b"another model")).await.unwrap(), None);
}

async fn what_is_removed_is_gone(blobs: &dyn Blobs) {
    let (kept, removed) = (blobs.put(b"kept".to_vec()).await.unwrap(), blobs.put(b"removed".to_vec()).await.unwrap());
    assert!(blobs.remove(&removed).await.unwrap());
    assert!(!blobs.remove(&removed).await.unwrap(), "there is nothing left to remove");
    assert_eq!(blobs.get(&removed).await.unwrap(), None);
    assert_eq!(blobs.get(&kept).await.unwrap().unwrap(), b"kept");
    blobs.put(b"removed".to_vec()).await.unwrap();
    assert_eq!(blobs.get(&removed).await.unwrap().unwrap(), b"removed", "it can be put again");
}

async fn many_at_once_do_not_disturb_each_other(blobs: Arc<dyn Blobs>) {
    let mut puts = JoinSet::new();
    // Every content is put by four at the same time.
    for n in 0..32_u8 {
        let blobs = Arc::clone(&blobs);
        puts.spawn(async move { blobs.put(vec![n / 4; 100_000]).await.unwrap() });
    }
    puts.join_all().await;
    for n in 0..8_u8 {
        let bytes = vec![n; 100_000];
        assert!(blobs.get(&Fingerprint::of(&bytes)).await.unwrap() == Some(bytes), "blob {n}");
    }
}

async fn dropped_at_any_poll_a_put_is_whole_or_absent(blobs: &dyn Blobs) {
    for polls in 0.. {
        let bytes = format!("put that is polled {polls} times").repeat(10_000).into_bytes();
        let digest = Fingerprint::of(&bytes);
        let answer = polled(blobs.put(bytes.clone()), polls).await;
        // Whatever is still under way: reading must never see a part of it, which a wrong digest would show.
        match blobs.get(&digest).await.unwrap() {
            Some(found) => assert!(polls > 0 && found == bytes, "{polls} polls"),
            None => assert!(answer.is_none(), "{polls} polls: acknowledged and not there"),
        }
        if answer.is_some() {
            assert!(polls > 0);
            break;
        }
    }
}
