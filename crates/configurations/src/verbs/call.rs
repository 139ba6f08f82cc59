use std::{io::Read, time::Duration};

use chrono::TimeDelta;
use kernel::{Error, Json, Problem};
use request::IdempotencyKey;

use crate::{
    cli::{Call, Global},
    composition::{Config, Platform, begun},
    control::CallOrder,
    exit::Failure,
    progress::Progress,
    verbs::{
        here_or_there, print, print_json,
        run::{DRAIN, drive},
    },
};

pub async fn call(global: &Global, args: &Call) -> Result<(), Failure> {
    let config = Config::load(global, Vec::new())?.acting(&args.acting);
    let order = CallOrder {
        name: args.name.clone(),
        request: request(&args.request)?,
        key: args.key.clone(),
        purpose: args.purpose.clone(),
        timeout: args.timeout,
        // Where a program in a trace hands it on to those that it starts.
        traceparent: std::env::var("TRACEPARENT").ok(),
    };
    let answer = here_or_there(
        &config,
        "borough call",
        async |platform| here(&config, platform, &order).await,
        async |client| client.call_by_name(&order).await,
    );
    match answer.await? {
        // As the service wrote it, told apart by nothing but the line's end.
        Ok(answer) => print(&serde_json::to_string_pretty(&answer)?),
        Err(error) => {
            // What became of the call outweighs who reads of it.
            let _whether_read = print_json(&Problem::from(&error));
            Err(error.into())
        }
    }
}

/// The result of the call, beside what keeps it from being made. What it has set off is done too: runs that it began, and
/// what subscribers do.
async fn here(config: &Config, platform: &Platform, order: &CallOrder) -> Result<Result<Json, Error>, Failure> {
    let cx = order.context(platform.context(config)?, &*platform.clock)?;
    let key = order.key.as_deref().map(IdempotencyKey::try_new).transpose()?;
    let answer = platform.application.requests.call(&cx, &order.name, key.as_ref(), &order.request).await;
    for run in begun(&platform.application.sagas, cx.correlation()).await? {
        // Its end is in its journal, and not the answer of this call.
        if let Err(failure) = drive(platform, run, &Progress::new()).await {
            tracing::error!("the call is answered, and what it began is still open: {failure}");
        }
    }
    if platform.drain(DRAIN).await? == event_bus::Drain::Incomplete {
        tracing::warn!("subscribers are behind: the next run or `borough serve` delivers the rest");
    }
    Ok(answer)
}

impl CallOrder {
    /// The context with what the order says of the call.
    pub fn context(&self, cx: kernel::Context, clock: &dyn kernel::Clock) -> Result<kernel::Context, Error> {
        let cx = self.purpose.as_ref().map_or(cx.clone(), |purpose| cx.for_purpose(purpose.as_str()));
        // One that cannot be read begins a trace of its own, as the standard wants it.
        let parent = self.traceparent.as_ref().and_then(|parent| parent.parse().ok());
        let cx = parent.map_or(cx.clone(), |parent| cx.within(parent));
        let Some(seconds) = self.timeout else { return Ok(cx) };
        let after = Duration::try_from_secs_f64(seconds).ok().and_then(|after| TimeDelta::from_std(after).ok());
        let deadline = after.and_then(|after| clock.now().checked_add_signed(after));
        let deadline = deadline.ok_or_else(|| Error::invalid(format!("{seconds} is no number of seconds to wait")))?;
        Ok(cx.until(deadline))
    }
}

fn request(text: &str) -> Result<Json, Failure> {
    let text = if text == "-" {
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        read.map_err(|error| Failure::impossible(format!("the request cannot be read from stdin: {error}")))?;
        text
    } else {
        text.to_owned()
    };
    Json::from_text(text.trim().to_owned())
        .map_err(|error| Failure::impossible(format!("the request is no JSON: {error}")))
}
