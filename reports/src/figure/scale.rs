//! Axis ranges and ticks.

/// A closed interval of an axis, never empty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Range {
    /// Lower end.
    pub(crate) low: f64,
    /// Upper end, larger than `low`.
    pub(crate) high: f64,
}

impl Range {
    /// The range of `values` with 6 % room on both sides; around one value, or none, a range of some width.
    pub(crate) fn around(values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = values
            .into_iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        if low > high {
            return Self { low: 0.0, high: 1.0 };
        }
        let room = match 0.06 * (high - low) {
            // Wide enough to be told apart from the value in double precision.
            room if room <= low.abs().max(high.abs()) * 1e-9 => (low.abs() * 0.1).max(0.5),
            room => room,
        };
        Self { low: low - room, high: high + room }
    }

    /// The range with shares of its width added below and above.
    pub(crate) fn widened(self, [below, above]: [f64; 2]) -> Self {
        let width = self.high - self.low;
        Self { low: self.low - below * width, high: self.high + above * width }
    }

    /// Where `value` lies: 0 at the lower end, 1 at the upper.
    pub(crate) fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }
}

/// A tick: its value and its label.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    /// Place on the axis.
    pub(crate) value: f64,
    /// Label with a minus sign where needed.
    pub(crate) label: String,
}

/// Ticks at multiples of 1, 2, 2.5 or 5 times a power of ten, at most `most` of them.
pub(crate) fn ticks(range: Range, most: usize) -> Vec<Tick> {
    let raw = (range.high - range.low) / most.max(1) as f64;
    let exponent = raw.log10().floor();
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0, 20.0].map(|factor| factor * 10f64.powf(exponent));
    let count = |step: f64| ((range.high / step).floor() - (range.low / step).ceil()) as i64 + 1;
    let Some(step) = steps.into_iter().find(|&step| count(step) <= most as i64) else {
        return Vec::new();
    };
    let first = (range.low / step).ceil();
    (0..count(step))
        .map(|index| {
            // Multiplying keeps the error of one rounding, which must not lead out of the range; adding steps up would
            // collect errors.
            let value = ((first + index as f64) * step).clamp(range.low, range.high);
            Tick { value, label: label(value, step) }
        })
        .collect()
}

/// Ticks of a logarithmic axis whose ends are above 0: powers of two, or of ten where these would be too many.
pub(crate) fn logarithmic_ticks(range: Range, most: usize) -> Vec<Tick> {
    for base in [2.0_f64, 10.0] {
        let exponent = |value: f64| value.ln() / base.ln();
        // A power that rounding puts just outside is still the end of the axis.
        let first = (exponent(range.low) - 1e-9).ceil() as i32;
        let last = (exponent(range.high) + 1e-9).floor() as i32;
        if last - first < most as i32 {
            let tick = |power: i32| {
                let value = base.powi(power);
                Tick { value, label: label(value, value) }
            };
            return (first..=last).map(tick).collect();
        }
    }
    Vec::new()
}

fn label(value: f64, step: f64) -> String {
    let magnitude = value.abs().max(step);
    let text = if (1e-4..1e6).contains(&magnitude) {
        crate::number::fixed(value, decimals(step))
    } else {
        format!("{value:.1e}")
    };
    crate::number::typographic(&text)
}

/// The decimals that a multiple of `step` needs.
fn decimals(step: f64) -> usize {
    (0..8)
        .find(|&decimals| {
            let scaled = step * 10f64.powi(decimals as i32);
            (scaled - scaled.round()).abs() < 1e-6 * scaled
        })
        .unwrap_or(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64, most: usize) -> Vec<String> {
        ticks(Range { low, high }, most).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(labels(17.3, 42.9, 6), ["20", "25", "30", "35", "40"]);
        assert_eq!(labels(0.02, 0.45, 5), ["0.1", "0.2", "0.3", "0.4"]);
        assert_eq!(labels(0.003, 0.051, 5), ["0.01", "0.02", "0.03", "0.04", "0.05"]);
        assert_eq!(labels(-0.31, 0.3, 4), ["−0.2", "0.0", "0.2"]);
        assert_eq!(labels(0.0, 1.0, 4), ["0.0", "0.5", "1.0"]);
        assert_eq!(labels(0.0, 9.0, 4), ["0.0", "2.5", "5.0", "7.5"]);
    }

    #[test]
    fn there_are_ticks_for_any_range_and_never_too_many() {
        for (low, high) in
            [(1e-9, 3e-9), (-1e100, 1e100), (5.0, 5.0 + 1e-6), (99.9, 100.1), (0.0, 7e7)]
        {
            for most in 2..8 {
                let ticks = ticks(Range { low, high }, most);
                assert!(!ticks.is_empty() || most < 3, "{low} {high} {most}");
                assert!(ticks.len() <= most);
                assert!(ticks.iter().all(|tick| (low..=high).contains(&tick.value)));
            }
        }
    }

    #[test]
    fn logarithmic_ticks_are_powers() {
        let labels = |low, high, most| -> Vec<String> {
            let ticks = logarithmic_ticks(Range { low, high }, most);
            ticks.into_iter().map(|tick| tick.label).collect()
        };
        assert_eq!(labels(7.0, 140.0, 8), ["8", "16", "32", "64", "128"]);
        assert_eq!(labels(8.0, 64.0, 8), ["8", "16", "32", "64"]);
        assert_eq!(labels(0.3, 2.1, 8), ["0.5", "1", "2"]);
        assert_eq!(labels(1.0, 1e6, 8), ["1", "10", "100", "1000", "10000", "100000", "1.0e6"]);
        assert_eq!(labels(1e-90, 1e90, 8), Vec::<String>::new());
    }

    #[test]
    fn a_range_is_never_empty() {
        for values in [vec![], vec![3.0], vec![0.0, 0.0], vec![-1e100, 1e100], vec![1e100]] {
            let range = Range::around(values);
            assert!(range.low < range.high && (range.high - range.low).is_finite());
        }
    }
}
