//! From placements to mean reciprocal rank and hits at k, with intervals and the values of chance.

use super::{Placement, RetrievalError, TieRule};
use crate::executor::{Executor, map};
use crate::random::Stream;
use crate::statistics::quantile;
use crate::{Finite, Interval, Measurement, Unit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The k of H@k.
const HITS: [u64; 3] = [1, 5, 10];
/// Coverage of intervals.
const LEVEL: f64 = 0.95;
/// Draws of the bootstrap that one task makes.
const DRAWS: usize = 64;

/// How placements are averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetrievalOptions {
    /// Rank among equally near members.
    pub ties: TieRule,
    /// Seed of the bootstrap.
    pub bootstrap_seed: u64,
    /// Resamples of the bootstrap; no interval if 0.
    pub bootstrap_draws: u32,
}

impl Default for RetrievalOptions {
    fn default() -> Self {
        Self { ties: TieRule::MidRank, bootstrap_seed: 0, bootstrap_draws: 10_000 }
    }
}

/// What a predictor scores that knows nothing of the target, by the size of the bank.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChanceLevels {
    /// Members of a bank.
    pub bank: u64,
    /// For each metric its value under chance.
    pub values: BTreeMap<String, f64>,
}

impl ChanceLevels {
    /// The value of a metric under chance.
    #[must_use]
    pub fn of(&self, metric: &str) -> Option<f64> {
        self.values.get(metric).copied()
    }
}

/// `MRR`, `H@1`, `H@5`, `H@10`, and what chance would give.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetrievalResult {
    /// The measurements.
    pub measurements: Vec<Measurement>,
    /// Their values under chance.
    pub chance: ChanceLevels,
}

/// H_N / N: the mean reciprocal rank where each of N ranks is equally likely. The same, exactly, where the answer is one
/// constant and each of the N members is asked for once, without ties.
#[must_use]
pub fn mean_reciprocal_rank_chance(bank: u64) -> f64 {
    // From the smallest, so that no digit is lost.
    (1..=bank).rev().map(|rank| 1.0 / rank as f64).sum::<f64>() / bank as f64
}

/// k / N, at most 1: the share of ranks up to k where each of N is equally likely.
#[must_use]
pub fn hits_chance(k: u64, bank: u64) -> f64 {
    k.min(bank) as f64 / bank as f64
}

/// MRR and H@k of placements in banks of `bank` members.
///
/// MRR = mean of 1/rank, H@k = share of ranks of at most k, over all queries; both have unit none, range 0 to 1,
/// higher is better. Sources: SIE's `eval_MRR_Hk.py` (rank among the views of one object), IWM section 3 as public summaries
/// tell it (rank among 256 augmented targets of one image). Sums run in the order of the placements.
///
/// `groups` are the queries that belong together, `unit` is what a group is (`images`): intervals come from resampling
/// groups, since queries on one image are not independent. Groups without a query count for nothing. A single group has no
/// interval.
///
/// # Errors
/// [`RetrievalError::NoQueries`]; [`RetrievalError::Empty`] if the bank is.
pub fn retrieval_measurements(
    groups: &[Vec<Placement>],
    (bank, unit): (u64, &str),
    method: &str,
    options: &RetrievalOptions,
    executor: &dyn Executor,
) -> Result<RetrievalResult, RetrievalError> {
    if bank == 0 {
        return Err(RetrievalError::Empty { set: "the bank", rows: 0, width: 0 });
    }
    let scores = |placement: &Placement| -> [f64; 4] {
        let rank = placement.rank(options.ties);
        let [one, five, ten] = HITS.map(|k| f64::from(u8::from(rank <= k as f64)));
        [1.0 / rank, one, five, ten]
    };
    let (mut total, mut queries) = ([0.0; 4], 0_u64);
    let mut sums = Vec::with_capacity(groups.len());
    for group in groups.iter().filter(|group| !group.is_empty()) {
        let mut sum = [0.0; 4];
        for score in group.iter().map(scores) {
            add(&mut sum, &score);
            add(&mut total, &score);
        }
        queries += group.len() as u64;
        sums.push((sum, group.len() as u64));
    }
    if queries == 0 {
        return Err(RetrievalError::NoQueries);
    }
    let names = std::iter::once("MRR".to_owned()).chain(HITS.map(|k| format!("H@{k}")));

    let chances = std::iter::once(mean_reciprocal_rank_chance(bank))
        .chain(HITS.map(|k| hits_chance(k, bank)));
    let names: Vec<String> = names.collect();
    let method = format!("{method}, bank of {bank}, {} ties", options.ties.as_str());
    let intervals = interval(&sums, unit, options, executor);
    let measurements = names
        .iter()
        .zip(total)
        .zip(intervals)
        .map(|((name, total), interval)| {
            Measurement::of(name, total / queries as f64, Unit::None, queries, method.clone())
                .with_interval(interval)
        })
        .collect();
    let chance = ChanceLevels { bank, values: names.into_iter().zip(chances).collect() };
    Ok(RetrievalResult { measurements, chance })
}

/// The 95 % percentile intervals of means over queries, from resampling whole groups with replacement. A group is the sums
/// over its queries and their number; a resampled mean is the sum of sums over the sum of numbers.
///
/// Draw b takes its groups from the stream (seed, `retrieval bootstrap`, b), so the result does not depend on the executor.
/// `None` for fewer than two groups and without draws.
pub(super) fn interval<const N: usize>(
    groups: &[([f64; N], u64)],
    unit: &str,
    options: &RetrievalOptions,
    executor: &dyn Executor,
) -> [Option<Interval>; N] {
    let RetrievalOptions { bootstrap_seed: seed, bootstrap_draws, ties: _ } = *options;
    let draws = bootstrap_draws as usize;
    if groups.len() < 2 || draws == 0 {
        return std::array::from_fn(|_| None);
    }
    let resample = |draw: usize| -> [f64; N] {
        let mut stream = Stream::new(seed, "retrieval bootstrap", draw as u64);
        let (mut sum, mut queries) = ([0.0; N], 0);
        for _ in 0..groups.len() {
            let (sums, count) = &groups[stream.below(groups.len() as u64) as usize];
            add(&mut sum, sums);
            queries += count;
        }
        sum.map(|sum| sum / queries as f64)
    };
    let means: Vec<[f64; N]> = map(executor, draws.div_ceil(DRAWS), |task| {
        (task * DRAWS..draws.min((task + 1) * DRAWS)).map(resample).collect::<Vec<_>>()
    })
    .into_iter()
    .flatten()
    .collect();
    std::array::from_fn(|index| {
        let mut means: Vec<f64> = means.iter().map(|mean| mean[index]).collect();
        means.sort_by(f64::total_cmp);
        let tail = (1.0 - LEVEL) / 2.0;
        Some(Interval {
            low: Finite::new(quantile(&means, tail)?)?,
            high: Finite::new(quantile(&means, 1.0 - tail)?)?,
            level: LEVEL,
            method: format!("bootstrap-percentile over {unit} (seed {seed}, {draws} draws)"),
        })
    })
}

fn add<const N: usize>(sum: &mut [f64; N], terms: &[f64; N]) {
    sum.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::Sequential;

    #[test]
    fn chance_is_that_of_the_reference_data() {
        // papers/iwm: H_256/256 = 0.0239, H@1 0.0039, H@5 0.0195; 50 candidates: 0.0900, 0.02, 0.10.
        let rounded = |value: f64| (value * 10_000.0).round() / 10_000.0;
        assert_eq!(rounded(mean_reciprocal_rank_chance(256)), 0.0239);
        assert_eq!((rounded(hits_chance(1, 256)), rounded(hits_chance(5, 256))), (0.0039, 0.0195));
        assert_eq!(rounded(mean_reciprocal_rank_chance(50)), 0.09);
        assert_eq!((hits_chance(1, 50), hits_chance(5, 50), hits_chance(10, 4)), (0.02, 0.1, 1.0));
    }

    #[test]
    fn one_group_has_no_interval_and_equal_groups_have_width_0() {
        let group = vec![Placement { nearer: 1, level: 0 }, Placement { nearer: 0, level: 0 }];
        let measure = |groups: &[Vec<Placement>]| {
            let options = RetrievalOptions { bootstrap_draws: 100, ..RetrievalOptions::default() };
            retrieval_measurements(groups, (4, "images"), "test", &options, &Sequential).unwrap()
        };
        let one = measure(std::slice::from_ref(&group));
        assert_eq!(
            (one.measurements[0].value(), one.measurements[0].interval()),
            (Some(0.75), None)
        );
        let two = measure(&[group.clone(), Vec::new(), group]);
        let interval = two.measurements[0].interval().unwrap();
        assert_eq!((interval.low.get(), interval.high.get()), (0.75, 0.75));
        assert_eq!(two.measurements[0].n, 4);
    }

    #[test]
    fn nothing_to_average_is_an_error() {
        let options = RetrievalOptions::default();
        let measure = |groups: &[Vec<Placement>], bank| {
            retrieval_measurements(groups, (bank, "images"), "test", &options, &Sequential)
        };
        assert_eq!(measure(&[Vec::new()], 4).unwrap_err(), RetrievalError::NoQueries);
        assert!(matches!(measure(&[], 0).unwrap_err(), RetrievalError::Empty { .. }));
    }
}
