//! Attention in array files, read where it is, a block of rows at a time.

use super::description::SampleDescription;
use super::layers::{Axes, Measured, SampleInProgress};
use crate::arrays::{ArrayFile, Element};
use crate::failure::Failure;
use std::path::Path;

/// Measures every layer of a sample.
pub(super) fn measure(
    sample: &SampleDescription,
    id: &str,
    folder: &Path,
    tolerance: Option<f64>,
) -> Result<Measured, Failure> {
    let mut progress = SampleInProgress::new(sample, tolerance);
    for path in sample.files(folder)? {
        let within = |failure: Failure| failure.within(format_args!("`{}`", path.display()));
        let file = ArrayFile::open(&path)?;
        let axes =
            Axes::of(file.shape(), sample.batch).map_err(|expected| file.wrong_shape(expected))?;
        let bits = significand_bits(file.element());
        let mut rows = file
            .reshaped(axes.as_rows())
            .ok_or_else(|| Failure::invalid("the array has another size than its axes"))?;
        let mut read = |range, values: &mut Vec<f64>| Ok(rows.read_f64(range, values)?);
        progress.add(axes, bits, &mut read).map_err(within)?;
    }
    progress.finish(id)
}

fn significand_bits(element: Element) -> i32 {
    match element {
        Element::Bf16 => 8,
        Element::F16 => 11,
        Element::F32 => 24,
        _ => 53,
    }
}
