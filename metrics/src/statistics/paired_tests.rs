//! Whether two results on the same samples differ: Student's paired t test, for one pair and for all pairs of a group.

use super::centred::CentredValues;
use crate::distribution::linear_algebra::lower_gram_into;
use crate::{Absence, AbsenceReason, Finite};
use faer::{Mat, MatRef};
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Student's paired t test of two results on the same samples. Every number in it is finite.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PairedTest {
    /// Number of samples, at least 2.
    pub n: usize,
    /// Mean of first - second.
    pub mean_difference: f64,
    /// Standard deviation of the differences over √n; 0 if all differences are equal.
    pub standard_error: f64,
    /// Two-sided p value of H0: the mean difference is 0.
    pub p: f64,
}

/// Student's paired t test (Student 1908): d = first - second sample by sample, t = mean(d) / (sd(d) / √n) with n - 1
/// degrees of freedom, two-sided.
///
/// Where all differences are equal there is no spread: p is 1 if they are 0 and 0 otherwise.
///
/// # Errors
/// An absence if the lengths differ, there are fewer than two samples, or a value or the spread is not finite.
pub fn paired_t_test(first: &[f64], second: &[f64]) -> Result<PairedTest, Absence> {
    let n = first.len();
    if n != second.len() {
        let detail = format!("{n} values cannot be paired with {}", second.len());
        return Err(Absence::new(AbsenceReason::Undefined, detail));
    }
    if n < 2 {
        return Err(Absence::new(AbsenceReason::TooFewSamples, "a paired test needs two samples"));
    }
    let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
    if differences.iter().any(|difference| !difference.is_finite()) {
        return Err(Absence::new(AbsenceReason::NotFinite, "a difference is not finite"));
    }
    let centred = CentredValues::of(differences.iter().copied());
    let squares: f64 = centred.deviations.iter().map(|deviation| deviation * deviation).sum();
    let deviation = (squares / (n as f64 - 1.0)).sqrt() / centred.scale;
    let (mean_difference, standard_error) = (centred.mean, deviation / (n as f64).sqrt());
    let p = two_sided_p(mean_difference, standard_error, n - 1)?;
    Ok(PairedTest { n, mean_difference, standard_error, p })
}

fn two_sided_p(mean: f64, standard_error: f64, freedom: usize) -> Result<f64, Absence> {
    if standard_error == 0.0 {
        return Ok(if mean == 0.0 { 1.0 } else { 0.0 });
    }
    let t = mean / standard_error;
    let p = 2.0 * student(freedom)?.cdf(-t.abs());
    Finite::new(p)
        .map(Finite::get)
        .ok_or_else(|| Absence::new(AbsenceReason::NotFinite, "the spread overflows"))
}

/// The t that a two-sided test at `level` must reach.
fn critical(level: f64, freedom: usize) -> Result<f64, Absence> {
    // From the lower tail: 1 - level / 2 would lose the digits of a small level.
    Ok(-student(freedom)?.inverse_cdf(level / 2.0))
}

fn student(freedom: usize) -> Result<StudentsT, Absence> {
    StudentsT::new(0.0, 1.0, freedom as f64)
        .map_err(|error| Absence::new(AbsenceReason::Undefined, format!("Student's t: {error}")))
}

/// A sum of squared differences this small beside the squares that it is the difference of is computed again, directly.
const CANCELLED: f64 = 1e-6;

/// Student's paired t test of every pair of some results on the same samples.
///
/// The same statistic as [`paired_t_test`], from one matrix product instead of a pass over the samples for each pair.
#[derive(Clone, Debug)]
pub struct PairedTests {
    results: usize,
    freedom: usize,
    /// t of (i, j) for i > j: column by column the lower triangle without its diagonal. Positive where i has the larger mean; infinite where
    /// differences are equal and not 0; never NaN.
    statistics: Vec<f64>,
}

/// Memory for the tests of one group of results after the other: a large board has hundreds of groups, and the system takes longer to give
/// each its pages than the tests take to fill them.
#[derive(Clone, Debug)]
pub struct PairedTestsMemory {
    /// Of each result, one after the other.
    deviations: Vec<f64>,
    gram: Mat<f64>,
}

impl Default for PairedTestsMemory {
    fn default() -> Self {
        Self { deviations: Vec::new(), gram: Mat::new() }
    }
}

impl PairedTests {
    /// Tests all pairs.
    ///
    /// # Errors
    /// An absence if lengths differ, there are fewer than two samples, or a value is not finite.
    pub fn of(results: &[&[f64]]) -> Result<Self, Absence> {
        Self::of_in(&mut PairedTestsMemory::default(), results)
    }

    /// As [`PairedTests::of`], in memory that was used before. Nothing of its content matters.
    ///
    /// # Errors
    /// As [`PairedTests::of`].
    pub fn of_in(memory: &mut PairedTestsMemory, results: &[&[f64]]) -> Result<Self, Absence> {
        let n = results.first().map_or(0, |first| first.len());
        if n < 2 {
            let detail = "a paired test needs two samples";
            return Err(Absence::new(AbsenceReason::TooFewSamples, detail));
        }
        if results.iter().any(|result| result.len() != n) {
            let detail = "results of different lengths cannot be paired";
            return Err(Absence::new(AbsenceReason::Undefined, detail));
        }
        if results.iter().any(|result| result.iter().any(|value| !value.is_finite())) {
            return Err(Absence::new(AbsenceReason::NotFinite, "a score is not finite"));
        }
        let PairedTestsMemory { deviations, gram } = memory;
        let means = residuals(results, n, deviations);
        if gram.nrows() != results.len() {
            *gram = Mat::zeros(results.len(), results.len());
        }
        let rows = MatRef::from_row_major_slice(deviations, results.len(), n);
        lower_gram_into(gram.as_mut(), rows);
        let squares: Vec<f64> = (0..results.len()).map(|index| gram[(index, index)]).collect();
        let row = |index: usize| &deviations[index * n..(index + 1) * n];
        let mut statistics =
            Vec::with_capacity(results.len() * results.len().saturating_sub(1) / 2);
        // Column by column, as the product lies in memory; one pass for what every pair needs, which vectorises, and one for the few
        // that need more.
        for j in 0..results.len() {
            let products = gram.col(j).subrows(j + 1, results.len() - j - 1);
            let others = squares[j + 1..].iter().zip(products.iter());
            let begin = statistics.len();
            statistics.extend(others.zip(&means[j + 1..]).map(|((square, product), mean)| {
                let squares = square + squares[j];
                let of_difference = squares - 2.0 * product;
                if of_difference <= CANCELLED * squares {
                    return f64::NAN;
                }
                (mean - means[j]) / standard_error(of_difference, n)
            }));
            for (offset, t) in statistics[begin..].iter_mut().enumerate() {
                if t.is_nan() {
                    let i = j + 1 + offset;
                    let of_difference =
                        row(i).iter().zip(row(j)).map(|(a, b)| (a - b) * (a - b)).sum();
                    *t = statistic(means[i] - means[j], standard_error(of_difference, n));
                }
            }
        }
        Ok(Self { results: results.len(), freedom: n - 1, statistics })
    }

    /// How many results are compared.
    #[must_use]
    pub fn results(&self) -> usize {
        self.results
    }

    /// t of the difference `first - second`; 0 for a result and itself, and for a number that is none of the results.
    #[must_use]
    pub fn statistic(&self, first: usize, second: usize) -> f64 {
        let (larger, smaller) = (first.max(second), first.min(second));
        if larger == smaller {
            return 0.0;
        }
        let statistic = self.after(smaller).get(larger - smaller - 1).copied().unwrap_or(0.0);
        if first == larger { statistic } else { -statistic }
    }

    /// t of the differences `later - result`, for all results after this one.
    #[must_use]
    pub fn after(&self, result: usize) -> &[f64] {
        let count = self.results.saturating_sub(result + 1);
        let begin = result * (2 * self.results).saturating_sub(result + 1) / 2;
        self.statistics.get(begin..begin + count).unwrap_or_default()
    }
}

/// Of the mean of n differences whose deviations have this sum of squares.
fn standard_error(squares: f64, n: usize) -> f64 {
    (squares / ((n as f64 - 1.0) * n as f64)).sqrt()
}

/// Infinite where a difference has no spread, 0 where there is neither difference nor spread nor a number.
fn statistic(mean: f64, error: f64) -> f64 {
    let t = mean / error;
    if t.is_nan() { 0.0 } else { t }
}

/// Puts values without their own mean and without the mean of all results on a sample, which no difference contains, into `deviations`:
/// what is left of similar results is small, so that the product loses no digits. Returns the means.
fn residuals(results: &[&[f64]], n: usize, deviations: &mut Vec<f64>) -> Vec<f64> {
    deviations.clear();
    let mut means = Vec::with_capacity(results.len());
    let mut common = vec![0.0; n];
    for result in results {
        let centred = CentredValues::of(result.iter().copied());
        means.push(centred.mean);
        let begin = deviations.len();
        deviations.extend(centred.deviations.iter().map(|deviation| deviation / centred.scale));
        for (sum, deviation) in common.iter_mut().zip(&deviations[begin..]) {
            *sum += deviation / results.len() as f64;
        }
    }
    for row in deviations.chunks_exact_mut(n) {
        row.iter_mut().zip(&common).for_each(|(deviation, mean)| *deviation -= mean);
    }
    means
}

/// The |t| from which on a pair of each family is rejected by Holm's method (1979) at `level`, over all pairs of all
/// families together; infinite where nothing is.
///
/// Holm's method in batches: with m tests of which r are rejected, all with p <= level / (m - r) are rejected, until none
/// is added. The chance that a true hypothesis is rejected anywhere is at most `level`, whatever the tests depend on.
///
/// # Errors
/// An absence if `level` is not inside (0, 1).
pub fn holm_critical_values(families: &[&PairedTests], level: f64) -> Result<Vec<f64>, Absence> {
    if !(level > 0.0 && level < 1.0) {
        let detail = format!("level {level} is not between 0 and 1");
        return Err(Absence::new(AbsenceReason::Undefined, detail));
    }
    let tests: usize = families.iter().map(|family| family.statistics.len()).sum();
    let mut rejected = 0;
    loop {
        let left = (tests - rejected).max(1) as f64;
        let criticals: Result<Vec<f64>, Absence> =
            families.iter().map(|family| critical(level / left, family.freedom)).collect();
        let criticals = criticals?;
        let reached = |(family, critical): (&&PairedTests, &f64)| {
            family.statistics.iter().filter(|t| t.abs() >= *critical).count()
        };
        let count = families.iter().zip(&criticals).map(reached).sum();
        if count <= rejected || count == tests {
            return Ok(criticals);
        }
        rejected = count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// p of `tests/parity/metrics_paired.py`.
    #[derive(serde::Deserialize)]
    struct Reference {
        pairs: Vec<ReferencePair>,
        criticals: Vec<(f64, usize, f64)>,
        holm: ReferenceHolm,
    }

    #[derive(serde::Deserialize)]
    struct ReferencePair {
        first: Vec<f64>,
        second: Vec<f64>,
        statistic: f64,
        p: f64,
    }

    #[derive(serde::Deserialize)]
    struct ReferenceHolm {
        results: Vec<Vec<f64>>,
        level: f64,
        rejected: Vec<(usize, usize)>,
    }

    fn reference() -> Reference {
        serde_json::from_str(include_str!("../../../tests/parity/metrics_paired.json")).unwrap()
    }

    #[test]
    fn agrees_with_scipy() {
        for pair in reference().pairs {
            let test = paired_t_test(&pair.first, &pair.second).unwrap();
            let t = test.mean_difference / test.standard_error;
            assert!((t / pair.statistic - 1.0).abs() < 1e-10, "{t} {}", pair.statistic);
            assert!((test.p / pair.p - 1.0).abs() < 1e-8, "{} {}", test.p, pair.p);
            let all = PairedTests::of(&[&pair.first, &pair.second]).unwrap();
            assert!((all.statistic(0, 1) / pair.statistic - 1.0).abs() < 1e-9);
        }
        for (level, freedom, expected) in reference().criticals {
            let found = critical(level, freedom).unwrap();
            assert!((found / expected - 1.0).abs() < 1e-9, "{level} {freedom}: {found} {expected}");
        }
    }

    #[test]
    fn holm_agrees_with_statsmodels() {
        let ReferenceHolm { results, level, rejected } = reference().holm;
        let slices: Vec<&[f64]> = results.iter().map(Vec::as_slice).collect();
        let tests = PairedTests::of(&slices).unwrap();
        let critical = holm_critical_values(&[&tests], level).unwrap()[0];
        let pairs = (0..results.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
        let found: Vec<_> =
            pairs.filter(|&(i, j)| tests.statistic(i, j).abs() >= critical).collect();
        assert_eq!(found, rejected);
    }

    #[test]
    fn closed_forms() {
        // d = 1, 2, 3: mean 2, sd 1, t = 2√3 with two degrees of freedom; p = 1 - t / √(t² + 2).
        let test = paired_t_test(&[1.0, 2.0, 3.0], &[0.0; 3]).unwrap();
        assert!((test.p - (1.0 - 12.0_f64.sqrt() / 14.0_f64.sqrt())).abs() < 1e-12, "{test:?}");
        let equal = paired_t_test(&[0.1, 0.2], &[0.1, 0.2]).unwrap();
        assert_eq!((equal.mean_difference, equal.p), (0.0, 1.0));
        let shifted = paired_t_test(&[1.0, 2.0], &[0.0, 1.0]).unwrap();
        assert_eq!((shifted.mean_difference, shifted.p), (1.0, 0.0));
        let all = PairedTests::of(&[&[1.0, 2.0], &[0.0, 1.0], &[0.0, 1.0]]).unwrap();
        assert_eq!(all.statistic(0, 1), f64::INFINITY);
        assert_eq!(all.statistic(1, 0), f64::NEG_INFINITY);
        assert_eq!(all.statistic(1, 2), 0.0);
    }

    #[test]
    fn bad_input_is_absent() {
        let reason = |a: &[f64], b: &[f64]| {
            let all = PairedTests::of(&[a, b]).unwrap_err().reason;
            assert_eq!(all, paired_t_test(a, b).unwrap_err().reason);
            all
        };
        assert_eq!(reason(&[1.0], &[2.0]), AbsenceReason::TooFewSamples);
        assert_eq!(reason(&[1.0, 2.0], &[2.0]), AbsenceReason::Undefined);
        assert_eq!(reason(&[1.0, f64::NAN], &[2.0, 1.0]), AbsenceReason::NotFinite);
        assert!(holm_critical_values(&[], 0.0).is_err());
        assert_eq!(holm_critical_values(&[], 0.05).unwrap(), Vec::<f64>::new());
    }

    /// Holm's method as it is defined: one hypothesis after another, by rising p.
    fn sequential_holm(p: &[f64], level: f64) -> Vec<bool> {
        let mut order: Vec<usize> = (0..p.len()).collect();
        order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
        let mut rejected = vec![false; p.len()];
        for (position, &index) in order.iter().enumerate() {
            if p[index] > level / (p.len() - position) as f64 {
                break;
            }
            rejected[index] = true;
        }
        rejected
    }

    proptest! {
        #[test]
        fn all_pairs_agree_with_each_pair(
            base in prop::collection::vec(-10.0..10.0_f64, 12),
            shifts in prop::collection::vec((-1.0..1.0_f64, prop::collection::vec(-1.0..1.0_f64, 12)), 2..8),
        ) {
            let results: Vec<Vec<f64>> = shifts
                .iter()
                .map(|(shift, noise)| base.iter().zip(noise).map(|(b, n)| b + shift + 0.5 * n).collect())
                .collect();
            let slices: Vec<&[f64]> = results.iter().map(Vec::as_slice).collect();
            // Memory that held something else before.
            let mut memory = PairedTestsMemory::default();
            let other = [[9.0; 12], [7.0; 12]];
            PairedTests::of_in(&mut memory, &[&other[0], &other[1][..]]).unwrap();
            let all = PairedTests::of_in(&mut memory, &slices).unwrap();
            let again = PairedTests::of_in(&mut memory, &slices).unwrap();
            prop_assert_eq!(&all.statistics, &again.statistics);
            let mut p = Vec::new();
            for i in 0..results.len() {
                for j in 0..i {
                    let test = paired_t_test(&results[i], &results[j]).unwrap();
                    let t = test.mean_difference / test.standard_error;
                    prop_assert!((all.statistic(i, j) - t).abs() <= 1e-9 * t.abs().max(1.0));
                    prop_assert_eq!(all.statistic(i, j), -all.statistic(j, i));
                    p.push((i, j, test.p));
                }
            }
            let critical = holm_critical_values(&[&all], 0.05).unwrap()[0];
            let only_p: Vec<f64> = p.iter().map(|&(_, _, p)| p).collect();
            for (&(i, j, _), rejected) in p.iter().zip(sequential_holm(&only_p, 0.05)) {
                prop_assert_eq!(all.statistic(i, j).abs() >= critical, rejected);
            }
        }

        #[test]
        fn order_of_samples_and_a_common_shift_change_nothing(
            values in prop::collection::vec((-5.0..5.0_f64, -5.0..5.0_f64), 3..20),
            shift in -100.0..100.0_f64,
        ) {
            let (a, b): (Vec<f64>, Vec<f64>) = values.iter().copied().unzip();
            let test = paired_t_test(&a, &b).unwrap();
            let moved = |side: &[f64]| side.iter().rev().map(|v| v + shift).collect::<Vec<_>>();
            let other = paired_t_test(&moved(&a), &moved(&b)).unwrap();
            prop_assert!((test.p - other.p).abs() < 1e-6);
            let swapped = paired_t_test(&b, &a).unwrap();
            prop_assert!((test.p - swapped.p).abs() < 1e-12);
        }
    }
}
