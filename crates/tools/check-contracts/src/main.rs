//! `cargo xtask check-contracts`: every crate that declares messages is listed here.

use std::process::ExitCode;

use kernel::Contract;

fn main() -> ExitCode {
    let crates = [interfaces_ai::contracts(), interfaces_data::contracts(), therapy_contracts::contracts()];
    let contracts = [Contract::of_envelope()].into_iter().chain(crates.into_iter().flatten()).collect();
    contracts::cli::main(std::env::args_os(), contracts)
}
