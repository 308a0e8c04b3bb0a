//! Seconds since 1970 as the days and moments that people write, in UTC.

use chrono::{DateTime, NaiveDate, Utc};

/// The last second of the year 9999: the last that four digits can name.
pub const LAST_SECOND: u64 = 253_402_300_799;

/// `2026-11-27`; `None` beyond [`LAST_SECOND`].
#[must_use]
pub fn date(seconds: u64) -> Option<String> {
    moment(seconds).map(|moment| moment.format("%Y-%m-%d").to_string())
}

/// `2026-11-27T19:54:44Z`, as RFC 3339 and ISO 8601 have it; `None` beyond [`LAST_SECOND`].
#[must_use]
pub fn timestamp(seconds: u64) -> Option<String> {
    moment(seconds).map(|moment| moment.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// Whether a text is a day of the calendar as [`date`] writes it.
#[must_use]
pub fn is_date(text: &str) -> bool {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d");
    day.is_ok_and(|day| day.format("%Y-%m-%d").to_string() == text)
}

fn moment(seconds: u64) -> Option<DateTime<Utc>> {
    let seconds = i64::try_from(seconds).ok().filter(|_| seconds <= LAST_SECOND)?;
    DateTime::from_timestamp(seconds, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_system_tool() {
        // date -u -d @SECONDS +%FT%TZ
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_795_809_284, "2026-11-27T19:54:44Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (LAST_SECOND, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(timestamp(seconds).as_deref(), Some(expected));
            assert_eq!(date(seconds).as_deref(), expected.get(..10));
        }
        for seconds in [LAST_SECOND + 1, u64::MAX] {
            assert_eq!((date(seconds), timestamp(seconds)), (None, None));
        }
    }

    #[test]
    fn a_date_is_a_day_of_the_calendar() {
        for good in ["2026-11-27", "2000-02-29", "1970-01-01"] {
            assert!(is_date(good), "{good}");
        }
        let bad = ["", "2026-13-01", "2026-1-1", "27.11.2026", "2026-11-27T00:00", "2026-00-10"];
        for bad in bad.into_iter().chain(["2026-02-31", "2100-02-29", " 2026-11-27", "+2026-11-27"])
        {
            assert!(!is_date(bad), "{bad}");
        }
    }
}
