//! Parts of the log and of streams: by type and tag, forward and backward, as of a position, a version or a time.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use event_sourcing::{
    CommitError, Direction, EventQuery, Expected, LogQuery, Origin, Position, Store, StreamQuery, Unit,
};
use kernel::{Clock, Context, CorrelationId, Envelope, Event, ManualClock};
use uuid::Uuid;

use super::{Noted, Tagged, unit, whole_log};
use crate::actors::origin;

/// Minutes at which the events are stamped. The clock is set back once, and was far ahead once.
const STAMPS: [i64; 12] = [1, 2, 3, 9, 4, 4, 5, 3, 6, 7, 8, 9];

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
}

/// Appends an event for each of the stamps, and answers them with their tags.
async fn written(store: &dyn Store) -> Vec<(Envelope, Vec<&'static str>)> {
    let clock = Arc::new(ManualClock::default());
    let mine = Origin { clock: clock.clone(), ..origin("test") };
    let other = CorrelationId::new(Uuid::from_u128(7));
    let others = Origin { context: Context::new(Arc::new(mine.context.principal().clone()), other), ..mine.clone() };
    let mut tags = Vec::new();
    for (n, minute) in STAMPS.into_iter().enumerate() {
        clock.advance(at(minute) - clock.now());
        let mut unit = unit(if n % 4 == 1 { &others } else { &mine });
        let tagged = [&["a:1"][..], &["b:2", "a:1"], &[], &["b:2"], &["c:3", "b:2", "a:1"]][n % 5];
        if n % 3 == 2 {
            unit.append("s", Expected::Any, &Noted::new("s", n as u64));
            tags.push(Vec::new());
        } else {
            unit.append("s", Expected::Any, &Tagged::new(n as u64, tagged));
            tags.push(tagged.to_vec());
        }
        store.commit(unit).await.unwrap();
    }
    whole_log(store).await.into_iter().zip(tags).collect()
}

/// What a query means, told in another way.
fn meant(log: &[(Envelope, Vec<&'static str>)], query: &LogQuery) -> Vec<Envelope> {
    let mut part: Vec<_> = log.iter().collect();
    if query.direction == Direction::Backward {
        part.reverse();
    }
    part.retain(|(event, tags)| {
        let position = Position(event.metadata.position.unwrap());
        let items = query.matching.as_ref().map(EventQuery::items);
        position > query.after
            && query.upto.is_none_or(|upto| position <= upto)
            && query.until.is_none_or(|until| event.timestamp <= until)
            && query.correlation.is_none_or(|correlation| event.metadata.correlation_id == correlation)
            && items.is_none_or(|items| {
                items.iter().any(|item| {
                    (item.types.is_empty() || item.types.iter().any(|name| *name == event.event_type))
                        && item.tags.iter().all(|tag| tags.contains(&tag.as_str()))
                })
            })
    });
    part.into_iter().take(query.limit).map(|(event, _)| event.clone()).collect()
}

pub(super) async fn the_log_is_filtered(store: &dyn Store) {
    let log = written(store).await;
    let a_tag = || EventQuery::of(&[], &["a:1"]);
    let queries = [
        None,
        Some(a_tag()),
        Some(EventQuery::of(&[Tagged::NAME], &["a:1", "b:2"])),
        Some(EventQuery::of(&[Noted::NAME, Tagged::NAME], &[])),
        Some(EventQuery::of(&[Noted::NAME], &[]).or(EventQuery::of(&[], &["c:3"]))),
        Some(EventQuery::of(&[Noted::NAME], &["a:1"]).or(EventQuery::of(&[], &["b:2"])).or(a_tag())),
        Some(EventQuery::of(&["testing.unheard_of"], &[])),
    ];
    let (mut asked, mut answered) = (0, 0);
    for matching in queries {
        for direction in [Direction::Forward, Direction::Backward] {
            for (after, upto) in
                [(0, None), (4, None), (3, Some(8)), (8, Some(3)), (0, Some(u64::MAX)), (u64::MAX, None)]
            {
                for limit in [0, 1, 4, usize::MAX] {
                    for (until, correlation) in
                        [(None, None), (Some(at(4)), None), (None, Some(CorrelationId::new(Uuid::from_u128(7))))]
                    {
                        let (after, upto) = (Position(after), upto.map(Position));
                        let matching = matching.clone();
                        let query = LogQuery { after, upto, limit, direction, until, correlation, matching };
                        let events = store.log(query.clone()).await.unwrap();
                        let events: Vec<Envelope> = events.into_iter().map(Arc::unwrap_or_clone).collect();
                        assert_eq!(events, meant(&log, &query), "{query:?}");
                        (asked, answered) = (asked + 1, answered + usize::from(!events.is_empty()));
                    }
                }
            }
        }
    }
    assert!(answered * 3 > asked, "{answered} of {asked} queries have found something");
}

pub(super) async fn the_log_is_read_backward_in_pages(store: &dyn Store) {
    let mut all: Vec<Envelope> = written(store).await.into_iter().map(|(event, _)| event).collect();
    all.reverse();
    for limit in [1, 5, 12, 13] {
        let (mut read, mut query) = (Vec::new(), LogQuery::last(limit));
        loop {
            let page = store.log(query.clone()).await.unwrap();
            let Some(last) = page.last() else { break };
            query.upto = Some(Position(last.metadata.position.unwrap() - 1));
            read.extend(page.into_iter().map(Arc::unwrap_or_clone));
            assert!(read.len() <= all.len(), "in pages of {limit} it never ends");
        }
        assert_eq!(read, all, "in pages of {limit}");
    }
}

pub(super) async fn streams_are_read_as_of(store: &dyn Store) {
    written(store).await;
    let end = StreamQuery::after(0, usize::MAX);
    let back = StreamQuery::last(usize::MAX);
    let cases = [
        (StreamQuery { upto: Some(3), ..end }, vec![1, 2, 3]),
        (StreamQuery { upto: Some(0), ..end }, vec![]),
        (StreamQuery { upto: Some(u64::MAX), limit: 2, ..end }, vec![1, 2]),
        (StreamQuery { after: 10, ..end }, vec![11, 12]),
        (StreamQuery { after: 5, upto: Some(3), ..end }, vec![]),
        // The fourth is stamped later than those that follow: as of then there is no stream with a hole in it.
        (StreamQuery { until: Some(at(5)), ..end }, vec![1, 2, 3]),
        (StreamQuery { until: Some(at(5)), after: 1, limit: 1, ..end }, vec![2]),
        (StreamQuery { until: Some(at(5)), after: 4, ..end }, vec![]),
        (StreamQuery { until: Some(at(0)), ..end }, vec![]),
        (StreamQuery { until: Some(at(9)), ..end }, (1..=12).collect()),
        (back, (1..=12).rev().collect()),
        (StreamQuery { limit: 2, ..back }, vec![12, 11]),
        (StreamQuery { limit: 2, upto: Some(5), ..back }, vec![5, 4]),
        (StreamQuery { after: 4, upto: Some(6), ..back }, vec![6, 5]),
        (StreamQuery { until: Some(at(5)), limit: 2, ..back }, vec![3, 2]),
        (StreamQuery { limit: 0, ..back }, vec![]),
    ];
    for (query, expected) in cases {
        let events = store.stream("s", query).await.unwrap();
        // The one stream has all events of the log.
        let versions: Vec<u64> = events.iter().map(|event| event.metadata.position.unwrap()).collect();
        assert_eq!(versions, expected, "{query:?}");
        assert_eq!(store.stream("t", query).await.unwrap(), [], "{query:?}");
    }
}

/// A clock that is centuries wrong: who reads as of a time finds what was stamped before it.
pub(super) async fn times_are_kept_or_refused(store: &dyn Store) {
    let new_year = |year| Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).unwrap();
    for (n, (year, fits)) in
        [(1600, false), (1678, true), (2000, true), (2262, true), (2263, false)].into_iter().enumerate()
    {
        let clock = Arc::new(ManualClock::starting_at(new_year(year)));
        let mut unit = Unit::new(Origin { clock, ..origin("test") });
        unit.append("s", Expected::Any, &Noted::new("a", n as u64));
        match store.commit(unit).await {
            Ok(_) => assert!(fits, "{year}"),
            Err(refused) => assert!(!fits && matches!(refused, CommitError::Unwritable(_)), "{year}: {refused}"),
        }
    }
    let kept = store.stream("s", StreamQuery::after(0, 9)).await.unwrap();
    assert_eq!(kept.iter().map(|event| event.timestamp).collect::<Vec<_>>(), [1678, 2000, 2262].map(new_year));
    for (year, events) in [(1600, 0), (1990, 1), (2100, 2), (2650, 3)] {
        let until = Some(new_year(year));
        let found = store.stream("s", StreamQuery { until, ..StreamQuery::after(0, 9) }).await.unwrap();
        assert_eq!(found.len(), events, "as of {year}");
    }
}
