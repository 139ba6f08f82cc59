//! One file a verb.

mod audit;
mod call;
mod db;
mod dead_letters;
mod describe;
mod events;
mod metrics;
mod page;
mod projections;
mod requests;
pub(crate) mod run;
pub(crate) mod sagas;
mod serve;
mod shell;
mod status;
mod subscribers;
mod trace;

pub use audit::audit;
pub use call::call;
pub use db::db;
pub use dead_letters::dead_letters;
pub use describe::describe;
pub use events::events;
pub use metrics::metrics;
pub use projections::projections;
pub use requests::requests;
pub use run::run;
pub use sagas::sagas;
pub use serve::serve;
pub use shell::{completions, man};
pub use status::status;
pub use subscribers::subscribers;

use std::{io::Write, path::Path, sync::Arc};

use event_sourcing::Store;
use serde::Serialize;

use crate::{
    composition::{Config, MAKE_ONE, Platform, no_store, open_for_reading},
    control::Client,
    exit::Failure,
};

/// Listens from now on; the future ends when the user presses Ctrl-C or the system asks the process to end.
pub(crate) fn interrupted() -> Result<impl Future<Output = ()>, Failure> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let cannot = |e: std::io::Error| Failure::impossible(format!("signals cannot be listened for: {e}"));
        let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        // Where it cannot be listened for, it is never heard.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

/// By this process while it holds the store, or by the one that serves it.
pub(crate) async fn here_or_there<T>(
    config: &Config,
    holder: &str,
    here: impl AsyncFnOnce(&Platform) -> Result<T, Failure>,
    there: impl AsyncFnOnce(Client) -> Result<T, Failure>,
) -> Result<T, Failure> {
    match Platform::during(config, holder, here).await {
        Err(Failure::Locked(message)) => match Client::in_place_of(config).await? {
            Some(client) => there(client).await,
            None => Err(Failure::Locked(message)),
        },
        done => done,
    }
}

/// One JSON document on stdout.
pub(crate) fn print_json<T: Serialize + ?Sized>(value: &T) -> Result<(), Failure> {
    print(&serde_json::to_string_pretty(value)?)
}

/// A text on stdout, with colours only where they can be shown, and nothing of others in it that steers a terminal.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    writeln!(out, "{}", observability::without_commands(text.trim_end()))?;
    Ok(out.flush()?)
}

/// The store for a verb that lists what is in it. Where there is none there is nothing to list, which is said.
pub(crate) fn open_for_listing(path: &Path) -> Result<Option<Arc<dyn Store>>, Failure> {
    let store = open_for_reading(path)?;
    if store.is_none() {
        no_store_yet(path);
    }
    Ok(store)
}

pub(crate) fn no_store_yet(path: &Path) {
    note(&format!("there is no store at {} yet: {MAKE_ONE}", path.display()));
}

/// The store for a verb that shows one thing of it.
pub(crate) fn open_to_show(path: &Path) -> Result<Arc<dyn Store>, Failure> {
    open_for_reading(path)?.ok_or_else(|| no_store(path, "read"))
}

/// What somebody may want to know who reads the results, on stderr.
pub(crate) fn note(text: &str) {
    // A closed stderr leaves nobody to tell.
    let _ = writeln!(anstream::stderr(), "note: {text}");
}
