//! Seconds since 1970 as ISO 8601, in UTC.

/// `2026-11-27T19:52:58Z`; `None` beyond the year 9999, which the form cannot write.
pub(super) fn iso_8601(seconds: u64) -> Option<String> {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    (year <= 9_999)
        .then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
}

/// Year, month and day of the Gregorian calendar, `days` after 1 January 1970.
///
/// Years are counted from March, so that the leap day is a year's last one; 400 years have 146,097 days.
fn date(days: u64) -> (u64, u64, u64) {
    let since_march_of_year_0 = days.saturating_add(719_468);
    let (era, day_of_era) = (since_march_of_year_0 / 146_097, since_march_of_year_0 % 146_097);
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months from March have 31, 30, 31, 30, 31 days again and again: 153 in five.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era.saturating_mul(400).saturating_add(year_of_era) + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `date -u -d @SECONDS +%Y-%m-%dT%H:%M:%SZ`
    #[test]
    fn times_are_those_of_the_system_tool() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_795_809_178, "2026-11-27T19:52:58Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(iso_8601(seconds).as_deref(), Some(expected));
        }
        assert_eq!(iso_8601(253_402_300_800), None);
        assert_eq!(iso_8601(u64::MAX), None);
    }

    #[test]
    fn each_day_follows_the_one_before() {
        let mut previous = date(0);
        for days in 1..400 * 366 {
            let next = date(days);
            let (year, month, day) = previous;
            let length = match month {
                2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            let expected = match (month, day) {
                (12, 31) => (year + 1, 1, 1),
                (_, day) if day == length => (year, month + 1, 1),
                _ => (year, month, day + 1),
            };
            assert_eq!(next, expected);
            previous = next;
        }
    }
}
