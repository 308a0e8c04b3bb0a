//! `retally tokenizer sweep`: what is lost of other images at each number of latent dimensions.

use super::basis_file::BasisFile;
use crate::context::Context;
use crate::failure::Failure;
use crate::images::reader;
use crate::threads::Threads;
use rayon::prelude::*;
use retally_manifests::Digest;
use retally_metrics::statistics::mean_estimate;
use retally_metrics::{Measurement, Unit};
use serde::Serialize;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// Name of the error, as tables use it.
pub(crate) const RECONSTRUCTION_ERROR: &str = "reconstruction error";

/// Coverage of intervals.
const LEVEL: f64 = 0.95;

/// What is measured.
#[derive(Clone, Debug)]
pub struct SweepRequest<'a> {
    /// The basis.
    pub basis: &'a Path,
    /// The images.
    pub images: &'a Path,
    /// Numbers of latent dimensions; powers of two up to 128, as in the paper, if empty.
    pub dimensions: &'a [usize],
    /// Cores to use; all by default.
    pub threads: Option<NonZeroUsize>,
}

/// What is lost.
#[derive(Clone, Debug, Serialize)]
pub struct SweepReport {
    /// The basis file.
    pub basis: PathBuf,
    /// Its digest.
    pub basis_sha256: Digest,
    /// The images.
    pub images: PathBuf,
    /// How many.
    pub count: usize,
    /// Id of every step from files to bytes.
    pub preprocessing: String,
    /// From bytes to the numbers whose squares are averaged.
    pub pixels: String,
    /// One entry for each number of dimensions.
    pub rows: Vec<SweepRow>,
}

/// What is lost at one number of latent dimensions.
#[derive(Clone, Debug, Serialize)]
pub struct SweepRow {
    /// Latent dimensions.
    pub dimensions: usize,
    /// Mean squared error of a pixel value on these images, with its interval over images.
    pub error: Measurement,
    /// The same on the patches that were fitted: the sum of the eigenvalues left out, a value.
    pub fitted_error: f64,
    /// Share of the fitted patches' variance that is kept, in percent; none where they do not vary.
    pub kept: Option<f64>,
}

/// Measures the errors of images that are prepared as those of the basis were.
///
/// # Errors
/// Bad input; more dimensions than the basis has.
pub fn sweep(request: &SweepRequest<'_>, context: &Context) -> Result<SweepReport, Failure> {
    let basis = BasisFile::read(request.basis)?;
    let dimensions = dimensions(request.dimensions, &basis)?;
    let images = basis.images()?;
    let threads = Threads::new(request.threads)?;
    let source = reader::open_path(request.images)?;
    let count = source.catalogue().len();
    let mut errors = vec![Vec::with_capacity(count); dimensions.len()];
    let mut job = context.progress.job("sweep", count as u64, "images");
    for start in (0..count).step_by(images.at_a_time()) {
        let some = start..count.min(start + images.at_a_time());
        let rows = threads.install(|| {
            some.clone()
                .into_par_iter()
                .map(|index| {
                    let planes = images.planes(&source.read(index)?)?;
                    let patches = images.grid().patches(&planes)?;
                    Ok(basis.pca.reconstruction_errors(patches.view(), &dimensions)?)
                })
                .collect::<Result<Vec<_>, Failure>>()
        })?;
        for row in rows {
            errors.iter_mut().zip(row).for_each(|(errors, error)| errors.push(error));
        }
        job.advance(some.len() as u64);
    }
    job.finish();
    let rows = dimensions.iter().zip(&errors).map(|(&d, errors)| row(&basis, d, errors)).collect();
    Ok(SweepReport {
        basis: request.basis.to_owned(),
        basis_sha256: basis.sha256,
        images: request.images.to_owned(),
        count,
        preprocessing: images.pixels_id(),
        pixels: basis.origin.pixels.clone(),
        rows,
    })
}

fn dimensions(asked: &[usize], basis: &BasisFile) -> Result<Vec<usize>, Failure> {
    let most = basis.pca.dimensions();
    let mut dimensions = asked.to_vec();
    if dimensions.is_empty() {
        dimensions = [8, 16, 32, 64, 128].into_iter().filter(|&d| d <= most).collect();
    }
    if dimensions.is_empty() {
        dimensions.push(most);
    }
    match dimensions.iter().find(|d| !(1..=most).contains(*d)) {
        Some(wrong) => Err(Failure::invalid(format_args!(
            "--dims {wrong}: `{}` has 1 to {most} dimensions",
            basis.path.display()
        ))),
        None => Ok(dimensions),
    }
}

fn row(basis: &BasisFile, dimensions: usize, errors: &[f64]) -> SweepRow {
    let width = basis.pca.dimensions() as f64;
    let errors: Vec<f64> = errors.iter().map(|error| error / width).collect();
    let method = format!(
        "mean squared error of a pixel value, patch PCA of {dimensions} dimensions, mean over images"
    );
    let (fitted, total) = (basis.pca.fitted_error(dimensions), basis.pca.fitted_error(0));
    SweepRow {
        dimensions,
        error: mean_error(RECONSTRUCTION_ERROR, &errors, method),
        fitted_error: fitted / width,
        kept: (total > 0.0).then(|| 100.0 * (1.0 - fitted / total)),
    }
}

/// The mean of an error over images with Student's interval.
pub(crate) fn mean_error(metric: &str, errors: &[f64], method: String) -> Measurement {
    let n = errors.len() as u64;
    match mean_estimate(errors, LEVEL) {
        Ok(estimate) => Measurement::of(metric, estimate.mean, Unit::None, n, method)
            .with_interval(estimate.interval),
        Err(absence) => Measurement::absent(metric, Unit::None, n, method, absence),
    }
}
