//! The same documents as a fold over the log, in a few lines and in memory.

use std::{collections::BTreeMap, sync::Arc};

use event_sourcing::{
    IndexQuery, LogQuery, Position, ProjectionStatus, Store, StoreError, StoreErrorKind, projections,
};
use kernel::{Envelope, Event};
use serde_json::{Value, json};

use super::tally::{LATEST, Score, Withdrawn};
use crate::store::Noted;

const SCORES: &str = "testing.scores";
const RECENT: &str = "testing.latest";

/// Documents by collection and key.
type Documents = BTreeMap<(&'static str, String), Value>;

fn fold(log: &[Arc<Envelope>], version: u32) -> Documents {
    let mut scores: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut latest = Vec::new();
    for envelope in log {
        if envelope.event_type == Withdrawn::NAME {
            scores.remove(&envelope.decode::<Withdrawn>().unwrap().writer);
        } else if envelope.event_type == Noted::NAME && envelope.metadata.schema_version <= Noted::VERSION {
            let Noted { writer, n } = envelope.decode().unwrap();
            if version > 2 || ![13, 14].contains(&n) {
                latest.push((envelope.metadata.position.unwrap(), writer.clone()));
                scores.entry(writer).or_default().push(n);
            }
        }
    }
    let recent = latest.into_iter().rev().take(LATEST);
    let recent = recent.map(|(at, writer)| ((RECENT, format!("{at:020}")), json!({ "writer": writer })));
    let scores = scores.into_iter().map(|(writer, notes)| {
        let sum = notes.iter().sum::<u64>() * u64::from(version);
        ((SCORES, writer), json!({ "notes": notes, "sum": sum }))
    });
    recent.chain(scores).collect()
}

/// What readers see is what follows from the log, up to where it is said to be. Nobody may be at work meanwhile.
///
/// # Panics
/// If it is anything else.
pub async fn check_live(store: &dyn Store) -> ProjectionStatus {
    let [status] = &projections(store).await.unwrap()[..] else { panic!("there is one projection") };
    let log = store.log(LogQuery::after(Position(0), status.live.position.0 as usize)).await.unwrap();
    let expected = fold(&log, status.live.version);
    assert_eq!(documents(store, status.live.number).await, expected, "{status:#?}");
    assert_eq!(found(store, status.live.number).await.unwrap(), by_sum(&expected), "{status:#?}");
    status.clone()
}

/// As [`check_live`], at the end of the log, and of other generations nothing is left, indexes included.
///
/// # Panics
/// If it is anything else.
pub async fn check(store: &dyn Store) -> ProjectionStatus {
    let status = check_live(store).await;
    assert_eq!((status.live.behind, status.retired, &status.rebuild), (0, 0, &None), "{status:#?}");
    for number in (0..status.live.number + 8).filter(|number| *number != status.live.number) {
        assert_eq!(documents(store, number).await, Documents::new(), "generation {number} is left");
        let kind = found(store, number).await.unwrap_err().kind;
        assert_eq!(kind, StoreErrorKind::Undeclared, "an index of generation {number} is left");
    }
    status
}

/// The writers by what their notes come to, as an index has to find them.
fn by_sum(documents: &Documents) -> Vec<String> {
    let scores = documents.iter().filter(|((collection, _), _)| *collection == SCORES);
    let mut sums: Vec<_> = scores.map(|((_, writer), score)| (score["sum"].as_u64(), writer.clone())).collect();
    sums.sort();
    sums.into_iter().map(|(_, writer)| writer).collect()
}

async fn found(store: &dyn Store, generation: u32) -> Result<Vec<String>, StoreError> {
    let collection = format!("{SCORES}@{generation}").into();
    let query = IndexQuery { collection, index: Score::<1>::BY_SUM, wanted: (0..).into(), after: None, limit: 10_000 };
    Ok(store.indexed(query).await?.into_iter().map(|document| document.key).collect())
}

async fn documents(store: &dyn Store, generation: u32) -> Documents {
    let mut found = Documents::new();
    for collection in [SCORES, RECENT] {
        let page = store.documents(&format!("{collection}@{generation}"), None, 10_000).await.unwrap();
        found.extend(page.into_iter().map(|document| ((collection, document.key), document.body.read().unwrap())));
    }
    found
}
