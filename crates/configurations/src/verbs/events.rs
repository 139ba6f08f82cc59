use std::{path::Path, sync::Arc, time::Duration};

use chrono::SecondsFormat;
use event_bus::RefusedPublish;
use event_sourcing::{Found, LogQuery, Position, Store, StoreExt};
use kernel::{Envelope, Event};
use request::CommandRecorded;
use serde::Serialize;

use crate::{
    cli::{EventList, Events, EventsRefused, EventsVerb, Global},
    composition::{Config, open_for_reading},
    exit::Failure,
    report::figures::visible,
    verbs::{interrupted, open_for_listing, print, trace::trace},
};

/// Between two looks at a log that another process appends to.
const POLL: Duration = Duration::from_millis(200);
const PAGE: usize = 1000;

pub async fn events(global: &Global, args: &Events) -> Result<(), Failure> {
    let config = Config::load(global, Vec::new())?;
    match &args.verb {
        Some(EventsVerb::Trace(args)) => return trace(&config, args).await,
        Some(EventsVerb::Refused(args)) => return refused(&config.store.path, args).await,
        None => {}
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
    let mut store: Option<Arc<dyn Store>> = open_for_listing(path)?;
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

/// What was refused, under the name by which it is stored.
#[derive(Serialize)]
struct Entry<'a> {
    publish: &'a str,
    #[serde(flatten)]
    content: &'a RefusedPublish,
}

async fn refused(path: &Path, args: &EventsRefused) -> Result<(), Failure> {
    let Some(store) = open_for_listing(path)? else { return Ok(()) };
    let mut after: Option<String> = None;
    loop {
        let page = store.list::<RefusedPublish>(after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.key.clone());
        for Found { key, value, .. } in &page {
            if args.json {
                print(&serde_json::to_string(&Entry { publish: key, content: value })?)?;
            } else {
                let types: Vec<&str> = value.events.iter().map(|kept| &*kept.event.event_type).collect();
                print(&visible(&format!("{key}  {}  {}", types.join(", "), value.error)))?;
            }
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
