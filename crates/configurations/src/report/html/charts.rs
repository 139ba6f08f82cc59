//! Geometry of the small drawings.

use std::fmt;

use interfaces_data::{ColumnProfile, NumericProfile, ValueCount};

use crate::report::{facts, figures};

/// A place or a length, in percent of a drawing's width.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Percent(f64);

/// A box plot whose whiskers, the 5th and the 95th percentile, reach from edge to edge: few far-off values do not flatten it.
pub struct BoxPlot {
    /// Not drawn when nine tenths of the rows have one value: box and median then are a line in the middle.
    pub whiskers: bool,
    pub left: Percent,
    pub width: Percent,
    pub median: Percent,
    /// Absent when it lies beyond the whiskers.
    pub mean: Option<Percent>,
    pub label: String,
}

/// One of the most frequent values of a column.
pub struct Segment {
    pub left: Percent,
    pub width: Percent,
    pub label: String,
}

impl Percent {
    /// From a share of 0 to 1; what is beyond ends at the edge.
    pub fn of(share: f64) -> Self {
        Self(share.clamp(0.0, 1.0) * 100.0)
    }

    pub fn is_zero(self) -> bool {
        self.0 == 0.0
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.0)
    }
}

pub fn box_plot(profile: &NumericProfile) -> BoxPlot {
    let quantiles = &profile.quantiles;
    let range = quantiles.p95 - quantiles.p05;
    let place = |value: f64| if range > 0.0 { (value - quantiles.p05) / range } else { 0.5 };
    let mean = Some(place(profile.mean)).filter(|at| (0.0..=1.0).contains(at));
    let bounds = [quantiles.p05, quantiles.p25, quantiles.p50, quantiles.p75, quantiles.p95];
    let [p05, p25, p50, p75, p95] = bounds.map(figures::number);
    let std = figures::number(profile.std);
    BoxPlot {
        whiskers: range > 0.0,
        left: Percent::of(place(quantiles.p25)),
        width: Percent::of(place(quantiles.p75) - place(quantiles.p25)),
        median: Percent::of(place(quantiles.p50)),
        mean: mean.map(Percent::of),
        label: format!("5% {p05}, 25% {p25}, median {p50}, 75% {p75}, 95% {p95}, standard deviation {std}"),
    }
}

/// The most frequent values side by side, each as wide as its share of the rows. None for a column of all different values.
pub fn segments(column: &ColumnProfile, rows: u64, most: usize) -> Vec<Segment> {
    let mut left = 0.0;
    let segment = |top: &ValueCount| {
        let width = figures::ratio(top.count, rows);
        let segment =
            Segment { left: Percent::of(left), width: Percent::of(width), label: facts::frequent(column, top, rows) };
        left += width;
        segment
    };
    column.top.iter().take(most).filter(|top| top.count > 1).map(segment).collect()
}
