//! Patch tokens in a model's output, as a manifest's tap describes them.

use crate::failure::Failure;
use ndarray::{Array1, Array2, ArrayD, ArrayView2, ArrayViewD, Axis};
use retally_manifests::{Tap, TapLayout};

/// The manifest promises the tensor's shape; a model that gives another one is not the model that was described.
pub(crate) fn check_shape(output: &ArrayD<f32>, batch: usize, tap: &Tap) -> Result<(), Failure> {
    let [rows, columns] = tap.grid.map(|side| side as usize);
    let channels = tap.channels as usize;
    let expected = match tap.layout {
        TapLayout::Tokens { skip } => vec![batch, skip as usize + rows * columns, channels],
        TapLayout::Map => vec![batch, channels, rows, columns],
    };
    if output.shape() == expected.as_slice() {
        return Ok(());
    }
    Err(Failure::invalid(format_args!(
        "model output `{}` has shape {:?}, but its manifest entry `{}` promises {expected:?}: correct grid, channels \
         or layout there",
        tap.tensor,
        output.shape(),
        tap.id
    )))
}

/// The patch tokens of one sample as [tokens, channels], row by row over the lattice.
pub(crate) fn of_sample(
    output: &ArrayD<f32>,
    row: usize,
    tap: &Tap,
) -> Result<Array2<f32>, Failure> {
    let sample: ArrayViewD<'_, f32> = output.index_axis(Axis(0), row);
    let channels = tap.channels as usize;
    let wrong =
        |error: ndarray::ShapeError| Failure::invalid(format_args!("cannot read tokens: {error}"));
    match tap.layout {
        TapLayout::Tokens { skip } => {
            let all: ArrayView2<'_, f32> = sample.into_dimensionality().map_err(wrong)?;
            Ok(all.slice_move(ndarray::s![skip as usize.., ..]).to_owned())
        }
        TapLayout::Map => {
            let flat = sample
                .to_shape((channels, tap.grid[0] as usize * tap.grid[1] as usize))
                .map_err(wrong)?;
            Ok(flat.t().as_standard_layout().into_owned())
        }
    }
}

/// Mean over tokens, accumulated in f64.
pub(crate) fn mean(tokens: ArrayView2<'_, f32>) -> Array1<f32> {
    let count = tokens.nrows() as f64;
    let mut sums = Array1::<f64>::zeros(tokens.ncols());
    for token in tokens.rows() {
        sums.zip_mut_with(&token, |sum, &value| *sum += f64::from(value));
    }
    sums.mapv(|sum| (sum / count) as f32)
}
