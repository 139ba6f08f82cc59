use std::sync::Arc;

use event_sourcing::{Store, StoreExt, Unit};
use interfaces_ai::{GetPipelineRun, PipelineRun};
use kernel::{Context, Error, ErrorKind};
use request::Service;
use saga::{Saga, SagaRecord};
use serde::Deserialize;

use crate::application::{Pipeline, PipelineState};

/// Tells what runs have come to.
pub struct PipelineRuns {
    store: Arc<dyn Store>,
}

impl PipelineRuns {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }
}

impl Service<GetPipelineRun> for PipelineRuns {
    async fn execute(&self, _: &Context, _: &mut Unit, request: GetPipelineRun) -> Result<PipelineRun, Error> {
        let found = self.store.get::<SagaRecord>(&request.saga_id.to_string()).await?;
        let record = found.map(|found| found.value).filter(|record| record.saga == Pipeline::NAME);
        let record = record
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no pipeline run {}", request.saga_id)))?;
        let state = PipelineState::deserialize(&record.data).map_err(|e| {
            Error::internal(format!("the journal of run {} cannot be read", record.id)).with_detail(e.to_string())
        })?;
        Ok(state.into_run(request.saga_id, record.error))
    }
}
