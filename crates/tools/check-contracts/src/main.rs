//! `cargo xtask check-contracts`.

use std::process::ExitCode;

fn main() -> ExitCode {
    contracts::cli::main(std::env::args_os(), &contracts::declared())
}
