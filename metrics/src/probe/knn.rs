//! Exact k-nearest-neighbour classification.

use super::accuracy::Assessment;
use super::labelled::{Labelled, Task};
use super::{ProbeError, ProbeOutcome};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis, s};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// Test samples whose similarities to the train set are held at one time.
const BLOCK: usize = 64;

/// Which train samples are near.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Similarity {
    /// Cosine; a zero vector has cosine 0 with everything.
    #[default]
    Cosine,
    /// Minus the Euclidean distance.
    Euclidean,
}

/// What the vote of a neighbour with similarity s counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weighting {
    /// 1.
    #[default]
    Uniform,
    /// exp(s / temperature), DINOv2's weighting (temperature 0.07 on cosines). Its softmax over more neighbours than
    /// vote divides all votes by one number, which changes no prediction.
    Exponential {
        /// Above 0.
        temperature: f64,
    },
}

/// Parameters of the k-NN probe.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnnOptions {
    /// Number of neighbours that vote; at most the number of train samples.
    pub k: usize,
    /// What is near.
    pub similarity: Similarity,
    /// What a vote counts.
    pub weighting: Weighting,
}

impl Default for KnnOptions {
    fn default() -> Self {
        Self { k: 20, similarity: Similarity::Cosine, weighting: Weighting::Uniform }
    }
}

/// Lets the k nearest train samples of each test sample vote for their class.
///
/// Features are used as they are, not standardised. Ties: of train samples equally near, the one with the lower index is
/// nearer; of classes with equal votes, the one with the lower label wins. Measurements: `accuracy` (top-1), `top-5` (by
/// votes) and `mean-per-class accuracy`, in percent.
///
/// # Errors
/// If the input is empty, inconsistent or not finite, has one class only, a test label is unknown to the train set, k is
/// 0 or exceeds the train set, or the temperature is not above 0.
pub fn knn_probe(
    train: Labelled<'_>,
    test: Labelled<'_>,
    options: &KnnOptions,
) -> Result<ProbeOutcome, ProbeError> {
    let task = Task::of(train, test)?;
    check(options, task.train_targets.len())?;
    let index = Index::new(train.features, options.similarity);
    let mut votes = Array2::zeros((task.test_targets.len(), task.classes.len()));
    for (block, mut votes) in votes.axis_chunks_iter_mut(Axis(0), BLOCK).enumerate() {
        let start = block * BLOCK;
        let similarities =
            index.similarities(test.features.slice(s![start..start + votes.nrows(), ..]));
        for (similarities, mut votes) in similarities.outer_iter().zip(votes.outer_iter_mut()) {
            let neighbours = nearest(similarities, options.k);
            // Relative to the nearest, so that the exponential cannot overflow.
            let best = similarities[neighbours[0]];
            for neighbour in neighbours {
                votes[task.train_targets[neighbour]] +=
                    weight(similarities[neighbour] - best, options.weighting);
            }
        }
    }
    let assessment = Assessment::of(&votes, &task.test_targets, &task.classes);
    let measurements = assessment.measurements(&method(options));
    Ok(ProbeOutcome {
        measurements,
        predictions: assessment.predictions,
        per_class: assessment.per_class,
    })
}

fn check(options: &KnnOptions, train_samples: usize) -> Result<(), ProbeError> {
    if options.k == 0 || options.k > train_samples {
        let expected = "between 1 and the number of train samples";
        return Err(ProbeError::Option { name: "k", value: options.k as f64, expected });
    }
    match options.weighting {
        Weighting::Exponential { temperature }
            if !(temperature.is_finite() && temperature > 0.0) =>
        {
            Err(ProbeError::Option {
                name: "the temperature",
                value: temperature,
                expected: "finite and above 0",
            })
        }
        _ => Ok(()),
    }
}

fn weight(relative_similarity: f64, weighting: Weighting) -> f64 {
    match weighting {
        Weighting::Uniform => 1.0,
        Weighting::Exponential { temperature } => (relative_similarity / temperature).exp(),
    }
}

fn method(options: &KnnOptions) -> String {
    let similarity = match options.similarity {
        Similarity::Cosine => "cosine",
        Similarity::Euclidean => "Euclidean distance",
    };
    let weighting = match options.weighting {
        Weighting::Uniform => "uniform votes".to_owned(),
        Weighting::Exponential { temperature } => format!("votes exp(s / {temperature})"),
    };
    format!("exact k-NN, k = {}, {similarity}, {weighting}; ties to the lower index", options.k)
}

/// The train features, ready to be compared.
struct Index {
    features: Array2<f64>,
    squared_lengths: Vec<f64>,
    similarity: Similarity,
}

impl Index {
    fn new(features: ArrayView2<'_, f32>, similarity: Similarity) -> Self {
        let features = prepared(features, similarity);
        let squared_lengths = features.outer_iter().map(|row| row.dot(&row)).collect();
        Self { features, squared_lengths, similarity }
    }

    /// [queries, train samples], larger is nearer.
    fn similarities(&self, queries: ArrayView2<'_, f32>) -> Array2<f64> {
        let queries = prepared(queries, self.similarity);
        let mut similarities = queries.dot(&self.features.t());
        if self.similarity == Similarity::Euclidean {
            for (mut row, query) in similarities.outer_iter_mut().zip(queries.outer_iter()) {
                let own = query.dot(&query);
                for (similarity, squared_length) in row.iter_mut().zip(&self.squared_lengths) {
                    *similarity = -(own + squared_length - 2.0 * *similarity).max(0.0).sqrt();
                }
            }
        }
        similarities
    }
}

fn prepared(features: ArrayView2<'_, f32>, similarity: Similarity) -> Array2<f64> {
    let mut features = features.mapv(f64::from);
    if similarity == Similarity::Cosine {
        for mut row in features.outer_iter_mut() {
            let length = row.dot(&row).sqrt();
            if length > 0.0 {
                row /= length;
            }
        }
    }
    features
}

/// The k train samples of largest similarity, nearest first. 1 ≤ k ≤ their number.
fn nearest(similarities: ArrayView1<'_, f64>, k: usize) -> Vec<usize> {
    let by_similarity = |&a: &usize, &b: &usize| -> Ordering {
        similarities[b].total_cmp(&similarities[a]).then(a.cmp(&b))
    };
    let mut order: Vec<usize> = (0..similarities.len()).collect();
    order.select_nth_unstable_by(k - 1, by_similarity);
    order.truncate(k);
    order.sort_unstable_by(by_similarity);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_neighbours_come_in_index_order() {
        let similarities = ndarray::arr1(&[1.0, 3.0, 2.0, 3.0, 2.0, 2.0]);
        assert_eq!(nearest(similarities.view(), 4), [1, 3, 2, 4]);
    }
}
