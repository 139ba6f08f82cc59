//! A module over a file, in the same words as over memory. The store has threads of its own, so time is not paused.

use std::{sync::Arc, time::Duration};

use event_bus::{HourPassed, Subscriber};
use event_sourcing::{Store, Unit};
use kernel::{Context, Error};
use module::Module;
use tempfile::TempDir;
use testing::{Scenario, store::Noted};

struct Diary;

impl Subscriber<HourPassed> for Diary {
    async fn handle(&self, _: &Context, event: &HourPassed, unit: &mut Unit) -> Result<(), Error> {
        unit.publish(&Noted::new("diary", event.ended.timestamp() as u64 / 3600));
        Ok(())
    }
}

fn diary() -> Module {
    Module::new("diary", "notes every hour")
        .provides(|container| {
            container.singleton(|| Diary);
        })
        .subscribes::<HourPassed, Diary>("diary.hours")
        .publishes::<Noted>()
}

#[tokio::test]
async fn hours_pass_over_a_file_as_over_memory() {
    let folder = TempDir::new().unwrap();
    let store: Arc<dyn Store> = Arc::new(super::open(&folder.path().join("diary.db")).unwrap());
    let first = Scenario::of([diary()]).on(store).start().await;
    first.when_time_passes(Duration::from_secs(2 * 3600)).await;
    first.expect::<Noted>(|noted| noted.n == 2).await;
    let second = Scenario::of([diary()]).after(&first);
    first.stop().await;
    let second = second.start().await;
    second.when_time_passes(Duration::from_secs(3600)).await;
    second.expect::<Noted>(|noted| noted.n == 3).await;
    second.expect_none::<Noted>(|noted| noted.n < 3).await;
}
