use kernel::Contract;

use crate::{CheckCompleted, CheckDataset, DetectAnomalies, DetectionCompleted};

/// Every message of this crate: each has a file in `docs/contracts`.
pub fn contracts() -> Vec<Contract> {
    vec![
        Contract::of_request::<DetectAnomalies>(),
        Contract::of_event::<DetectionCompleted>(),
        Contract::of_request::<CheckDataset>(),
        Contract::of_event::<CheckCompleted>(),
    ]
}
