//! The standard error of a Fréchet distance, from one pass over the rows.
//!
//! The infinitesimal jackknife (Jaeckel 1972; the delta method on the empirical distribution): the distance is a smooth
//! function of the weights of the rows, and its variance is that of its derivative. Row x of set 1 has the influence
//!
//! ```text
//! 2 (μ₁ - μ₂)·y + c |y|² - tr S₁ - (c yᵀ T y - tr (S₁S₂)^½),    y = x - μ₁,  c = n / (n - 1),
//! ```
//!
//! where T is the optimal transport map of set 1 onto set 2 (½ T is the derivative of the trace by S₁), and the variance
//! is Var(influence₁)/n₁ + Var(influence₂)/n₂. It is the spread of the distance at this number of samples, around its
//! expectation at this number: the small-sample bias is not in it.
//!
//! As every jackknife (Efron and Stein 1981) it errs upwards where the distance is far from linear in the weights. In
//! simulations with normal features it is the true deviation for n above 10 d, and 1.0 to 1.4 times that where n is about d
//! or smaller: intervals are then too wide, not too narrow.

use super::root::{TraceRoot, Transport};
use super::{FrechetDistance, Pair, Prepared};
use crate::distribution::DistributionError;
use crate::distribution::features::{REFERENCE, SAMPLES};
use crate::distribution::linear_algebra::product;
use crate::statistics::normal_quantile_two_sided;
use crate::{Finite, Interval};
use faer::Mat;
use ndarray::Array2;

/// Rows whose influence is computed; a variance of 2,000 values is known to about 3 %, the error to half of that.
const MOST_ROWS: usize = 2000;

/// Coverage of the interval.
const LEVEL: f64 = 0.95;

/// How far a Fréchet distance of this many samples may be from its expectation.
#[derive(Clone, Debug, PartialEq)]
pub struct FrechetUncertainty {
    /// Standard error.
    pub standard_error: f64,
    /// Distance ± 1.96 standard errors, cut at 0: a distance is not negative.
    pub interval: Interval,
}

/// `None` if neither set has features, or a number is not finite.
///
/// # Errors
/// `Unreadable`.
pub(super) fn estimate(
    pair: &Pair<'_>,
    root: &TraceRoot,
    distance: &FrechetDistance,
) -> Result<Option<FrechetUncertainty>, DistributionError> {
    let Some([to_samples, to_reference]) = root.transports.as_ref() else { return Ok(None) };
    let [reference, samples] = &pair.sets;
    let terms = [
        influences((reference, REFERENCE), samples.mean(), to_samples, root.value)?,
        influences((samples, SAMPLES), reference.mean(), to_reference, root.value)?,
    ];
    let given = match &terms {
        [None, None] => return Ok(None),
        [None, Some(_)] => ", given the reference",
        [Some(_), None] => ", given the samples",
        [Some(_), Some(_)] => "",
    };
    let variance: f64 = terms.iter().flatten().map(Influences::variance_of_mean).sum();
    let standard_error = variance.sqrt();
    let method = format!("infinitesimal-jackknife (normal, at this n{given})");
    let interval = interval(distance.distance, standard_error, method, 0.0);
    Ok(interval.map(|interval| FrechetUncertainty { standard_error, interval }))
}

/// The 95 % interval of a normal estimate, nothing below `floor`.
fn interval(value: f64, standard_error: f64, method: String, floor: f64) -> Option<Interval> {
    let half_width = normal_quantile_two_sided(LEVEL) * standard_error;
    Some(Interval {
        low: Finite::new((value - half_width).max(floor))?,
        high: Finite::new(value + half_width)?,
        level: LEVEL,
        method,
    })
}

impl FrechetUncertainty {
    /// The same uncertainty around the distance less its bias, which is taken as known. Not cut at 0.
    pub(super) fn around_corrected(&self, corrected: f64) -> Option<Interval> {
        let method = format!("{}, bias taken as known", self.interval.method);
        interval(corrected, self.standard_error, method, f64::NEG_INFINITY)
    }
}

/// Influences of some rows of a set.
struct Influences {
    values: Vec<f64>,
    /// Rows of the whole set.
    rows: usize,
}

impl Influences {
    /// Var(values) / rows, the variance with denominator (number of values - 1).
    fn variance_of_mean(&self) -> f64 {
        let count = self.values.len() as f64;
        let mean = self.values.iter().sum::<f64>() / count;
        let squares: f64 = self.values.iter().map(|value| (value - mean).powi(2)).sum();
        squares / (count - 1.0) / self.rows as f64
    }
}

fn influences(
    (set, name): (&Prepared<'_>, &'static str),
    other_mean: &[f64],
    transport: &Transport,
    root: f64,
) -> Result<Option<Influences>, DistributionError> {
    let Some(features) = set.features else { return Ok(None) };
    let rows = features.count();
    let taken = evenly_spaced(rows);
    let deviations = deviations(&features.gather(&taken, name)?, set.mean());
    let forms = quadratic_forms(transport, &deviations, &taken, rows);
    let gap: Vec<f64> = set.mean().iter().zip(other_mean).map(|(own, other)| own - other).collect();
    let (trace, weight) = (set.trace(), rows as f64 / (rows as f64 - 1.0));
    let values = (0..taken.len()).zip(forms).map(|(index, form)| {
        let deviation = deviations.col_as_slice(index);
        let slope: f64 = deviation.iter().zip(&gap).map(|(y, gap)| y * gap).sum();
        let square: f64 = deviation.iter().map(|y| y * y).sum();
        2.0 * slope + (weight * square - trace) - (form - root)
    });
    Ok(Some(Influences { values: values.collect(), rows }))
}

/// At most [`MOST_ROWS`] of the numbers below `rows`.
fn evenly_spaced(rows: usize) -> Vec<usize> {
    let count = rows.min(MOST_ROWS);
    (0..count).map(|index| (index as u128 * rows as u128 / count as u128) as usize).collect()
}

/// x - μ of the rows taken, [dimensions, taken].
fn deviations(taken: &Array2<f32>, mean: &[f64]) -> Mat<f64> {
    let mut result = Mat::zeros(mean.len(), taken.nrows());
    for (column, row) in taken.outer_iter().enumerate() {
        let targets = result.col_as_slice_mut(column).iter_mut();
        for ((target, &value), mean) in targets.zip(row).zip(mean) {
            *target = f64::from(value) - mean;
        }
    }
    result
}

/// c yᵀ T y of every row taken.
fn quadratic_forms(
    transport: &Transport,
    deviations: &Mat<f64>,
    taken: &[usize],
    rows: usize,
) -> Vec<f64> {
    match transport {
        // aᵢ = y / √(n - 1), so c yᵀ T y = n aᵢᵀ T aᵢ.
        Transport::OfRows(forms) => taken.iter().map(|&row| rows as f64 * forms[row]).collect(),
        Transport::Quadratic { map, weights } => {
            let coordinates = product(map.transpose(), deviations.as_ref());
            let weight = rows as f64 / (rows as f64 - 1.0);
            let form = |index: usize| {
                let squares = coordinates.col_as_slice(index).iter().zip(weights);
                weight * squares.map(|(z, weight)| weight * (z * z)).sum::<f64>()
            };
            (0..taken.len()).map(form).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::frechet::FrechetSide;
    use crate::executor::Sequential;
    use crate::random::Stream;
    use ndarray::{Array2, ArrayView1};

    fn features(rows: usize, width: usize, index: u64) -> Array2<f32> {
        let mut stream = Stream::new(11, "features", index);
        let mixing = Array2::from_shape_fn((width, width), |_| stream.uniform() - 0.3);
        let raw = Array2::from_shape_fn((rows, width), |_| stream.uniform() + index as f64 * 0.2);
        raw.dot(&mixing).mapv(|value| value as f32)
    }

    /// The distance where row i of set 1 has weight p_i, by eigenvalues of S₁^½ S₂ S₁^½ in the directions of S₁.
    fn weighted_distance(first: &Array2<f32>, weights: &[f64], second: &Array2<f32>) -> f64 {
        let (rows, width) = first.dim();
        let total: f64 = weights.iter().sum();
        let first = first.mapv(f64::from);
        let shares = ArrayView1::from(weights).mapv(|weight| weight / total);
        let mean = first.t().dot(&shares);
        let factor = Mat::from_fn(width, rows, |column, row| {
            let correction = rows as f64 / (rows as f64 - 1.0);
            (first[(row, column)] - mean[column]) * (shares[row] * correction).sqrt()
        });
        let (other_mean, mut other) =
            crate::distribution::moments::centred(second.view(), "second").unwrap();
        other *= faer::Scale(1.0 / (second.nrows() as f64 - 1.0).sqrt());
        let mixed = product(factor.transpose(), other.as_ref());
        let root: f64 = mixed.singular_values().unwrap().into_iter().sum();
        let gap: f64 = mean.iter().zip(&other_mean).map(|(a, b)| (a - b).powi(2)).sum();
        gap + factor.squared_norm_l2() + other.squared_norm_l2() - 2.0 * root
    }

    /// d/dε of the distance at (1 - ε) P + ε δ_x, by central differences.
    fn numeric_influence(first: &Array2<f32>, row: usize, second: &Array2<f32>) -> f64 {
        let step = 1e-5;
        let at = |amount: f64| {
            let rows = first.nrows();
            let mut weights = vec![(1.0 - amount) / rows as f64; rows];
            weights[row] += amount;
            weighted_distance(first, &weights, second)
        };
        (at(step) - at(-step)) / (2.0 * step)
    }

    fn check(first: &Array2<f32>, second: &Array2<f32>) {
        let sides = [first, second].map(|set| FrechetSide::from(set.view()));
        let pair = Pair::prepare(sides[0], sides[1], &Sequential).unwrap();
        let root = pair.root(true).unwrap();
        let [to_second, to_first] = root.transports.as_ref().unwrap();
        let [a, b] = &pair.sets;
        let of = |set, other, transport| {
            influences((set, "a set"), other, transport, root.value).unwrap().unwrap().values
        };
        let ours = of(a, b.mean(), to_second);
        let back = of(b, a.mean(), to_first);
        let scale = a.trace() + b.trace();
        for row in [0, first.nrows() / 2, first.nrows() - 1] {
            let numeric = numeric_influence(first, row, second);
            assert!((ours[row] - numeric).abs() < 1e-7 * scale, "{} is not {numeric}", ours[row]);
        }
        for row in [0, second.nrows() - 1] {
            let numeric = numeric_influence(second, row, first);
            assert!((back[row] - numeric).abs() < 1e-7 * scale, "{} is not {numeric}", back[row]);
        }
        for values in [ours, back] {
            assert!((values.iter().sum::<f64>() / values.len() as f64).abs() < 1e-9 * scale);
        }
    }

    #[test]
    fn influences_are_derivatives_by_the_weight_of_a_row() {
        // Full rank, both by rows, and one by rows.
        check(&features(40, 5, 0), &features(31, 5, 1));
        check(&features(5, 9, 2), &features(7, 9, 3));
        check(&features(6, 8, 4), &features(50, 8, 5));
    }

    #[test]
    fn influences_hold_at_deficient_rank() {
        let deficient = |rows, index| {
            let mut set = features(rows, 6, index);
            for mut row in set.outer_iter_mut() {
                row[5] = row[0];
                row[2] = 3.0;
            }
            set
        };
        check(&deficient(30, 6), &deficient(25, 7));
        check(&features(30, 6, 8), &deficient(25, 9));
    }

    #[test]
    fn rows_are_evenly_spaced() {
        assert_eq!(evenly_spaced(3), [0, 1, 2]);
        let taken = evenly_spaced(5000);
        assert_eq!((taken.len(), taken[0], taken[1], taken[1999]), (2000, 0, 2, 4997));
    }
}
