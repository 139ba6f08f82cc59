use std::sync::Arc;

use event_sourcing::{Applies, Events, Projected, Projection, ReadModel, Store, Unit, View};
use interfaces_ai::{ListModels, ListedModel, ModelPromoted, ModelRegistered};
use kernel::{Context, Envelope, Error};
use request::Service;
use serde::{Deserialize, Serialize};

/// Names that are listed at once.
const PAGE: usize = 100;

/// What the registry has, a line a name: for people, who need not read every version for it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Catalogue;

/// The line of a model, under its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Listed(ListedModel);

impl Projected for Listed {
    type By = Catalogue;
    const COLLECTION: &'static str = "mlops.catalogue";
}

impl Projection for Catalogue {
    const NAME: &'static str = "mlops.catalogue";
    const VERSION: u32 = 1;
    const COLLECTIONS: &'static [&'static str] = &[Listed::COLLECTION];

    fn events() -> Events<Self> {
        Events::default().of::<ModelRegistered>().of::<ModelPromoted>()
    }
}

impl Applies<ModelRegistered> for Catalogue {
    async fn apply(&self, event: &ModelRegistered, _: &Envelope, view: &mut View<'_, Self>) -> Result<(), Error> {
        let earlier = view.get::<Listed>(&event.model_name).await?;
        let (versions, champion) = earlier.map_or((0, None), |Listed(line)| (line.versions, line.champion));
        let line = ListedModel {
            model_name: event.model_name.clone(),
            versions: versions + 1,
            latest: event.version,
            latest_accuracy: event.metrics.accuracy,
            champion,
        };
        view.put(event.model_name.as_str(), &Listed(line));
        Ok(())
    }
}

impl Applies<ModelPromoted> for Catalogue {
    async fn apply(&self, event: &ModelPromoted, _: &Envelope, view: &mut View<'_, Self>) -> Result<(), Error> {
        // A version is registered before it is promoted, in one unit.
        let Some(Listed(line)) = view.get::<Listed>(&event.model_name).await? else { return Ok(()) };
        view.put(event.model_name.as_str(), &Listed(ListedModel { champion: Some(event.version), ..line }));
        Ok(())
    }
}

/// Lists models.
pub struct ModelLister(ReadModel<Catalogue>);

impl ModelLister {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self(ReadModel::new(store))
    }
}

impl Service<ListModels> for ModelLister {
    async fn execute(&self, _: &Context, _: &mut Unit, request: ListModels) -> Result<Vec<ListedModel>, Error> {
        let page = self.0.list::<Listed>(request.after.as_deref(), PAGE).await?;
        Ok(page.into_iter().map(|found| found.value.0).collect())
    }
}
