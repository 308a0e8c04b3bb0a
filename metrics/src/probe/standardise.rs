//! Features to mean 0 and standard deviation 1, as scikit-learn's `StandardScaler`.

use super::precision::Precision;
use super::rows::Rows;
use ndarray::{Array1, ArrayView1, Zip};

/// Mean and scale of each column of the train features.
pub(super) struct Standardiser {
    mean: Array1<f64>,
    scale: Array1<f64>,
}

impl Standardiser {
    /// The scale of these features, or none that changes anything.
    pub(super) fn choose(rows: Rows<'_>, standardise: bool) -> Self {
        if standardise {
            return Self::fit(rows);
        }
        let width = rows.width();
        Self { mean: Array1::zeros(width), scale: Array1::ones(width) }
    }

    /// Measures the columns of rows, of which there is one at least, in two passes; the variance has denominator N.
    ///
    /// A column that does not vary keeps scale 1. As in scikit-learn, that is a column whose variance is not above
    /// N·ε·variance + (N·ε·mean)², its bound on round-off.
    pub(super) fn fit(rows: Rows<'_>) -> Self {
        let count = rows.len() as f64;
        let mut mean = Array1::<f64>::zeros(rows.width());
        for row in rows.range(0..rows.len()) {
            Zip::from(&mut mean).and(row).for_each(|mean, &value| *mean += f64::from(value));
        }
        mean /= count;
        let mut variance = Array1::<f64>::zeros(rows.width());
        for row in rows.range(0..rows.len()) {
            Zip::from(&mut variance)
                .and(&mean)
                .and(row)
                .for_each(|variance, &mean, &value| *variance += (f64::from(value) - mean).powi(2));
        }
        variance /= count;
        let scale = Zip::from(&variance).and(&mean).map_collect(|&variance, &mean| {
            let round_off = count * f64::EPSILON * variance + (count * f64::EPSILON * mean).powi(2);
            if variance <= round_off { 1.0 } else { variance.sqrt() }
        });
        Self { mean, scale }
    }

    /// Appends (value - mean) / scale for every column of a row.
    pub(super) fn append<T: Precision>(&self, row: ArrayView1<'_, f32>, values: &mut Vec<T>) {
        let columns = row.into_iter().zip(self.mean.iter().zip(&self.scale));
        values.extend(
            columns.map(|(&value, (&mean, &scale))| T::of((f64::from(value) - mean) / scale)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::scaled_rows::ScaledRows;
    use super::*;
    use ndarray::array;

    #[test]
    fn columns_get_mean_zero_and_deviation_one_and_constant_ones_become_zero() {
        let features = array![[1.0_f32, 0.1, 1e6], [2.0, 0.1, 1e6 + 1.0], [6.0, 0.1, 1e6 + 5.0]];
        let rows = Rows::all(features.view());
        let scale = Standardiser::fit(rows);
        let mut values: Vec<f64> = Vec::new();
        ScaledRows { rows, scale: &scale }.append(0..3, &mut values);
        let standardised = ndarray::Array2::from_shape_vec((3, 3), values).unwrap();
        let deviation = (14.0_f64 / 3.0).sqrt();
        for (row, value) in [-2.0, -1.0, 3.0].into_iter().enumerate() {
            assert!((standardised[[row, 0]] - value / deviation).abs() < 1e-15);
            assert!(standardised[[row, 1]].abs() < 1e-15);
            assert!((standardised[[row, 2]] - value / deviation).abs() < 1e-15);
        }
    }
}
