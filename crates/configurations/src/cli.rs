//! What can be typed: verbs, flags and their help.

use std::path::PathBuf;

use clap::{ArgAction, Args, Command, CommandFactory as _, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use crate::composition::Product;

#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "\
Example:
  borough run samples/flights-week.csv"
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub verb: Verb,
}

impl Cli {
    /// As this product has it.
    pub fn command_of(product: Product) -> Command {
        let Product { name, about, version, .. } = product;
        Self::command().name(name).bin_name(name).about(about).version(version)
    }
}

/// Flags of every verb.
#[derive(Debug, Args)]
pub struct Global {
    /// The SQLite file that everything is kept in [default: borough.db]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub store: Option<PathBuf>,
    /// Settings file [default: borough.toml, if there is one]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub settings: Option<PathBuf>,
    /// More log lines on stderr: -v, -vv, -vvv; RUST_LOG overrides it
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Log lines as JSON
    #[arg(long, global = true)]
    pub log_json: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    #[arg(skip)]
    pub product: Product,
}

/// Of verbs that send requests.
#[derive(Debug, Args)]
pub struct Acting {
    /// Act as this user of the settings, in a process that holds the store itself; audited
    #[arg(long = "as", value_name = "USER")]
    pub as_user: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    Run(Run),
    Describe(Describe),
    Requests(Requests),
    Call(Call),
    Events(Events),
    Subscribers(Subscribers),
    DeadLetters(DeadLetters),
    Projections(Projections),
    Audit(Audit),
    Sagas(Sagas),
    Db(Db),
    Serve(Serve),
    Status(Status),
    Metrics(Metrics),
    Completions(Completions),
    Man(Man),
}

/// Profile and check a dataset, find its anomalies, train and register a model
///
/// Target, excluded columns and checks come from a sidecar of the same name beside the dataset (flights.csv has
/// flights.toml) or from the flags, which override it. Exit code 0: done. 1: the quality gate is closed, and what was done
/// is undone. 2: could not be done. 130: interrupted; `borough sagas resume` goes on.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  borough run samples/flights-week.csv
  borough run data.parquet --target 'churned = true' --exclude customer_id --json
  borough run data.csv --checks checks.toml --min-score 0.95 --report report.html")]
pub struct Run {
    /// CSV or Parquet file
    #[arg(value_hint = ValueHint::FilePath)]
    pub dataset: PathBuf,
    /// What to predict: a boolean SQL expression over the columns
    #[arg(long, value_name = "EXPR")]
    pub target: Option<String>,
    /// Columns that give the answer away and must not be features
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    pub exclude: Option<Vec<String>>,
    /// TOML file of [[check]] tables, in place of the sidecar's
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub checks: Option<PathBuf>,
    /// Lowest quality score that passes the gate, 0 to 1
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    pub min_score: Option<f64>,
    /// Name in the model registry [default: the dataset's file name]
    #[arg(long, value_name = "NAME")]
    pub model_name: Option<String>,
    /// Print the report as one JSON document
    #[arg(long)]
    pub json: bool,
    /// Write the report as a self-contained HTML page
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub report: Option<PathBuf>,
    #[command(flatten)]
    pub acting: Acting,
}

/// Print the modules with what each serves, publishes and subscribes to, and the context map
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  borough describe --json
  borough describe mlops
  borough describe --format mermaid > context-map.mmd
  borough describe --pipeline")]
pub struct Describe {
    /// Only this module, with its links to others
    pub module: Option<String>,
    /// For a terminal, as a picture for Markdown or PlantUML, or as one JSON document
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: DescribeFormat,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// The stages that every request passes, in their order
    #[arg(long, conflicts_with = "module")]
    pub pipeline: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DescribeFormat {
    Text,
    Mermaid,
    C4,
    Json,
}

/// List the requests that the modules serve, or show one with its JSON Schemas
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  borough requests
  borough requests data-quality.check")]
pub struct Requests {
    /// Only this one, with the schemas of its request and its response
    pub name: Option<String>,
    /// Print name, module, kind, access and schemas as JSON
    #[arg(long)]
    pub json: bool,
}

/// Send a request by its name, JSON in and out
///
/// The answer goes to stdout as JSON. What is refused or fails goes there as a problem document (RFC 9457). Exit code 0:
/// answered. 1: refused by a rule of the business. 2: could not be done. A command that may be sent again needs a --key.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  borough call mlops.get-pipeline-run - < run.json
  borough call data-quality.check '{...}' --as anna --key check-2026-11-21
  borough call data-quality.check - < request.json")]
pub struct Call {
    /// Name of the request: see `borough requests`
    pub name: String,
    /// The request as JSON; `-` reads it from stdin
    pub request: String,
    /// Idempotency key of a command: sent again under the same key, it is done once
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// What the answer is wanted for, where a regulation asks
    #[arg(long, value_name = "PURPOSE")]
    pub purpose: Option<String>,
    /// Seconds after which the answer is of no use
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<f64>,
    #[command(flatten)]
    pub acting: Acting,
}

/// List what became of every command: who, what, on what, outcome
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  borough audit
  borough audit --user anna --outcome refused --json")]
pub struct Audit {
    /// Only commands of this user, or sent by this user as somebody else
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Only this request
    #[arg(long, value_name = "NAME")]
    pub request: Option<String>,
    /// Only commands that ended so
    #[arg(long, value_name = "OUTCOME")]
    pub outcome: Option<Outcome>,
    /// One JSON object a line: the wire form
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Outcome {
    Done,
    Refused,
    Failed,
}

/// List the event log, show what one piece of work set off, or what was not published
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  borough events
  borough events --after 100 --json
  borough events --follow
  borough events trace 0190b0de-6f0a-7c3e-9f0e-6d9f0f3a1c55
  borough events refused"
)]
pub struct Events {
    #[command(subcommand)]
    pub verb: Option<EventsVerb>,
    #[command(flatten)]
    pub list: EventList,
}

#[derive(Debug, Subcommand)]
pub enum EventsVerb {
    Trace(EventTrace),
    Refused(EventsRefused),
}

/// List what was to be published later and was refused for good when its time came, with the reason
///
/// Kept events that an inline subscriber did not let through, and scheduled ones against the rules of events. Nobody publishes
/// them any more.
#[derive(Debug, Args)]
pub struct EventsRefused {
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Show the tree of one piece of work: commands, events, deliveries with their tries and times, runs and their steps
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  borough events trace 0190b0de-6f0a-7c3e-9f0e-6d9f0f3a1c55
  borough events trace 0190b0de-6f0a-7c3e-9f0e-6d9f0f3a1c55 --format mermaid > trace.mmd")]
pub struct EventTrace {
    /// The correlation id, as `borough events` and `borough sagas show` tell it
    pub correlation: kernel::CorrelationId,
    /// For a terminal, as a picture for Markdown, or as one JSON document
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TraceFormat,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TraceFormat {
    Text,
    Mermaid,
    Json,
}

#[derive(Debug, Args)]
pub struct EventList {
    /// Only events behind this position
    #[arg(long, value_name = "POSITION", default_value_t = 0)]
    pub after: u64,
    /// Only events of this correlation id
    #[arg(long, value_name = "ID")]
    pub correlation: Option<kernel::CorrelationId>,
    /// Also the audit records: see `borough audit`
    #[arg(long)]
    pub all: bool,
    /// Go on as events are appended, until interrupted
    #[arg(long, short)]
    pub follow: bool,
    /// One JSON object a line: the wire form
    #[arg(long)]
    pub json: bool,
}

/// Show the subscribers of the serving process, or hold one back
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  borough subscribers
  borough subscribers pause mlops.experiments
  borough subscribers resume mlops.experiments"
)]
pub struct Subscribers {
    #[command(subcommand)]
    pub verb: Option<SubscribersVerb>,
    /// Print an array of objects
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum SubscribersVerb {
    /// Have a subscriber take nothing until it is resumed, restarts included
    Pause(SubscriberName),
    /// Have a subscriber that was paused, or halted before an event that it could not read, go on
    Resume(SubscriberName),
}

#[derive(Debug, Args)]
pub struct SubscriberName {
    /// The stable name of its subscription: see `borough describe`
    pub name: String,
}

/// List the deliveries that were given up, show one, try them again, discard them
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  borough dead-letters
  borough dead-letters show mlops.experiments/00000000000000000017
  borough dead-letters retry --subscriber mlops.experiments
  borough dead-letters discard --key flights --reason 'a test by hand'"
)]
pub struct DeadLetters {
    #[command(subcommand)]
    pub verb: Option<DeadLettersVerb>,
    #[command(flatten)]
    pub list: LetterList,
}

#[derive(Debug, Subcommand)]
pub enum DeadLettersVerb {
    List(LetterList),
    Show(LetterShow),
    Retry(LetterRetry),
    Discard(LetterDiscard),
}

/// List the dead letters by subscriber and place in the log
#[derive(Debug, Args)]
pub struct LetterList {
    #[command(flatten)]
    pub which: Letters,
    /// Those that were given up for good instead, each with who did it, when and why
    #[arg(long)]
    pub discarded: bool,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Show one dead letter: its event, what the last try failed with, and how many tries there were
#[derive(Debug, Args)]
pub struct LetterShow {
    /// As `borough dead-letters` lists it: SUBSCRIBER/POSITION
    pub letter: String,
}

/// Try dead letters again, once each, in the order of their keys
///
/// The subscribers run in the serving process, or in this one for as long as it takes. Exit code 0: all that were tried are
/// delivered. 1: some failed again. 2: could not be done, or there is none of what was named.
#[derive(Debug, Args)]
pub struct LetterRetry {
    #[command(flatten)]
    pub which: PickedLetters,
    /// Print what came of it as JSON
    #[arg(long)]
    pub json: bool,
}

/// Give dead letters up for good; each leaves a record of who did it and why
#[derive(Debug, Args)]
pub struct LetterDiscard {
    #[command(flatten)]
    pub which: PickedLetters,
    /// Why, for whoever asks later
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

/// Those to which all that is said applies.
#[derive(Debug, Args)]
pub struct Letters {
    /// Only of this subscriber
    #[arg(long, value_name = "NAME")]
    pub subscriber: Option<String>,
    /// Only of events of this type
    #[arg(long, value_name = "TYPE")]
    pub event: Option<String>,
    /// Only of events of this key
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct PickedLetters {
    /// This one, as `borough dead-letters` lists it: SUBSCRIBER/POSITION
    #[arg(conflicts_with_all = ["subscriber", "event", "key", "all"])]
    pub letter: Option<String>,
    /// Those of this subscriber
    #[arg(long, value_name = "NAME")]
    pub subscriber: Option<String>,
    /// Those of events of this type
    #[arg(long, value_name = "TYPE")]
    pub event: Option<String>,
    /// Those of events of this key
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// All there are
    #[arg(long, conflicts_with_all = ["subscriber", "event", "key"])]
    pub all: bool,
}

/// List the projections with how far they are, have one written anew, hold one back
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  borough projections
  borough projections rebuild mlops.catalogue
  borough projections pause mlops.catalogue
  borough projections resume mlops.catalogue --json"
)]
pub struct Projections {
    #[command(subcommand)]
    pub verb: Option<ProjectionsVerb>,
    #[command(flatten)]
    pub list: ProjectionList,
}

#[derive(Debug, Subcommand)]
pub enum ProjectionsVerb {
    List(ProjectionList),
    /// Have a projection written anew beside what readers see, which it replaces when it has come as far
    Rebuild(ProjectionName),
    /// Have a projection apply nothing until it is resumed, restarts included
    Pause(ProjectionName),
    /// Have a projection that was paused, or has halted before an event that it could not apply, go on
    Resume(ProjectionName),
}

/// List every projection that ever ran on this store
#[derive(Debug, Args)]
pub struct ProjectionList {
    /// Print an array of objects
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ProjectionName {
    /// As `borough describe` shows it
    pub name: String,
    /// Print how it stands then as JSON
    #[arg(long)]
    pub json: bool,
}

/// List the runs of sagas, show one, resume what a crash left open
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  borough sagas
  borough sagas show 0190b0de-6f0a-7c3e-9f0e-6d9f0f3a1c55
  borough sagas resume")]
pub struct Sagas {
    #[command(subcommand)]
    pub verb: Option<SagaVerb>,
    #[command(flatten)]
    pub list: SagaList,
}

#[derive(Debug, Subcommand)]
pub enum SagaVerb {
    List(SagaList),
    Show(SagaShow),
    Resume(SagaResume),
}

/// List the runs with their state, oldest first
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  borough sagas list --json")]
pub struct SagaList {
    /// Print an array of objects
    #[arg(long)]
    pub json: bool,
}

/// Show one run as a timeline
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  borough sagas show 0190b0de-6f0a-7c3e-9f0e-6d9f0f3a1c55")]
pub struct SagaShow {
    /// The run's id, or a beginning of it that no other run has
    pub id: String,
    /// Print the journal as one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Take up the runs that a crash or an interruption left open
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  borough sagas resume")]
pub struct SagaResume {
    /// Only this run
    pub id: Option<String>,
    /// Print an array of the runs that were taken up
    #[arg(long)]
    pub json: bool,
}

/// Look at the store, verify it, copy it, carry it elsewhere
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  borough db stats
  borough db verify
  borough db backup borough-2026-11-21.db
  borough db export | gzip > borough.jsonl.gz
  borough db import borough.jsonl --store other.db")]
pub struct Db {
    #[command(subcommand)]
    pub verb: DbVerb,
}

#[derive(Debug, Subcommand)]
pub enum DbVerb {
    Stats(DbStats),
    Verify(DbVerify),
    Backup(DbBackup),
    Export(DbExport),
    Import(DbImport),
}

/// Show what is in the store, how far its subscribers are and how much room it takes
#[derive(Debug, Args)]
pub struct DbStats {
    /// Print it as one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Read all of the store, and tell what is not as it was written
///
/// Exit code 0: it is sound. 1: there are findings. 2: it cannot be looked at.
#[derive(Debug, Args)]
pub struct DbVerify {
    /// Print an array of the findings
    #[arg(long)]
    pub json: bool,
}

/// Copy the store to a file that is not there yet, while a process may be writing it, and verify the copy
#[derive(Debug, Args)]
pub struct DbBackup {
    /// A store like any other afterwards
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Print what is in the copy as JSON
    #[arg(long)]
    pub json: bool,
}

/// Write events, documents and checkpoints as JSON Lines
#[derive(Debug, Args)]
pub struct DbExport {
    /// A file that is not there yet; `-` is stdout, as without one
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
}

/// Read what `borough db export` wrote into a store that is empty or not there yet: all of it or nothing
#[derive(Debug, Args)]
pub struct DbImport {
    /// The export; `-` reads it from stdin
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Print what was imported as JSON
    #[arg(long)]
    pub json: bool,
}

/// Run all modules until SIGTERM, then drain
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  borough serve --store /var/lib/borough/borough.db -v")]
pub struct Serve {
    /// Seconds that running work is given to end
    #[arg(long, value_name = "SECONDS")]
    pub drain: Option<u64>,
}

/// Show the live state of the serving process
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  borough status --json")]
pub struct Status {
    /// Print it as one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Show the metrics of the serving process
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  borough metrics
  borough metrics --prometheus | promtool check metrics")]
pub struct Metrics {
    /// Print them as one JSON document
    #[arg(long)]
    pub json: bool,
    /// Print them in the exposition format of Prometheus
    #[arg(long, conflicts_with = "json")]
    pub prometheus: bool,
}

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  borough completions bash > /etc/bash_completion.d/borough")]
pub struct Completions {
    pub shell: Shell,
}

/// Print the manual page of the program or of a verb
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  borough man | man -l -
  borough man sagas resume > borough-sagas-resume.1")]
pub struct Man {
    /// The verb, and the verb below it
    pub verb: Vec<String>,
}
