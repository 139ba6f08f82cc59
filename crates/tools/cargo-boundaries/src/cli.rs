//! The command line of `cargo boundaries`.

mod args;

use std::env;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::process::ExitCode;

use anstream::AutoStream;
use chrono::NaiveDate;
use clap::{CommandFactory, Parser};

use args::{BaselineVerb, Cli, GraphArgs, Output, Verb};

use crate::affected::affected;
use crate::check::{Growth, Inputs, Options, Update, check, update_baseline};
use crate::explain::Explanation;
use crate::format::{Format, step_error, step_summary};
use crate::init::init;
use crate::picture::{View, draw, messages};
use crate::query::{self, Answer};
use crate::report::{Cause, CheckError, Finding, Report, Rule};
use crate::rules::closest;
use crate::self_test::self_test;
use crate::sources::Sources;
use crate::workspace::{Kind, Workspace};

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
    let color = cli.color.into();
    let outcome = run(cli);
    let written = match outcome.result {
        true => write(AutoStream::new(io::stdout(), color), &outcome.text),
        false => write(AutoStream::new(io::stderr(), color), &outcome.text),
    };
    match written {
        // Whoever listened has left; the outcome stands.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(outcome.code),
        Ok(()) => ExitCode::from(outcome.code),
        Err(_) => ExitCode::from(2),
    }
}

/// What to print, whether it is a result, and the exit code.
struct Outcome {
    text: String,
    result: bool,
    code: u8,
}

impl Outcome {
    fn impossible(error: &CheckError, format: Format) -> Self {
        Self { text: error.format(format), result: format.has_one_stream(), code: 2 }
    }
}

fn run(cli: Cli) -> Outcome {
    let Cli { verb, output, manifest_path, config, baseline, no_cache, color: _ } = cli;
    let options = Options { manifest_path, config, baseline, today: today(), cache: !no_cache };
    let (answer, json) = match verb {
        None => return report(&options, &output),
        Some(Verb::Check(own)) => {
            let format = own.format.or(output.format);
            return report(&options, &Output { format, json: own.json || output.json });
        }
        Some(Verb::Baseline(verb)) => (update(&options, verb), false),
        Some(Verb::Graph(args)) => (graph(&options, &args), false),
        Some(Verb::Why { from, to, kinds, json }) => {
            let workspace = Workspace::load(&options);
            (workspace.and_then(|workspace| query::why(&workspace, &from, &to, &kinds, json.json)), json.json)
        }
        Some(Verb::Can { from, to, kind, json }) => {
            let answer = |inputs: Inputs| {
                let architecture = inputs.architecture()?;
                if from.ends_with(".rs") {
                    let sources = Sources::new(&inputs.workspace, options.cache);
                    return query::can_name(&architecture, &sources, &from, &to, kind, json.json);
                }
                query::can(&architecture, &from, &to, kind.unwrap_or(Kind::Normal), json.json)
            };
            (Inputs::load(&options).and_then(answer), json.json)
        }
        Some(Verb::Describe { name, json }) => {
            let answer = |inputs: Inputs| query::describe(&inputs.architecture()?, &name, json.json);
            (Inputs::load(&options).and_then(answer), json.json)
        }
        Some(Verb::Init { force }) => {
            let written = not_in_ci().and_then(|()| init(&options, force).map_err(|error| error.errors));
            (written.map(|update| Answer { text: in_words(&update, "wrote the rules"), code: 0 }), false)
        }
        Some(Verb::Affected { base, json }) => {
            let answer = |workspace: Workspace| {
                let sources = Sources::new(&workspace, options.cache);
                affected(&workspace, &sources, &base, json.json)
            };
            (Workspace::load(&options).and_then(answer), json.json)
        }
        Some(Verb::Explain { rule }) => (explain(rule.as_deref()), false),
        Some(Verb::SelfTest) => (self_test(&options), false),
        Some(Verb::Schema) => (Ok(Answer { text: Report::schema(), code: 0 }), false),
        Some(Verb::Completions { shell }) => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "cargo-boundaries", &mut text);
            (Ok(Answer { text: String::from_utf8_lossy(&text).into_owned(), code: 0 }), false)
        }
    };
    match answer {
        Ok(Answer { text, code }) => Outcome { text, result: true, code },
        Err(errors) => Outcome::impossible(&CheckError::of(errors), if json { Format::Json } else { Format::Text }),
    }
}

fn report(options: &Options, output: &Output) -> Outcome {
    let on_github = env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true");
    let usual = if on_github { Format::Github } else { Format::Text };
    let format = if output.json { Format::Json } else { output.format.unwrap_or(usual) };
    let outcome = check(options);
    if format == Format::Github
        && let Err(error) = summarize(&outcome.as_ref().map_or_else(step_error, step_summary))
    {
        let help = "see that the file in $GITHUB_STEP_SUMMARY can be written, or unset the variable";
        let finding = Finding::new(Cause::Program, format!("cannot write the step summary: {error}"), help);
        return Outcome::impossible(&CheckError::of(vec![finding]), format);
    }
    match outcome {
        Ok(report) => Outcome { text: report.format(format), result: true, code: u8::from(!report.is_clean()) },
        Err(error) => Outcome::impossible(&error, format),
    }
}

fn summarize(page: &str) -> io::Result<()> {
    let Some(path) = env::var_os("GITHUB_STEP_SUMMARY") else { return Ok(()) };
    OpenOptions::new().append(true).create(true).open(path)?.write_all(page.as_bytes())
}

fn update(options: &Options, verb: BaselineVerb) -> Result<Answer, Vec<Finding>> {
    let BaselineVerb::Update { grow, reason, owner, until } = verb;
    not_in_ci()?;
    let growth = reason.filter(|_| grow).map(|reason| Growth { reason, owner, until });
    if growth.as_ref().is_some_and(|growth| growth.reason.trim().is_empty()) {
        return Err(vec![Finding::new(
            Cause::Argument,
            "an empty reason",
            "say in words why the violations are excused",
        )]);
    }
    let update = update_baseline(options, growth.as_ref()).map_err(|error| error.errors)?;
    let code = u8::from(!update.report.is_clean());
    Ok(Answer { text: in_words(&update, "updated"), code })
}

/// The violations that are left, then what was done.
fn in_words(update: &Update, done: &str) -> String {
    let Update { file, added, deleted, report } = update;
    let size = report.summary.baseline;
    format!("{}{done}; {file}: {added} added, {deleted} deleted, {size} in all\n", report.text())
}

/// A machine that may excuse violations guards nothing.
fn not_in_ci() -> Result<(), Vec<Finding>> {
    if env::var_os("CI").is_none() {
        return Ok(());
    }
    let help = "run it on your own machine and commit the file, or unset CI";
    Err(vec![Finding::new(Cause::Baseline, "a baseline is not written where CI is set", help)])
}

fn graph(options: &Options, args: &GraphArgs) -> Result<Answer, Vec<Finding>> {
    let inputs = Inputs::load(options)?;
    let architecture = inputs.architecture()?;
    let focus = args.focus.as_deref().map(|word| query::member(&inputs.workspace, word)).transpose()?;
    let messages = args.messages.as_deref().map(|file| messages(file, &inputs.workspace)).transpose()?;
    let messages = messages.unwrap_or_default();
    let view = View { kinds: args.kinds.clone(), collapse: args.collapse, focus, messages };
    Ok(Answer { text: draw(&architecture, args.format, &view), code: 0 })
}

fn explain(name: Option<&str>) -> Result<Answer, Vec<Finding>> {
    let Some(name) = name else {
        let line = |rule: Rule| format!("{:<19} {}\n", rule.name(), Explanation::of(rule).says);
        return Ok(Answer { text: Rule::ALL.into_iter().map(line).collect(), code: 0 });
    };
    match Rule::ALL.into_iter().find(|rule| rule.name() == name) {
        Some(rule) => Ok(Answer { text: Explanation::of(rule).text(), code: 0 }),
        None => {
            let help = match closest(name, Rule::ALL.map(Rule::name)) {
                Some(close) => format!("write `{close}`"),
                None => "`explain` without a name lists all rules".to_owned(),
            };
            Err(vec![Finding::new(Cause::Argument, format!("no rule is called `{name}`"), help)])
        }
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
