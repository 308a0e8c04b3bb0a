//! The Inception Score (Salimans et al. 2016, "Improved Techniques for Training GANs").

use super::{DistributionError, SetRows};
use crate::executor::{Executor, map};
use crate::random::numpy::RandomState;
use crate::statistics::normal_quantile_two_sided;
use crate::{Finite, Interval, Measurement, Unit};
use ndarray::ArrayView1;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Coverage of the intervals.
const LEVEL: f64 = 0.95;
/// Rows of a task. Part of the result's definition, because it fixes the order of the sums.
const CHUNK: usize = 512;
/// What the rows are called in errors.
const SCORES: &str = "the class scores";

/// What the rows hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassScores {
    /// Values before the softmax, which is taken in `f64`.
    #[default]
    Logits,
    /// Not negative, with sum 1 to within 1e-3; they are divided by their sum.
    Probabilities,
}

/// In which parts the rows are scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Splits {
    /// Consecutive blocks; a short last block weighs as much as the others (ADM, size 5000).
    Blocks {
        /// Rows of a block, at least 1.
        size: usize,
    },
    /// Part i of `count` holds rows ⌊iN/count⌋ to ⌊(i+1)N/count⌋ (torch-fidelity, 10).
    Count {
        /// Number of parts, at least 1 and at most N.
        count: usize,
    },
}

/// In which order the rows are split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum RowOrder {
    /// As they come (ADM).
    File,
    /// `numpy.random.RandomState(seed).permutation(N)` (torch-fidelity, seed 2020).
    SeededNumpy {
        /// Seed of the permutation.
        seed: u32,
    },
}

/// The spread of the scores of the splits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spread {
    /// Not reported (ADM).
    None,
    /// Standard deviation with denominator S (torch-fidelity).
    #[default]
    Population,
    /// Standard deviation with denominator S - 1 (torchmetrics); needs two splits.
    Sample,
}

/// Parameters of [`inception_score`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InceptionScoreOptions {
    /// What the rows hold.
    pub scores: ClassScores,
    /// The parts.
    pub splits: Splits,
    /// The order before the rows are split.
    pub order: RowOrder,
    /// What is reported of the spread.
    pub spread: Spread,
}

impl InceptionScoreOptions {
    /// ADM's evaluator: file order, blocks of 5000, the mean alone.
    #[must_use]
    pub fn adm() -> Self {
        Self {
            scores: ClassScores::Logits,
            splits: Splits::Blocks { size: 5000 },
            order: RowOrder::File,
            spread: Spread::None,
        }
    }

    /// torch-fidelity: shuffled with seed 2020, ten parts, population standard deviation.
    #[must_use]
    pub fn torch_fidelity() -> Self {
        Self {
            scores: ClassScores::Logits,
            splits: Splits::Count { count: 10 },
            order: RowOrder::SeededNumpy { seed: 2020 },
            spread: Spread::Population,
        }
    }

    /// All rows at once: no order, no split.
    #[must_use]
    pub fn all_rows() -> Self {
        Self {
            scores: ClassScores::Logits,
            splits: Splits::Count { count: 1 },
            order: RowOrder::File,
            spread: Spread::None,
        }
    }
}

/// What [`inception_score`] measured.
#[derive(Clone, Debug, PartialEq)]
pub struct InceptionScore {
    /// The parameters.
    pub options: InceptionScoreOptions,
    /// Number of rows.
    pub rows: usize,
    /// Number of classes.
    pub classes: usize,
    /// Rows of the smallest split.
    pub smallest_split: usize,
    /// One score a split, in order; each in [1, classes].
    pub per_split: Vec<f64>,
    /// Their mean, in [1, classes].
    pub mean: f64,
    /// Their spread, if it was asked for.
    pub spread: Option<f64>,
    /// Standard error of the mean by the infinitesimal jackknife.
    pub standard_error: f64,
}

/// The Inception Score of `scores`, rows of as many numbers as there are classes.
///
/// For every split exp(mean over its rows of KL(p(y|x) ‖ p(y))), natural logarithm, p(y) the mean of p(y|x) within the
/// split; then the mean over splits. Unitless, between 1 and the number of classes (up to rounding; clamped).
///
/// Softmax, logarithms and sums are `f64` throughout, and p = 0 contributes 0. ADM's own `f32` arithmetic gives NaN there.
///
/// The interval is the infinitesimal jackknife's (Efron 1982): the influence of a row on the logarithm of its split's score
/// is KL(p(y|x) ‖ p(y)) less the split's mean, so a split of n rows has relative variance Σ influence²/n², and splits are
/// independent. It is about the sampling of rows under a fixed number of splits, not about the score's bias, which is
/// downward in few rows.
///
/// Rows are looked at three times, so many at a time as a task has: those of a table need not fit into memory.
///
/// # Errors
/// If there are no rows or classes, a value is not finite, the splits do not fit the rows, a row of probabilities has
/// none, or a table cannot be read.
pub fn inception_score(
    scores: SetRows<'_>,
    options: &InceptionScoreOptions,
    executor: &dyn Executor,
) -> Result<InceptionScore, DistributionError> {
    let table = Table { rows: scores.reborrow(), scores: options.scores, executor };
    table.check()?;
    let rows = scores.count();
    let splits = split_ranges(options.splits, rows)?;
    if options.spread == Spread::Sample && splits.len() < 2 {
        return Err(DistributionError::Options(
            "a sample standard deviation over splits needs at least 2 splits, there is 1"
                .to_owned(),
        ));
    }
    let order = match options.order {
        RowOrder::File => (0..rows).collect(),
        RowOrder::SeededNumpy { seed } => RandomState::new(seed).permutation(rows),
    };
    let estimates: Result<Vec<SplitScore>, DistributionError> =
        splits.into_iter().map(|split| table.score(&order[split])).collect();
    Ok(InceptionScore::of(*options, (rows, scores.width()), &estimates?))
}

/// The score under three protocols, to tell whether it depends on the order of the rows.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderSensitivity {
    /// In file order, split as asked.
    pub file_order: InceptionScore,
    /// Shuffled (`RandomState(2020)`), split as asked.
    pub shuffled: InceptionScore,
    /// All rows at once.
    pub all_rows: InceptionScore,
}

/// Scores the same rows in file order, shuffled, and without splits.
///
/// A file in class order scores far lower than its shuffled rows, because each block sees few classes: users of ADM's
/// evaluator report 62 in place of 298. See [`OrderSensitivity::looks_sorted`].
///
/// # Errors
/// As [`inception_score`].
pub fn order_sensitivity(
    scores: SetRows<'_>,
    kind: ClassScores,
    splits: Splits,
    executor: &dyn Executor,
) -> Result<OrderSensitivity, DistributionError> {
    let under = |splits, order| {
        let options = InceptionScoreOptions { scores: kind, splits, order, spread: Spread::None };
        inception_score(scores.reborrow(), &options, executor)
    };
    Ok(OrderSensitivity {
        file_order: under(splits, RowOrder::File)?,
        shuffled: under(splits, RowOrder::SeededNumpy { seed: 2020 })?,
        all_rows: under(Splits::Count { count: 1 }, RowOrder::File)?,
    })
}

impl OrderSensitivity {
    /// Whether the score in file order lies below the shuffled one by more than five standard errors of either and by more
    /// than 1 %: chance does not do that.
    #[must_use]
    pub fn looks_sorted(&self) -> bool {
        let (file, shuffled) = (&self.file_order, &self.shuffled);
        let gap = shuffled.mean - file.mean;
        gap > 0.01 * shuffled.mean && gap > 5.0 * shuffled.standard_error.max(file.standard_error)
    }
}

fn split_ranges(splits: Splits, rows: usize) -> Result<Vec<Range<usize>>, DistributionError> {
    match splits {
        Splits::Blocks { size: 0 } => {
            Err(DistributionError::Options("blocks of 0 rows; expected at least 1".to_owned()))
        }
        Splits::Blocks { size } => Ok((0..rows)
            .step_by(size)
            .map(|start| start..start.saturating_add(size).min(rows))
            .collect()),
        Splits::Count { count } if count == 0 || count > rows => Err(DistributionError::Options(
            format!("{count} splits of {rows} rows; expected at least 1 and at most one a row"),
        )),
        Splits::Count { count } => {
            let border = |index: usize| (index as u128 * rows as u128 / count as u128) as usize;
            Ok((0..count).map(|index| border(index)..border(index + 1)).collect())
        }
    }
}

/// Refuses a row, the one with this index, that is no distribution.
fn check_probabilities(index: usize, row: ArrayView1<'_, f32>) -> Result<(), DistributionError> {
    let sum: f64 = row.iter().map(|&p| f64::from(p)).sum();
    let negative = row.iter().any(|&p| p < 0.0);
    if !negative && (sum - 1.0).abs() <= 1e-3 {
        return Ok(());
    }
    let found =
        if negative { "it has a negative number".to_owned() } else { format!("its sum is {sum}") };
    Err(DistributionError::Options(format!(
        "row {index} of the class scores (counted from 0) is not a distribution: {found}; are these logits?"
    )))
}

/// The score of one split.
struct SplitScore {
    rows: usize,
    score: f64,
    /// Variance of the logarithm of the score.
    log_variance: f64,
}

struct Table<'a> {
    rows: SetRows<'a>,
    scores: ClassScores,
    executor: &'a dyn Executor,
}

impl Table<'_> {
    /// Refuses what has no score.
    fn check(&self) -> Result<(), DistributionError> {
        let (rows, classes) = (self.rows.count(), self.rows.width());
        if classes == 0 {
            return Err(DistributionError::NoDimensions { set: SCORES });
        }
        if rows == 0 {
            return Err(DistributionError::TooFewRows { set: SCORES, actual: 0, needed: 1 });
        }
        let chunks = map(self.executor, rows.div_ceil(CHUNK), |chunk| {
            let indices: Vec<usize> = (CHUNK * chunk..rows.min(CHUNK * (chunk + 1))).collect();
            let values = self.rows.gather(&indices, SCORES)?;
            for (index, row) in indices.into_iter().zip(values.outer_iter()) {
                if !row.iter().all(|value| value.is_finite()) {
                    return Err(DistributionError::NotFinite { set: SCORES, row: index });
                }
                if self.scores == ClassScores::Probabilities {
                    check_probabilities(index, row)?;
                }
            }
            Ok(())
        });
        chunks.into_iter().collect()
    }

    /// `rows` is not empty.
    fn score(&self, rows: &[usize]) -> Result<SplitScore, DistributionError> {
        let classes = self.rows.width();
        let chunks: Vec<&[usize]> = rows.chunks(CHUNK).collect();
        let sums = map(self.executor, chunks.len(), |chunk| {
            let mut sum = vec![0.0; classes];
            for row in self.rows.gather(chunks[chunk], SCORES)?.outer_iter() {
                let (p, _) = self.distribution(row);
                sum.iter_mut().zip(p).for_each(|(sum, p)| *sum += p);
            }
            Ok(sum)
        });
        let n = rows.len() as f64;
        let mut marginal = vec![0.0; classes];
        for sum in sums {
            marginal.iter_mut().zip(sum?).for_each(|(total, sum)| *total += sum);
        }
        // Divided as logarithms: the mean of the smallest numbers there are would be 0, and a divergence from it infinite.
        let log_n = n.ln();
        let log_marginal: Vec<f64> = marginal.iter().map(|total| total.ln() - log_n).collect();
        let parts = map(self.executor, chunks.len(), |chunk| {
            let values = self.rows.gather(chunks[chunk], SCORES)?;
            Ok(values.outer_iter().map(|row| self.divergence(row, &log_marginal)).collect())
        });
        let mut divergences = Vec::with_capacity(rows.len());
        for part in parts {
            let part: Vec<f64> = part?;
            divergences.extend(part);
        }
        let mean = divergences.iter().sum::<f64>() / n;
        let squares: f64 = divergences.iter().map(|kl| (kl - mean) * (kl - mean)).sum();
        // Rounding may leave the ends by an ulp.
        let score = mean.exp().clamp(1.0, classes as f64);
        debug_assert!(mean.is_finite(), "finite scores have finite divergences");
        Ok(SplitScore { rows: rows.len(), score, log_variance: squares / (n * n) })
    }

    /// KL(p(y|x) ‖ p(y)); a class whose sum is 0 has p(y|x) = 0 in every row.
    fn divergence(&self, row: ArrayView1<'_, f32>, log_marginal: &[f64]) -> f64 {
        let (p, log_p) = self.distribution(row);
        p.iter()
            .zip(log_p)
            .zip(log_marginal)
            .filter(|((p, _), _)| **p > 0.0)
            .map(|((p, log_p), log_q)| p * (log_p - log_q))
            .sum()
    }

    /// p(y|x) and its logarithm.
    fn distribution(&self, row: ArrayView1<'_, f32>) -> (Vec<f64>, Vec<f64>) {
        let row = row.iter().map(|&value| f64::from(value));
        match self.scores {
            ClassScores::Logits => {
                let largest = row.clone().fold(f64::NEG_INFINITY, f64::max);
                let log_sum = row.clone().map(|value| (value - largest).exp()).sum::<f64>().ln();
                let log_p: Vec<f64> = row.map(|value| value - largest - log_sum).collect();
                (log_p.iter().map(|log_p| log_p.exp()).collect(), log_p)
            }
            ClassScores::Probabilities => {
                let sum: f64 = row.clone().sum();
                let p: Vec<f64> = row.map(|p| p / sum).collect();
                let log_p = p.iter().map(|p| p.ln()).collect();
                (p, log_p)
            }
        }
    }
}

impl InceptionScore {
    fn of(
        options: InceptionScoreOptions,
        (rows, classes): (usize, usize),
        splits: &[SplitScore],
    ) -> Self {
        let per_split: Vec<f64> = splits.iter().map(|split| split.score).collect();
        let count = per_split.len() as f64;
        let mean = per_split.iter().sum::<f64>() / count;
        let squares: f64 = per_split.iter().map(|score| (score - mean) * (score - mean)).sum();
        let spread = match options.spread {
            Spread::None => None,
            Spread::Population => Some((squares / count).sqrt()),
            Spread::Sample => Some((squares / (count - 1.0)).sqrt()),
        };
        let variance: f64 =
            splits.iter().map(|split| split.score * split.score * split.log_variance).sum();
        let standard_error = variance.sqrt() / count;
        let smallest_split = splits.iter().map(|split| split.rows).min().unwrap_or(0);
        Self { options, rows, classes, smallest_split, per_split, mean, spread, standard_error }
    }

    /// mean ± z · standard error at 95 %, not below 1 or above the number of classes; `None` where a split has one row, which
    /// does not vary.
    #[must_use]
    pub fn interval(&self) -> Option<Interval> {
        if self.smallest_split < 2 {
            return None;
        }
        let half_width = normal_quantile_two_sided(LEVEL) * self.standard_error;
        Some(Interval {
            low: Finite::new((self.mean - half_width).max(1.0))?,
            high: Finite::new((self.mean + half_width).min(self.classes as f64))?,
            level: LEVEL,
            method: "normal, standard error of the infinitesimal jackknife over rows within splits"
                .to_owned(),
        })
    }

    /// `IS`, and `IS spread over splits` if it was asked for. Unitless; n is the number of rows.
    #[must_use]
    pub fn measurements(&self) -> Vec<Measurement> {
        let n = self.rows as u64;
        let method = self.method();
        let mut measurements = vec![
            Measurement::of(
                "IS",
                self.mean,
                Unit::None,
                n,
                format!("mean over splits of {method}"),
            )
            .with_interval(self.interval()),
        ];
        if let Some(spread) = self.spread {
            let ddof = if self.options.spread == Spread::Sample { 1 } else { 0 };
            let method = format!(
                "standard deviation over splits (ddof {ddof}), not a standard error, of {method}"
            );
            measurements.push(Measurement::of(
                "IS spread over splits",
                spread,
                Unit::None,
                n,
                method,
            ));
        }
        measurements
    }

    fn method(&self) -> String {
        let splits = match self.options.splits {
            Splits::Blocks { size } => format!("{} blocks of {size} rows", self.per_split.len()),
            Splits::Count { count } => format!("{count} splits"),
        };
        let order = match self.options.order {
            RowOrder::File => "file order".to_owned(),
            RowOrder::SeededNumpy { seed } => {
                format!("shuffled by NumPy's RandomState({seed}).permutation")
            }
        };
        let scores = match self.options.scores {
            ClassScores::Logits => "softmax of logits",
            ClassScores::Probabilities => "probabilities as given",
        };
        format!(
            "exp(mean KL(p(y|x) ‖ p(y))), {} classes, {scores}, f64; {splits}, {order}",
            self.classes
        )
    }
}
