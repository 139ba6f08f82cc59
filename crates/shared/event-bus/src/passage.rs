//! Time as events.

use chrono::{DateTime, Datelike, DurationRound, Months, NaiveTime, TimeDelta, Utc};
use event_sourcing::{Document, Unit};
use kernel::{Contract, Event, Priority};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) const SPANS: [Span; 3] = [Span::Hour, Span::Day, Span::Month];

macro_rules! passed {
    ($(#[$doc:meta])* $name:ident, $most:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub struct $name {
            /// When it began, in UTC.
            pub began: DateTime<Utc>,
            /// When it ended and the next one began.
            pub ended: DateTime<Utc>,
        }

        impl $name {
            /// After a downtime, only so many are published of those that were missed: the latest.
            pub const MOST: u32 = $most;
        }
    };
}

passed! {
    /// An hour of UTC is over. Published once for each, by the serving process, while somebody in it subscribes to this very
    /// event.
    HourPassed, 48
}
passed! {
    /// A day of UTC is over; see [`HourPassed`].
    DayPassed, 31
}
passed! {
    /// A month of UTC is over; see [`HourPassed`].
    MonthPassed, 12
}

/// There is one time.
const KEY: &str = "utc";

impl Event for HourPassed {
    const NAME: &'static str = "time.hour_passed";
    const PRIORITY: Priority = Priority::Low;

    fn key(&self) -> String {
        KEY.into()
    }
}

impl Event for DayPassed {
    const NAME: &'static str = "time.day_passed";
    const PRIORITY: Priority = Priority::Low;

    fn key(&self) -> String {
        KEY.into()
    }
}

impl Event for MonthPassed {
    const NAME: &'static str = "time.month_passed";
    const PRIORITY: Priority = Priority::Low;

    fn key(&self) -> String {
        KEY.into()
    }
}

/// The events of this crate: each has a file in `docs/contracts`.
pub fn contracts() -> Vec<Contract> {
    vec![Contract::of_event::<HourPassed>(), Contract::of_event::<DayPassed>(), Contract::of_event::<MonthPassed>()]
}

/// Up to when the passing of one kind of span was published, stored under its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Passage {
    /// The end of the last one that was published, or where it began to be looked at.
    pub until: DateTime<Utc>,
}

impl Document for Passage {
    const COLLECTION: &'static str = "event_bus.passage_of_time";
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    Hour,
    Day,
    Month,
}

impl Span {
    pub fn event_type(self) -> &'static str {
        match self {
            Self::Hour => HourPassed::NAME,
            Self::Day => DayPassed::NAME,
            Self::Month => MonthPassed::NAME,
        }
    }

    fn most(self) -> u32 {
        match self {
            Self::Hour => HourPassed::MOST,
            Self::Day => DayPassed::MOST,
            Self::Month => MonthPassed::MOST,
        }
    }

    /// The beginning of the one that this moment is in.
    pub fn start(self, now: DateTime<Utc>) -> DateTime<Utc> {
        let midnight = |date: chrono::NaiveDate| date.and_time(NaiveTime::MIN).and_utc();
        match self {
            Self::Hour => now.duration_trunc(TimeDelta::hours(1)).unwrap_or(now),
            Self::Day => midnight(now.date_naive()),
            Self::Month => midnight(now.date_naive().with_day(1).unwrap_or(now.date_naive())),
        }
    }

    fn before(self, start: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Hour => start - TimeDelta::hours(1),
            Self::Day => start - TimeDelta::days(1),
            Self::Month => start.checked_sub_months(Months::new(1)).unwrap_or(start),
        }
    }

    /// Whether `until` lies ahead by more spans than are ever made up for: then the clock was far ahead, and to wait for that time
    /// would be worse than what passes again. Of fewer, none passes twice.
    pub fn is_far_ahead(self, until: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        let (start, mut at) = (self.start(now), until);
        for _ in 0..=self.most() {
            if at <= start {
                return false;
            }
            at = self.before(at);
        }
        // Mutant `time_stands_still`: after a clock that was ahead, nothing passes until that time comes.
        !cfg!(mutant = "time_stands_still")
    }

    /// Those that ended after `until` and not after `now`, the earliest first; no more than the latest [`HourPassed::MOST`].
    pub fn passed(self, until: DateTime<Utc>, now: DateTime<Utc>) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        let mut passed = Vec::new();
        let mut ended = self.start(now);
        while ended > until && passed.len() < self.most() as usize {
            let began = self.before(ended);
            passed.push((began, ended));
            ended = began;
        }
        passed.reverse();
        passed
    }

    pub fn publish(self, unit: &mut Unit, (began, ended): (DateTime<Utc>, DateTime<Utc>)) {
        match self {
            Self::Hour => unit.publish(&HourPassed { began, ended }),
            Self::Day => unit.publish(&DayPassed { began, ended }),
            Self::Month => unit.publish(&MonthPassed { began, ended }),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_end_where_the_calendar_says() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let ends = |span: Span, from, to| -> Vec<String> {
            span.passed(at(from), at(to)).into_iter().map(|(_, ended)| ended.to_rfc3339()).collect()
        };
        let (from, to) = ("2024-01-31T23:00:00Z", "2024-03-01T00:00:00Z");
        assert_eq!(ends(Span::Month, from, to), ["2024-02-01T00:00:00+00:00", "2024-03-01T00:00:00+00:00"]);
        assert_eq!(ends(Span::Day, from, to).len(), 30, "a leap year");
        assert_eq!(ends(Span::Hour, from, to).len(), 48, "the latest");
        assert_eq!(ends(Span::Hour, from, "2024-01-31T23:59:59Z"), [""; 0]);
        assert_eq!(ends(Span::Hour, to, from), [""; 0], "a clock that was set back");
        for (until, is_far) in [("2024-02-02T23:00:00Z", false), ("2024-02-03T00:00:00Z", true), (from, false)] {
            assert_eq!(Span::Hour.is_far_ahead(at(until), at(from)), is_far, "{until}");
        }
        let (began, ended) = Span::Month.passed(at(from), at(to))[1];
        assert_eq!((ended - began).num_days(), 29);
    }
}
