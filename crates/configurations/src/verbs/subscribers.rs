use event_bus::at_rest;
use kernel::{Clock as _, SystemClock};

use crate::{
    cli::{Global, Subscribers, SubscribersVerb},
    composition::{Config, assemble_in_memory},
    control::{BusOrder, Client, SubscriberReport},
    exit::Failure,
    verbs::{dead_letters::carry_out, note, open_for_listing, print, print_json, status::write_subscribers},
};

pub async fn subscribers(global: &Global, args: &Subscribers) -> Result<(), Failure> {
    let config = Config::load(global, Vec::new())?;
    let (order, done) = match &args.verb {
        None => return list(&config, args.json).await,
        Some(SubscribersVerb::Pause(subscriber)) => {
            let name = subscriber.name.clone();
            (BusOrder::Pause { subscriber: name.clone() }, format!("{name} is paused"))
        }
        Some(SubscribersVerb::Resume(subscriber)) => {
            let name = subscriber.name.clone();
            (BusOrder::Resume { subscriber: name.clone() }, format!("{name} goes on"))
        }
    };
    carry_out(&config, order).await?;
    print(&done)
}

async fn list(config: &Config, json: bool) -> Result<(), Failure> {
    let subscribers = match Client::find(&config.store.path).await? {
        Some(client) => Some(client.status().await?.subscribers),
        None => as_they_were_left(config).await?,
    };
    if json {
        return print_json(&subscribers.unwrap_or_default());
    }
    let Some(subscribers) = subscribers else { return Ok(()) };
    let mut text = String::new();
    write_subscribers(&mut text, &subscribers).expect("a String takes every write");
    print(&text)
}

/// `None` where there is no store yet.
async fn as_they_were_left(config: &Config) -> Result<Option<Vec<SubscriberReport>>, Failure> {
    let path = &config.store.path;
    let Some(store) = open_for_listing(path)? else { return Ok(None) };
    let subscriptions = assemble_in_memory(config).await?.subscriptions;
    let left = at_rest(&subscriptions, &*store, SystemClock.now()).await?;
    note(&format!("no process serves {}: this is how the last one left it", path.display()));
    Ok(Some(left.into_iter().map(SubscriberReport::from).collect()))
}
