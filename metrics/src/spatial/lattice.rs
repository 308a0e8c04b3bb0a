//! The lattice on which the tokens of an image stand, and its Manhattan geometry.

use super::SpatialError;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Rows and columns of tokens; token (row, column) has index row · columns + column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lattice {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
}

/// The longest side of a lattice. A larger one is a mistake, and counts of pairs stay far from overflow.
const LONGEST_SIDE: usize = 1024;

impl Lattice {
    /// Number of tokens, saturating for sides that [`super::SpatialScorer`] refuses.
    #[must_use]
    pub fn tokens(self) -> usize {
        self.rows.saturating_mul(self.columns)
    }

    /// Manhattan distance between two tokens given by index: |row - row'| + |column - column'|.
    ///
    /// On an empty lattice there are no tokens, and the distance is 0.
    #[must_use]
    pub fn distance(self, a: usize, b: usize) -> usize {
        let columns = self.columns.max(1);
        (a / columns).abs_diff(b / columns) + (a % columns).abs_diff(b % columns)
    }

    /// The distance between opposite corners.
    #[must_use]
    pub fn largest_distance(self) -> usize {
        self.rows.saturating_sub(1).saturating_add(self.columns.saturating_sub(1))
    }

    /// Number of ordered pairs of tokens at Manhattan distance `distance`; a token with itself counts at distance 0.
    ///
    /// An offset of (i, j) steps fits (rows - i)(columns - j) times, in as many directions as it has signs.
    #[must_use]
    pub fn ordered_pairs(self, distance: usize) -> u64 {
        (0..=distance)
            .filter(|&down| down < self.rows && distance - down < self.columns)
            .map(|down| {
                let across = distance - down;
                let directions = if down == 0 { 1 } else { 2 } * if across == 0 { 1 } else { 2 };
                directions * (self.rows - down) as u64 * (self.columns - across) as u64
            })
            .sum()
    }

    pub(super) fn check(self) -> Result<(), SpatialError> {
        let good = 1..=LONGEST_SIDE;
        if good.contains(&self.rows) && good.contains(&self.columns) {
            Ok(())
        } else {
            Err(SpatialError::LatticeSize { lattice: self, most: LONGEST_SIDE })
        }
    }
}

impl fmt::Display for Lattice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {}", self.rows, self.columns)
    }
}

impl FromStr for Lattice {
    type Err = String;

    /// Reads `ROWSxCOLUMNS`, for example `16x16`.
    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (rows, columns) = text.split_once('x')?;
            Some(Self { rows: rows.trim().parse().ok()?, columns: columns.trim().parse().ok()? })
        };
        let lattice =
            parse().ok_or_else(|| format!("`{text}` is not ROWSxCOLUMNS, for example 16x16"))?;
        lattice.check().map_err(|error| error.to_string())?;
        Ok(lattice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ROWS_16: Lattice = Lattice { rows: 16, columns: 16 };

    #[test]
    fn pair_counts_of_a_16_by_16_lattice() {
        let counts: Vec<u64> = (1..=8).map(|distance| ROWS_16.ordered_pairs(distance)).collect();
        assert_eq!(counts, [960, 1796, 2512, 3112, 3600, 3980, 4256, 4432]);
        let between =
            |low, high| (low..=high).map(|distance| ROWS_16.ordered_pairs(distance)).sum::<u64>();
        assert_eq!(between(6, 30), 53_300);
        assert_eq!(between(1, 7), 20_216);
        assert_eq!(between(8, 30), 45_064);
        assert_eq!(ROWS_16.ordered_pairs(31), 0);
    }

    #[test]
    fn text_form() {
        assert_eq!("7x9".parse(), Ok(Lattice { rows: 7, columns: 9 }));
        for bad in
            ["", "16", "16x", "0x16", "16x-1", "16x16x16", "2000x1", "99999999999999999999x1"]
        {
            assert!(bad.parse::<Lattice>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn pair_counts_equal_enumeration(rows in 1..9_usize, columns in 1..9_usize) {
            let lattice = Lattice { rows, columns };
            let mut counts = vec![0; lattice.largest_distance() + 1];
            for a in 0..lattice.tokens() {
                (0..lattice.tokens()).for_each(|b| counts[lattice.distance(a, b)] += 1);
            }
            for (distance, count) in counts.into_iter().enumerate() {
                prop_assert_eq!(lattice.ordered_pairs(distance), count);
            }
        }
    }
}
