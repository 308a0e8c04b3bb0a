//! Top-k and per-class accuracy from the scores of every class.

use super::labelled::Classes;
use crate::statistics::wilson_interval;
use crate::{Absence, AbsenceReason, Finite, Interval, Measurement, Unit};
use ndarray::{Array2, ArrayView1};
use serde::{Deserialize, Serialize};

/// Top-1 counts of one label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassAccuracy {
    /// The label.
    pub label: u32,
    /// Test samples with this label.
    pub n: u64,
    /// How many of them were predicted right.
    pub correct: u64,
}

/// What the scores of the classes say of one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Judgement {
    /// The class with the highest score.
    prediction: usize,
    /// How many classes stand before the true one.
    pub(super) rank: usize,
}

impl Judgement {
    /// Of equal scores the lower class index comes first, as in NumPy's `argmax`.
    pub(super) fn of<T: PartialOrd + Copy>(scores: ArrayView1<'_, T>, target: usize) -> Self {
        Self { prediction: argmax(scores), rank: rank(scores, target) }
    }
}

/// Predictions and accuracies of one test set.
pub(super) struct Assessment {
    pub(super) predictions: Vec<u32>,
    pub(super) per_class: Vec<ClassAccuracy>,
    top_1: u64,
    top_5: u64,
    classes: usize,
}

impl Assessment {
    /// `scores` is [N, classes], larger is likelier; `targets` holds N class indices.
    pub(super) fn of(scores: &Array2<f64>, targets: &[usize], classes: &Classes) -> Self {
        let rows = scores.outer_iter().zip(targets);
        let judgements: Vec<Judgement> =
            rows.map(|(scores, &target)| Judgement::of(scores, target)).collect();
        Self::of_judgements(&judgements, targets, classes)
    }

    /// From what is known of each sample.
    pub(super) fn of_judgements(
        judgements: &[Judgement],
        targets: &[usize],
        classes: &Classes,
    ) -> Self {
        let mut counts = vec![(0, 0); classes.len()];
        let (mut predictions, mut top_1, mut top_5) = (Vec::with_capacity(targets.len()), 0, 0);
        for (&Judgement { prediction, rank }, &target) in judgements.iter().zip(targets) {
            let (n, correct) = &mut counts[target];
            *n += 1;
            *correct += u64::from(rank == 0);
            top_1 += u64::from(rank == 0);
            top_5 += u64::from(rank < 5);
            predictions.push(classes.label(prediction));
        }
        let per_class = counts
            .into_iter()
            .enumerate()
            .filter(|(_, (n, _))| *n > 0)
            .map(|(class, (n, correct))| ClassAccuracy { label: classes.label(class), n, correct })
            .collect();
        Self { predictions, per_class, top_1, top_5, classes: classes.len() }
    }

    pub(super) fn n(&self) -> u64 {
        self.predictions.len() as u64
    }

    /// `accuracy`, `top-5` and `mean-per-class accuracy` in percent; the first two with Wilson's 95 % interval.
    pub(super) fn measurements(&self, method: &str) -> Vec<Measurement> {
        vec![
            self.share("accuracy", self.top_1, format!("top-1; {method}")),
            self.top_5(method),
            self.mean_per_class(method),
        ]
    }

    fn share(&self, metric: &str, hits: u64, method: String) -> Measurement {
        let n = self.n();
        Measurement::of(metric, 100.0 * hits as f64 / n as f64, Unit::Percent, n, method)
            .with_interval(wilson_interval(hits, n, 0.95).and_then(in_percent))
    }

    fn top_5(&self, method: &str) -> Measurement {
        if self.classes > 5 {
            return self.share("top-5", self.top_5, format!("top-5; {method}"));
        }
        let detail = format!("with {} classes the five likeliest hold every class", self.classes);
        let absence = Absence::new(AbsenceReason::Undefined, detail);
        Measurement::absent("top-5", Unit::Percent, self.n(), format!("top-5; {method}"), absence)
    }

    /// The mean over the classes that occur in the test set.
    fn mean_per_class(&self, method: &str) -> Measurement {
        let shares = self.per_class.iter().map(|class| class.correct as f64 / class.n as f64);
        let mean = 100.0 * shares.sum::<f64>() / self.per_class.len() as f64;
        let method =
            format!("mean over {} classes of their top-1 accuracy; {method}", self.per_class.len());
        Measurement::of("mean-per-class accuracy", mean, Unit::Percent, self.n(), method)
    }
}

fn in_percent(interval: Interval) -> Option<Interval> {
    let percent = |end: Finite| Finite::new(100.0 * end.get());
    Some(Interval { low: percent(interval.low)?, high: percent(interval.high)?, ..interval })
}

/// How many classes stand before `target`; 0 if it is the prediction.
pub(super) fn rank<T: PartialOrd + Copy>(scores: ArrayView1<'_, T>, target: usize) -> usize {
    let own = scores[target];
    scores
        .iter()
        .enumerate()
        .filter(|&(class, &score)| score > own || (score == own && class < target))
        .count()
}

fn argmax<T: PartialOrd + Copy>(scores: ArrayView1<'_, T>) -> usize {
    (1..scores.len()).fold(0, |best, class| if scores[class] > scores[best] { class } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{arr1, aview1};

    #[test]
    fn ties_fall_to_the_lower_class() {
        assert_eq!(argmax(aview1(&[1.0, 2.0, 2.0])), 1);
        let tied = arr1(&[0.0; 8]);
        assert_eq!(
            (0..8).map(|target| rank(tied.view(), target)).collect::<Vec<_>>(),
            (0..8).collect::<Vec<_>>()
        );
    }
}
