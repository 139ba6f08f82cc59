use chrono::SecondsFormat;
use event_sourcing::StreamQuery;
use kernel::Envelope;
use request::{AUDIT_STREAM, CommandRecorded, Outcome};

use crate::{
    cli::{self, Audit, Global},
    composition::Config,
    exit::Failure,
    report::figures::visible,
    verbs::{open_for_listing, print},
};

const PAGE: usize = 1000;

pub async fn audit(global: &Global, args: &Audit) -> Result<(), Failure> {
    let config = Config::load(global, Vec::new())?;
    let Some(store) = open_for_listing(&config.store.path)? else { return Ok(()) };
    let mut version = 0;
    loop {
        let page = store.stream(AUDIT_STREAM, StreamQuery::after(version, PAGE)).await?;
        if page.is_empty() {
            return Ok(());
        }
        version += page.len() as u64;
        for envelope in &page {
            let record: CommandRecorded = envelope.decode()?;
            if is_wanted(&record, args) {
                print(&line(envelope, &record, args.json)?)?;
            }
        }
    }
}

fn is_wanted(record: &CommandRecorded, args: &Audit) -> bool {
    let by = |user: &String| record.user == *user || record.acting.as_ref() == Some(user);
    let ended = |outcome: cli::Outcome| match outcome {
        cli::Outcome::Done => record.outcome == Outcome::Done,
        cli::Outcome::Refused => record.outcome == Outcome::Refused,
        cli::Outcome::Failed => record.outcome == Outcome::Failed,
    };
    args.user.as_ref().is_none_or(by)
        && args.request.as_ref().is_none_or(|request| record.request == *request)
        && args.outcome.is_none_or(ended)
}

fn line(envelope: &Envelope, record: &CommandRecorded, json: bool) -> Result<String, Failure> {
    if json {
        return Ok(serde_json::to_string(envelope)?);
    }
    let time = envelope.timestamp.to_rfc3339_opts(SecondsFormat::Millis, true);
    let who = match &record.acting {
        Some(acting) => format!("{acting} as {}", record.user),
        None => record.user.clone(),
    };
    let outcome = match (record.outcome, &record.code) {
        (Outcome::Done, _) => "done".to_owned(),
        (Outcome::Refused, code) => format!("refused: {}", code.as_deref().unwrap_or_default()),
        (Outcome::Failed, code) => format!("failed: {}", code.as_deref().unwrap_or_default()),
    };
    let subject = record.subject.as_deref().unwrap_or("-");
    let purpose = record.purpose.as_ref().map(|purpose| format!(", for {purpose}")).unwrap_or_default();
    // What callers wrote must not look like a line of its own.
    Ok(visible(&format!("{time}  {who:<16}  {:<32}  {subject:<24}  {outcome}{purpose}", record.request)))
}
