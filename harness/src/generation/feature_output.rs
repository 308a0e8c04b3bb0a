//! A tensor of the network, and how it becomes one row a sample.

use crate::failure::Failure;
use crate::pipeline::tokens;
use ndarray::{Array2, ArrayD, Axis};
use retally_manifests::{Tap, TapLayout};

/// A tensor of the network and the parts that it plays in the protocol.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FeatureOutput {
    /// The protocol's names: `pool3`. A tensor is taken once, even if it plays several parts.
    pub(super) parts: Vec<String>,
    /// The graph's name.
    pub(super) tensor: String,
    pub(super) pooling: Pooling,
}

/// From a tensor to one row a sample.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Pooling {
    /// [N, D], or [N, D, 1, 1].
    Rows,
    /// The mean over patch tokens.
    MeanToken(Tap),
}

impl FeatureOutput {
    /// Names what the numbers are; enters chunk keys.
    pub(super) fn id(&self) -> String {
        match &self.pooling {
            Pooling::Rows => self.tensor.clone(),
            Pooling::MeanToken(tap) => {
                let layout = match tap.layout {
                    TapLayout::Tokens { skip } => format!("tokens, skip {skip}"),
                    TapLayout::Map => "map".to_owned(),
                };
                let [rows, columns] = tap.grid;
                format!("mean-token({}; {layout}; {rows}x{columns})", self.tensor)
            }
        }
    }

    /// One row for each of the first `samples` entries of a batch.
    pub(super) fn rows(
        &self,
        output: &ArrayD<f32>,
        samples: usize,
    ) -> Result<Array2<f32>, Failure> {
        let misfit = |expected: &str| {
            Failure::invalid(format_args!(
                "model output `{}` has shape {:?}, expected {expected}",
                self.tensor,
                output.shape()
            ))
        };
        if output.ndim() == 0 || output.shape()[0] < samples {
            return Err(misfit("[batch, …]"));
        }
        let batch = output.slice_axis(Axis(0), ndarray::Slice::from(..samples));
        match &self.pooling {
            Pooling::Rows => {
                let width: usize = output.shape().iter().skip(1).product();
                let is_row =
                    output.ndim() >= 2 && output.shape().iter().skip(2).all(|&axis| axis == 1);
                if !is_row || width == 0 {
                    return Err(misfit("[batch, D]: one row of features a sample"));
                }
                let rows = batch.to_shape((samples, width)).map_err(Failure::invalid)?;
                Ok(rows.into_owned())
            }
            Pooling::MeanToken(tap) => {
                tokens::check_shape(output, output.shape()[0], tap)?;
                let mut means = Array2::zeros((samples, tap.channels as usize));
                for (sample, mut mean) in means.rows_mut().into_iter().enumerate() {
                    let tokens = tokens::of_sample(output, sample, tap)?;
                    mean.assign(&tokens::mean(tokens.view()));
                }
                Ok(means)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array, array};

    fn output(pooling: Pooling) -> FeatureOutput {
        FeatureOutput { parts: vec!["features".to_owned()], tensor: "t".to_owned(), pooling }
    }

    fn tap(layout: TapLayout) -> Pooling {
        Pooling::MeanToken(Tap {
            id: "tap".to_owned(),
            label: "tap".to_owned(),
            tensor: "t".to_owned(),
            layout,
            grid: [1, 2],
            channels: 3,
        })
    }

    fn counting(shape: &[usize]) -> ArrayD<f32> {
        let count: usize = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|value| value as f32).collect();
        Array::from_shape_vec(shape, values).unwrap()
    }

    #[test]
    fn rows_are_taken_as_they_are_and_padding_is_left_out() {
        let rows = output(Pooling::Rows);
        let expected = array![[0.0, 1.0], [2.0, 3.0]];
        assert_eq!(rows.rows(&counting(&[3, 2]), 2).unwrap(), expected);
        assert_eq!(rows.rows(&counting(&[3, 2, 1, 1]), 2).unwrap(), expected);
        for misfit in [&[3, 2, 2][..], &[3], &[1, 2], &[3, 0]] {
            assert!(rows.rows(&counting(misfit), 2).is_err(), "{misfit:?}");
        }
    }

    #[test]
    fn the_mean_token_is_that_of_the_patches() {
        // Two samples of a class token and two patches: 0 1 2 | 3 4 5 | 6 7 8 and so on.
        let tokens = output(tap(TapLayout::Tokens { skip: 1 }));
        let means = tokens.rows(&counting(&[2, 3, 3]), 2).unwrap();
        assert_eq!(means, array![[4.5, 5.5, 6.5], [13.5, 14.5, 15.5]]);
        // Three channels of two patches: 0 1 | 2 3 | 4 5.
        let map = output(tap(TapLayout::Map));
        assert_eq!(map.rows(&counting(&[2, 3, 1, 2]), 1).unwrap(), array![[0.5, 2.5, 4.5]]);
        assert!(map.rows(&counting(&[2, 3, 2, 2]), 1).is_err());
        assert_ne!(tokens.id(), map.id());
    }
}
