use std::process::ExitCode;

use configurations::Product;

fn main() -> ExitCode {
    configurations::main(Product::default(), std::env::args_os())
}
