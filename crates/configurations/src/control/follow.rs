use std::{collections::HashMap, sync::Arc, time::Duration};

use event_sourcing::{MemoryBlobs, Store};
use interfaces_ai::StartPipeline;
use kernel::{Context, CorrelationId, Principal, SystemClock, SystemIds};
use module::Infrastructure;
use saga::{Observer, SagaId, SagaRecord, SagaState, StepRecord, StepState};

use crate::{
    composition::{Config, Terminal, open_for_reading},
    control::Client,
    exit::Failure,
    progress::Progress,
    report::RunReport,
    verbs::{interrupted, run::collect, sagas::journal},
};

/// Between two looks at a journal that the serving process writes.
const POLL: Duration = Duration::from_millis(100);

/// Has the serving process do a run, and reads its report from the store.
pub async fn run_there(client: &Client, config: &Config, request: &StartPipeline) -> Result<RunReport, Failure> {
    let from = client.status().await?.head;
    let id = SagaId(client.start(request).await?.saga_id);
    let store = store(config)?;
    let record = follow(client, &store, id).await?;
    let infrastructure = Infrastructure {
        store: Arc::clone(&store),
        blobs: Arc::new(MemoryBlobs::default()),
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
    };
    let application = module::assemble((config.product.modules)(), infrastructure, config.options()).await?.answering();
    let principal = Principal::authenticate(&Terminal(&config.grants), &config.as_user)?;
    let cx = Context::new(Arc::new(principal), CorrelationId::new(id.0));
    collect(config, &application.requests, &*store, &cx, &record, from).await
}

/// Has the serving process take up runs, and follows them to their ends.
pub async fn resume_there(client: &Client, config: &Config, ids: &[SagaId]) -> Result<Vec<SagaRecord>, Failure> {
    client.resume(ids.iter().map(|id| id.0).collect()).await?;
    let store = store(config)?;
    let mut resumed = Vec::new();
    for id in ids {
        resumed.push(follow(client, &store, *id).await?);
    }
    Ok(resumed)
}

fn store(config: &Config) -> Result<Arc<dyn Store>, Failure> {
    open_for_reading(&config.store.path)?.ok_or_else(|| {
        Failure::impossible(format!("{} is gone while another process serves it", config.store.path.display()))
    })
}

/// Shows a run's steps as the journal has them, until it has ended, nobody drives it any more, or the user interrupts.
async fn follow(client: &Client, store: &Arc<dyn Store>, id: SagaId) -> Result<SagaRecord, Failure> {
    tokio::select! {
        // Whatever it is waiting for.
        biased;
        () = interrupted()? => Err(Failure::Detached(id.0)),
        record = look_after(client, store, id) => record,
    }
}

async fn look_after(client: &Client, store: &Arc<dyn Store>, id: SagaId) -> Result<SagaRecord, Failure> {
    let progress = Progress::new();
    let mut told: HashMap<String, (StepState, bool)> = HashMap::new();
    let mut quiet = 0;
    loop {
        if let Some(record) = journal(store, id).await? {
            let before = told.clone();
            for step in &record.steps {
                tell(&progress, &mut told, &record, step);
            }
            if record.has_ended() || record.state == SagaState::Stuck {
                return Ok(record);
            }
            quiet = if told == before { quiet + 1 } else { 0 };
        }
        // Every so often make sure that somebody still drives it.
        if quiet > 0 && quiet % 50 == 0 && !is_driven(client, id).await {
            return Err(Failure::impossible(format!(
                "the process that drove run {id} has ended or let go of it; nothing is lost: `borough sagas resume {id}`"
            )));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// A process that does not answer drives nothing.
async fn is_driven(client: &Client, id: SagaId) -> bool {
    client.status().await.is_ok_and(|status| status.driving.contains(&id.0))
}

fn tell(progress: &Progress, told: &mut HashMap<String, (StepState, bool)>, record: &SagaRecord, step: &StepRecord) {
    let now = (step.state, step.undone_at.is_some());
    if step.state != StepState::Pending && told.insert(step.name.clone(), now) != Some(now) {
        progress.step(record, step);
    }
}
