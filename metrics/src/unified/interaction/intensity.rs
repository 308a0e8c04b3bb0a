//! The intensity of one layer, a row of attention at a time.

use super::{InteractionError, Spans, Visibility};
use std::fmt;

/// Which row of attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowPlace {
    /// Layer, from 0.
    pub layer: usize,
    /// Head, from 0.
    pub head: usize,
    /// Row of the query axis, from 0.
    pub query: usize,
}

impl fmt::Display for RowPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { layer, head, query } = self;
        write!(f, "layer {layer}, head {head}, query {query} (counted from 0)")
    }
}

/// How far from 1 the sum of a row may be whose numbers were rounded to `significand_bits` bits (8 for bfloat16, 11 for binary16, 24, 53).
///
/// Rounding K probabilities moves their sum by a unit of roundoff at most, all of them in one direction; four units leave room for the softmax itself. Numbers of 24
/// and 53 bits get 1e-5: their error is that of a sum in 32 bits, wherever it was computed.
#[must_use]
pub fn row_tolerance(significand_bits: i32) -> f64 {
    (4.0 * 2.0_f64.powi(-significand_bits)).max(1e-5)
}

/// The mean attention of the queries on the keys S in one layer: I = mean over heads and queries of Σ_{k ∈ S} A[h, q, k] (AIA, Eq. 1).
///
/// A fraction in [0, 1], up to the rounding of the rows. Rows are added in any order and none is kept; sums are in f64, in the order of the rows.
#[derive(Clone, Debug)]
pub struct LayerIntensity<'a> {
    keys: &'a Spans,
    key_count: usize,
    visibility: &'a Visibility,
    tolerance: f64,
    sum: f64,
    rows: u64,
}

impl<'a> LayerIntensity<'a> {
    /// Begins with no row. `keys` is S, `key_count` the length of a row, `tolerance` how far its sum may be from 1.
    ///
    /// # Errors
    /// [`InteractionError::BadRange`] if S reaches beyond the row.
    pub fn new(
        keys: &'a Spans,
        key_count: usize,
        visibility: &'a Visibility,
        tolerance: f64,
    ) -> Result<Self, InteractionError> {
        if let Some(range) = keys.ranges().iter().find(|range| range.end > key_count) {
            let reason = format!("reaches beyond the {key_count} keys of a row");
            return Err(InteractionError::bad_range("keys", range, reason));
        }
        Ok(Self { keys, key_count, visibility, tolerance, sum: 0.0, rows: 0 })
    }

    /// Adds the attention of one query in one head, softmax applied: `key_count` probabilities.
    ///
    /// # Errors
    /// If the row has another length, a value is NaN, negative or above 1, the sum is not 1, or a causal query attends to what comes after it.
    pub fn add_row(&mut self, place: RowPlace, row: &[f64]) -> Result<(), InteractionError> {
        if row.len() != self.key_count {
            let (found, expected) = (row.len(), self.key_count);
            return Err(InteractionError::RowLength { place, found, expected });
        }
        let most = 1.0 + self.tolerance;
        // A comparison that NaN fails.
        if let Some(key) = row.iter().position(|value| !(0.0..=most).contains(value)) {
            return Err(InteractionError::NoProbability { place, key, value: row[key] });
        }
        let sum: f64 = row.iter().sum();
        if (sum - 1.0).abs() > self.tolerance {
            return Err(InteractionError::RowSum { place, sum, tolerance: self.tolerance });
        }
        let end = self.visibility.end(place.query, self.key_count);
        let mass: f64 = row[end..].iter().sum();
        if mass > self.tolerance {
            let (position, first_query) =
                (self.visibility.position(place.query), self.visibility.first_query());
            return Err(InteractionError::NotCausal { place, position, mass, first_query });
        }
        let masses = self.keys.ranges().iter().map(|range| row[range.clone()].iter().sum::<f64>());
        self.sum += masses.sum::<f64>();
        self.rows += 1;
        Ok(())
    }

    /// The mean over the rows.
    ///
    /// # Errors
    /// [`InteractionError::Empty`] without rows.
    pub fn mean(&self) -> Result<f64, InteractionError> {
        if self.rows == 0 {
            return Err(InteractionError::Empty { what: "no row of attention was given" });
        }
        Ok(self.sum / self.rows as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: RowPlace = RowPlace { layer: 3, head: 1, query: 0 };

    fn add(row: &[f64], visibility: &Visibility) -> Result<f64, InteractionError> {
        let keys = Spans::one(0..2, "keys").unwrap();
        let mut layer = LayerIntensity::new(&keys, 4, visibility, 1e-5)?;
        layer.add_row(PLACE, row)?;
        layer.mean()
    }

    #[test]
    fn a_row_gives_its_mass_on_the_keys() {
        assert_eq!(add(&[0.5, 0.25, 0.25, 0.0], &Visibility::Full { padding: None }), Ok(0.75));
    }

    #[test]
    fn what_is_no_attention_is_refused_with_its_place() {
        let full = Visibility::Full { padding: None };
        let text = |row: &[f64]| add(row, &full).unwrap_err().to_string();
        for (row, part) in [
            (&[0.5, 0.5, f64::NAN, 0.0][..], "key 2: NaN"),
            (&[-0.5, 0.5, 0.5, 0.5], "key 0: -0.5"),
            (&[1.5, 0.0, 0.0, 0.0], "key 0: 1.5"),
            (&[0.5, 0.25, 0.0, 0.0], "sum to 0.75"),
            (&[0.5, 0.5], "2 keys, 4 were expected"),
        ] {
            let message = text(row);
            assert!(message.contains(part), "{message}");
            assert!(message.contains("layer 3, head 1, query 0"), "{message}");
        }
        let causal = Visibility::Causal { first_query: 1, padding: None };
        let message = add(&[0.25; 4], &causal).unwrap_err().to_string();
        assert!(message.contains("position 1 and attends to later keys (0.5"), "{message}");
        let keys = Spans::one(3..5, "keys").unwrap();
        assert!(LayerIntensity::new(&keys, 4, &full, 1e-5).is_err());
        let keys = Spans::one(3..4, "keys").unwrap();
        assert!(LayerIntensity::new(&keys, 4, &full, 1e-5).unwrap().mean().is_err());
    }

    #[test]
    fn tolerances_follow_the_number_type() {
        assert_eq!(row_tolerance(8), 0.015625);
        assert_eq!(row_tolerance(11), 0.001953125);
        assert_eq!((row_tolerance(24), row_tolerance(53)), (1e-5, 1e-5));
    }
}
