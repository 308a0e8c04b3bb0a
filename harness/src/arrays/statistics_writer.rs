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
#[derive(Clone, Copy)]
pub struct StatisticsToWrite<'a> {
    /// `mu` and `sigma`.
    pub main: &'a Moments,
    /// `mu_s` and `sigma_s`, ADM's spatial features.
    pub spatial: Option<&'a Moments>,
    /// `arr_0`, images that tools measure beside the statistics.
    pub images: Option<KeptImages<'a>>,
}

/// RGB images of one size, read one after the other.
#[derive(Clone, Copy)]
pub struct KeptImages<'a> {
    /// How many, at least 1.
    pub count: usize,
    /// (width, height) of all.
    pub size: (usize, usize),
    /// The 3 x width x height values of one, row by row, the channels of a pixel side by side.
    pub read: &'a dyn Fn(usize) -> io::Result<Vec<u8>>,
}

/// Writes `mu`, `sigma` and, if given, `mu_s`, `sigma_s` (float64) and `arr_0` (uint8): stored, headers of version 1. The
/// same statistics give the same bytes: no time is in them.
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
        if let Some(images) = &statistics.images {
            write_images(&mut zip, images)?;
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

/// Adds an array of doubles to an archive; `rows` are its numbers in C order, whatever the shape.
pub(crate) fn write_array(
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

fn write_images(
    zip: &mut ZipWriter<impl Write + io::Seek>,
    images: &KeptImages<'_>,
) -> io::Result<()> {
    let (width, height) = images.size;
    let shape = [images.count, height, width, 3].map(|length| length as u64);
    zip.start_file("arr_0.npy", member_options())?;
    zip.write_all(&header_bytes("|u1", &shape))?;
    for index in 0..images.count {
        zip.write_all(&(images.read)(index)?)?;
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
