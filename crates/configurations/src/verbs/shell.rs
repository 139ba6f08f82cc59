//! What the program tells the shell and the manual about itself.

use crate::{
    cli::{Cli, Completions, Global, Man},
    exit::Failure,
    verbs::print,
};

pub fn completions(global: &Global, args: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command_of(global.product), global.product.name, &mut script);
    print(&String::from_utf8_lossy(&script))
}

pub fn man(global: &Global, args: &Man) -> Result<(), Failure> {
    let mut program = Cli::command_of(global.product);
    // Gives the verbs their whole names: borough-sagas-resume(1).
    program.build();
    let mut command = &program;
    for verb in &args.verb {
        command = command.find_subcommand(verb).ok_or_else(|| {
            Failure::impossible(format!(
                "`{verb}` is no verb of `{}`: see its --help",
                command.get_bin_name().unwrap_or(global.product.name)
            ))
        })?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    print(&String::from_utf8_lossy(&page))
}
