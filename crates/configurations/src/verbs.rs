//! One file a verb.

mod describe;
mod events;
pub(crate) mod run;
pub(crate) mod sagas;
mod serve;
mod status;

pub use describe::describe;
pub use events::events;
pub use run::run;
pub use sagas::sagas;
pub use serve::serve;
pub use status::status;

use std::io::Write;

use serde::Serialize;

use crate::exit::Failure;

/// Ends when the user presses Ctrl-C or the system asks the process to end.
pub(crate) async fn interrupted() -> Result<(), Failure> {
    let cannot = |e: std::io::Error| Failure::impossible(format!("signals cannot be waited for: {e}"));
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result.map_err(cannot),
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.map_err(cannot)
}

/// One JSON document on stdout.
pub(crate) fn print_json<T: Serialize + ?Sized>(value: &T) -> Result<(), Failure> {
    print(&serde_json::to_string_pretty(value)?)
}

/// A text on stdout, with colours only where they can be shown.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    writeln!(out, "{}", text.trim_end())?;
    Ok(out.flush()?)
}
