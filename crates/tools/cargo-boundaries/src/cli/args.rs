//! The arguments of `cargo boundaries`.

use std::path::PathBuf;

use anstream::ColorChoice;
use anstyle::AnsiColor;
use chrono::NaiveDate;
use clap::builder::Styles;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::format::Format;
use crate::picture::Drawing;
use crate::workspace::Kind;

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
pub(super) struct Cli {
    #[command(subcommand)]
    pub verb: Option<Verb>,
    #[command(flatten)]
    pub output: Output,
    /// A manifest of the workspace [default: the one in this directory or the next above it]
    #[arg(long, global = true, value_name = "PATH")]
    pub manifest_path: Option<PathBuf>,
    /// The rules [default: boundaries.toml beside the workspace's root manifest]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Violations that were there before [default: boundaries-baseline.toml beside the rules, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Read all sources anew, and keep nothing for the next run
    #[arg(long, global = true)]
    pub no_cache: bool,
    /// When to use colors; `auto` heeds NO_COLOR
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub color: Color,
}

#[derive(Debug, Clone, Args)]
pub(super) struct Output {
    /// How to write the result [default: text, or github where GITHUB_ACTIONS is set]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Short for --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Hold every declared dependency against boundaries.toml (the default)
    #[command(after_help = "Example:\n  $ cargo boundaries check --format sarif > boundaries.sarif")]
    Check(Output),
    /// Keep the list of violations that were there before their rule
    #[command(subcommand, after_help = "Example:\n  $ cargo boundaries baseline update")]
    Baseline(BaselineVerb),
    /// Draw the crates, layers as clusters; what a rule forbids is red
    #[command(after_help = "Example:\n  $ cargo boundaries graph --format html > boundaries.html")]
    Graph(GraphArgs),
    /// Show the shortest chain of dependencies from one crate to another; exit code 1 when there is none
    #[command(after_help = "Example:\n  $ cargo boundaries why billing rusqlite")]
    Why {
        /// Directory, package or folder of a member
        from: String,
        /// Another one, or an external crate
        to: String,
        /// The kinds that count; a dev-dependency counts as the first step only
        #[arg(long, value_delimiter = ',', value_enum, default_value = "normal,build,dev")]
        kinds: Vec<Kind>,
        #[command(flatten)]
        json: Json,
    },
    /// Ask whether a crate may depend on another one, or a file name a path; exit code 1 when it may not
    #[command(
        after_help = "Example:\n  $ cargo boundaries can billing orders --kind dev\n  $ cargo boundaries can billing/src/invoice.rs orders::api::Order"
    )]
    Can {
        /// Directory, package or folder of a member; or a source file of one, there or not yet
        from: String,
        /// Another one, or an external crate; or a path as the file would have it
        to: String,
        /// The kind that decides the exit code [default: normal, or what the place of the file says]
        #[arg(long, value_enum)]
        kind: Option<Kind>,
        #[command(flatten)]
        json: Json,
    },
    /// Show which rules apply to a crate
    #[command(after_help = "Example:\n  $ cargo boundaries describe billing")]
    Describe {
        /// Directory, package or folder of a member
        name: String,
        #[command(flatten)]
        json: Json,
    },
    /// Write boundaries.toml, and a baseline, from what is there
    #[command(after_help = "Example:\n  $ cargo boundaries init && cargo boundaries")]
    Init {
        /// Overwrite what is there
        #[arg(long)]
        force: bool,
    },
    /// List the crates that a change can break
    #[command(after_help = "Example:\n  $ cargo boundaries affected --base origin/main --json")]
    Affected {
        /// A commit, branch or tag; what has changed since, committed or not, counts
        #[arg(long, value_name = "REV")]
        base: String,
        #[command(flatten)]
        json: Json,
    },
    /// Explain a rule, or list all rules
    #[command(after_help = "Example:\n  $ cargo boundaries explain same-layer")]
    Explain {
        /// The name in the brackets of a report
        rule: Option<String>,
    },
    /// Plant a violation of each rule into a scratch copy of manifests and sources; exit code 1 when one is not found
    #[command(after_help = "Example:\n  $ cargo boundaries self-test")]
    SelfTest,
    /// Print the JSON Schema of `--format json`
    #[command(after_help = "Example:\n  $ cargo boundaries schema > boundaries-report.schema.json")]
    Schema,
    /// Print completions for a shell
    #[command(
        after_help = "Example:\n  $ cargo boundaries completions bash > ~/.local/share/bash-completion/completions/cargo-boundaries"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum BaselineVerb {
    /// Delete the entries that excuse nothing; exit code 1 when violations are left
    #[command(
        after_help = "Example:\n  $ cargo boundaries baseline update --grow --reason \"the new rule came later\""
    )]
    Update {
        /// Add the violations that have no entry
        #[arg(long, requires = "reason")]
        grow: bool,
        /// Why they are excused
        #[arg(long, requires = "grow", value_name = "TEXT")]
        reason: Option<String>,
        /// Who takes care of them
        #[arg(long, requires = "grow", value_name = "NAME")]
        owner: Option<String>,
        /// The last day on which they are excused, such as 2027-03-31
        #[arg(long, requires = "grow", value_name = "DATE")]
        until: Option<NaiveDate>,
    },
}

#[derive(Debug, Args)]
pub(super) struct GraphArgs {
    /// The language
    #[arg(long, value_enum, default_value = "mermaid")]
    pub format: Drawing,
    /// The kinds of dependencies to draw
    #[arg(long, value_delimiter = ',', value_enum, default_value = "normal,build,dev")]
    pub kinds: Vec<Kind>,
    /// One node for each layer
    #[arg(long)]
    pub collapse: bool,
    /// Only this crate, what it uses and what uses it
    #[arg(long, value_name = "CRATE")]
    pub focus: Option<String>,
    /// Draw messages beside dependencies: JSON, [{ "from": CRATE, "to": CRATE, "what": TEXT }]
    #[arg(long, value_name = "FILE")]
    pub messages: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Json {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Color {
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
