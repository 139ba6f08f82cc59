use std::{ffi::OsString, io::IsTerminal, process::ExitCode};

use clap::FromArgMatches as _;

use crate::{
    cli::{Cli, Color, Global, Verb},
    composition::{LOGGED, Product},
    exit::Failure,
    verbs,
};

/// Parses the arguments, runs the verb on the modules of this product, and gives the exit code.
pub fn main(product: Product, args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let parsed =
        Cli::command_of(product).try_get_matches_from(args).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(Cli { global, verb }) => Cli { global: Global { product, ..global }, verb },
        Err(error) => {
            // Usage errors go to stderr with exit code 2; help and version to stdout with 0.
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            return match error.print() {
                Ok(()) => ExitCode::from(code),
                Err(_) if error.use_stderr() => ExitCode::from(code),
                Err(error) => Failure::from(error).report(),
            };
        }
    };
    match with_runtime(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn with_runtime(cli: Cli) -> Result<(), Failure> {
    match cli.global.color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    let ansi = match cli.global.color {
        Color::Auto => std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
        Color::Always => true,
        Color::Never => false,
    };
    // A verb tells by itself what became of it; a process that serves has nothing but its log.
    let least = u8::from(matches!(cli.verb, Verb::Serve(_)));
    let verbosity = cli.global.verbose.max(least);
    let ours = [LOGGED, cli.global.product.logged].concat();
    let options = observability::Options { verbosity, json: cli.global.log_json, ansi, ours: ours.leak() };
    observability::init(options).map_err(Failure::impossible)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::impossible(format!("the threads of the program cannot be started: {error}")))?;
    #[cfg(unix)]
    let _limited = bear_limits(&runtime)?;
    let result = runtime.block_on(dispatch(cli));
    // Interrupted work may still compute; its results have nowhere to go, so nobody waits for it.
    runtime.shutdown_background();
    result
}

/// A file that would become larger than `ulimit -f` allows ends a process without a word, unless it listens: then it is told by whatever
/// writes the file.
#[cfg(unix)]
fn bear_limits(runtime: &tokio::runtime::Runtime) -> Result<tokio::signal::unix::Signal, Failure> {
    /// `SIGXFSZ`, on Linux, macOS and the BSDs.
    const TOO_LARGE: i32 = 25;
    let _entered = runtime.enter();
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(TOO_LARGE))
        .map_err(|error| Failure::impossible(format!("signals cannot be listened for: {error}")))
}

async fn dispatch(cli: Cli) -> Result<(), Failure> {
    let Cli { global, verb } = cli;
    match verb {
        Verb::Run(args) => verbs::run(&global, &args).await,
        Verb::Describe(args) => verbs::describe(&global, &args).await,
        Verb::Requests(args) => verbs::requests(&global, &args).await,
        Verb::Call(args) => verbs::call(&global, &args).await,
        Verb::Audit(args) => verbs::audit(&global, &args).await,
        Verb::Events(args) => verbs::events(&global, &args).await,
        Verb::Subscribers(args) => verbs::subscribers(&global, &args).await,
        Verb::DeadLetters(args) => verbs::dead_letters(&global, &args).await,
        Verb::Projections(args) => verbs::projections(&global, &args).await,
        Verb::Sagas(args) => verbs::sagas(&global, &args).await,
        Verb::Db(args) => verbs::db(&global, &args),
        Verb::Serve(args) => verbs::serve(&global, &args).await,
        Verb::Status(args) => verbs::status(&global, &args).await,
        Verb::Metrics(args) => verbs::metrics(&global, &args).await,
        Verb::Completions(args) => verbs::completions(&global, &args),
        Verb::Man(args) => verbs::man(&global, &args),
    }
}
