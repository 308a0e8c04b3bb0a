//! Writes means and covariances as an `.npz` that `numpy.load` and the tools for Fréchet distances read.

use super::npy::header_bytes;
use super::statistics_file::Moments;
use crate::failure::Failure;
use crate::run::directory::write_durably_with;
use ndarray::ArrayView2;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

/// What a file of statistics will hold.
#[derive(Clone, Copy, Debug)]
pub struct StatisticsToWrite<'a> {
    /// `mu` and `sigma`.
    pub main: &'a Moments,
    /// `mu_s` and `sigma_s`, ADM's spatial features.
    pub spatial: Option<&'a Moments>,
}

/// Writes `mu`, `sigma` and, if given, `mu_s`, `sigma_s`: float64, stored, headers of version 1. The same statistics give
/// the same bytes: no time is in them.
///
/// # Errors
/// If a covariance does not fit its mean or a number is not finite (nothing is written then), or the file cannot be
/// written; it is there whole or not at all.
pub fn write_statistics(path: &Path, statistics: &StatisticsToWrite<'_>) -> Result<(), Failure> {
    let spatial = statistics.spatial.map(|moments| ("mu_s", "sigma_s", moments));
    let pairs = || std::iter::once(("mu", "sigma", statistics.main)).chain(spatial);
    for (mean, covariance, moments) in pairs() {
        check(mean, covariance, moments)?;
    }
    write_durably_with(path, |file| {
        let mut zip = ZipWriter::new(BufWriter::new(file));
        for (mean, covariance, Moments { mean: values, covariance: matrix }) in pairs() {
            let row = values.view().insert_axis(ndarray::Axis(0));
            write_array(&mut zip, mean, &[values.len()], row)?;
            write_array(&mut zip, covariance, matrix.shape(), matrix.view())?;
        }
        zip.finish()?.flush()
    })
}

fn check(mean: &str, covariance: &str, moments: &Moments) -> Result<(), Failure> {
    let dimensions = moments.mean.len();
    if dimensions == 0 || moments.covariance.dim() != (dimensions, dimensions) {
        return Err(Failure::invalid(format_args!(
            "cannot write statistics: `{mean}` has {dimensions} values and `{covariance}` has shape {:?}; \
             expected [D] and [D, D]",
            moments.covariance.shape()
        )));
    }
    let mut values = moments.mean.iter().chain(&moments.covariance);
    match values.find(|value| !value.is_finite()) {
        Some(value) => Err(Failure::invalid(format_args!(
            "cannot write statistics: `{mean}` or `{covariance}` holds {value}, not a finite number"
        ))),
        None => Ok(()),
    }
}

fn write_array(
    zip: &mut ZipWriter<impl Write + io::Seek>,
    name: &str,
    shape: &[usize],
    rows: ArrayView2<'_, f64>,
) -> io::Result<()> {
    zip.start_file(format!("{name}.npy"), member_options())?;
    let shape: Vec<u64> = shape.iter().map(|&length| length as u64).collect();
    zip.write_all(&header_bytes("<f8", &shape))?;
    let mut bytes = Vec::with_capacity(8 * rows.ncols());
    for row in rows.rows() {
        bytes.clear();
        bytes.extend(row.iter().flat_map(|value| value.to_le_bytes()));
        zip.write_all(&bytes)?;
    }
    Ok(())
}

/// Stored, zip64 whatever the size as `numpy.savez` does, and without what differs between machines: no time, and the
/// permissions of a plain file.
pub(crate) fn member_options() -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .large_file(true)
        .last_modified_time(DateTime::default())
        .system(System::Unix)
        .unix_permissions(0o644)
}
