//! How measured numbers are written. Printed numbers are never reformatted.

use retally_metrics::Interval;

/// The most decimals that are ever shown.
const MOST_DECIMALS: usize = 8;

/// `value` with a fixed number of decimals and an ASCII sign; a value that rounds to zero has no sign.
#[must_use]
pub fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(magnitude) if magnitude.chars().all(|c| matches!(c, '0' | '.')) => {
            magnitude.to_owned()
        }
        _ => text,
    }
}

/// [`fixed`] with an explicit sign, for differences; a value that rounds to zero has none.
pub(crate) fn signed(value: f64, decimals: usize) -> String {
    let text = fixed(value, decimals);
    let is_zero = text.chars().all(|c| matches!(c, '0' | '.'));
    if is_zero || text.starts_with('-') { text } else { format!("+{text}") }
}

/// Replaces the hyphen before a digit by the minus sign (U+2212), for formats that people read.
#[must_use]
pub fn typographic(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let is_sign =
            character == '-' && characters.peek().is_some_and(|c| c.is_ascii_digit() || *c == '.');
        let after_word = out.chars().next_back().is_some_and(char::is_alphanumeric);
        out.push(if is_sign && !after_word { '−' } else { character });
    }
    out
}

/// The number of digits after the decimal point in a printed number.
pub(crate) fn printed_decimals(text: &str) -> usize {
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    mantissa
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.chars().filter(char::is_ascii_digit).count())
}

/// Decimals that show four significant digits of the largest of `values`.
#[must_use]
pub fn four_digit_decimals(values: impl IntoIterator<Item = f64>) -> usize {
    let largest = values.into_iter().map(f64::abs).fold(0.0, f64::max);
    if largest == 0.0 || !largest.is_finite() {
        return 3;
    }
    let before_point = largest.log10().floor() as i32 + 1;
    usize::try_from(4 - before_point).unwrap_or(0).min(MOST_DECIMALS)
}

/// Six significant digits without trailing zeros: enough for a difference, without the noise of its last bits.
pub(crate) fn six_digits(value: f64) -> String {
    let before_point = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 + 1 };
    let decimals = usize::try_from(6 - before_point).unwrap_or(0).min(12);
    let text = fixed(value, decimals);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A value with its interval: `0.812 ± 0.013` where both sides look the same, else `0.812 [0.798, 0.824]`.
#[must_use]
pub fn with_interval(value: f64, interval: Option<&Interval>, decimals: usize) -> String {
    let Some(interval) = interval else {
        return fixed(value, decimals);
    };
    let (low, high) = (interval.low.get(), interval.high.get());
    let (below, above) = (fixed(value - low, decimals), fixed(high - value, decimals));
    if below == above {
        format!("{} ± {above}", fixed(value, decimals))
    } else {
        format!("{} {}", fixed(value, decimals), range([low, high], decimals))
    }
}

/// `[low, high]`.
pub(crate) fn range([low, high]: [f64; 2], decimals: usize) -> String {
    format!("[{}, {}]", fixed(low, decimals), fixed(high, decimals))
}

/// A p value: three decimals, `< 0.001` below that.
pub(crate) fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { fixed(p, 3) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retally_metrics::Finite;

    fn interval(low: f64, high: f64) -> Interval {
        Interval {
            low: Finite::new(low).unwrap(),
            high: Finite::new(high).unwrap(),
            level: 0.95,
            method: "wilson".to_owned(),
        }
    }

    #[test]
    fn a_value_that_rounds_to_zero_has_no_sign() {
        assert_eq!(fixed(-0.0004, 3), "0.000");
        assert_eq!(signed(0.0004, 3), "0.000");
        assert_eq!(signed(0.06, 2), "+0.06");
        assert_eq!(signed(-0.06, 2), "-0.06");
    }

    #[test]
    fn only_a_sign_becomes_a_minus() {
        assert_eq!(typographic("-0.852"), "−0.852");
        assert_eq!(typographic("[-0.9, -.7]"), "[−0.9, −.7]");
        assert_eq!(typographic("DINOv2-B ViT-14 1e-5"), "DINOv2-B ViT-14 1e-5");
    }

    #[test]
    fn decimals_follow_the_print_or_the_size() {
        assert_eq!(printed_decimals("19.06"), 2);
        assert_eq!(printed_decimals("+0.1e-5"), 1);
        assert_eq!(printed_decimals("24"), 0);
        assert_eq!(four_digit_decimals([63.2, 81.0]), 2);
        assert_eq!(four_digit_decimals([0.0312]), 5);
        assert_eq!(four_digit_decimals([12345.0]), 0);
        assert_eq!(four_digit_decimals([]), 3);
    }

    #[test]
    fn differences_have_six_digits_and_no_noise() {
        assert_eq!(six_digits(0.06300000000000239), "0.063");
        assert_eq!(six_digits(-0.19999999999999996), "-0.2");
        assert_eq!(six_digits(0.000_012_345_67), "0.0000123457");
        assert_eq!(six_digits(1_234_567.0), "1234567");
        assert_eq!(six_digits(100.0), "100");
        assert_eq!(six_digits(0.0), "0");
    }

    #[test]
    fn an_interval_is_plus_minus_only_when_it_is_symmetric() {
        assert_eq!(with_interval(0.5, Some(&interval(0.45, 0.55)), 3), "0.500 ± 0.050");
        assert_eq!(with_interval(0.5, Some(&interval(0.42, 0.55)), 3), "0.500 [0.420, 0.550]");
        assert_eq!(with_interval(0.5, None, 3), "0.500");
    }
}
