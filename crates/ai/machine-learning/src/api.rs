use interfaces_ai::{DiscardModel, ModelTrained, TrainModel};
use module::Module;

use crate::application::{Discarder, Trainer};

/// What this package offers and needs.
pub fn module() -> Module {
    Module::new("machine-learning", "train and cross-validate a classifier")
        .provides(|container| {
            container.singleton(Trainer::new).singleton(Discarder::new);
        })
        .serves::<TrainModel, Trainer>()
        .serves::<DiscardModel, Discarder>()
        .publishes::<ModelTrained>()
}
