//! Times as people write and read them, in their own time zone.

use jiff::{SignedDuration, Timestamp, ToSpan as _, civil, tz::TimeZone};
use linli_node::config::{ConfigError, Environment};
use rustix::time::{ClockId, clock_gettime};

use crate::failure::CliError;

/// The time zone of the person at the terminal.
#[derive(Debug, Clone)]
pub(crate) struct Zone(TimeZone);

impl Zone {
    /// `LINLI_TZ`, such as `Asia/Shanghai`, else the machine's.
    pub(crate) fn choose(environment: &Environment) -> Result<Self, ConfigError> {
        match environment.text("LINLI_TZ")? {
            None => Ok(Self(TimeZone::system())),
            Some(name) => TimeZone::get(name).map(Self).map_err(|_| ConfigError::Value {
                origin: "LINLI_TZ".to_owned(),
                what: format!("`{name}` is no time zone: write one such as Asia/Shanghai"),
            }),
        }
    }

    /// Returns the local date and time of a time in milliseconds since the Unix epoch.
    pub(crate) fn show(&self, time_ms: u64) -> String {
        let stamp = i64::try_from(time_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        match stamp {
            Some(stamp) => stamp.to_zoned(self.0.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
            None => time_ms.to_string(),
        }
    }

    /// As [`Self::show`], with a dash for a time that is not known.
    pub(crate) fn show_known(&self, time_ms: Option<u64>) -> String {
        time_ms.map_or_else(|| "–".to_owned(), |time_ms| self.show(time_ms))
    }

    /// Returns the last local day before an end, where it ends with a day; else its date and time.
    pub(crate) fn show_end(&self, end_ms: u64) -> String {
        let stamp = |ms: u64| {
            let stamp = Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok()?;
            Some(stamp.to_zoned(self.0.clone()))
        };
        let last = end_ms.checked_sub(1).and_then(stamp);
        match (last, stamp(end_ms)) {
            (Some(last), Some(end)) if last.date() != end.date() => last.date().to_string(),
            (_, _) => self.show(end_ms),
        }
    }

    /// Returns the beginning of a local day such as `2027-06-30`, in milliseconds since the Unix epoch.
    pub(crate) fn start_of(&self, day: &str) -> Result<u64, CliError> {
        let wrong = || CliError::Value { value: day.to_owned(), example: "2027-06-30" };
        let date: civil::Date = day.parse().map_err(|_| wrong())?;
        let zoned = date.to_zoned(self.0.clone()).map_err(|_| wrong())?;
        u64::try_from(zoned.timestamp().as_millisecond()).map_err(|_| wrong())
    }

    /// Returns the end of a local day such as `2027-06-30`, in milliseconds since the Unix epoch.
    pub(crate) fn end_of(&self, day: &str) -> Result<u64, CliError> {
        let wrong = || CliError::Value { value: day.to_owned(), example: "2027-06-30" };
        let date: civil::Date = day.parse().map_err(|_| wrong())?;
        let next = date.tomorrow().map_err(|_| wrong())?;
        let zoned = next.to_zoned(self.0.clone()).map_err(|_| wrong())?;
        u64::try_from(zoned.timestamp().as_millisecond()).map_err(|_| wrong())
    }

    /// Returns the first and the next beginning of a local day, month or year: `2026-03-01`, `2026-03` or `2026`.
    pub(crate) fn span_of(&self, text: &str) -> Result<(u64, u64), CliError> {
        let wrong = || CliError::Value { value: text.to_owned(), example: "2026-03" };
        let (first, step) = match text.len() {
            4 => (format!("{text}-01-01"), 1.year()),
            7 => (format!("{text}-01"), 1.month()),
            _ => (text.to_owned(), 1.day()),
        };
        let first: civil::Date = first.parse().map_err(|_| wrong())?;
        let next = first.checked_add(step).map_err(|_| wrong())?;
        let begin = |date: civil::Date| {
            let zoned = date.to_zoned(self.0.clone()).map_err(|_| wrong())?;
            u64::try_from(zoned.timestamp().as_millisecond()).map_err(|_| wrong())
        };
        Ok((begin(first)?, begin(next)?))
    }

    /// Reads `2026-03-01T08:30:00Z`, or the same without a zone for local time.
    pub(crate) fn time_of(&self, text: &str) -> Result<u64, CliError> {
        let wrong = || CliError::Value { value: text.to_owned(), example: "2026-03-01T08:30:00" };
        let stamp = text.parse::<Timestamp>().or_else(|_| {
            let local: civil::DateTime = text.parse()?;
            local.to_zoned(self.0.clone()).map(|zoned| zoned.timestamp())
        });
        u64::try_from(stamp.map_err(|_| wrong())?.as_millisecond()).map_err(|_| wrong())
    }
}

/// The time in milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0)
}

/// The milliseconds since the machine was started, by a clock that is never set and counts sleep too.
pub(crate) fn since_boot_ms() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    let ms = time.tv_sec.saturating_mul(1_000).saturating_add(time.tv_nsec / 1_000_000);
    u64::try_from(ms).unwrap_or(0)
}

/// Reads a duration such as `10m` or `1h 30m` as whole seconds, at least one.
pub(crate) fn seconds_of(text: &str) -> Result<u64, CliError> {
    let wrong = || CliError::Value { value: text.to_owned(), example: "10m" };
    let duration: SignedDuration = text.parse().map_err(|_| wrong())?;
    u64::try_from(duration.as_secs()).ok().filter(|seconds| *seconds > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shanghai() -> Zone {
        Zone::choose(&Environment::of(&[("LINLI_TZ", "Asia/Shanghai")])).unwrap()
    }

    #[test]
    fn a_day_a_month_and_a_year_end_where_the_next_begins() {
        let zone = shanghai();
        for (text, first, next) in [
            ("2024-02-29", "2024-02-29", "2024-03-01"),
            ("2024-12", "2024-12-01", "2025-01-01"),
            ("2024", "2024-01-01", "2025-01-01"),
        ] {
            let span = (zone.start_of(first).unwrap(), zone.start_of(next).unwrap());
            assert_eq!(zone.span_of(text).unwrap(), span, "{text}");
        }
        for wrong in ["", "24", "2024-13", "2023-02-29", "9999", "1969"] {
            assert!(zone.span_of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_shown_and_read_in_the_chosen_zone() {
        let zone = shanghai();
        assert_eq!(zone.show(0), "1970-01-01 08:00:00");
        assert_eq!(zone.show(u64::MAX), u64::MAX.to_string());
        assert_eq!(zone.show_known(None), "–");
        assert_eq!(zone.time_of("1970-01-01T08:00:01").unwrap(), 1_000);
        assert_eq!(zone.time_of("1970-01-01T00:00:01Z").unwrap(), 1_000);
        assert_eq!(zone.end_of("1970-01-01").unwrap(), 16 * 3_600_000);
        assert_eq!(zone.show_end(zone.end_of("2027-06-30").unwrap()), "2027-06-30");
        assert_eq!(zone.show_end(zone.end_of("2027-06-30").unwrap() - 1), "2027-06-30 23:59:59");
        assert_eq!(zone.show_end(0), "1970-01-01 08:00:00");
        assert_eq!(zone.start_of("1970-01-02").unwrap(), 16 * 3_600_000);
        for wrong in ["tomorrow", "1969-12-01", "2027-02-30", ""] {
            assert!(zone.end_of(wrong).is_err(), "{wrong}");
            assert!(zone.time_of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_zone_that_is_none_is_refused() {
        let error = Zone::choose(&Environment::of(&[("LINLI_TZ", "Asia/Nowhere")])).unwrap_err();
        assert!(error.to_string().contains("Asia/Shanghai"), "{error}");
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(seconds_of("10m").unwrap(), 600);
        assert_eq!(seconds_of("1h 30m").unwrap(), 5_400);
        for wrong in ["", "10", "-5m", "0s", "soon"] {
            assert!(seconds_of(wrong).is_err(), "{wrong}");
        }
    }
}
