use std::sync::Arc;

use event_sourcing::{Blobs, Unit};
use interfaces_ai::{DiscardModel, Discarded};
use kernel::{Context, Error};
use request::Service;

/// Removes the bytes of models.
pub struct Discarder {
    blobs: Arc<dyn Blobs>,
}

impl Discarder {
    pub fn new(blobs: Arc<dyn Blobs>) -> Self {
        Self { blobs }
    }
}

impl Service<DiscardModel> for Discarder {
    /// # Cancel safety
    /// Dropped, the bytes are there or gone; asking again finishes it.
    async fn execute(&self, _cx: &Context, _unit: &mut Unit, request: DiscardModel) -> Result<Discarded, Error> {
        let removed = self.blobs.remove(&request.model).await?;
        Ok(Discarded { removed })
    }
}
