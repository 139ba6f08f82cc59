//! `cargo boundaries`.

use std::process::ExitCode;

fn main() -> ExitCode {
    boundaries::cli::main(std::env::args_os())
}
