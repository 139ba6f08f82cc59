use kernel::Contract;

/// The messages of every crate that declares some, and the envelope around events.
pub fn declared() -> Vec<Contract> {
    let mechanisms = [event_bus::contracts(), request::contracts()];
    let domains = [interfaces_ai::contracts(), interfaces_data::contracts(), therapy_contracts::contracts()];
    let all = mechanisms.into_iter().chain(domains).flatten();
    [Contract::of_envelope()].into_iter().chain(all).collect()
}
