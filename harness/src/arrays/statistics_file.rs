//! Means and covariances of whole data sets, in the `.npz` files that tools for Fréchet distances write.
//!
//! | arrays | written by |
//! |---|---|
//! | `mu` `[D]`, `sigma` `[D, D]` | ADM, pytorch-fid, clean-fid, MAR |
//! | `ref_mu`, `ref_sigma` | FD-loss |
//! | `mu_s`, `sigma_s` | ADM's spatial features |
//! | `mu_clip`, `sigma_clip` | ADM's reference files, CLIP features |
//! | `arr_0` uint8 `[N, H, W, 3]` | ADM: images, read by [`crate::images::reader`] |
//! | `feats`, `reps` `[N, D]` | clean-fid, dgm-eval: rows of features |
//!
//! Other arrays, such as pickled objects, are never read.

use super::archive::Archive;
use super::{ArrayError, ArrayFile};
use ndarray::{Array1, Array2};
use std::path::Path;

/// A distribution that is known by its first two moments.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// Mean, `[D]`.
    pub mean: Array1<f64>,
    /// Covariance, `[D, D]`, as the file has it: symmetric to rounding, its diagonal not negative.
    pub covariance: Array2<f64>,
}

/// Of which features the moments are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Features {
    /// Those of the file's encoder: `mu` and `sigma`, or `ref_mu` and `ref_sigma`.
    Main,
    /// ADM's spatial features: `mu_s` and `sigma_s`.
    Spatial,
    /// CLIP's: `mu_clip` and `sigma_clip`.
    Clip,
}

impl Features {
    /// Names of a mean and its covariance.
    const fn names(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Main => &[("mu", "sigma"), ("ref_mu", "ref_sigma")],
            Self::Spatial => &[("mu_s", "sigma_s")],
            Self::Clip => &[("mu_clip", "sigma_clip")],
        }
    }
}

/// Names of images and of rows of features.
const IMAGES: &str = "arr_0";
const ROWS: [&str; 2] = ["feats", "reps"];

/// An open `.npz` file.
#[derive(Debug)]
pub struct StatisticsFile {
    archive: Archive,
}

impl StatisticsFile {
    /// Opens a file and reads its directory; no array is read.
    ///
    /// # Errors
    /// If it cannot be read or is no `.npz`.
    pub fn open(path: &Path) -> Result<Self, ArrayError> {
        Ok(Self { archive: Archive::open(path)? })
    }

    /// Names of all arrays, in the file's order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.archive.names()
    }

    /// Whether there is a mean or a covariance of these features.
    #[must_use]
    pub fn has(&self, features: Features) -> bool {
        let mut names = features.names().iter().flat_map(|&(mean, covariance)| [mean, covariance]);
        names.any(|name| self.archive.contains(name))
    }

    /// Whether there are images (`arr_0`).
    #[must_use]
    pub fn has_images(&self) -> bool {
        self.archive.contains(IMAGES)
    }

    /// Reads mean and covariance, if there are any.
    ///
    /// # Errors
    /// If one of them is missing or there are two pairs, an array is damaged, not floating-point or of another shape, or a
    /// number is not finite.
    pub fn moments(&mut self, features: Features) -> Result<Option<Moments>, ArrayError> {
        let mut found = Vec::new();
        for &(mean, covariance) in features.names() {
            match (self.archive.contains(mean), self.archive.contains(covariance)) {
                (true, true) => found.push((mean, covariance)),
                (false, false) => {}
                (has_mean, _) => {
                    let (there, missing) =
                        if has_mean { (mean, covariance) } else { (covariance, mean) };
                    let detail = format!("there is no `{missing}` beside it: save both");
                    return Err(self.wrong(there, detail));
                }
            }
        }
        match found[..] {
            [] => Ok(None),
            [(mean, covariance)] => self.read(mean, covariance).map(Some),
            [(first, _), (second, _), ..] => {
                let detail = format!("there is `{second}` too, and only one can be meant");
                Err(self.wrong(first, detail))
            }
        }
    }

    /// Opens the rows of features (`feats` or `reps`), floating-point `[N, D]`, if there are any.
    ///
    /// # Errors
    /// If the array is damaged, or not floating-point with two axes.
    pub fn rows(&mut self) -> Result<Option<ArrayFile>, ArrayError> {
        let Some(name) = ROWS.into_iter().find(|name| self.archive.contains(name)) else {
            return Ok(None);
        };
        let array = ArrayFile::of_archive(&mut self.archive, name)?;
        if array.shape().len() != 2 || !array.element().is_float() {
            return Err(array.wrong_shape("floating-point [N, D]: a row of features an image"));
        }
        Ok(Some(array))
    }

    /// Nothing is read before both shapes fit each other: a small file may claim a mean of any length.
    fn read(&mut self, mean: &str, covariance: &str) -> Result<Moments, ArrayError> {
        let mut mean_array = ArrayFile::of_archive(&mut self.archive, mean)?;
        let &[dimensions] = mean_array.shape() else {
            return Err(mean_array.wrong_shape("a mean [D]"));
        };
        let mut covariance_array = ArrayFile::of_archive(&mut self.archive, covariance)?;
        if dimensions == 0 || covariance_array.shape() != [dimensions, dimensions] {
            let detail = format!(
                "its shape is {:?} and `{mean}` has {dimensions} values; expected a covariance [D, D] of a mean [D]",
                covariance_array.shape()
            );
            return Err(self.wrong(covariance, detail));
        }
        let mean_values = self.read_numbers(mean, &mut mean_array)?;
        let values = self.read_numbers(covariance, &mut covariance_array)?;
        let matrix = Array2::from_shape_vec((dimensions, dimensions), values)
            .map_err(|error| self.wrong(covariance, error.to_string()))?;
        Ok(Moments { mean: Array1::from_vec(mean_values), covariance: matrix })
    }

    /// All numbers of an array; they must be finite.
    fn read_numbers(&self, name: &str, array: &mut ArrayFile) -> Result<Vec<f64>, ArrayError> {
        let rows = array.shape().first().copied().unwrap_or(0);
        let mut values = Vec::new();
        array.read_f64(0..rows, &mut values)?;
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(index) => {
                let detail =
                    format!("value {index} (counted from 0) is {}, not finite", values[index]);
                Err(self.wrong(name, detail))
            }
        }
    }

    fn wrong(&self, name: &str, detail: String) -> ArrayError {
        ArrayError::Statistics {
            path: self.archive.path().to_owned(),
            name: name.to_owned(),
            detail,
        }
    }
}
