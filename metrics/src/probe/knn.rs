//! Exact k-nearest-neighbour classification.

use super::accuracy::Assessment;
use super::labelled::{Labelled, Task};
use super::scaled_rows::MOST_HELD;
use super::{ProbeError, ProbeOutcome};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis, s};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// Test samples whose similarities to the train set are held at one time.
const BLOCK: usize = 64;

/// Train samples that are compared at one time.
const TRAIN_BLOCK: usize = 4096;

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
    let (task, mut votes) = vote(train, test, options, &[options.k])?;
    Ok(outcome(&task, &votes.swap_remove(0), options))
}

/// [`knn_probe`] for several k, from one search for neighbours; one outcome for each, in their order.
///
/// # Errors
/// As [`knn_probe`], for any k.
pub fn knn_probes(
    train: Labelled<'_>,
    test: Labelled<'_>,
    options: &KnnOptions,
    neighbours: &[usize],
) -> Result<Vec<ProbeOutcome>, ProbeError> {
    let (task, votes) = vote(train, test, options, neighbours)?;
    let outcomes = votes.iter().zip(neighbours);
    Ok(outcomes.map(|(votes, &k)| outcome(&task, votes, &KnnOptions { k, ..*options })).collect())
}

fn outcome(task: &Task, votes: &Array2<f64>, options: &KnnOptions) -> ProbeOutcome {
    let assessment = Assessment::of(votes, &task.test_targets, &task.classes);
    let measurements = assessment.measurements(&method(options));
    ProbeOutcome {
        measurements,
        predictions: assessment.predictions,
        per_class: assessment.per_class,
    }
}

/// The votes [test samples, classes] of so many nearest neighbours each.
fn vote(
    train: Labelled<'_>,
    test: Labelled<'_>,
    options: &KnnOptions,
    neighbours: &[usize],
) -> Result<(Task, Vec<Array2<f64>>), ProbeError> {
    let task = Task::of(train, test)?;
    for &k in neighbours {
        check(&KnnOptions { k, ..*options }, task.train_targets.len())?;
    }
    let Some(most) = neighbours.iter().copied().max() else { return Ok((task, Vec::new())) };
    let index = Index::new(train.features, options.similarity, MOST_HELD);
    let (count, classes) = (task.test_targets.len(), task.classes.len());
    let mut votes = vec![Array2::zeros((count, classes)); neighbours.len()];
    for start in (0..count).step_by(BLOCK) {
        let end = (start + BLOCK).min(count);
        let similarities = index.similarities(test.features.slice(s![start..end, ..]));
        for (sample, similarities) in (start..end).zip(similarities.outer_iter()) {
            let nearest = nearest(similarities, most);
            // Relative to the nearest, so that the exponential cannot overflow.
            let best = similarities[nearest[0]];
            for (place, &neighbour) in nearest.iter().enumerate() {
                let weight = weight(similarities[neighbour] - best, options.weighting);
                for (votes, _) in votes.iter_mut().zip(neighbours).filter(|(_, k)| place < **k) {
                    votes[[sample, task.train_targets[neighbour]]] += weight;
                }
            }
        }
    }
    Ok((task, votes))
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
struct Index<'a> {
    features: ArrayView2<'a, f32>,
    /// The blocks once more as they are compared, where they are not too many; else they are made for every comparison, to the
    /// same bits.
    held: Option<Vec<Array2<f64>>>,
    squared_lengths: Vec<f64>,
    similarity: Similarity,
}

impl<'a> Index<'a> {
    fn new(features: ArrayView2<'a, f32>, similarity: Similarity, most: usize) -> Self {
        let blocks = || {
            features.axis_chunks_iter(Axis(0), TRAIN_BLOCK).map(|block| prepared(block, similarity))
        };
        let lengths =
            |block: Array2<f64>| block.outer_iter().map(|row| row.dot(&row)).collect::<Vec<f64>>();
        let squared_lengths = match similarity {
            Similarity::Cosine => Vec::new(),
            Similarity::Euclidean => blocks().flat_map(lengths).collect(),
        };
        let held = (features.len() <= most).then(|| blocks().collect());
        Self { features, held, squared_lengths, similarity }
    }

    /// [queries, train samples], larger is nearer.
    fn similarities(&self, queries: ArrayView2<'_, f32>) -> Array2<f64> {
        let queries = prepared(queries, self.similarity);
        let mut similarities = Array2::zeros((queries.nrows(), self.features.nrows()));
        let targets = similarities.axis_chunks_iter_mut(Axis(1), TRAIN_BLOCK);
        let blocks = self.features.axis_chunks_iter(Axis(0), TRAIN_BLOCK);
        for (index, (mut target, block)) in targets.zip(blocks).enumerate() {
            let products = match &self.held {
                Some(held) => queries.dot(&held[index].t()),
                None => queries.dot(&prepared(block, self.similarity).t()),
            };
            target.assign(&products);
        }
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
    fn held_and_stored_features_are_equally_near() {
        let mut stream = crate::random::Stream::new(3, "test", 0);
        let mut random = |rows| Array2::from_shape_fn((rows, 7), |_| stream.uniform() as f32);
        let (train, queries) = (random(TRAIN_BLOCK + 5), random(3));
        for similarity in [Similarity::Cosine, Similarity::Euclidean] {
            let near = |most| {
                let index = Index::new(train.view(), similarity, most);
                assert_eq!(index.held.is_some(), most > 0);
                index.similarities(queries.view())
            };
            assert_eq!(near(MOST_HELD), near(0));
        }
    }

    #[test]
    fn equal_neighbours_come_in_index_order() {
        let similarities = ndarray::arr1(&[1.0, 3.0, 2.0, 3.0, 2.0, 2.0]);
        assert_eq!(nearest(similarities.view(), 4), [1, 3, 2, 4]);
    }
}
