//! Trends: what the readings of a measure come to over a day, a month or a year, in few enough steps to be drawn.

use serde::Serialize;

use crate::decimal::Decimal;
use crate::readings::Reading;
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};

/// Steps a trend has at most: more than a year has days, fewer than a screen has columns.
pub const STEPS_MAX: u64 = 400;

/// How long a step can be, in milliseconds.
const STEPS: [u64; 4] = [15 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, DAY_MS];

/// The longest time a trend is about, in milliseconds: a year and what a leap year and a month's end add.
pub const SPAN_MS_MAX: u64 = STEPS_MAX * DAY_MS;

/// A time from `from` up to and without `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    from: Timestamp,
    until: Timestamp,
}

/// No trend is about this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a trend is about a time of at most {STEPS_MAX} days that ends after it begins")]
pub struct SpanError;

impl Span {
    /// A time from one instant to another.
    ///
    /// # Errors
    /// [`SpanError`] where it is empty, or longer than [`SPAN_MS_MAX`].
    pub fn new(from: Timestamp, until: Timestamp) -> Result<Self, SpanError> {
        let fits = (1..=SPAN_MS_MAX).contains(&until.ms_since(from));
        if fits { Ok(Self { from, until }) } else { Err(SpanError) }
    }

    /// Its first instant.
    pub fn from(self) -> Timestamp {
        self.from
    }

    /// The first instant after it.
    pub fn until(self) -> Timestamp {
        self.until
    }

    /// Whether an instant lies in it.
    pub fn contains(self, at: Timestamp) -> bool {
        (self.from..self.until).contains(&at)
    }

    /// The length of its steps in milliseconds: the shortest of which there are not more than [`STEPS_MAX`].
    pub fn step_ms(self) -> u64 {
        let span = self.until.ms_since(self.from);
        let fits = |step: &&u64| span.div_ceil(**step) <= STEPS_MAX;
        STEPS.iter().find(fits).copied().unwrap_or(DAY_MS)
    }
}

/// What was measured in one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Point {
    /// When its first reading was measured.
    pub at: Timestamp,
    /// How many readings.
    pub count: u64,
    /// The lowest.
    pub low: Decimal,
    /// Their mean, to two places.
    pub mean: Decimal,
    /// The highest.
    pub high: Decimal,
}

/// The steps of a time in which something was measured, by time. The readings are of one measure and may come in any order;
/// those outside the time, and those that no living body can have, are passed over.
pub fn trend<'a>(readings: impl IntoIterator<Item = &'a Reading>, span: Span) -> Vec<Point> {
    let counts = |reading: &&Reading| span.contains(reading.at) && reading.is_plausible();
    let mut sorted: Vec<&Reading> = readings.into_iter().filter(counts).collect();
    sorted.sort();
    let step = |reading: &Reading| reading.at.ms_since(span.from) / span.step_ms();
    sorted.chunk_by(|a, b| step(a) == step(b)).filter_map(point).collect()
}

fn point(readings: &[&Reading]) -> Option<Point> {
    let values = || readings.iter().map(|reading| reading.value);
    Some(Point {
        at: readings.first()?.at,
        count: u64::try_from(readings.len()).unwrap_or(u64::MAX),
        low: values().min()?,
        mean: Decimal::mean(values())?,
        high: values().max()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readings::Measure;

    fn reading(at: u64, value: &str) -> Reading {
        Reading {
            at: Timestamp(at),
            measure: Measure::HeartRate,
            device: "strap".to_owned(),
            value: value.parse().unwrap(),
        }
    }

    fn span(days: u64) -> Span {
        Span::new(Timestamp(DAY_MS), Timestamp((1 + days) * DAY_MS)).unwrap()
    }

    #[test]
    fn a_step_holds_the_lowest_the_mean_and_the_highest() {
        let of = [
            reading(DAY_MS + 60_000, "71"),
            reading(DAY_MS, "70"),
            reading(DAY_MS + 120_000, "73"),
            reading(DAY_MS + 15 * MINUTE_MS, "80"),
        ];
        let points = trend(&of, span(1));
        assert_eq!(points.len(), 2);
        let Point { at, count, low, mean, high } = &points[0];
        assert_eq!((at.0, *count), (DAY_MS, 3));
        assert_eq!([low, mean, high].map(ToString::to_string), ["70", "71.33", "73"]);
        assert_eq!((points[1].at.0, points[1].count), (DAY_MS + 15 * MINUTE_MS, 1));
    }

    #[test]
    fn the_end_belongs_to_the_next_and_what_cannot_be_counts_nowhere() {
        let of = [
            reading(DAY_MS - 1, "70"),
            reading(2 * DAY_MS, "70"),
            reading(DAY_MS + 1, "700"),
            reading(2 * DAY_MS - 1, "60"),
        ];
        let points = trend(&of, span(1));
        assert_eq!(points.len(), 1);
        assert_eq!(points[0].high.to_string(), "60");
    }

    #[test]
    fn no_time_has_more_steps_than_can_be_drawn() {
        for (days, step) in [(1, 15 * MINUTE_MS), (7, HOUR_MS), (31, 6 * HOUR_MS), (366, DAY_MS)] {
            assert_eq!(span(days).step_ms(), step, "{days}");
            assert!((days * DAY_MS).div_ceil(step) <= STEPS_MAX);
        }
        let of = |from: u64, until: u64| Span::new(Timestamp(from), Timestamp(until));
        assert!(of(5, 5).is_err() && of(5, 4).is_err());
        assert!(of(0, SPAN_MS_MAX).is_ok() && of(0, SPAN_MS_MAX + 1).is_err());
    }
}
