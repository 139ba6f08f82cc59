use std::sync::Arc;

use event_sourcing::{Projection, ProjectionStanding, Projections, Projector, ProjectorPorts, Store, projections};
use kernel::{ManualClock, SequentialIds};
use tokio::{sync::watch, task::JoinHandle};

use crate::bus::until;

/// A projection that runs as a task of its own. Dropped, it ends between two polls.
pub struct Running {
    /// To order it about.
    pub projections: Projections,
    end: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    /// Starts `P` over the store, with time that stands still and ids that count.
    pub fn start<P: Projection>(store: &Arc<dyn Store>) -> Self {
        Self::of(projector::<P>(store))
    }

    /// Starts `P` over these ports.
    pub(crate) fn with<P: Projection>(ports: ProjectorPorts) -> Self {
        Self::of(Projector::of::<P>("tests", ports))
    }

    fn of(projector: Projector) -> Self {
        let projector = Arc::new(projector);
        let projections = Projections::new([Arc::clone(&projector)]);
        let (end, ended) = watch::channel(false);
        let task = tokio::spawn(async move {
            projector
                .run(async move {
                    let mut ended = ended;
                    let _gone = ended.wait_for(|ended| *ended).await;
                })
                .await;
        });
        Self { projections, end, task }
    }

    /// How it stands.
    pub fn standing(&self) -> ProjectionStanding {
        self.projections.standings().remove(0)
    }

    /// Ends it in order.
    pub async fn stop(mut self) {
        self.end.send_replace(true);
        let _ended = (&mut self.task).await;
    }

    /// Ends it where it is.
    pub async fn kill(mut self) {
        self.task.abort();
        let _aborted = (&mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Of `P` over the store.
pub(super) fn projector<P: Projection>(store: &Arc<dyn Store>) -> Projector {
    let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
    Projector::of::<P>("tests", ProjectorPorts { store: Arc::clone(store), clock, ids })
}

/// Waits until the projection has nothing left to do: at the end of the log, no rebuild, no documents to remove.
///
/// # Panics
/// If it does not come to that.
pub async fn rested(store: &dyn Store, version: u32) {
    until("the projection rests", async || match &projections(store).await.unwrap()[..] {
        [status] => {
            let is_there = status.live.behind == 0 && status.live.version == version;
            is_there && status.rebuild.is_none() && status.retired == 0
        }
        _ => false,
    })
    .await;
}
