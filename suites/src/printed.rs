//! Numbers as a paper prints them: the digits are part of the claim.

use std::fmt;

/// A decimal number together with its printed digits.
#[derive(Clone, Debug, PartialEq)]
pub struct PrintedNumber {
    text: String,
    value: f64,
    decimals: usize,
}

/// Longest number that is accepted; nothing that a paper prints comes near it.
const LONGEST: usize = 40;
/// Significant digits that a double keeps. A number with more would be no value's rounding, not even its own.
const MOST_SIGNIFICANT: usize = 15;

impl PrintedNumber {
    /// Reads `[+-]digits[.digits]` of at most 15 significant digits; exponents, thousands separators and blanks are refused.
    ///
    /// # Errors
    /// [`NotPrinted`] if the text is not of that form.
    pub fn parse(text: &str) -> Result<Self, NotPrinted> {
        let refused = || NotPrinted(text.to_owned());
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let (whole, fraction) = match unsigned.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (unsigned, None),
        };
        let is_digits =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if text.len() > LONGEST || !is_digits(whole) || !fraction.is_none_or(is_digits) {
            return Err(refused());
        }
        let digits = unsigned.bytes().filter(u8::is_ascii_digit);
        if digits.skip_while(|digit| *digit == b'0').count() > MOST_SIGNIFICANT {
            return Err(refused());
        }
        let value = text.parse().map_err(|_| refused())?;
        Ok(Self { text: text.to_owned(), value, decimals: fraction.map_or(0, str::len) })
    }

    /// Exactly as printed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The number.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.value
    }

    /// Digits after the decimal point.
    #[must_use]
    pub fn decimals(&self) -> usize {
        self.decimals
    }

    /// One unit of the last printed digit: 0.01 for `19.06`, 1 for `24`.
    #[must_use]
    pub fn last_digit_unit(&self) -> f64 {
        // Parsing the decimal text gives the double nearest to it; repeated division by ten would not.
        format!("1e-{}", self.decimals).parse().unwrap_or(1.0)
    }

    /// Whether `value`, rounded to the printed number of decimals, shows the same digits. An exact tie goes to the even
    /// digit, as in C and Python.
    #[must_use]
    pub fn is_rounding_of(&self, value: f64) -> bool {
        value.is_finite() && same_digits(&format!("{value:.*}", self.decimals), &self.text)
    }

    /// Whether `value`, cut off after the printed number of decimals, shows the same digits.
    #[must_use]
    pub fn is_truncation_of(&self, value: f64) -> bool {
        if !value.is_finite() {
            return false;
        }
        // A double has at most 1,074 binary places, so its exact decimal expansion ends there: no rounding happens.
        let exact = format!("{value:.1074}");
        let (whole, fraction) = exact.split_once('.').unwrap_or((&exact, ""));
        let kept = fraction.get(..self.decimals).unwrap_or(fraction);
        let cut = if kept.is_empty() { whole.to_owned() } else { format!("{whole}.{kept}") };
        same_digits(&cut, &self.text)
    }
}

impl fmt::Display for PrintedNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Compares two decimal texts of the same number of decimals; an explicit `+`, leading zeros and the sign of zero do not count.
fn same_digits(left: &str, right: &str) -> bool {
    normalised(left) == normalised(right)
}

fn normalised(text: &str) -> (bool, &str) {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let is_zero = digits.bytes().all(|byte| byte == b'0' || byte == b'.');
    (negative && !is_zero, digits.trim_start_matches('0'))
}

/// The error of reading a text that is not a plain decimal number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a plain decimal number, of at most 15 significant digits, such as `19.06`, `-0.852` or `+0.317`"
)]
pub struct NotPrinted(pub String);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn printed(text: &str) -> PrintedNumber {
        PrintedNumber::parse(text).unwrap()
    }

    #[test]
    fn digits_are_kept_and_the_last_one_has_a_unit() {
        assert_eq!(printed("19.0").text(), "19.0");
        assert_eq!(printed("+0.317").value(), 0.317);
        assert_eq!(printed("19.06").last_digit_unit(), 0.01);
        assert_eq!(printed("24").last_digit_unit(), 1.0);
        assert_eq!(printed("0.01086").last_digit_unit(), 0.00001);
    }

    #[test]
    fn anything_but_a_plain_decimal_is_refused() {
        for text in [
            "", "+", ".5", "5.", "1e3", "NaN", "inf", "1,000", " 1", "1 ", "--1", "0x10", "1.2.3",
            "٣",
        ] {
            assert!(PrintedNumber::parse(text).is_err(), "{text:?}");
        }
        assert!(PrintedNumber::parse(&"9".repeat(41)).is_err());
        // More digits than a double keeps; zeros at the front are none.
        assert!(PrintedNumber::parse("-81.88888888888888").is_err());
        let number = printed("-0.00081888888888888");
        assert!(number.is_rounding_of(number.value()));
    }

    #[test]
    fn rounding_and_truncation_are_told_apart() {
        assert!(printed("-0.852").is_rounding_of(-0.8521));
        assert!(!printed("-0.885").is_rounding_of(-0.8856));
        assert!(printed("-0.885").is_truncation_of(-0.8856));
        assert!(printed("16.9").is_truncation_of(16.96));
        assert!(!printed("16.9").is_rounding_of(16.96));
        assert!(printed("17").is_rounding_of(16.96));
        assert!(printed("16").is_truncation_of(16.96));
        assert!(printed("0.00").is_rounding_of(-0.001));
        assert!(printed("+0.32").is_rounding_of(0.317));
        assert!(!printed("-0.32").is_rounding_of(0.317));
        assert!(!printed("0.32").is_rounding_of(f64::NAN));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".{0,50}") {
            let _ = PrintedNumber::parse(&text);
        }

        #[test]
        fn a_number_is_the_rounding_and_the_truncation_of_what_it_prints(whole in -999_999_i64..999_999, decimals in 0_usize..6) {
            let text = format!("{:.*}", decimals, whole as f64 / 10_f64.powi(decimals as i32));
            let number = printed(&text);
            prop_assert!(number.is_rounding_of(number.value()));
            prop_assert!(number.is_rounding_of(number.value() + 0.4 * number.last_digit_unit()));
            prop_assert!(!number.is_rounding_of(number.value() + 0.6 * number.last_digit_unit()));
        }
    }
}
