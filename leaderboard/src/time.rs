//! Moments of entries. One beyond the year 9999 is refused when an entry is read, so every moment here has a date.

use retally_reports::calendar;

pub(crate) use retally_reports::calendar::LAST_SECOND;

/// `2026-11-27` of seconds since 1970.
pub(crate) fn date(seconds: u64) -> String {
    calendar::date(seconds).unwrap_or_else(|| beyond(seconds))
}

/// `2026-11-27T19:54:44Z` of seconds since 1970, as RFC 3339 has it.
pub(crate) fn timestamp(seconds: u64) -> String {
    calendar::timestamp(seconds).unwrap_or_else(|| beyond(seconds))
}

fn beyond(seconds: u64) -> String {
    format!("second {seconds} since 1970")
}
