//! Dates of birth, complete or not.

use jiff::civil::Date;

use crate::national_id::half_width;

/// A date of birth as far as it is known: a day, a month or a year.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Birth {
    year: i16,
    month: Option<i8>,
    day: Option<i8>,
}

impl std::fmt::Debug for Birth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Birth").finish_non_exhaustive()
    }
}

impl Birth {
    /// A day that is certain.
    pub fn day(date: Date) -> Self {
        Self { year: date.year(), month: Some(date.month()), day: Some(date.day()) }
    }

    /// Reads a day as [`crate::dates::parse`] does, a month (`1949-12`, `1949.12`, `1949年12月`) or a year (`1949`,
    /// `1949年`); none for other texts. The first of January is a year: offices write it when they know no more.
    pub fn read(text: &str) -> Option<Self> {
        if let Ok(date) = crate::dates::parse(text) {
            let year_only = date.month() == 1 && date.day() == 1;
            let year = Self { year: date.year(), month: None, day: None };
            return Some(if year_only { year } else { Self::day(date) });
        }
        let text: String = text.trim().chars().map(half_width).take(12).collect();
        let mut parts = text.split(['年', '月', '-', '.', '/']).filter(|part| !part.is_empty());
        let year = parts.next().filter(|year| year.len() == 4 && digits(year))?;
        let month = parts.next();
        if parts.next().is_some() {
            return None;
        }
        let month = match month {
            None => None,
            Some(month) if digits(month) => {
                Some(month.parse::<i8>().ok().filter(|month| (1..=12).contains(month))?)
            }
            Some(_) => return None,
        };
        Some(Self { year: year.parse().ok()?, month, day: None })
    }

    /// The year.
    pub fn year(self) -> i16 {
        self.year
    }

    /// Month and day, where both are known.
    pub fn month_day(self) -> Option<(i8, i8)> {
        self.month.zip(self.day)
    }

    /// The month, where it is known.
    pub fn month(self) -> Option<i8> {
        self.month
    }

    /// Whether it is less than a day.
    pub fn is_vague(self) -> bool {
        self.month_day().is_none()
    }

    /// The eight digits of a complete date.
    pub(super) fn digits(self) -> Option<Vec<u8>> {
        let (month, day) = self.month_day()?;
        Some(format!("{:04}{month:02}{day:02}", self.year).into_bytes())
    }
}

fn digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_days_months_and_years() {
        let day = Birth::read("1949年12月31日").unwrap();
        assert_eq!((day.year(), day.month_day()), (1949, Some((12, 31))));
        for text in ["1949-12", "1949.12", "1949年12月", "１９４９／１２"] {
            let month = Birth::read(text).unwrap();
            assert_eq!((month.year(), month.month(), month.month_day()), (1949, Some(12), None));
        }
        for text in ["1949", "1949年", "1949-01-01", "1949.1.1"] {
            let year = Birth::read(text).unwrap();
            assert_eq!((year.year(), year.month(), year.is_vague()), (1949, None, true), "{text}");
        }
        for text in ["", "49", "1949-13", "1949-2-30", "not known", "1949-x"] {
            assert_eq!(Birth::read(text), None, "{text}");
        }
    }
}
