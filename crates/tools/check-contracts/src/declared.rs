use kernel::Contract;

/// The messages of every crate that declares some, and the envelope around events.
pub fn declared() -> Vec<Contract> {
    let crates = [interfaces_ai::contracts(), interfaces_data::contracts(), therapy_contracts::contracts()];
    [Contract::of_envelope()].into_iter().chain(crates.into_iter().flatten()).collect()
}
