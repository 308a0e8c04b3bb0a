//! FD-infinity: the Fréchet distance of infinitely many samples (Chong and Forsyth 2020), by the protocol of `dgm-eval`.
//!
//! The distance of n samples is too large by about b / n. A straight line in 1/n through the distances of subsets,
//! each against the full reference, is read off at 0. The line is straight only while subsets have several times more
//! rows than dimensions; the protocol does not ask for that.

use super::features::{REFERENCE, SAMPLES};
use super::frechet::{FrechetSide, check_widths, frechet_distance};
use super::{DistributionError, Gaussian, SetRows};
use crate::executor::{Executor, Sequential, map};
use crate::random::Stream;
use crate::{Absence, AbsenceReason, Finite, Interval};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Coverage of the interval.
const LEVEL: f64 = 0.95;

/// More subsets than this say no more.
const MOST_POINTS: usize = 10_000;

/// Sizes of the subsets and the seed that draws them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FdInfinityOptions {
    /// Number of subsets, 3 to 10,000.
    pub points: usize,
    /// Rows of the smallest subset; `None`: min(5000, max(N / 10, 2)) of N samples.
    pub smallest: Option<usize>,
    /// Subset i is drawn from the stream (seed, `fd-infinity`, i). `dgm-eval` draws without a seed.
    pub seed: u64,
}

impl Default for FdInfinityOptions {
    /// The 15 sizes of `dgm-eval`, seed 0.
    fn default() -> Self {
        Self { points: 15, smallest: None, seed: 0 }
    }
}

impl FdInfinityOptions {
    /// What a measurement says of its method.
    pub(super) fn method(&self) -> String {
        let smallest = match self.smallest {
            None => "min(5000, max(N / 10, 2))".to_owned(),
            Some(rows) => rows.to_string(),
        };
        format!(
            "fd-infinity of dgm-eval, seeded (seed {}, {} subsets of {smallest} to N rows, line in 1/n)",
            self.seed, self.points
        )
    }
}

/// The line through the distances of subsets.
#[derive(Clone, Debug, PartialEq)]
pub struct FdInfinity {
    /// The line at 1/n = 0. May be negative by its own spread.
    pub value: f64,
    /// Rise of the distance with 1/n.
    pub slope: f64,
    /// Student's interval of the intercept. The subsets overlap, so it says how straight the points lie, not more.
    pub interval: Interval,
    /// Rows and distance of every subset.
    pub points: Vec<(usize, f64)>,
}

/// FD-infinity of `samples`, N rows, against all of `reference`.
///
/// Sizes are evenly spaced from the smallest to N and rounded down; rows are drawn without replacement. One task a subset
/// goes to `executor`.
///
/// # Errors
/// As [`frechet_distance`](super::frechet_distance); `Options` for fewer than 3 points or a smallest subset that is not
/// among 2 … N. The inner error is an absence, `TooFewSamples`, if fewer than 3 different sizes fit.
pub fn fd_infinity(
    reference: FrechetSide<'_>,
    samples: SetRows<'_>,
    options: FdInfinityOptions,
    executor: &dyn Executor,
) -> Result<Result<FdInfinity, Absence>, DistributionError> {
    check_widths(&reference, &FrechetSide::Features(samples))?;
    let sizes = match sizes(samples.count(), options)? {
        Ok(sizes) => sizes,
        Err(absence) => return Ok(Err(absence)),
    };
    let gaussian = gaussian_of(&reference, executor)?;
    let reference = match &gaussian {
        Some(gaussian) => FrechetSide::Gaussian(gaussian),
        None => reference.reborrow(),
    };
    let distances = map(executor, sizes.len(), |index| {
        let rows = subset(samples.count(), sizes[index], options.seed, index as u64);
        if rows.len() > samples.width() {
            let moments = samples.moments_of(&rows, SAMPLES, &Sequential)?;
            let gaussian = Gaussian::of_moments(&moments, SAMPLES)?;
            return frechet_distance(reference, FrechetSide::Gaussian(&gaussian), &Sequential);
        }
        let rows = samples.gather(&rows, SAMPLES)?;
        frechet_distance(reference, rows.view().into(), &Sequential)
    });
    let mut points = Vec::with_capacity(sizes.len());
    for (size, distance) in sizes.into_iter().zip(distances) {
        points.push((size, distance?.distance));
    }
    Ok(Ok(Line::through(&points).at_zero(points)?))
}

/// The reference's covariance, computed once for all subsets; `None` where its rows serve better.
fn gaussian_of(
    reference: &FrechetSide<'_>,
    executor: &dyn Executor,
) -> Result<Option<Gaussian>, DistributionError> {
    match reference {
        FrechetSide::Features(features) if features.count() > features.width() => {
            let moments = features.moments(REFERENCE, executor)?;
            Gaussian::of_moments(&moments, REFERENCE).map(Some)
        }
        _ => Ok(None),
    }
}

/// The integer parts of evenly spaced numbers from the smallest size to `rows`.
fn sizes(
    rows: usize,
    options: FdInfinityOptions,
) -> Result<Result<Vec<usize>, Absence>, DistributionError> {
    if rows < 2 {
        return Err(DistributionError::TooFewRows { set: SAMPLES, actual: rows, needed: 2 });
    }
    let FdInfinityOptions { points, smallest, .. } = options;
    let smallest = smallest.unwrap_or((rows / 10).clamp(2, 5000));
    if !(3..=MOST_POINTS).contains(&points) || smallest < 2 || smallest > rows {
        return Err(DistributionError::Options(format!(
            "{points} subsets of {smallest} to {rows} rows: take 3 to {MOST_POINTS}, of 2 to {rows} rows"
        )));
    }
    // As `np.linspace(smallest, rows, points).astype(int)` rounds.
    let step = (rows - smallest) as f64 / (points - 1) as f64;
    let mut sizes: Vec<usize> =
        (0..points).map(|index| (index as f64 * step + smallest as f64) as usize).collect();
    sizes[points - 1] = rows;
    let different = 1 + sizes.windows(2).filter(|pair| pair[0] != pair[1]).count();
    if different < 3 {
        let detail = format!("{rows} samples have {different} subset sizes; a line needs 3");
        return Ok(Err(Absence::new(AbsenceReason::TooFewSamples, detail)));
    }
    Ok(Ok(sizes))
}

/// Rising numbers of `size` of the `rows` rows.
fn subset(rows: usize, size: usize, seed: u64, index: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows).collect();
    Stream::new(seed, "fd-infinity", index).shuffle(&mut order);
    order.truncate(size);
    order.sort_unstable();
    order
}

/// A least-squares line of the distance over 1/n.
struct Line {
    intercept: f64,
    slope: f64,
    standard_error: f64,
    /// Points less two.
    freedom: f64,
}

impl Line {
    fn through(points: &[(usize, f64)]) -> Self {
        let count = points.len() as f64;
        let (x_mean, y_mean) = points.iter().fold((0.0, 0.0), |(x, y), point| {
            (x + 1.0 / point.0 as f64 / count, y + point.1 / count)
        });
        let (mut square, mut cross) = (0.0, 0.0);
        for &(size, distance) in points {
            let x = 1.0 / size as f64 - x_mean;
            square += x * x;
            cross += x * (distance - y_mean);
        }
        let slope = cross / square;
        let intercept = y_mean - slope * x_mean;
        let residual =
            |&(size, distance): &(usize, f64)| (distance - intercept - slope / size as f64).powi(2);
        let freedom = count - 2.0;
        let variance = points.iter().map(residual).sum::<f64>() / freedom;
        let standard_error = (variance * (1.0 / count + x_mean * x_mean / square)).sqrt();
        Self { intercept, slope, standard_error, freedom }
    }

    fn at_zero(&self, points: Vec<(usize, f64)>) -> Result<FdInfinity, DistributionError> {
        let failed = DistributionError::NotConverged("the line of FD-infinity");
        let interval = StudentsT::new(0.0, 1.0, self.freedom).ok().and_then(|student| {
            let half_width = student.inverse_cdf(0.5 + LEVEL / 2.0) * self.standard_error;
            Some(Interval {
                low: Finite::new(self.intercept - half_width)?,
                high: Finite::new(self.intercept + half_width)?,
                level: LEVEL,
                method: "student-t of the intercept (overlapping subsets, reference fixed)"
                    .to_owned(),
            })
        });
        let interval = interval.ok_or(failed)?;
        Ok(FdInfinity { value: self.intercept, slope: self.slope, interval, points })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_numpy() {
        // np.linspace(min(5000, max(N // 10, 2)), N, 15).astype("int32")
        let expected = [100, 164, 228, 292, 357, 421, 485, 550, 614, 678, 742, 807, 871, 935, 1000];
        assert_eq!(sizes(1000, FdInfinityOptions::default()).unwrap().unwrap(), expected);
        // Where the sum is cut off, not the step.
        let expected = [13, 21, 30, 39, 47, 56, 65, 74, 82, 91, 100, 108, 117, 126, 135];
        assert_eq!(sizes(135, FdInfinityOptions::default()).unwrap().unwrap(), expected);
        let expected =
            [110, 180, 251, 322, 392, 463, 534, 605, 675, 746, 817, 887, 958, 1029, 1100];
        assert_eq!(sizes(1100, FdInfinityOptions::default()).unwrap().unwrap(), expected);
        assert_eq!(sizes(200_000, FdInfinityOptions::default()).unwrap().unwrap()[0], 5000);
        assert!(sizes(3, FdInfinityOptions::default()).unwrap().is_err());
        for points in [2, usize::MAX] {
            let options = FdInfinityOptions { points, ..FdInfinityOptions::default() };
            assert!(matches!(sizes(1000, options), Err(DistributionError::Options(_))));
        }
    }

    const LINREGRESS: [f64; 4] = [
        1.056_521_739_130_434_7,
        39.860_869_565_217_39,
        0.472_150_455_691_926_15,
        1.640_893_022_569_043_3,
    ];

    #[test]
    fn the_line_agrees_with_scipy() {
        // scipy.stats.linregress over 1/n, intercept ± t(0.975, 2) intercept_stderr.
        let points = vec![(10, 5.0), (20, 3.1), (40, 2.2), (80, 1.4)];
        let line = Line::through(&points).at_zero(points).unwrap();
        assert!((line.value - LINREGRESS[0]).abs() < 1e-12, "{}", line.value);
        assert!((line.slope - LINREGRESS[1]).abs() < 1e-11, "{}", line.slope);
        assert!((line.interval.low.get() - LINREGRESS[2]).abs() < 1e-9);
        assert!((line.interval.high.get() - LINREGRESS[3]).abs() < 1e-9);
    }

    #[test]
    fn subsets_have_no_row_twice() {
        let mut rows = subset(50, 20, 0, 3);
        assert_eq!(rows.len(), 20);
        rows.dedup();
        assert_eq!(rows.len(), 20);
        assert_ne!(rows, subset(50, 20, 0, 4));
    }
}
