//! The command line of `cargo boundaries`.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use anstyle::AnsiColor;
use chrono::NaiveDate;
use clap::builder::Styles;
use clap::{Parser, Subcommand, ValueEnum};

use crate::check::{Options, check};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::BrightGreen.on_default().bold())
    .usage(AnsiColor::BrightGreen.on_default().bold())
    .literal(AnsiColor::BrightCyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const AFTER_HELP: &str = r#"Exit codes: 0 clean, 1 violations, 2 could not check.

Example: a boundaries.toml in which `domains` may use `shared` and no domain sees another one.

  version = 1

  [[layer]]                       # low to high
  name = "shared"
  members = ["crates/shared/*"]
  edges = ["event-bus -> kernel"]

  [[layer]]
  name = "domains"
  members = ["crates/{ai,data}/*"]
  may-use = ["shared"]
  independent = true

  $ cargo boundaries
  $ cargo boundaries check --manifest-path ../other/Cargo.toml --json"#;

/// Check that the crates of a workspace respect its architecture.
#[derive(Debug, Parser)]
#[command(name = "cargo-boundaries", bin_name = "cargo boundaries", version, styles = STYLES, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// A manifest of the workspace [default: the one in this directory or the next above it]
    #[arg(long, global = true, value_name = "PATH")]
    manifest_path: Option<PathBuf>,
    /// The rules [default: boundaries.toml beside the workspace's root manifest]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How to write the result
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Short for --format json
    #[arg(long, global = true, conflicts_with = "format")]
    json: bool,
    /// When to use colors; `auto` heeds NO_COLOR
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    color: Color,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Hold every declared dependency against boundaries.toml (the default)
    Check,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON document
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

impl From<Color> for ColorChoice {
    fn from(color: Color) -> Self {
        match color {
            Color::Auto => Self::Auto,
            Color::Always => Self::Always,
            Color::Never => Self::Never,
        }
    }
}

/// Runs a command line, its first argument being the program's name, and prints the outcome: results on standard output,
/// reasons why there are none on standard error. As Cargo calls it `boundaries` may be the second argument.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut args: Vec<OsString> = args.into_iter().collect();
    if args.get(1).is_some_and(|first| first == "boundaries") {
        args.remove(1);
    }
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Nothing is left to tell to whoever closed the stream.
            error.print().ok();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    match cli.verb.unwrap_or(Verb::Check) {
        Verb::Check => {}
    }
    let json = cli.json || cli.format == Format::Json;
    let options = Options { manifest_path: cli.manifest_path, config: cli.config, today: today() };
    let (written, code) = match check(&options) {
        Ok(report) => {
            let text = if json { report.json() } else { report.text() };
            let code = if report.violations.is_empty() { 0 } else { 1 };
            (write(AutoStream::new(io::stdout(), cli.color.into()), &text), code)
        }
        Err(error) => {
            let text = if json { error.json() } else { error.text() };
            (write(AutoStream::new(io::stderr(), cli.color.into()), &text), 2)
        }
    };
    match written {
        // Whoever listened has left; the outcome stands.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(code),
        Ok(()) => ExitCode::from(code),
        Err(_) => ExitCode::from(2),
    }
}

fn write(mut stream: impl Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

#[expect(clippy::disallowed_methods, reason = "a tool has no kernel::Clock; the day enters here and nowhere else")]
fn today() -> NaiveDate {
    chrono::Utc::now().date_naive()
}
