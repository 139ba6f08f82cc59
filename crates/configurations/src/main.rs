use std::process::ExitCode;

/// Units are made on one thread and freed on the writer's: the system's allocator has the two wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    configurations::main(std::env::args_os())
}
