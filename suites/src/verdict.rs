//! Bands and verdicts of single cells.
//!
//! A band is the sum of three half-widths that are kept apart: print rounding, our numeric budget, and sampling. Let
//! d = |measured - printed|:
//!
//! | verdict | when |
//! |---|---|
//! | identical | the measured value shows the same printed digits |
//! | within-numeric | d <= print rounding + numeric |
//! | within-sampling | d <= print rounding + numeric + sampling |
//! | outside-better, outside-worse | otherwise, by the metric's direction; better is no pass |
//!
//! Digits that we read off a figure were never printed: such a cell is at best within-numeric.

use crate::cells::Cell;
use crate::evaluation::{Band, Direction, Provenance, Verdict};
use crate::printed::PrintedNumber;
use crate::schema::{Metric, NumericBudget, Sampling};
use retally_metrics::Measurement;

/// What a measured value is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The printed number.
    pub number: &'a PrintedNumber,
    /// How it came to us.
    pub provenance: Provenance,
    /// Whether the source cuts digits off instead of rounding them (or may do so).
    pub is_truncated: bool,
    /// Which way is better.
    pub direction: Direction,
}

/// The band of a printed cell of a metric with a numeric budget.
#[must_use]
pub fn band(
    cell: &Cell,
    is_truncated: bool,
    metric: &Metric,
    numeric: &NumericBudget,
    measured: Option<&Measurement>,
) -> Band {
    let (print_rounding, print_reason) = print_half_width(cell, is_truncated);
    let sampling = measured
        .filter(|_| metric.sampling == Sampling::MeasurementInterval)
        .and_then(interval_half_width);
    let sampling_reason = match (metric.sampling, sampling.is_some()) {
        (Sampling::None, _) => "sampling: none, the value depends on no sample",
        (Sampling::MeasurementInterval, true) => {
            "sampling: the larger half of the measurement's interval"
        }
        (Sampling::MeasurementInterval, false) => "sampling: unknown, no interval was measured",
    };
    let reason = format!("print: {print_reason}; numeric: {}; {sampling_reason}", numeric.reason);
    Band { print_rounding, numeric: *numeric.budget.get_ref(), sampling, reason }
}

fn print_half_width(cell: &Cell, is_truncated: bool) -> (f64, &'static str) {
    if cell.provenance == Provenance::Digitised {
        (cell.half_width(), "digitising tolerance")
    } else if is_truncated {
        (cell.number.last_digit_unit(), "one unit of the last digit, the source cuts digits off")
    } else {
        (cell.half_width(), "half a unit of the last digit")
    }
}

/// Distance from the value to the farther end of its interval.
fn interval_half_width(measured: &Measurement) -> Option<f64> {
    let (value, interval) = (measured.value()?, measured.interval()?);
    Some((interval.high.get() - value).max(value - interval.low.get()).max(0.0))
}

/// The verdict on a measured value in the unit of the printed one.
#[must_use]
pub fn judge(claim: Claim<'_>, band: &Band, measured: f64) -> Verdict {
    if shows_printed_digits(claim, measured) {
        return Verdict::Identical;
    }
    let printed = claim.number.value();
    let distance = (measured - printed).abs();
    // Decimal numbers and their differences are rounded to binary: a distance of exactly the band must stay inside.
    let slack = 4.0 * f64::EPSILON * measured.abs().max(printed.abs());
    let numeric = band.print_rounding + band.numeric + slack;
    if distance <= numeric {
        Verdict::WithinNumeric
    } else if distance <= numeric + band.sampling.unwrap_or(0.0) {
        Verdict::WithinSampling
    } else if is_better(claim.direction, measured, printed) {
        Verdict::OutsideBetter
    } else {
        Verdict::OutsideWorse
    }
}

/// Whether both show the same digits. Where a source may have cut digits off, we cannot know which of rounding and cutting
/// made this cell, so either counts.
fn shows_printed_digits(claim: Claim<'_>, measured: f64) -> bool {
    let was_printed = claim.provenance != Provenance::Digitised;
    let is_cut = claim.is_truncated && claim.number.is_truncation_of(measured);
    was_printed && (is_cut || claim.number.is_rounding_of(measured))
}

fn is_better(direction: Direction, measured: f64, printed: f64) -> bool {
    match direction {
        Direction::HigherIsBetter => measured > printed,
        Direction::LowerIsBetter => measured < printed,
        Direction::Neutral => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::read_cells;
    use crate::schema::Definition;
    use proptest::prelude::*;
    use retally_metrics::{Finite, Interval, Unit};

    fn number(text: &str) -> PrintedNumber {
        PrintedNumber::parse(text).unwrap()
    }

    fn judged(
        text: &str,
        direction: Direction,
        widths: (f64, f64, Option<f64>),
        measured: f64,
    ) -> Verdict {
        let (print_rounding, numeric, sampling) = widths;
        let band = Band { print_rounding, numeric, sampling, reason: String::new() };
        let number = number(text);
        let claim = Claim {
            number: &number,
            provenance: Provenance::Reported,
            is_truncated: false,
            direction,
        };
        judge(claim, &band, measured)
    }

    #[test]
    fn every_verdict_is_reached_and_bands_include_their_ends() {
        use Direction::{HigherIsBetter, LowerIsBetter, Neutral};
        use Verdict::{Identical, OutsideBetter, OutsideWorse, WithinNumeric, WithinSampling};
        let widths = (0.05, 0.01, Some(0.2));
        let cases = [
            (19.3, LowerIsBetter, Identical),
            (19.349, LowerIsBetter, Identical),
            (19.251, LowerIsBetter, Identical),
            // 19.35 as a double lies above the tie and rounds to 19.4.
            (19.35, LowerIsBetter, WithinNumeric),
            (19.36, LowerIsBetter, WithinNumeric),
            (19.24, LowerIsBetter, WithinNumeric),
            (19.3601, LowerIsBetter, WithinSampling),
            (19.56, LowerIsBetter, WithinSampling),
            (19.04, LowerIsBetter, WithinSampling),
            (19.5601, LowerIsBetter, OutsideWorse),
            (19.0399, LowerIsBetter, OutsideBetter),
            (19.5601, HigherIsBetter, OutsideBetter),
            (19.0399, HigherIsBetter, OutsideWorse),
            (19.5601, Neutral, OutsideWorse),
            (19.0399, Neutral, OutsideWorse),
        ];
        for (measured, direction, expected) in cases {
            assert_eq!(
                judged("19.3", direction, widths, measured),
                expected,
                "{measured} {direction:?}"
            );
        }
    }

    #[test]
    fn without_a_sampling_part_there_is_no_within_sampling() {
        assert_eq!(
            judged("19.3", Direction::LowerIsBetter, (0.05, 0.0, None), 19.36),
            Verdict::OutsideWorse
        );
    }

    #[test]
    fn a_source_that_truncates_has_a_wider_and_digit_aware_band() {
        let number = number("16.9");
        let claim = |is_truncated| Claim {
            number: &number,
            provenance: Provenance::Reported,
            is_truncated,
            direction: Direction::LowerIsBetter,
        };
        let band =
            Band { print_rounding: 0.1, numeric: 0.002, sampling: None, reason: String::new() };
        // Table 2 prints 16.96 where Table 4 prints 16.9.
        assert_eq!(judge(claim(true), &band, 16.96), Verdict::Identical);
        assert_eq!(judge(claim(true), &band, 16.87), Verdict::Identical);
        assert_eq!(judge(claim(true), &band, 17.001), Verdict::WithinNumeric);
        assert_eq!(judge(claim(true), &band, 17.01), Verdict::OutsideWorse);
        assert_eq!(judge(claim(false), &band, 16.96), Verdict::WithinNumeric);
    }

    #[test]
    fn digitised_digits_are_never_identical() {
        let number = number("0.0850");
        let claim = Claim {
            number: &number,
            provenance: Provenance::Digitised,
            is_truncated: false,
            direction: Direction::HigherIsBetter,
        };
        let band =
            Band { print_rounding: 0.0002, numeric: 0.0, sampling: None, reason: String::new() };
        assert_eq!(judge(claim, &band, 0.0850), Verdict::WithinNumeric);
        assert_eq!(judge(claim, &band, 0.0852), Verdict::WithinNumeric);
        assert_eq!(judge(claim, &band, 0.0853), Verdict::OutsideBetter);
    }

    const DEFINITION: &str = r#"
schema = 1
id = "s"
name = "S"
version = 1
summary = ""
[[protocol]]
id = "p"
method = "m"
dataset = "d"
summary = ""
[[metric]]
key = "LDS"
label = "LDS"
units = ["none"]
direction = "higher-is-better"
protocol = "p"
numeric = { budget = 0.001, reason = "float32 features" }
"#;

    fn cell(line: &str) -> Cell {
        let text = format!("table,row,column,value,unit,provenance,source,note\n{line}\n");
        read_cells("cells.csv", &text).unwrap().remove(0)
    }

    fn band_of(line: &str, is_truncated: bool, measured: Option<&Measurement>) -> Band {
        let definition = Definition::parse("suite.toml", DEFINITION).unwrap();
        let metric = &definition.metrics[0];
        band(&cell(line), is_truncated, metric, metric.numeric.as_ref().unwrap(), measured)
    }

    #[test]
    fn widths_come_from_the_text_the_note_and_the_interval() {
        let printed = "t,r,LDS,0.10,none,reported,s,";
        assert_eq!(band_of(printed, false, None).print_rounding, 0.005);
        assert_eq!(band_of(printed, true, None).print_rounding, 0.01);
        let digitised = "t,r,LDS,0.0850,none,digitised,s,tol=0.0002; encoder=unknown";
        assert_eq!(band_of(digitised, false, None).print_rounding, 0.0002);
        assert_eq!(band_of(printed, false, None).sampling, None);

        let interval = Interval {
            low: Finite::new(0.09).unwrap(),
            high: Finite::new(0.13).unwrap(),
            level: 0.95,
            method: "student-t".to_owned(),
        };
        let measured =
            Measurement::of("LDS", 0.1, Unit::None, 10, "").with_interval(Some(interval));
        let band = band_of(printed, false, Some(&measured));
        assert!((band.sampling.unwrap() - 0.03).abs() < 1e-15);
        assert_eq!(band.numeric, 0.001);
        assert!(band.reason.contains("float32 features"), "{}", band.reason);
    }

    /// From best to worst; both outside verdicts are equally far.
    fn rank(verdict: Verdict) -> u8 {
        match verdict {
            Verdict::Identical => 0,
            Verdict::WithinNumeric => 1,
            Verdict::WithinSampling => 2,
            _ => 3,
        }
    }

    proptest! {
        #[test]
        fn a_larger_distance_never_has_a_better_verdict(
            hundredths in -10_000_i32..10_000,
            near in 0.0_f64..2.0,
            further in 0.0_f64..2.0,
            numeric in 0.0_f64..0.1,
            sampling in proptest::option::of(0.0_f64..0.5),
            upwards: bool,
        ) {
            let text = format!("{:.2}", f64::from(hundredths) / 100.0);
            let sign = if upwards { 1.0 } else { -1.0 };
            let at = |distance: f64| {
                let measured = number(&text).value() + sign * distance;
                judged(&text, Direction::LowerIsBetter, (0.005, numeric, sampling), measured)
            };
            prop_assert!(rank(at(near)) <= rank(at(near + further)));
        }

        #[test]
        fn verdicts_are_symmetric_about_the_printed_value(
            hundredths in -10_000_i32..10_000,
            // Away from the print tie itself, where round-half-even looks at the neighbouring digits.
            distance in prop_oneof![0.0_f64..0.0049, 0.0051_f64..2.0],
            numeric in 0.0_f64..0.1,
            sampling in proptest::option::of(0.0_f64..0.5),
        ) {
            let text = format!("{:.2}", f64::from(hundredths) / 100.0);
            let printed = number(&text).value();
            let widths = (0.005, numeric, sampling);
            let edge = 0.005 + numeric;
            prop_assume!((distance - edge).abs() > 1e-9);
            prop_assume!((distance - edge - sampling.unwrap_or(0.0)).abs() > 1e-9);
            let up = judged(&text, Direction::LowerIsBetter, widths, printed + distance);
            let down = judged(&text, Direction::LowerIsBetter, widths, printed - distance);
            prop_assert_eq!(rank(up), rank(down));
            if rank(up) == 3 {
                prop_assert_eq!((up, down), (Verdict::OutsideWorse, Verdict::OutsideBetter));
            }
        }
    }
}
