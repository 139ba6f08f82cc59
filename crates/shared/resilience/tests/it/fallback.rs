use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use kernel::{Error, ErrorKind};
use resilience::{Fallback, FallbackOptions};
use tower::{Layer, ServiceExt};

use crate::world::error;

#[tokio::test]
async fn only_the_errors_that_it_names_have_another_answer() {
    let options = FallbackOptions { on: vec![ErrorKind::Unavailable, ErrorKind::NotFound] };
    let fallback = Fallback::try_new("users", options, |name: String, error: Error| async move {
        Ok(format!("{name} of yesterday, for {error}"))
    });
    let fallback = fallback.unwrap();
    for kind in ErrorKind::ALL {
        let users = fallback.layer(tower::service_fn(move |_: String| async move { Err(error(kind)) }));
        let answer = users.oneshot("ada".into()).await;
        if matches!(kind, ErrorKind::Unavailable | ErrorKind::NotFound) {
            assert_eq!(answer, Ok(format!("ada of yesterday, for {kind:?}")));
        } else {
            assert_eq!(answer, Err(error(kind)));
        }
    }
}

#[tokio::test]
async fn a_success_needs_none_and_a_fallback_may_fail() {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let fallback = Fallback::try_new("users", FallbackOptions::default(), move |(), _| {
        count.fetch_add(1, Ordering::Relaxed);
        async { Err::<u32, _>(error(ErrorKind::NotFound)) }
    });
    let fallback = fallback.unwrap();
    let well = fallback.layer(tower::service_fn(|()| async { Ok(1) }));
    assert_eq!(well.oneshot(()).await, Ok(1));
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    let ill = fallback.layer(tower::service_fn(|()| async { Err(error(ErrorKind::Unavailable)) }));
    assert_eq!(ill.oneshot(()).await, Err(error(ErrorKind::NotFound)));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}
