use kernel::Contract;

use crate::{
    DiscardModel, GetPipelineRun, ListModels, ModelPromoted, ModelRegistered, ModelTrained, PipelineFailed,
    StartPipeline, TrainModel,
};

/// Every message of this crate: each has a file in `docs/contracts`.
pub fn contracts() -> Vec<Contract> {
    vec![
        Contract::of_request::<TrainModel>(),
        Contract::of_request::<DiscardModel>(),
        Contract::of_event::<ModelTrained>(),
        Contract::of_request::<GetPipelineRun>(),
        Contract::of_request::<ListModels>(),
        Contract::of_request::<StartPipeline>(),
        Contract::of_event::<ModelPromoted>(),
        Contract::of_event::<ModelRegistered>(),
        Contract::of_event::<PipelineFailed>(),
    ]
}
