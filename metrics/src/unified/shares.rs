//! Shares of right answers as measurements.

use crate::statistics::wilson_interval;
use crate::{Absence, AbsenceReason, Finite, Interval, Measurement, Unit};

/// Nominal coverage.
const LEVEL: f64 = 0.95;

/// `part` of `whole` in percent with Wilson's interval; absent if there is nothing to divide by.
pub(super) fn percent(
    metric: impl Into<String>,
    (part, whole): (u64, u64),
    method: &str,
    whole_in_words: &str,
) -> Measurement {
    if whole == 0 {
        let absence = Absence::new(
            AbsenceReason::Undefined,
            format!("there are no {whole_in_words} to divide by"),
        );
        return Measurement::absent(metric, Unit::Percent, 0, method, absence);
    }
    Measurement::of(metric, 100.0 * part as f64 / whole as f64, Unit::Percent, whole, method)
        .with_interval(
            wilson_interval(part, whole, LEVEL).and_then(|interval| scaled(&interval, 100.0)),
        )
}

/// An interval in another unit.
pub(super) fn scaled(interval: &Interval, factor: f64) -> Option<Interval> {
    Some(Interval {
        low: Finite::new(interval.low.get() * factor)?,
        high: Finite::new(interval.high.get() * factor)?,
        ..interval.clone()
    })
}
