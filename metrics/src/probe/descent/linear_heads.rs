//! Linear classifiers on the same features, one for each learning rate.

use super::DescentError;
use super::batch_norm::BatchNorm;
use super::cross_entropy::slopes;
use super::dense::{
    BAND, Matrix, WeightGradient, add_to_rows, column_sums, product, view, weight_gradients,
};
use super::model::{Batch, Model, normal};
use super::optimiser::{Optimiser, Parameter, Step, clip};
use super::recipe::Recipe;
use crate::executor::{Executor, for_each_part};

/// The classifiers, with the normalisation of their common input.
pub(super) struct LinearHeads {
    heads: Vec<LinearHead>,
    norm: Option<BatchNorm>,
    optimiser: Optimiser,
    clip: Option<f64>,
}

struct LinearHead {
    /// [classes, width].
    weights: Parameter,
    /// One number a class.
    bias: Parameter,
    /// [batch, classes]: logits, then the derivative of the loss by them.
    slopes: Matrix,
}

impl LinearHeads {
    /// One head for each of these places in the recipe's list of rates; head i begins with stream i of its weights.
    pub(super) fn new(
        recipe: &Recipe,
        rates: &[usize],
        width: usize,
        classes: usize,
        seed: u64,
    ) -> Self {
        let head = |&index: &usize| LinearHead {
            weights: Parameter::matrix(normal(
                seed,
                index as u64,
                recipe.initial_deviation,
                classes * width,
            )),
            bias: Parameter::vector(vec![0.0; classes]),
            slopes: Matrix::default(),
        };
        Self {
            heads: rates.iter().map(head).collect(),
            norm: recipe.batch_norm.map(|options| BatchNorm::new(options, width)),
            optimiser: recipe.optimiser,
            clip: recipe.clip,
        }
    }
}

/// A band of one head's logits, with what it takes to fill it and the loss that comes of it.
struct Band<'a> {
    slopes: &'a mut [f32],
    weights: &'a [f32],
    bias: &'a [f32],
    start: usize,
    loss: &'a mut f64,
}

impl LinearHead {
    fn bands<'a>(
        &'a mut self,
        rows: usize,
        losses: &'a mut Vec<f64>,
    ) -> impl Iterator<Item = Band<'a>> {
        let classes = self.bias.values.len();
        self.slopes.columns = classes;
        self.slopes.values.resize(rows * classes, 0.0);
        losses.clear();
        losses.resize(rows.div_ceil(BAND), 0.0);
        let Self { weights, bias, slopes } = self;
        let (weights, bias): (&[f32], &[f32]) = (&weights.values, &bias.values);
        slopes.bands().zip(losses).enumerate().map(move |(index, (slopes, loss))| Band {
            slopes,
            weights,
            bias,
            start: index * BAND,
            loss,
        })
    }
}

impl Model for LinearHeads {
    fn train(
        &mut self,
        executor: &dyn Executor,
        batch: Batch<'_>,
        steps: &[Option<Step>],
    ) -> Result<Vec<Option<f64>>, DescentError> {
        let mut x = batch.read(executor)?;
        if let Some(norm) = &mut self.norm {
            norm.train(executor, &mut x);
        }
        let (rows, width) = (x.rows(), x.columns);
        let scale = 1.0 / rows as f32;
        let mut losses = vec![Vec::new(); self.heads.len()];
        let active = || steps.iter().map(Option::is_some);
        let heads = self.heads.iter_mut().zip(&mut losses).zip(active());
        let bands = heads
            .filter(|(_, active)| *active)
            .flat_map(|((head, losses), _)| head.bands(rows, losses));
        for_each_part(executor, bands, |_, band| {
            let classes = band.bias.len();
            let count = band.slopes.len() / classes;
            let inputs = x.view().subrows(band.start, count);
            product(band.slopes, inputs, view(band.weights, width).transpose());
            add_to_rows(band.slopes, band.bias);
            let targets = &batch.targets[band.start..band.start + count];
            for (row, &target) in band.slopes.chunks_exact_mut(classes).zip(targets) {
                *band.loss += slopes(row, target, scale);
            }
        });
        let heads = self.heads.iter_mut().zip(active()).filter(|(_, active)| *active);
        let gradients = heads.map(|(head, _)| WeightGradient {
            slopes: view(&head.slopes.values, head.slopes.columns),
            x: x.view(),
            target: &mut head.weights.gradient,
        });
        weight_gradients(executor, gradients);
        for (head, step) in self.heads.iter_mut().zip(steps) {
            let Some(step) = *step else { continue };
            column_sums(head.slopes.view(), &mut head.bias.gradient);
            if let Some(most) = self.clip {
                clip(&mut [&mut head.weights, &mut head.bias], most);
            }
            self.optimiser.apply(executor, &mut head.weights, step);
            self.optimiser.apply(executor, &mut head.bias, step);
        }
        let mean = |losses: Vec<f64>| losses.into_iter().sum::<f64>() / rows as f64;
        let losses = losses.into_iter().zip(active());
        Ok(losses.map(|(losses, active)| active.then(|| mean(losses))).collect())
    }

    fn logits(&self, mut inputs: Vec<f32>, wanted: &[bool]) -> Vec<Option<Matrix>> {
        if let Some(norm) = &self.norm {
            norm.apply(&mut inputs);
        }
        let logits = |head: &LinearHead| {
            let (weights, bias) = (&head.weights.values, &head.bias.values);
            let width = weights.len() / bias.len();
            let mut logits = Matrix::zeros(inputs.len() / width, bias.len());
            product(&mut logits.values, view(&inputs, width), view(weights, width).transpose());
            add_to_rows(&mut logits.values, bias);
            logits
        };
        let heads = self.heads.iter().zip(wanted);
        heads.map(|(head, &wanted)| wanted.then(|| logits(head))).collect()
    }
}
