use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

/// Polls a future at most so many times, each time that it asks for it, and drops it. The answer, if it came so soon.
pub async fn polled<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Asks a future again and again, so that the runtime never rests: paused time goes on only while it does.
pub(crate) async fn awake<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(move |cx| {
        let answer = future.as_mut().poll(cx);
        if answer.is_pending() {
            std::thread::yield_now();
            cx.waker().wake_by_ref();
        }
        answer
    })
    .await
}

/// The answer of what must not take long, or a failed test where it would hang.
///
/// # Panics
/// After 30 seconds.
pub async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(30), future).await.unwrap_or_else(|_| panic!("{what}: never happened"))
}
