use interfaces_data::{DetectAnomalies, DetectionCompleted};
use module::Module;

use crate::application::Detector;

/// What this package offers and needs.
pub fn module() -> Module {
    Module::new("anomaly-detection", "which rows of a dataset are unlike the others, and by which columns")
        .provides(|container| {
            container.singleton(Detector::new);
        })
        .serves::<DetectAnomalies, Detector>()
        .publishes::<DetectionCompleted>()
}
