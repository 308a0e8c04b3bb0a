//! What trained heads make of a set.

use super::super::accuracy::Judgement;
use super::DescentError;
use super::cross_entropy::loss;
use super::model::Model;
use crate::executor::{Executor, map};
use crate::table::{FeatureTable, View};
use ndarray::aview1;

/// Samples whose logits are held by one task.
const BLOCK: usize = 256;

/// Numbers of a task's input at most, so that many tokens do not make large tasks.
const BLOCK_NUMBERS: usize = 1 << 22;

/// Blocks whose results are held at one time.
const WAVE: usize = 256;

/// One head on one set.
#[derive(Clone, Debug, Default)]
pub(super) struct HeadScores {
    /// One for each sample.
    pub(super) judgements: Vec<Judgement>,
    /// Sum of -ln p in nats.
    loss: f64,
}

impl HeadScores {
    pub(super) fn correct(&self) -> usize {
        self.judgements.iter().filter(|judgement| judgement.rank == 0).count()
    }

    /// Mean -ln p in nats; NaN of no samples.
    pub(super) fn mean_loss(&self) -> f64 {
        self.loss / self.judgements.len() as f64
    }
}

/// Samples of a table, first view of each, with their class indices.
#[derive(Clone, Copy)]
pub(super) struct Assessed<'a> {
    pub(super) table: &'a dyn FeatureTable,
    pub(super) samples: &'a [usize],
    /// Class index of every sample of the table.
    pub(super) targets: &'a [usize],
}

/// Scores every wanted head on the samples.
pub(super) fn assess(
    executor: &dyn Executor,
    model: &impl Model,
    set: Assessed<'_>,
    wanted: &[bool],
) -> Result<Vec<Option<HeadScores>>, DescentError> {
    let row = set.table.shape().row();
    let block = (BLOCK_NUMBERS / row.max(1)).clamp(1, BLOCK);
    let blocks: Vec<&[usize]> = set.samples.chunks(block).collect();
    let mut scores: Vec<Option<HeadScores>> =
        wanted.iter().map(|&wanted| wanted.then(HeadScores::default)).collect();
    for wave in blocks.chunks(WAVE) {
        let parts = map(executor, wave.len(), |index| score_block(model, set, wave[index], wanted));
        for part in parts {
            for (scores, part) in scores.iter_mut().zip(part?) {
                if let (Some(scores), Some(part)) = (scores, part) {
                    scores.judgements.extend(part.judgements);
                    scores.loss += part.loss;
                }
            }
        }
    }
    Ok(scores)
}

fn score_block(
    model: &impl Model,
    set: Assessed<'_>,
    samples: &[usize],
    wanted: &[bool],
) -> Result<Vec<Option<HeadScores>>, DescentError> {
    let views: Vec<View> = samples.iter().map(|&sample| View { sample, view: 0 }).collect();
    let mut inputs = vec![0.0; views.len() * set.table.shape().row()];
    set.table.read(&views, &mut inputs).map_err(DescentError::Read)?;
    let score = |logits: super::dense::Matrix| {
        let mut scores = HeadScores::default();
        for (place, &sample) in samples.iter().enumerate() {
            let (row, target) = (logits.row(place), set.targets[sample]);
            scores.judgements.push(Judgement::of(aview1(row), target));
            scores.loss += loss(row, target);
        }
        scores
    };
    let logits = model.logits(inputs, wanted).into_iter();
    Ok(logits.map(|logits| logits.map(score)).collect())
}
