//! Which printed shares can be counts: of 150 pairs, 64 are 42.67 % and 65 are 43.33 %, so nobody who counted pairs prints
//! 43.1. All arithmetic is on integers; a printed tie counts as rounded either way.

use crate::printed::PrintedNumber;
use serde::{Deserialize, Serialize};

/// Whether a printed share is that of a count among some items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reach")]
pub enum Reach {
    /// The share of `count`, rounded, shows these digits.
    Rounding {
        /// The smallest such count.
        count: u64,
    },
    /// No rounded share does, but that of `count` cut off after the printed digits.
    Truncation {
        /// The smallest such count.
        count: u64,
    },
    /// Neither.
    Unreachable {
        /// The largest count whose share is below the printed number; `None` where that of 0 is above.
        below: Option<u64>,
        /// The smallest count whose share is above; `None` where that of all items is below.
        above: Option<u64>,
    },
}

impl Reach {
    /// Whether no count gives the number.
    #[must_use]
    pub fn is_unreachable(self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// The scale of a printed share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// All items are 100.
    Percent,
    /// All items are 1.
    Fraction,
}

impl Scale {
    /// The scale of a unit of the cells file; `None` for units that are no share.
    #[must_use]
    pub fn of_unit(unit: &str) -> Option<Self> {
        match unit {
            "percent" => Some(Self::Percent),
            "fraction" => Some(Self::Fraction),
            _ => None,
        }
    }

    /// What all items are.
    #[must_use]
    pub fn whole(self) -> u64 {
        match self {
            Self::Percent => 100,
            Self::Fraction => 1,
        }
    }
}

/// Largest number of items that is looked at, and most decimals: products of both fit into 128 bits, and few counts
/// share their digits.
const MOST_ITEMS: u64 = 1 << 20;
const MOST_DECIMALS: usize = 12;

/// Whether `number` is the share of a count among `items`.
///
/// With V the printed digits as an integer, d its decimals and F = whole · 10^d, the share of k items is k F / items units
/// of the last digit. It is rounded to V where 2 |k F - V items| <= items (ties to either side), and cut off to V where
/// V items <= k F < (V + 1) items.
///
/// `None` for a negative number, 0 items, or sizes beyond 2^20 items or 12 decimals.
#[must_use]
pub fn reach(number: &PrintedNumber, scale: Scale, items: u64) -> Option<Reach> {
    if !(1..=MOST_ITEMS).contains(&items) || number.decimals() > MOST_DECIMALS {
        return None;
    }
    let digits = digits(number)?;
    let unit = u128::from(scale.whole()) * 10_u128.pow(number.decimals() as u32);
    let (items, target) = (u128::from(items), digits.checked_mul(u128::from(items))?);
    let position = target / unit;
    let candidates = position.saturating_sub(items / unit + 1)..=position + items / unit + 2;
    let counts = || candidates.clone().filter(move |count| *count <= items);
    let rounded = |count: &u128| 2 * (count * unit).abs_diff(target) <= items;
    let cut = |count: &u128| (target..target + items).contains(&(count * unit));
    let narrow = |count: u128| u64::try_from(count).ok();
    if let Some(count) = counts().find(rounded) {
        return Some(Reach::Rounding { count: narrow(count)? });
    }
    if let Some(count) = counts().find(cut) {
        return Some(Reach::Truncation { count: narrow(count)? });
    }
    let below = Some(position.min(items)).filter(|count| count * unit < target);
    let above = Some(position + 1).filter(|count| *count <= items);
    Some(Reach::Unreachable { below: below.and_then(narrow), above: above.and_then(narrow) })
}

/// The digits without their point: 431 for `43.1`. A printed number has 15 significant ones at most.
fn digits(number: &PrintedNumber) -> Option<u128> {
    let text = number.text();
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    unsigned.replace('.', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str, scale: Scale, items: u64) -> Option<Reach> {
        reach(&PrintedNumber::parse(text).unwrap(), scale, items)
    }

    fn percent(text: &str, items: u64) -> Reach {
        of(text, Scale::Percent, items).unwrap()
    }

    #[test]
    fn the_three_outcomes() {
        // 64/150 = 42.667 %, 65/150 = 43.333 %.
        assert_eq!(percent("43.3", 150), Reach::Rounding { count: 65 });
        assert_eq!(percent("42.6", 150), Reach::Truncation { count: 64 });
        assert_eq!(percent("43.1", 150), Reach::Unreachable { below: Some(64), above: Some(65) });
        assert_eq!(of("0.433", Scale::Fraction, 150), Some(Reach::Rounding { count: 65 }));
        assert_eq!(of("0.43", Scale::Fraction, 150), Some(Reach::Rounding { count: 64 }));
    }

    #[test]
    fn ends_ties_and_refusals() {
        assert_eq!(percent("0.0", 150), Reach::Rounding { count: 0 });
        assert_eq!(percent("0", 150), Reach::Rounding { count: 0 });
        assert_eq!(percent("100", 150), Reach::Rounding { count: 150 });
        assert_eq!(percent("100.5", 150), Reach::Unreachable { below: Some(150), above: None });
        assert_eq!(percent("0.2", 150), Reach::Unreachable { below: Some(0), above: Some(1) });
        // 1/8 = 12.5 %: a tie, rounded to either side.
        assert_eq!(percent("12", 8), Reach::Rounding { count: 1 });
        assert_eq!(percent("13", 8), Reach::Rounding { count: 1 });
        assert_eq!(of("-1.0", Scale::Percent, 150), None);
        assert_eq!(of("1.0", Scale::Percent, 0), None);
        assert_eq!(of("1.0", Scale::Percent, u64::MAX), None);
        assert_eq!(Scale::of_unit("points"), None);
    }

    #[test]
    fn every_percentage_of_the_reference_lists_comes_out_as_listed() {
        // papers/aia, section 1.3.
        for text in [
            "10.8", "41.0", "42.4", "43.1", "43.8", "44.1", "44.3", "44.5", "45.5", "45.7", "46.8",
            "46.9", "47.1", "47.5", "47.6", "47.7", "47.9",
        ] {
            assert!(percent(text, 150).is_unreachable(), "{text}");
        }
        for text in ["8.7", "22.0", "43.3", "47.3", "48.0", "48.7", "69.3"] {
            assert!(matches!(percent(text, 150), Reach::Rounding { .. }), "{text}");
        }
        for text in ["36.6", "46.6"] {
            assert!(matches!(percent(text, 150), Reach::Truncation { .. }), "{text}");
        }
        for text in ["41.5", "40.5", "32.5"] {
            assert!(matches!(percent(text, 900), Reach::Truncation { .. }), "{text}");
        }
        // papers/unimmmu, sections 1 and 5: 12/140 = 8.571 % is printed as 8.5.
        assert_eq!(percent("8.5", 140), Reach::Truncation { count: 12 });
        assert!(percent("53.0", 150).is_unreachable() && percent("57.0", 150).is_unreachable());
        assert!(percent("71.6", 200).is_unreachable());
    }

    proptest! {
        #[test]
        fn every_share_is_reached_in_both_ways(items in 1_u64..3000, share in 0.0_f64..=1.0, decimals in 0_usize..6) {
            let count = (share * items as f64) as u64;
            let scaled = u128::from(count) * 100 * 10_u128.pow(decimals as u32);
            let cut = scaled / u128::from(items);
            let text = |digits: u128| {
                let padded = format!("{digits:0>width$}", width = decimals + 1);
                let (whole, fraction) = padded.split_at(padded.len() - decimals);
                if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
            };
            prop_assert!(!percent(&text(cut), items).is_unreachable());
            let rounded = (2 * scaled + u128::from(items)) / (2 * u128::from(items));
            let is_rounding = matches!(percent(&text(rounded), items), Reach::Rounding { .. });
            prop_assert!(is_rounding);
        }

        #[test]
        fn what_is_reached_is_what_some_count_gives(digits in 0_u32..1010, items in 1_u64..400) {
            let text = format!("{}.{}", digits / 10, digits % 10);
            let number = PrintedNumber::parse(&text).unwrap();
            let close = |count: u64| (1000.0 * count as f64 / items as f64 - f64::from(digits)).abs();
            let nearest = (0..=items).map(close).fold(f64::INFINITY, f64::min);
            match reach(&number, Scale::Percent, items).unwrap() {
                Reach::Rounding { count } => prop_assert!(close(count) <= 0.5 + 1e-9),
                Reach::Truncation { count } => {
                    prop_assert!(number.is_truncation_of(100.0 * count as f64 / items as f64));
                    prop_assert!(nearest > 0.5 - 1e-9);
                }
                Reach::Unreachable { below, above } => {
                    prop_assert!(nearest > 0.5 - 1e-9);
                    prop_assert!(below.is_none_or(|count| 1000 * count < u64::from(digits) * items));
                    prop_assert!(above.is_none_or(|count| 1000 * count > u64::from(digits) * items));
                }
            }
        }
    }
}
