use std::{env, io};

use kernel::Clock;
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{LevelFilter, ParseError, Targets},
    fmt::{self, MakeWriter, format::Writer, time::FormatTime},
    layer::{Filter, SubscriberExt},
    util::{SubscriberInitExt, TryInitError},
};

use crate::{SPAN_TARGET, plain::PlainFields, trace::Tracer, visible::Plainly};

/// The environment variable that overrules [`Options::verbosity`].
const FILTER_VARIABLE: &str = "RUST_LOG";

/// How much is said, and in which form.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// How often `-v` was given: 0 errors, 1 what our own crates report and the warnings of others, 2 their debugging and what others report,
    /// 3 and more everything.
    pub verbosity: u8,
    /// One JSON object a line instead of text for people.
    pub json: bool,
    /// Colours, in text for people.
    pub ansi: bool,
    /// The crates that are ours, spelled as in Rust paths: `data_quality`.
    pub ours: &'static [&'static str],
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// `RUST_LOG`, or what stands for it, cannot be understood.
    #[error("RUST_LOG is `{directives}`: expected `level` or `target=level`, several separated by commas")]
    Filter {
        /// All of it, as it was found.
        directives: String,
        /// Which part of it, in the words of `tracing-subscriber`.
        source: ParseError,
    },
    /// `RUST_LOG` is set to something that is no text.
    #[error("RUST_LOG is not UTF-8")]
    FilterNotUnicode,
    /// The process has a subscriber, which goes on to get all lines.
    #[error("the log is set up already: `init` belongs into `main`, once")]
    Twice(#[source] TryInitError),
}

/// Sets up the log of this process, on stderr. `RUST_LOG`, if it is set and not empty, overrules the verbosity.
///
/// # Errors
/// A `RUST_LOG` that cannot be understood; a second call.
pub fn init(options: Options) -> Result<(), InitError> {
    let directives = match env::var(FILTER_VARIABLE) {
        Ok(directives) => Some(directives),
        Err(env::VarError::NotPresent) => None,
        Err(env::VarError::NotUnicode(_)) => return Err(InitError::FilterNotUnicode),
    };
    let subscriber = subscriber(options, directives.as_deref(), kernel::SystemClock, io::stderr)?;
    subscriber.try_init().map_err(InitError::Twice)
}

/// What [`init`] installs, with its surroundings as arguments: the value of `RUST_LOG`, the clock of the time stamps, and
/// where to write.
///
/// # Errors
/// Directives that cannot be understood.
pub fn subscriber<W>(
    options: Options,
    directives: Option<&str>,
    clock: impl Clock,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, InitError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (tracer, switch) = Tracer::new();
    let lines = fmt::layer().with_timer(Stamp(clock)).with_writer(Plainly(writer));
    let lines = if options.json {
        lines.json().boxed()
    } else {
        lines.with_ansi(options.ansi).compact().fmt_fields(PlainFields).boxed()
    };
    let registry = tracing_subscriber::registry().with(tracer.with_filter(switch));
    Ok(Box::new(registry.with(lines.with_filter(filter(options, directives)?))))
}

/// Any form of directive in `RUST_LOG`, which also decides about the spans of messages if it names their target; without it one that looks at no span when it is entered or left.
fn filter<S: Subscriber>(
    options: Options,
    directives: Option<&str>,
) -> Result<Box<dyn Filter<S> + Send + Sync>, InitError> {
    let Some(directives) = directives.filter(|directives| !directives.trim().is_empty()) else {
        return Ok(Box::new(by_verbosity(options).with_target(SPAN_TARGET, LevelFilter::INFO)));
    };
    let filter = EnvFilter::builder()
        .parse(directives)
        .map_err(|source| InitError::Filter { directives: directives.into(), source })?;
    let target = |directive: &str| directive.trim().split(['=', '[']).next() == Some(SPAN_TARGET);
    if directives.split(',').any(target) {
        return Ok(Box::new(filter));
    }
    let spans = format!("{SPAN_TARGET}={}", LevelFilter::INFO);
    Ok(Box::new(filter.add_directive(spans.parse().expect("a path and a level are a directive"))))
}

fn by_verbosity(options: Options) -> Targets {
    let (others, ours) = match options.verbosity {
        0 => (LevelFilter::ERROR, LevelFilter::ERROR),
        1 => (LevelFilter::WARN, LevelFilter::INFO),
        2 => (LevelFilter::INFO, LevelFilter::DEBUG),
        3.. => (LevelFilter::TRACE, LevelFilter::TRACE),
    };
    Targets::new().with_default(others).with_targets(options.ours.iter().map(|target| (*target, ours)))
}

/// UTC with milliseconds, from the clock that the whole program goes by: in a simulation the log is in simulated time.
struct Stamp<C>(C);

impl<C: Clock> FormatTime for Stamp<C> {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        write!(writer, "{}", self.0.now().format("%Y-%m-%dT%H:%M:%S%.3fZ"))
    }
}
