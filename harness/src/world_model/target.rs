//! From tokens to the rows that are compared: normalised or not, whole or averaged.

use ndarray::{Array2, Array3, ArrayView1};
use retally_manifests::{Predictor, TargetTokens};
use retally_suites::miniature::{Pooling, RetrievalPlan, TargetNormalisation};

/// Added to the variance where a plan asks for a normalisation that the manifest knows nothing of: PyTorch's default, which
/// I-JEPA's code takes.
const DEFAULT_EPSILON: f64 = 1e-5;

/// How tokens become rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RowMaker {
    /// Of the normalisation of targets, where there is one.
    epsilon: Option<f64>,
    pooling: Pooling,
}

impl RowMaker {
    pub(super) fn new(plan: &RetrievalPlan, predictor: &Predictor) -> Self {
        let trained = match predictor.targets {
            TargetTokens::Tokens => None,
            TargetTokens::LayerNorm { epsilon } => Some(epsilon),
        };
        let epsilon = match plan.target_normalisation {
            TargetNormalisation::AsTrained => trained,
            TargetNormalisation::None => None,
            TargetNormalisation::LayerNorm => Some(trained.unwrap_or(DEFAULT_EPSILON)),
        };
        Self { epsilon, pooling: plan.pooling }
    }

    /// Whether targets are normalised.
    pub(super) fn is_normalising(&self) -> bool {
        self.epsilon.is_some()
    }

    /// Rows of targets, from tokens [count, tokens, channels] of the teacher.
    pub(super) fn targets(&self, tokens: &Array3<f32>) -> Array2<f64> {
        self.rows(tokens, self.epsilon)
    }

    /// Rows of predictions, which are what the predictor says, never normalised.
    pub(super) fn predictions(&self, tokens: &Array3<f32>) -> Array2<f64> {
        self.rows(tokens, None)
    }

    fn rows(&self, tokens: &Array3<f32>, epsilon: Option<f64>) -> Array2<f64> {
        let (count, length, channels) = tokens.dim();
        let width = match self.pooling {
            Pooling::Tokens => length * channels,
            Pooling::Mean => channels,
        };
        let mut rows = Array2::zeros((count, width));
        for (image, mut row) in tokens.outer_iter().zip(rows.outer_iter_mut()) {
            for (position, token) in image.outer_iter().enumerate() {
                let token = number_row(token, epsilon);
                match self.pooling {
                    Pooling::Tokens => {
                        let place = position * channels..(position + 1) * channels;
                        row.slice_mut(ndarray::s![place])
                            .iter_mut()
                            .zip(token)
                            .for_each(|(to, number)| *to = number);
                    }
                    Pooling::Mean => {
                        row.iter_mut().zip(token).for_each(|(sum, number)| *sum += number);
                    }
                }
            }
        }
        if self.pooling == Pooling::Mean {
            rows /= length as f64;
        }
        rows
    }
}

/// The numbers of a token; with `epsilon` (t - mean) / sqrt(variance + epsilon), sums from first to last.
fn number_row(token: ArrayView1<'_, f32>, epsilon: Option<f64>) -> Vec<f64> {
    let mut numbers: Vec<f64> = token.iter().map(|&number| f64::from(number)).collect();
    if let Some(epsilon) = epsilon {
        let count = numbers.len() as f64;
        let mean = numbers.iter().sum::<f64>() / count;
        numbers.iter_mut().for_each(|number| *number -= mean);
        let variance = numbers.iter().map(|number| number * number).sum::<f64>() / count;
        // A constant token without epsilon has no direction; it stays 0.
        let deviation = (variance + epsilon).sqrt();
        if deviation > 0.0 {
            numbers.iter_mut().for_each(|number| *number /= deviation);
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn maker(epsilon: Option<f64>, pooling: Pooling) -> RowMaker {
        RowMaker { epsilon, pooling }
    }

    #[test]
    fn targets_are_normalised_and_predictions_are_not() {
        let tokens = array![[[1.0_f32, 3.0], [5.0, 5.0]]];
        let normed = maker(Some(0.0), Pooling::Tokens);
        assert_eq!(normed.targets(&tokens), array![[-1.0, 1.0, 0.0, 0.0]]);
        assert_eq!(normed.predictions(&tokens), array![[1.0, 3.0, 5.0, 5.0]]);
    }

    #[test]
    fn pooling_averages_after_the_normalisation() {
        let tokens = array![[[1.0_f32, 3.0], [9.0, 5.0]]];
        assert_eq!(maker(None, Pooling::Mean).targets(&tokens), array![[5.0, 4.0]]);
        assert_eq!(maker(Some(0.0), Pooling::Mean).targets(&tokens), array![[0.0, 0.0]]);
    }

    #[test]
    fn the_variance_of_a_target_is_that_of_numpy() {
        // numpy: t = [1, 2, 4]; (t - t.mean()) / sqrt(t.var() + 1e-6)
        let rows = maker(Some(1e-6), Pooling::Tokens).targets(&array![[[1.0_f32, 2.0, 4.0]]]);
        let expected = [-1.069_044_624_028_266_7, -0.267_261_156_007_066_74, 1.336_305_780_035_333];
        rows.iter()
            .zip(expected)
            .for_each(|(found, expected)| assert!((found - expected).abs() < 1e-14));
    }
}
