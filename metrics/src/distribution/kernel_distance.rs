//! KID: the squared maximum mean discrepancy under a polynomial kernel (Bińkowski et al. 2018, "Demystifying MMD GANs").

use super::checked_set::{self, CheckedSet};
use super::kernel_sums::{Kernel, Pass, Side, Subset, SubsetSums};
use super::two_sample::{Denominator, Estimate, subset_estimate};
use super::{DistributionError, SetRows};
use crate::executor::{Executor, Sequential, map};
use crate::random::numpy::RandomState;
use crate::{Interval, Measurement, Unit};
use serde::{Deserialize, Serialize};

/// k(x, y) = (gamma x·y + coefficient)^degree.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolynomialKernel {
    /// 1 to 16.
    pub degree: u32,
    /// `None` is 1/dimensions.
    pub gamma: Option<f64>,
    /// The number added to the inner product.
    pub coefficient: f64,
}

impl Default for PolynomialKernel {
    fn default() -> Self {
        Self { degree: 3, gamma: None, coefficient: 1.0 }
    }
}

/// Rows that all subsets together may draw from a set: the indices of both take 2 GiB.
const MOST_DRAWN: usize = 1 << 27;

/// Which rows are drawn for the mean over subsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subsets {
    /// How many, at least 1.
    pub count: usize,
    /// Rows drawn from each set, without replacement; at least 2.
    pub size: usize,
    /// Seed of NumPy's `RandomState`.
    pub seed: u32,
}

impl Default for Subsets {
    fn default() -> Self {
        Self { count: 100, size: 1000, seed: 2020 }
    }
}

/// Parameters of [`kernel_distance`]. At least one of the two estimates is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelDistanceOptions {
    /// The kernel.
    pub kernel: PolynomialKernel,
    /// The mean over subsets, as the peers report it.
    pub subsets: Option<Subsets>,
    /// The estimate from all rows, with its interval.
    pub all_rows: bool,
}

impl Default for KernelDistanceOptions {
    fn default() -> Self {
        Self {
            kernel: PolynomialKernel::default(),
            subsets: Some(Subsets::default()),
            all_rows: true,
        }
    }
}

/// The estimates of the subsets.
#[derive(Clone, Debug, PartialEq)]
pub struct SubsetDistances {
    /// How they were drawn.
    pub drawn: Subsets,
    /// One unbiased estimate a subset, in the order of the draws.
    pub values: Vec<f64>,
    /// Their mean: the KID of the peers.
    pub mean: f64,
    /// Their standard deviation with denominator `count`. Subsets overlap: this is not a standard error.
    pub standard_deviation: f64,
}

/// The estimate from all rows.
#[derive(Clone, Debug, PartialEq)]
pub struct AllRowsDistance {
    /// The U-statistic over all rows.
    pub value: f64,
    /// From leaving out one row at a time; `None` if a set has fewer than three rows.
    pub interval: Option<Interval>,
}

/// What [`kernel_distance`] measured.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelDistance {
    /// Rows of the reference.
    pub reference_rows: usize,
    /// Rows of the samples.
    pub sample_rows: usize,
    /// The kernel, gamma filled in.
    pub kernel: PolynomialKernel,
    /// The mean over subsets, if it was asked for.
    pub subsets: Option<SubsetDistances>,
    /// The estimate from all rows, if it was asked for.
    pub all_rows: Option<AllRowsDistance>,
}

/// The kernel distance (KID) of two sets of features.
///
/// `reference` is [n, d] and `samples` [m, d], any encoder. For a subset of s rows a side the estimate is
/// (Σ K_XX - tr K_XX)/(s(s-1)) + (Σ K_YY - tr K_YY)/(s(s-1)) - 2 Σ K_XY/s². It has no bias, so that it falls below 0 for sets
/// from one distribution. Unitless; of the order of 1e-3 to 1e-1 for Inception features; not multiplied by 1000.
///
/// The subsets are those of torch-fidelity 0.4.0 (`input1` the samples, `input2` the reference): for each subset
/// `RandomState(seed).choice` of the samples, then of the reference. Inner products and kernel values are `f32`, as there;
/// their sums are `f64`. Every pair within a set is computed once. The products of large sets of rows of like length are
/// made of seven products of quarters instead of eight (Strassen), with errors of the same kind. Where all pairs of rows
/// cost less than the pairs of all subsets, or are needed anyway, they are computed once, a tile at a time, and the
/// subsets only look them up; the two ways differ by the rounding of `f32`. Rows of a table that is not in memory are read
/// as they are needed: those of a tile or a subset at a time, for the same bits.
///
/// # Errors
/// If a set is empty, not finite, has fewer rows than a subset (or than 2), the widths differ, or an option is out of
/// range; `Overflow` if a kernel value does not fit `f32`; `Unreadable` if rows of a table cannot be read.
pub fn kernel_distance<'r, 's>(
    reference: impl Into<SetRows<'r>>,
    samples: impl Into<SetRows<'s>>,
    options: &KernelDistanceOptions,
    executor: &dyn Executor,
) -> Result<KernelDistance, DistributionError> {
    let needed = check(options)?;
    let (reference, samples) = checked_set::pair(reference.into(), samples.into(), needed)?;
    let (reference_rows, sample_rows) = (reference.len(), samples.len());
    let kernel = PolynomialKernel {
        gamma: Some(options.kernel.gamma.unwrap_or(1.0 / reference.width() as f64)),
        ..options.kernel
    };
    let evaluated = Polynomial::new(&kernel);
    let subsets =
        options.subsets.map_or_else(Vec::new, |drawn| draw(drawn, sample_rows, reference_rows));
    let cheaper_at_once = pairs(sample_rows, reference_rows)
        <= subsets.len() as f64
            * options.subsets.map_or(0.0, |drawn| pairs(drawn.size, drawn.size));
    let (of_subsets, all_rows) = if options.all_rows {
        let (first, second) = (Side::new(samples)?, Side::new(reference)?);
        let sums = Pass::new(&evaluated, executor).sums(&first, &second, &subsets)?;
        let estimate = Estimate::of(&sums, Denominator::Unbiased);
        (sums.subsets, Some(estimate))
    } else if cheaper_at_once {
        let (first, second) = (Side::new(samples)?, Side::new(reference)?);
        let sums = Pass::of_subsets(&evaluated, executor).sums(&first, &second, &subsets)?;
        (sums.subsets, None)
    } else {
        let pass = Pass::new(&evaluated, &Sequential);
        let sums = map(executor, subsets.len(), |index| {
            one_subset(&samples, &reference, &subsets[index], &pass)
        });
        (sums.into_iter().collect::<Result<_, _>>()?, None)
    };
    let result = KernelDistance {
        reference_rows,
        sample_rows,
        kernel,
        subsets: options.subsets.map(|drawn| SubsetDistances::of(drawn, &of_subsets)),
        all_rows: all_rows.map(|estimate| AllRowsDistance {
            value: estimate.value,
            interval: estimate.interval(),
        }),
    };
    result.checked()
}

/// The number of rows that the options need.
fn check(options: &KernelDistanceOptions) -> Result<usize, DistributionError> {
    let wrong = |problem: String| Err(DistributionError::Options(problem));
    let PolynomialKernel { degree, gamma, coefficient } = options.kernel;
    if !(1..=16).contains(&degree) {
        return wrong(format!("the kernel's degree is {degree}; expected 1 to 16"));
    }
    // The kernel is computed in `f32`, where a very small gamma would be 0.
    if !gamma.is_none_or(|gamma| gamma.is_finite() && gamma as f32 > 0.0)
        || !coefficient.is_finite()
    {
        let gamma = gamma.map_or_else(|| "1/dimensions".to_owned(), |gamma| gamma.to_string());
        return wrong(format!(
            "the kernel's gamma is {gamma}, its coefficient {coefficient}; expected finite numbers, gamma above 0"
        ));
    }
    match options.subsets {
        Some(Subsets { count, size, .. }) if count == 0 || size < 2 => {
            wrong(format!("{count} subsets of {size} rows; expected at least 1 of at least 2"))
        }
        Some(Subsets { count, size, .. })
            if count.checked_mul(size).is_none_or(|drawn| drawn > MOST_DRAWN) =>
        {
            wrong(format!(
                "{count} subsets of {size} rows are more than {MOST_DRAWN} rows to draw; take fewer"
            ))
        }
        Some(Subsets { size, .. }) => Ok(size),
        None if options.all_rows => Ok(2),
        None => wrong("no estimate is asked for: give subsets, or ask for all rows".to_owned()),
    }
}

/// Unordered pairs within both sets and pairs across.
fn pairs(first: usize, second: usize) -> f64 {
    let (first, second) = (first as f64, second as f64);
    first * first / 2.0 + second * second / 2.0 + first * second
}

/// The order of the indices does not matter to the sums; ascending ones are looked up tile by tile.
fn draw(drawn: Subsets, samples: usize, reference: usize) -> Vec<Subset> {
    let mut generator = RandomState::new(drawn.seed);
    let mut ascending = |n| {
        let mut indices = generator.choice(n, drawn.size);
        indices.sort_unstable();
        indices
    };
    (0..drawn.count)
        .map(|_| {
            let first = ascending(samples);
            Subset { first, second: ascending(reference) }
        })
        .collect()
}

fn one_subset(
    first: &CheckedSet<'_>,
    second: &CheckedSet<'_>,
    subset: &Subset,
    pass: &Pass<'_, Polynomial>,
) -> Result<SubsetSums, DistributionError> {
    let first = Side::new(first.select(&subset.first)?)?;
    let second = Side::new(second.select(&subset.second)?)?;
    let sums = pass.sums(&first, &second, &[])?;
    Ok(SubsetSums {
        first: sums.first.within.iter().sum::<f64>() / 2.0,
        second: sums.second.within.iter().sum::<f64>() / 2.0,
        across: sums.first.across.iter().sum(),
    })
}

/// The kernel in the arithmetic of the products.
struct Polynomial {
    degree: u32,
    gamma: f32,
    coefficient: f32,
}

impl Polynomial {
    fn new(kernel: &PolynomialKernel) -> Self {
        Self {
            degree: kernel.degree,
            gamma: kernel.gamma.unwrap_or(1.0) as f32,
            coefficient: kernel.coefficient as f32,
        }
    }
}

impl Kernel for Polynomial {
    #[inline(always)]
    fn apply(&self, products: &mut [f32], _own: f64, _columns: &[f64]) {
        for value in products {
            let base = *value * self.gamma + self.coefficient;
            let mut power = base;
            for _ in 1..self.degree {
                power *= base;
            }
            *value = power;
        }
    }
}

impl SubsetDistances {
    fn of(drawn: Subsets, sums: &[SubsetSums]) -> Self {
        let values: Vec<f64> = sums.iter().map(|sums| subset_estimate(sums, drawn.size)).collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        Self { drawn, values, mean, standard_deviation: (squares / count).sqrt() }
    }
}

impl KernelDistance {
    /// Refuses what overflowed.
    fn checked(self) -> Result<Self, DistributionError> {
        let subsets = self.subsets.iter().flat_map(|subsets| &subsets.values);
        let all_rows = self.all_rows.iter().map(|all_rows| &all_rows.value);
        if subsets.chain(all_rows).all(|value| value.is_finite()) {
            Ok(self)
        } else {
            Err(DistributionError::Overflow { what: "the values of the polynomial kernel" })
        }
    }

    /// `KID` (mean over subsets), `KID spread over subsets`, `KID (all rows)`: those that were asked for. Unitless; n is
    /// the number of samples.
    #[must_use]
    pub fn measurements(&self) -> Vec<Measurement> {
        let n = self.sample_rows as u64;
        let kernel = self.kernel_text();
        let mut measurements = Vec::new();
        if let Some(subsets) = &self.subsets {
            let Subsets { count, size, seed } = subsets.drawn;
            let drawn = format!(
                "{count} subsets of {size} rows a side, drawn as torch-fidelity 0.4.0 does (RandomState({seed}), samples \
                 first); {kernel}"
            );
            measurements.push(Measurement::of(
                "KID",
                subsets.mean,
                Unit::None,
                n,
                format!("mean of the unbiased MMD² of {drawn}"),
            ));
            measurements.push(Measurement::of(
                "KID spread over subsets",
                subsets.standard_deviation,
                Unit::None,
                n,
                format!("standard deviation (ddof 0), not a standard error, of the unbiased MMD² of {drawn}"),
            ));
        }
        if let Some(all_rows) = &self.all_rows {
            let method = format!(
                "unbiased MMD² (U-statistic) of all {} samples and all {} rows of the reference; {kernel}",
                self.sample_rows, self.reference_rows
            );
            let measurement =
                Measurement::of("KID (all rows)", all_rows.value, Unit::None, n, method);
            measurements.push(measurement.with_interval(all_rows.interval.clone()));
        }
        measurements
    }

    fn kernel_text(&self) -> String {
        let PolynomialKernel { degree, gamma, coefficient } = self.kernel;
        format!(
            "kernel ({} x·y + {coefficient})^{degree}, products in f32, sums in f64",
            gamma.unwrap_or(1.0)
        )
    }
}
