//! How every request refuses; `requests.json` has a row for each.

use kernel::{Json, Problem};
use testing::requests::{Served, refusals};
use therapy_session::Practice;

#[tokio::test(start_paused = true)]
async fn every_request_refuses_strangers_and_whatever_is_wrong() {
    let practice = Practice::open().await.unwrap();
    let requests = &practice.application.requests;
    let served: Vec<Served> = requests.requests().iter().map(Served::from).collect();
    assert!(practice.work_of("somebody").is_err(), "who is not known comes in under no name");
    let (permitted, stranger) = (practice.work_of("reception").unwrap(), testing::context(&[]));
    for refusal in refusals(include_str!("requests.json"), &served) {
        let cx = if refusal.permitted { &permitted } else { &stranger };
        let answer = requests.call(cx, &refusal.name, None, &Json::of(&refusal.payload).unwrap()).await;
        refusal.check(&Problem::from(&answer.unwrap_err()));
    }
}
