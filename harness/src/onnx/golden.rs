//! A tiny model with a recorded output: how far this machine's arithmetic is from the machine that made the recording.
//!
//! `zoo/make_golden_model.py` made both files. The tokens are an inner tensor of the model, so the editing of graphs is
//! checked along with the kernels.

use super::library::Library;
use super::session::{Device, ModelSource, OnnxError, Session, SessionOptions};
use ndarray::{ArrayD, IxDyn};
use serde::Serialize;

const MODEL: &[u8] = include_bytes!("golden/model.onnx");
const RECORDING: &[u8] = include_bytes!("golden/tokens.npy");
/// The tensor that was recorded.
const TENSOR: &str = "tokens";
const INPUT_SHAPE: [usize; 4] = [2, 3, 32, 32];

/// What made the recording.
pub const RECORDED_WITH: &str = "ONNX Runtime 1.31.1 for Python on an x86-64 CPU with AVX-512";

/// Largest drift that still counts as the same arithmetic, as a share of the largest recorded magnitude.
///
/// Other versions of ONNX Runtime and other optimisation levels moved encoders' outputs by up to 4e-6; an arithmetic of
/// lower precision, such as TensorFloat-32 (2^-11 for each factor), moves them by about 1e-3.
pub const BUDGET: f64 = 1e-5;

/// Distance between the output computed here and the recorded one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Drift {
    /// Numbers compared.
    pub values: usize,
    /// Whether every bit is the same.
    pub bit_identical: bool,
    /// Largest absolute difference.
    pub max_absolute: f64,
    /// `max_absolute` over the largest recorded magnitude.
    pub max_relative: f64,
    /// Largest `max_relative` that is allowed.
    pub budget: f64,
}

impl Drift {
    /// Whether this machine's arithmetic counts as the recording's.
    #[must_use]
    pub fn within_budget(&self) -> bool {
        self.max_relative <= self.budget
    }
}

/// Why the drift cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum GoldenError {
    /// The model does not run.
    #[error("the golden model does not run: {0}")]
    Onnx(#[from] OnnxError),
    /// The files in this program do not fit each other.
    #[error("the golden files in this program are damaged: {0}")]
    Files(String),
    /// NaN or infinity where there were numbers.
    #[error(
        "the golden model gave {count} values that are no finite numbers: this device or library computes wrongly"
    )]
    NotFinite {
        /// How many.
        count: usize,
    },
}

/// Runs the golden model and compares its output with the recording.
///
/// # Errors
/// If the device cannot be used, or computes no finite numbers.
pub fn measure(library: &Library, device: Device, threads: usize) -> Result<Drift, GoldenError> {
    let options = SessionOptions {
        device,
        threads,
        outputs: vec![TENSOR.to_owned()],
        ..SessionOptions::default()
    };
    let source = ModelSource { bytes: MODEL, folder: None };
    let mut session = Session::open_source(library, source, &options)?;
    let outputs = session.run(input()?.view())?;
    let output = outputs
        .first()
        .ok_or_else(|| GoldenError::Files("the model returned nothing".to_owned()))?;
    compare(&output.iter().copied().collect::<Vec<_>>(), &recording()?)
}

fn compare(output: &[f32], recorded: &[f32]) -> Result<Drift, GoldenError> {
    if output.len() != recorded.len() {
        let lengths = format!("{} values against {} recorded ones", output.len(), recorded.len());
        return Err(GoldenError::Files(lengths));
    }
    let count = output.iter().filter(|value| !value.is_finite()).count();
    if count > 0 {
        return Err(GoldenError::NotFinite { count });
    }
    let largest =
        recorded.iter().fold(0.0, |largest: f64, value| largest.max(f64::from(value.abs())));
    let max_absolute =
        output.iter().zip(recorded).fold(0.0, |largest: f64, (computed, expected)| {
            largest.max((f64::from(*computed) - f64::from(*expected)).abs())
        });
    Ok(Drift {
        values: recorded.len(),
        bit_identical: output
            .iter()
            .zip(recorded)
            .all(|(computed, expected)| computed.to_bits() == expected.to_bits()),
        max_absolute,
        max_relative: max_absolute / largest,
        budget: BUDGET,
    })
}

/// Value i is ((7919 i) mod 1024 - 512) / 256, which 32-bit floats hold exactly.
fn input() -> Result<ArrayD<f32>, GoldenError> {
    let count: usize = INPUT_SHAPE.iter().product();
    let values = (0..count).map(|index| ((index * 7919 % 1024) as f32 - 512.0) / 256.0).collect();
    ArrayD::from_shape_vec(IxDyn(&INPUT_SHAPE), values)
        .map_err(|error| GoldenError::Files(error.to_string()))
}

fn recording() -> Result<Vec<f32>, GoldenError> {
    npyz::NpyFile::new(RECORDING)
        .and_then(npyz::NpyFile::into_vec)
        .map_err(|error| GoldenError::Files(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::testing::library;

    #[test]
    fn this_machine_computes_the_recorded_numbers() {
        let drift = measure(library(), Device::Cpu, 1).unwrap();
        assert!(drift.within_budget(), "{drift:?}");
        assert_eq!(drift.values, 512);
        assert_eq!(measure(library(), Device::Cpu, 2).unwrap(), drift);
    }

    #[test]
    fn the_same_numbers_do_not_drift() {
        let drift = compare(&[1.0, -4.0], &[1.0, -4.0]).unwrap();
        assert!(drift.bit_identical && drift.within_budget());
        assert_eq!((drift.max_absolute, drift.max_relative, drift.values), (0.0, 0.0, 2));
    }

    #[test]
    fn drift_is_relative_to_the_largest_recorded_magnitude() {
        let drift = compare(&[1.0, -3.5], &[1.0, -4.0]).unwrap();
        assert!(!drift.bit_identical && !drift.within_budget());
        assert_eq!((drift.max_absolute, drift.max_relative), (0.5, 0.125));
    }

    #[test]
    fn zeros_of_other_sign_are_other_bits_but_no_drift() {
        let drift = compare(&[-0.0, 1.0], &[0.0, 1.0]).unwrap();
        assert!(!drift.bit_identical && drift.within_budget());
    }

    #[test]
    fn values_that_are_no_numbers_are_no_drift() {
        let error = compare(&[f32::NAN, f32::INFINITY], &[0.0, 1.0]).unwrap_err();
        assert!(matches!(error, GoldenError::NotFinite { count: 2 }));
        assert!(compare(&[1.0], &[1.0, 2.0]).is_err());
    }

    #[test]
    fn the_recording_is_finite_and_of_the_recorded_shape() {
        let recording = recording().unwrap();
        assert_eq!(recording.len(), 2 * 16 * 16);
        assert!(recording.iter().all(|value| value.is_finite()));
        // Layer normalisation leaves a mean square of one.
        let mean_square =
            recording.iter().map(|value| f64::from(value * value)).sum::<f64>() / 512.0;
        assert!((mean_square - 1.0).abs() < 1e-3, "{mean_square}");
    }
}
