//! Prediction retrieval error (PRE) of SIE (Garrido et al. 2023, `eval_prediction_errors.py`).

use super::RetrievalError;
use super::scores::{RetrievalOptions, interval};
use crate::executor::Executor;
use crate::{Measurement, Unit};
use ndarray::ArrayView2;

/// Largest deviation of a unit quaternion's length from 1: well above the rounding of 16-bit numbers.
const UNIT_TOLERANCE: f64 = 1e-3;

/// 1 - (a · b)² of two unit quaternions: 0 for the same rotation (a and -a are the same), 1 for rotations that are half a
/// turn apart. Products are added from the first to the last.
#[must_use]
pub fn rotation_error(first: [f64; 4], second: [f64; 4]) -> f64 {
    let product: f64 = first.iter().zip(second).map(|(a, b)| a * b).sum();
    1.0 - product * product
}

/// PRE: the mean rotation error between the target of each query and the member of the bank that was found for it.
///
/// `quaternions` [N, 4] are the absolute rotations of the members, of length 1; `targets` and `found` name one row of them
/// for each query. Unit none, range 0 to 1, lower is better. The mean is the sum in query order, divided by the number of
/// queries; the interval is a percentile bootstrap over queries.
///
/// # Errors
/// [`RetrievalError`]: no queries, rows that do not exist, quaternions of another length than 1.
pub fn rotation_measurement(
    quaternions: &ArrayView2<'_, f64>,
    targets: &[usize],
    found: &[usize],
    options: &RetrievalOptions,
    executor: &dyn Executor,
) -> Result<Measurement, RetrievalError> {
    let rotations = rotations(quaternions)?;
    if targets.len() != found.len() {
        let (predictions, targets) = (found.len(), targets.len());
        return Err(RetrievalError::Targets { predictions, targets });
    }
    let get = |prediction: usize, target: usize| {
        let bank = rotations.len();
        rotations.get(target).copied().ok_or(RetrievalError::NoSuchTarget {
            prediction,
            target,
            bank,
        })
    };
    let mut errors = Vec::with_capacity(targets.len());
    for (query, (&target, &found)) in targets.iter().zip(found).enumerate() {
        errors.push([rotation_error(get(query, target)?, get(query, found)?)]);
    }
    if errors.is_empty() {
        return Err(RetrievalError::NoQueries);
    }
    let mean = errors.iter().map(|[error]| error).sum::<f64>() / errors.len() as f64;
    let groups: Vec<([f64; 1], u64)> = errors.iter().map(|&error| (error, 1)).collect();
    let [interval] = interval(&groups, "queries", options, executor);
    let method = format!(
        "mean of 1 - (target . found)^2 over quaternions, nearest of {} members, of equal ones the first",
        rotations.len()
    );
    Ok(Measurement::of("PRE", mean, Unit::None, errors.len() as u64, method)
        .with_interval(interval))
}

fn rotations(quaternions: &ArrayView2<'_, f64>) -> Result<Vec<[f64; 4]>, RetrievalError> {
    let rotation =
        |(row, numbers): (usize, ndarray::ArrayView1<'_, f64>)| {
            let rotation: Vec<f64> = numbers.iter().copied().collect();
            let rotation = <[f64; 4]>::try_from(rotation).map_err(|numbers| {
                RetrievalError::Empty { set: "the quaternions", rows: row, width: numbers.len() }
            })?;
            let length = rotation.iter().map(|number| number * number).sum::<f64>().sqrt();
            // NaN is no length either.
            if (length - 1.0).abs() <= UNIT_TOLERANCE {
                Ok(rotation)
            } else {
                Err(RetrievalError::NotUnit { row, length })
            }
        };
    quaternions.outer_iter().enumerate().map(rotation).collect()
}
