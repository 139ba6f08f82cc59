use std::{path::Path, sync::Arc, time::Duration};

use chrono::SecondsFormat;
use event_sourcing::{LogQuery, Position, Store};
use kernel::{Envelope, Event};
use request::CommandRecorded;

use crate::{
    cli::{EventList, Events, EventsVerb, Global},
    composition::{Config, open_for_reading},
    exit::Failure,
    verbs::{interrupted, print, trace::trace},
};

/// Between two looks at a log that another process appends to.
const POLL: Duration = Duration::from_millis(200);
const PAGE: usize = 1000;

pub async fn events(global: &Global, args: &Events) -> Result<(), Failure> {
    let config = Config::load(global, Vec::new())?;
    if let Some(EventsVerb::Trace(args)) = &args.verb {
        return trace(&config, args).await;
    }
    let args = &args.list;
    let list = list(&config.store.path, args);
    if args.follow {
        // Being interrupted is how following ends.
        tokio::select! { result = list => result, () = interrupted()? => Ok(()) }
    } else {
        list.await
    }
}

async fn list(path: &Path, args: &EventList) -> Result<(), Failure> {
    let mut query = LogQuery { correlation: args.correlation, ..LogQuery::after(Position(args.after), PAGE) };
    let mut store: Option<Arc<dyn Store>> = open_for_reading(path)?;
    loop {
        let page = match &store {
            Some(store) => store.log(query.clone()).await?,
            None => Vec::new(),
        };
        if let Some(last) = page.last().and_then(|envelope| envelope.metadata.position) {
            query.after = Position(last);
            for envelope in page.iter().filter(|envelope| args.all || envelope.event_type != CommandRecorded::NAME) {
                print(&line(envelope, args.json)?)?;
            }
        } else if args.follow {
            tokio::time::sleep(POLL).await;
            if store.is_none() {
                store = open_for_reading(path)?;
            }
        } else {
            return Ok(());
        }
    }
}

fn line(envelope: &Envelope, json: bool) -> Result<String, Failure> {
    if json {
        return Ok(serde_json::to_string(envelope)?);
    }
    let position = envelope.metadata.position.unwrap_or_default();
    let time = envelope.timestamp.to_rfc3339_opts(SecondsFormat::Millis, true);
    let correlation = envelope.metadata.correlation_id;
    Ok(format!("{position:>6}  {time}  {:<40}  {:<18}  {correlation}", envelope.event_type, envelope.source_module))
}
