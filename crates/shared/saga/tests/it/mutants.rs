//! The driver must find a saga that is wrong.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use event_sourcing::{Store, Unit};
use kernel::Error;
use request::ServiceTable;
use saga::{Saga, Step, StepContext, Undo};
use serde_json::{Value, json};
use testing::saga::{SagaCase, completes, crash_at_every_commit, every_step_idempotent, unwind_from_every_step};

/// Counts in a place that is neither the store nor behind a request, and takes it back or forgets to.
#[derive(Clone, Default)]
struct Careless {
    count: Arc<AtomicU32>,
    undoes: bool,
}

impl Saga for Careless {
    type State = ();
    const NAME: &'static str = "test.careless";
    const VERSION: u32 = 1;

    fn steps(&self) -> Vec<Box<dyn Step<()>>> {
        vec![Box::new(self.clone())]
    }
}

#[async_trait]
impl Step<()> for Careless {
    fn name(&self) -> &'static str {
        "count"
    }

    async fn run(&self, _: &StepContext<'_>, (): &mut (), _: &mut Unit) -> Result<(), Error> {
        self.count.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn undo(&self, _: &StepContext<'_>, (): &(), _: &mut Unit) -> Result<Undo, Error> {
        if self.undoes {
            self.count.fetch_sub(1, Ordering::SeqCst);
        }
        Ok(Undo::Done)
    }
}

#[async_trait]
impl SagaCase for Careless {
    type Saga = Self;

    fn saga(&self, _: Arc<dyn Store>) -> Self {
        self.clone()
    }

    fn services(&self, _: Arc<dyn Store>, _: &mut ServiceTable) {}

    fn state(&self) {}

    fn permissions(&self) -> &[&str] {
        &[]
    }

    async fn effects(&self, _: &dyn Store) -> Value {
        json!(self.count.load(Ordering::SeqCst))
    }
}

fn careless(undoes: bool) -> Careless {
    Careless { undoes, ..Careless::default() }
}

#[tokio::test(start_paused = true)]
async fn an_effect_that_is_repeated_is_found() {
    assert_eq!(completes(|| careless(false)).await, json!(1));
    let found = tokio::spawn(every_step_idempotent(|| careless(false))).await;
    assert!(found.unwrap_err().is_panic());
    let found = tokio::spawn(crash_at_every_commit(|| careless(false))).await;
    assert!(found.unwrap_err().is_panic());
}

#[tokio::test(start_paused = true)]
async fn an_undo_that_is_forgotten_or_does_too_much_is_found() {
    for undoes in [false, true] {
        let found = tokio::spawn(async move { unwind_from_every_step(|| careless(undoes), &json!(0)).await }).await;
        assert!(found.unwrap_err().is_panic(), "undoes: {undoes}");
    }
}
