//! Points in time, calendar dates and months; the only place that talks to `jiff`, beside [`crate::dates`].

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::{Offset as JiffOffset, TimeZone};
use serde::{Deserialize, Serialize};

pub use jiff::civil::Date;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

/// One minute in milliseconds.
pub const MINUTE_MS: u64 = 60_000;
/// One hour in milliseconds.
pub const HOUR_MS: u64 = 60 * MINUTE_MS;
/// One day in milliseconds.
pub const DAY_MS: u64 = 24 * HOUR_MS;

/// Why a time could not be read or shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// The text is no time of the expected form.
    #[error("this is no time of the form {expected}: correct it and try again")]
    Unreadable {
        /// The form that was expected.
        expected: &'static str,
    },
    /// The time lies before 1970 or after the year 9999.
    #[error("the time lies outside 1970 to 9999: check the device's clock")]
    OutOfRange,
}

/// A fixed offset from UTC in minutes. China keeps +08:00 all the year round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Offset(pub i16);

impl Offset {
    /// +08:00.
    pub const CHINA: Self = Self(8 * 60);
    /// UTC itself.
    pub const UTC: Self = Self(0);

    fn zone(self) -> Result<TimeZone, TimeError> {
        JiffOffset::from_seconds(i32::from(self.0) * 60)
            .map(TimeZone::fixed)
            .map_err(|_| TimeError::OutOfRange)
    }
}

impl Timestamp {
    /// This time and `ms` milliseconds, at most the largest time there is.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds since `earlier`, or 0 when that is later.
    pub fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    fn jiff(self) -> Result<jiff::Timestamp, TimeError> {
        let ms = i64::try_from(self.0).map_err(|_| TimeError::OutOfRange)?;
        jiff::Timestamp::from_millisecond(ms).map_err(|_| TimeError::OutOfRange)
    }

    fn from_jiff(time: jiff::Timestamp) -> Result<Self, TimeError> {
        u64::try_from(time.as_millisecond()).map(Self).map_err(|_| TimeError::OutOfRange)
    }

    /// Formats as RFC 3339 in UTC with milliseconds: `2024-01-01T09:18:00.000Z`.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] after the year 9999.
    pub fn rfc3339(self) -> Result<String, TimeError> {
        Ok(format!("{:.3}", self.jiff()?))
    }

    /// Reads an RFC 3339 time, any offset.
    ///
    /// # Errors
    /// [`TimeError::Unreadable`] for another form, [`TimeError::OutOfRange`] before 1970.
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimeError> {
        let time = text
            .parse::<jiff::Timestamp>()
            .map_err(|_| TimeError::Unreadable { expected: "2024-01-01T09:18:00Z" })?;
        Self::from_jiff(time)
    }

    /// Reads a device's wall-clock time `2024-01-01 17:18:00` at the given offset.
    ///
    /// # Errors
    /// [`TimeError::Unreadable`] for another form or an impossible time, [`TimeError::OutOfRange`] before 1970.
    pub fn parse_local(text: &str, offset: Offset) -> Result<Self, TimeError> {
        let civil = text
            .parse::<DateTime>()
            .map_err(|_| TimeError::Unreadable { expected: "2024-01-01 17:18:00" })?;
        Self::of_device(DeviceTime(civil), offset)
    }

    /// The point in time of a device's wall clock at the given offset.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] before 1970.
    pub fn of_device(time: DeviceTime, offset: Offset) -> Result<Self, TimeError> {
        let zoned = time.0.to_zoned(offset.zone()?).map_err(|_| TimeError::OutOfRange)?;
        Self::from_jiff(zoned.timestamp())
    }

    /// The calendar date at the given offset.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] after the year 9999.
    pub fn date(self, offset: Offset) -> Result<Date, TimeError> {
        Ok(self.jiff()?.to_zoned(offset.zone()?).date())
    }
}

/// What a device's clock shows: date and time of day to the second, without an offset. Serialises as
/// `2024-01-01T17:18:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct DeviceTime(DateTime);

impl DeviceTime {
    /// A year (1582 to 9999, as devices may send), a month and a day from 1, and the time of day.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] for a date or time that does not exist.
    pub fn new(
        year: u16,
        month_day: [u8; 2],
        hour_minute_second: [u8; 3],
    ) -> Result<Self, TimeError> {
        let part = |value: u8| i8::try_from(value).map_err(|_| TimeError::OutOfRange);
        let ([month, day], [hour, minute, second]) = (month_day, hour_minute_second);
        if !(1582..=9999).contains(&year) {
            return Err(TimeError::OutOfRange);
        }
        let year = i16::try_from(year).map_err(|_| TimeError::OutOfRange)?;
        DateTime::new(year, part(month)?, part(day)?, part(hour)?, part(minute)?, part(second)?, 0)
            .map(Self)
            .map_err(|_| TimeError::OutOfRange)
    }

    /// This time and `minutes`, which may be negative.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] after the year 9999.
    pub fn plus_minutes(self, minutes: i16) -> Result<Self, TimeError> {
        self.0
            .checked_add(SignedDuration::from_mins(i64::from(minutes)))
            .map(Self)
            .map_err(|_| TimeError::OutOfRange)
    }
}

impl std::fmt::Display for DeviceTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A calendar month, written `2024-01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: i16,
    month: i8,
}

impl Month {
    /// The month of a time, counted in UTC so that every node names the same document.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] after the year 9999.
    pub fn of(time: Timestamp) -> Result<Self, TimeError> {
        let date = time.date(Offset::UTC)?;
        Ok(Self { year: date.year(), month: date.month() })
    }
}

impl Month {
    /// Whether the month has an instant from `from` up to and without `until`.
    pub fn overlaps(self, from: Timestamp, until: Timestamp) -> bool {
        let last = Timestamp(until.0.saturating_sub(1));
        let begins = Self::of(from).is_ok_and(|first| first <= self);
        begins && from < until && Self::of(last).map_or(true, |last| self <= last)
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl std::str::FromStr for Month {
    type Err = TimeError;

    /// Reads `2024-01`, nothing looser: a month names a document, which must have one name only.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let unreadable = TimeError::Unreadable { expected: "2024-01" };
        let date = format!("{text}-01").parse::<Date>().map_err(|_| unreadable.clone())?;
        let month = Self { year: date.year(), month: date.month() };
        if date.year() < 0 || month.to_string() != text { Err(unreadable) } else { Ok(month) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_and_reads_back() {
        let time = Timestamp(1_704_100_680_000);
        assert_eq!(time.rfc3339().unwrap(), "2024-01-01T09:18:00.000Z");
        assert_eq!(Timestamp::parse_rfc3339("2024-01-01T09:18:00.000Z"), Ok(time));
        assert_eq!(Timestamp::parse_local("2024-01-01 17:18:00", Offset::CHINA), Ok(time));
    }

    #[test]
    fn a_device_shows_a_time_without_an_offset() {
        let time = DeviceTime::new(2024, [1, 1], [17, 18, 0]).unwrap();
        assert_eq!(time.to_string(), "2024-01-01T17:18:00");
        assert_eq!(serde_json::to_string(&time).unwrap(), "\"2024-01-01T17:18:00\"");
        assert_eq!(Timestamp::of_device(time, Offset::CHINA), Ok(Timestamp(1_704_100_680_000)));
        assert_eq!(
            time.plus_minutes(-18 - 17 * 60 - 1),
            DeviceTime::new(2023, [12, 31], [23, 59, 0])
        );
        let last = DeviceTime::new(9999, [12, 31], [23, 59, 59]).unwrap();
        assert_eq!(last.plus_minutes(1), Err(TimeError::OutOfRange));
        for (year, date, day) in [
            (2023, [2, 29], [0, 0, 0]),
            (2024, [13, 1], [0, 0, 0]),
            (2024, [0, 1], [0, 0, 0]),
            (2024, [1, 1], [24, 0, 0]),
            (2024, [1, 1], [0, 0, 60]),
            (2024, [1, 255], [0, 0, 0]),
            (1581, [1, 1], [0, 0, 0]),
            (10_000, [1, 1], [0, 0, 0]),
        ] {
            assert_eq!(DeviceTime::new(year, date, day), Err(TimeError::OutOfRange));
        }
    }

    #[test]
    fn a_date_depends_on_the_offset() {
        let time = Timestamp::parse_rfc3339("2024-01-31T20:00:00Z").unwrap();
        assert_eq!(time.date(Offset::UTC).unwrap().to_string(), "2024-01-31");
        assert_eq!(time.date(Offset::CHINA).unwrap().to_string(), "2024-02-01");
        assert_eq!(Month::of(time).unwrap().to_string(), "2024-01");
    }

    #[test]
    fn a_month_overlaps_what_has_an_instant_of_it() {
        let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
        let month: Month = "2024-02".parse().unwrap();
        let begin = at("2024-02-01T00:00:00Z");
        let end = at("2024-03-01T00:00:00Z");
        assert!(month.overlaps(begin, Timestamp(begin.0 + 1)));
        assert!(!month.overlaps(Timestamp(0), begin));
        assert!(month.overlaps(Timestamp(end.0 - 1), Timestamp(u64::MAX)));
        assert!(!month.overlaps(end, Timestamp(u64::MAX)));
        assert!(!month.overlaps(begin, begin));
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in ["2024-1", "2024-13", "2024-00", "-001-01", "2024-01-", "２０２４-01", ""] {
            assert!(text.parse::<Month>().is_err(), "{text}");
        }
        assert!(Timestamp::parse_local("2024-02-30 00:00:00", Offset::CHINA).is_err());
        assert_eq!(Timestamp::parse_rfc3339("1969-12-31T23:59:59Z"), Err(TimeError::OutOfRange));
        assert_eq!(Timestamp(u64::MAX).rfc3339(), Err(TimeError::OutOfRange));
    }
}
