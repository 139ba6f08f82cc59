use std::process::ExitCode;

fn main() -> ExitCode {
    configurations::main(std::env::args_os())
}
