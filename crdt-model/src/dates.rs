//! Calendar dates as offices write them.

use jiff::civil::Date;

/// Why a text is no date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DateError {
    /// The text has none of the known forms.
    #[error("this is no date: write 2024-01-02, 2024.1.2, 2024年1月2日 or 20240102")]
    Form,
    /// The form is right, the day does not exist.
    #[error("there is no such day in the calendar: check year, month and day")]
    Impossible,
}

/// Reads `2024-01-02`, `2024.1.2`, `2024/1/2`, `2024年1月2日` or `20240102`; full-width digits are read as digits.
///
/// # Errors
/// [`DateError::Form`] for other forms, [`DateError::Impossible`] for days that do not exist.
pub fn parse(text: &str) -> Result<Date, DateError> {
    let text: String = text.trim().chars().map(crate::national_id::half_width).collect();
    let (year, month, day) = split(&text).ok_or(DateError::Form)?;
    let number = |part: &str, digits: std::ops::RangeInclusive<usize>| {
        let plain = digits.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if plain { part.parse::<i16>().map_err(|_| DateError::Form) } else { Err(DateError::Form) }
    };
    let year = number(year, 4..=4)?;
    let month = i8::try_from(number(month, 1..=2)?).map_err(|_| DateError::Form)?;
    let day = i8::try_from(number(day, 1..=2)?).map_err(|_| DateError::Form)?;
    Date::new(year, month, day).map_err(|_| DateError::Impossible)
}

fn split(text: &str) -> Option<(&str, &str, &str)> {
    if let Some((year, rest)) = text.split_once('年') {
        let (month, day) = rest.split_once('月')?;
        return Some((year, month, day.strip_suffix('日').unwrap_or(day)));
    }
    for separator in ['-', '.', '/'] {
        if let Some((year, rest)) = text.split_once(separator) {
            let (month, day) = rest.split_once(separator)?;
            return Some((year, month, day));
        }
    }
    (text.len() == 8).then(|| Some((text.get(..4)?, text.get(4..6)?, text.get(6..)?)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form() {
        for text in [
            "2024-01-02",
            "2024.1.2",
            "2024/1/2",
            "2024年1月2日",
            "2024年01月02日",
            "20240102",
            " ２０２４.１.２ ",
        ] {
            assert_eq!(parse(text).map(|d| d.to_string()), Ok("2024-01-02".to_owned()), "{text}");
        }
    }

    #[test]
    fn refuses_impossible_days_and_other_forms() {
        for text in ["2023-02-29", "2024-13-01", "2024.0.1", "20240230", "1900年2月29日"] {
            assert_eq!(parse(text), Err(DateError::Impossible), "{text}");
        }
        for text in [
            "",
            "2024",
            "24-1-2",
            "2024-1",
            "2024-1-2-3",
            "2024年1日",
            "202401023",
            "中文中文中文中文",
            "+024-1-2",
            "二〇二四年一月二日",
        ] {
            assert_eq!(parse(text), Err(DateError::Form), "{text}");
        }
    }
}
