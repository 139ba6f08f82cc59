use interfaces_data::{CheckCompleted, CheckDataset};
use module::Module;

use crate::application::Checker;

/// What this package offers and needs.
pub fn module() -> Module {
    Module::new("data-quality", "what is in every column of a dataset, and which checks it passes")
        .provides(|container| {
            container.singleton(Checker::new);
        })
        .serves::<CheckDataset, Checker>()
        .publishes::<CheckCompleted>()
}
