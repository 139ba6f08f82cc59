use crate::{
    cli::{Global, Subscribers, SubscribersVerb},
    composition::Config,
    control::{BusOrder, Client},
    exit::Failure,
    verbs::{dead_letters::carry_out, print, print_json, status::write_subscriber},
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
    let report = Client::serving(config).await?.status().await?;
    if json {
        return print_json(&report.subscribers);
    }
    let mut text = String::new();
    let written = report.subscribers.iter().try_for_each(|subscriber| write_subscriber(&mut text, subscriber));
    written.expect("a String takes every write");
    print(&text)
}
