//! Two runs' scores of the same samples: how far the mean moved, and which samples moved it.

use super::samples::SampleTable;
use crate::failure::Failure;
use retally_metrics::statistics::{MeanEstimate, mcnemar_exact, paired_difference};
use retally_metrics::{Interval, Unit};
use serde::Serialize;

/// Coverage of intervals.
const LEVEL: f64 = 0.95;

/// Metrics whose per-sample values a run leaves under their own name.
const SCORED: [&str; 4] = ["LDS", "CDS", "SRSS", "RMSC"];

/// The metric whose per-sample predictions a run leaves.
const PREDICTED: &str = "accuracy";

/// The samples that both runs have.
#[derive(Clone, Debug, Serialize)]
pub(super) struct PairedDifference {
    /// How many samples have a value in both runs.
    pub(super) pairs: usize,
    /// Mean of new - old, in the measurement's unit.
    pub(super) mean: f64,
    /// Its interval; `None` for a single pair.
    pub(super) interval: Option<Interval>,
    /// Samples whose own value moved.
    pub(super) moved: usize,
    /// The sample that moved most, and by how much; `None` if none did.
    pub(super) most: Option<(String, f64)>,
    /// For predictions: p of McNemar's exact test.
    pub(super) mcnemar: Option<McNemar>,
}

/// Samples that only one run has right.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct McNemar {
    /// Right in the old run alone.
    pub(super) only_old: u64,
    /// Right in the new run alone.
    pub(super) only_new: u64,
    /// Two-sided p, if neither run were better.
    pub(super) p: f64,
}

impl PairedDifference {
    /// One sentence.
    pub(super) fn sentence(&self, unit: Unit) -> String {
        let unit = if unit == Unit::Percent { " points" } else { "" };
        let interval = self.interval.as_ref().map_or_else(String::new, |interval| {
            format!(
                " [{:+.3e}, {:+.3e}] ({} %, {})",
                interval.low.get(),
                interval.high.get(),
                interval.level * 100.0,
                interval.method
            )
        });
        let most = self
            .most
            .as_ref()
            .map_or_else(String::new, |(sample, by)| format!(", most `{sample}` ({by:+.3e})"));
        let test = self.mcnemar.map_or_else(String::new, |test| {
            format!(
                "; right only before {}, only now {}, McNemar p = {:.3}",
                test.only_old, test.only_new, test.p
            )
        });
        format!(
            "Paired over {} samples: mean {:+.3e}{unit}{interval}; {} moved{most}{test}.",
            self.pairs, self.mean, self.moved
        )
    }
}

/// Both tables.
#[derive(Clone, Copy)]
pub(super) struct Tables<'a> {
    pub(super) old: &'a SampleTable,
    pub(super) new: &'a SampleTable,
}

impl Tables<'_> {
    /// The paired difference of a measurement; `None` where the runs left no value of each sample.
    ///
    /// # Errors
    /// If a table is damaged.
    pub(super) fn compare(
        self,
        dataset: &str,
        model: &str,
        metric: &str,
    ) -> Result<Option<PairedDifference>, Failure> {
        let is_scored = SCORED.contains(&metric);
        let column = if is_scored {
            format!("{model}/{metric}")
        } else if metric == PREDICTED {
            format!("{model}/predicted")
        } else {
            return Ok(None);
        };
        if !(self.old.has(&column) && self.new.has(&column)) {
            return Ok(None);
        }
        let values = |table: &SampleTable| {
            if is_scored { table.numbers(&column) } else { hits(table, &column) }
        };
        let [old, new] = [values(self.old)?, values(self.new)?];
        let mut pairs = Vec::new();
        let after = self.new.samples(dataset);
        for (sample, row) in self.old.samples(dataset) {
            let other = after.get(sample).and_then(|&row| new.get(row).copied().flatten());
            if let (Some(old), Some(new)) = (old.get(row).copied().flatten(), other) {
                pairs.push((sample, old, new));
            }
        }
        Ok(summary(&pairs, !is_scored))
    }
}

/// 100 where a prediction is the sample's class, else 0: the mean is the accuracy in percent.
fn hits(table: &SampleTable, column: &str) -> Result<Vec<Option<f64>>, Failure> {
    let [predicted, classes] = [table.texts(column)?, table.texts("class")?];
    let hit = |(predicted, class): (Option<String>, Option<String>)| {
        Some(if predicted? == class? { 100.0 } else { 0.0 })
    };
    Ok(predicted.into_iter().zip(classes).map(hit).collect())
}

fn summary(pairs: &[(&str, f64, f64)], are_hits: bool) -> Option<PairedDifference> {
    let old: Vec<f64> = pairs.iter().map(|(_, old, _)| *old).collect();
    let new: Vec<f64> = pairs.iter().map(|(_, _, new)| *new).collect();
    let MeanEstimate { mean, interval, .. } = paired_difference(&old, &new, LEVEL).ok()?;
    let moved = pairs.iter().filter(|(_, old, new)| old.to_bits() != new.to_bits());
    let most = moved
        .clone()
        .map(|(sample, old, new)| ((*sample).to_owned(), new - old))
        .max_by(|(_, a), (_, b)| a.abs().total_cmp(&b.abs()));
    let mcnemar = are_hits.then(|| {
        let (mut only_old, mut only_new) = (0, 0);
        for (_, old, new) in pairs {
            only_old += u64::from(old > new);
            only_new += u64::from(new > old);
        }
        McNemar { only_old, only_new, p: mcnemar_exact(only_old, only_new) }
    });
    Some(PairedDifference {
        pairs: pairs.len(),
        mean,
        interval,
        moved: moved.count(),
        most,
        mcnemar,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_changed_sample_is_named() {
        let pairs = [("a", 0.5, 0.5), ("b", 0.5, 0.75), ("c", 0.25, 0.25), ("d", 0.125, 0.125)];
        let found = summary(&pairs, false).unwrap();
        assert_eq!((found.pairs, found.moved, found.mean), (4, 1, 0.0625));
        assert_eq!(found.most, Some(("b".to_owned(), 0.25)));
        let sentence = found.sentence(Unit::None);
        assert!(sentence.contains("1 moved, most `b` (+2.500e-1)"), "{sentence}");
        assert!(summary(&[], false).is_none());
    }

    #[test]
    fn predictions_are_counted_in_pairs() {
        let pairs = [("a", 100.0, 0.0), ("b", 100.0, 100.0), ("c", 0.0, 0.0), ("d", 100.0, 0.0)];
        let found = summary(&pairs, true).unwrap();
        let test = found.mcnemar.unwrap();
        assert_eq!((test.only_old, test.only_new, found.mean), (2, 0, -50.0));
        assert!((test.p - 0.5).abs() < 1e-12);
        assert!(found.sentence(Unit::Percent).contains("points"));
    }
}
