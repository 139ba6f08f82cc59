use std::sync::Arc;

use event_bus::Subscriber;
use event_sourcing::{Expected, Store, StoreExt, Unit};
use interfaces_ai::ModelTrained;
use kernel::{Context, Error};

use crate::domain::Experiment;

/// Writes every trained model into the ledger.
pub struct ExperimentLedger {
    store: Arc<dyn Store>,
}

impl ExperimentLedger {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }
}

impl Subscriber<ModelTrained> for ExperimentLedger {
    async fn handle(&self, _: &Context, event: &ModelTrained, unit: &mut Unit) -> Result<(), Error> {
        let key = event.model.to_string();
        let earlier = self.store.get::<Experiment>(&key).await?;
        let expected = earlier.as_ref().map_or(Expected::Absent, |found| Expected::Exact(found.revision));
        unit.put(key, &Experiment::after(event, earlier.as_ref().map(|found| &found.value)), expected);
        Ok(())
    }
}
