//! The attentive probe of V-JEPA: a learned query, one block of cross-attention with an MLP, a linear layer.
//!
//! With tokens x of a sample, LN a layer normalisation with scale and shift, and one query p:
//! y = concatenated heads of softmax(q k / √d) v, q = Wq p, k = Wk LN₁(x), v = Wv LN₁(x); r = p + Wp y;
//! s = r + W₂ gelu(W₁ LN₂(r)); logits = W s; every W with a bias. The key's bias has no effect on a softmax and is left out.

use super::super::ProbeError;
use super::DescentError;
use super::attentive_pooling::{EPSILON, Pooled, PoolingShape, ReadTokens, pool, pull_back};
use super::cross_entropy::slopes;
use super::dense::{
    BAND, Matrix, WeightGradient, affine, column_sums, product, pulled_back, view, weight_gradients,
};
use super::model::{Batch, Model, normal, uniform};
use super::optimiser::{Optimiser, Parameter, Step, clip};
use super::recipe::{Head, Recipe};
use crate::executor::{Executor, Sequential, for_each_part};
use crate::table::{ReadError, TableShape};
use faer::MatRef;
use statrs::function::erf::erf;
use std::f64::consts::{FRAC_1_SQRT_2, PI};
use std::ops::Range;

/// Numbers of an attention head where nothing else is said, as in a ViT.
const HEAD_WIDTH: usize = 64;

/// Weights [outputs, inputs] with a bias.
pub(super) struct Layer {
    weights: Parameter,
    bias: Parameter,
}

/// Scale and shift of a layer normalisation.
struct Affine {
    scale: Parameter,
    shift: Parameter,
}

/// The classifier.
pub(super) struct Attentive {
    shape: PoolingShape,
    query: Parameter,
    to_query: Layer,
    /// Without a bias.
    to_key: Parameter,
    to_value: Layer,
    projection: Layer,
    tokens_norm: Affine,
    hidden_norm: Affine,
    expand: Layer,
    contract: Layer,
    classify: Layer,
    optimiser: Optimiser,
    clip: Option<f64>,
}

impl Layer {
    fn normal(sizes: [usize; 2], seed: u64, index: u64, deviation: f64) -> Self {
        let [outputs, inputs] = sizes;
        Self {
            weights: Parameter::matrix(normal(seed, index, deviation, outputs * inputs)),
            bias: Parameter::vector(vec![0.0; outputs]),
        }
    }

    fn width(&self) -> usize {
        self.weights.values.len() / self.bias.values.len()
    }

    fn view(&self) -> MatRef<'_, f32> {
        view(&self.weights.values, self.width())
    }

    fn forward(&self, executor: &dyn Executor, x: &Matrix) -> Matrix {
        affine(executor, x.view(), self.view(), &self.bias.values)
    }

    /// Fills the layer's gradients from those of its outputs, and returns those of its inputs.
    fn backward(&mut self, executor: &dyn Executor, x: &Matrix, slopes: &Matrix) -> Matrix {
        self.fill_gradients(executor, x, slopes);
        pulled_back(executor, slopes.view(), self.view())
    }

    fn fill_gradients(&mut self, executor: &dyn Executor, x: &Matrix, slopes: &Matrix) {
        let target = self.weights.gradient.as_mut_slice();
        let job = WeightGradient { slopes: slopes.view(), x: x.view(), target };
        weight_gradients(executor, [job]);
        column_sums(slopes.view(), &mut self.bias.gradient);
    }
}

impl Affine {
    fn identity(width: usize) -> Self {
        Self {
            scale: Parameter::vector(vec![1.0; width]),
            shift: Parameter::vector(vec![0.0; width]),
        }
    }
}

/// What the way back needs of the way there.
struct Pass {
    pooled: Pooled,
    /// What each head attends to, scaled and shifted: [samples, heads · width].
    contexts: Matrix,
    values: Matrix,
    /// LN₂ before scale and shift, and 1/√(variance + ε) of each row.
    normal: Matrix,
    scales: Vec<f64>,
    hidden_input: Matrix,
    /// gelu and its derivative.
    hidden: Matrix,
    bend: Matrix,
    output: Matrix,
    logits: Matrix,
}

impl Attentive {
    /// The initial weights of V-JEPA's code. Streams of the normal numbers: 0 query, 1 to query, 2 to key, 3 to value,
    /// 4 projection, 5 and 6 MLP; those of 4 and 6 are divided by √2. The linear layer's weights and bias are uniform within
    /// ±1/√width, streams 7 and 8.
    pub(super) fn new(
        recipe: &Recipe,
        shape: TableShape,
        classes: usize,
        seed: u64,
    ) -> Result<Self, ProbeError> {
        let width = shape.width;
        let (heads, mlp_ratio) = match recipe.head {
            Head::Attentive { attention_heads: Some(heads), mlp_ratio } => (heads, mlp_ratio),
            Head::Attentive { attention_heads: None, mlp_ratio }
                if width.is_multiple_of(HEAD_WIDTH) =>
            {
                (width / HEAD_WIDTH, mlp_ratio)
            }
            _ => return Err(ProbeError::UnknownAttentionHeads { width }),
        };
        if heads == 0 || !width.is_multiple_of(heads) {
            return Err(ProbeError::AttentionHeads { width, heads });
        }
        // Four matrices of width x width and an MLP; a width that makes more numbers than 2^30 is not one of tokens.
        let too_wide = width >= 1 << 13 || !(1..=16).contains(&mlp_ratio);
        if too_wide {
            return Err(ProbeError::TooManyWeights { heads: 1, classes: mlp_ratio, width });
        }
        let deviation = recipe.initial_deviation;
        let square = |index, deviation| Layer::normal([width, width], seed, index, deviation);
        let bound = 1.0 / (width as f64).sqrt();
        Ok(Self {
            shape: PoolingShape { tokens: shape.tokens, width, heads },
            query: Parameter::matrix(normal(seed, 0, deviation, width)),
            to_query: square(1, deviation),
            to_key: Parameter::matrix(normal(seed, 2, deviation, width * width)),
            to_value: square(3, deviation),
            projection: square(4, deviation * FRAC_1_SQRT_2),
            tokens_norm: Affine::identity(width),
            hidden_norm: Affine::identity(width),
            expand: Layer::normal([mlp_ratio * width, width], seed, 5, deviation),
            contract: Layer::normal([width, mlp_ratio * width], seed, 6, deviation * FRAC_1_SQRT_2),
            classify: Layer {
                weights: Parameter::matrix(uniform(seed, 7, bound, classes * width)),
                bias: Parameter::vector(uniform(seed, 8, bound, classes)),
            },
            optimiser: recipe.optimiser,
            clip: recipe.clip,
        })
    }

    fn parameters(&mut self) -> Vec<&mut Parameter> {
        let mut parameters = vec![&mut self.query, &mut self.to_key];
        for layer in [
            &mut self.to_query,
            &mut self.to_value,
            &mut self.projection,
            &mut self.expand,
            &mut self.contract,
            &mut self.classify,
        ] {
            parameters.extend([&mut layer.weights, &mut layer.bias]);
        }
        for norm in [&mut self.tokens_norm, &mut self.hidden_norm] {
            parameters.extend([&mut norm.scale, &mut norm.shift]);
        }
        parameters
    }

    fn head_width(&self) -> usize {
        self.shape.width / self.shape.heads
    }

    /// Wq p + b.
    fn query_vector(&self) -> Vec<f32> {
        let query = &self.query.values;
        let rows = self.to_query.weights.values.chunks_exact(self.shape.width);
        rows.zip(&self.to_query.bias.values)
            .map(|(row, &bias)| (dot(row, query) + f64::from(bias)) as f32)
            .collect()
    }

    /// Wkᵀ q / √d of each head: [heads, width].
    fn keys(&self, query: &[f32]) -> Vec<f32> {
        let (width, part) = (self.shape.width, self.head_width());
        let scale = 1.0 / (part as f64).sqrt();
        let mut keys = vec![0.0_f64; self.shape.heads * width];
        for (row, weights) in self.to_key.values.chunks_exact(width).enumerate() {
            let factor = scale * f64::from(query[row]);
            let key = &mut keys[row / part * width..][..width];
            key.iter_mut()
                .zip(weights)
                .for_each(|(key, &weight)| *key += factor * f64::from(weight));
        }
        keys.into_iter().map(|key| key as f32).collect()
    }

    /// Keys times the scale of LN₁; its shift moves all scores of a sample alike.
    fn directions(&self, keys: &[f32]) -> Vec<f32> {
        let scales = self.tokens_norm.scale.values.iter().cycle();
        keys.iter().zip(scales).map(|(&key, &scale)| key * scale).collect()
    }

    fn forward(
        &self,
        executor: &dyn Executor,
        count: usize,
        read: ReadTokens<'_>,
    ) -> Result<Pass, ReadError> {
        let keys = self.keys(&self.query_vector());
        let pooled = pool(executor, self.shape, &self.directions(&keys), count, read)?;
        let contexts = self.shifted(executor, &pooled.contexts);
        let values = self.values(executor, &contexts);
        let mut residual = self.projection.forward(executor, &values);
        super::dense::add_to_rows(&mut residual.values, &self.query.values);
        let mut normal = residual.clone();
        let scales = normalise(&mut normal);
        let mut hidden_input = normal.clone();
        scale_and_shift(&mut hidden_input.values, &self.hidden_norm);
        let mut hidden = self.expand.forward(executor, &hidden_input);
        let bend = gelu(executor, &mut hidden);
        let mut output = self.contract.forward(executor, &hidden);
        add(&mut output.values, &residual.values);
        let logits = self.classify.forward(executor, &output);
        Ok(Pass {
            pooled,
            contexts,
            values,
            normal,
            scales,
            hidden_input,
            hidden,
            bend,
            output,
            logits,
        })
    }

    /// Contexts scaled and shifted by LN₁.
    fn shifted(&self, executor: &dyn Executor, contexts: &Matrix) -> Matrix {
        let mut shifted = contexts.clone();
        for_each_part(executor, shifted.bands(), |_, band| {
            scale_and_shift(band, &self.tokens_norm);
        });
        shifted
    }

    /// Wv c + b, each head with its own rows of Wv and its own context.
    fn values(&self, executor: &dyn Executor, contexts: &Matrix) -> Matrix {
        let PoolingShape { width, heads, .. } = self.shape;
        let part = self.head_width();
        let mut values = Matrix::zeros(contexts.rows(), width);
        for_each_part(executor, values.bands(), |index, band| {
            let count = band.len() / width;
            let contexts = contexts.view().subrows(index * BAND, count);
            let mut own = vec![0.0; count * part];
            for head in 0..heads {
                let weights = self.to_value.view().subrows(head * part, part);
                product(&mut own, contexts.subcols(head * width, width), weights.transpose());
                copy_columns(&own, part, band, (head * part, width));
            }
            super::dense::add_to_rows(band, &self.to_value.bias.values);
        });
        values
    }

    /// The gradient of the shifted contexts from that of the values.
    fn context_slopes(&self, executor: &dyn Executor, slopes: &Matrix) -> Matrix {
        let PoolingShape { width, heads, .. } = self.shape;
        let part = self.head_width();
        let mut result = Matrix::zeros(slopes.rows(), heads * width);
        for_each_part(executor, result.bands(), |index, band| {
            let count = band.len() / (heads * width);
            let slopes = slopes.view().subrows(index * BAND, count);
            let mut own = vec![0.0; count * width];
            for head in 0..heads {
                let weights = self.to_value.view().subrows(head * part, part);
                product(&mut own, slopes.subcols(head * part, part), weights);
                copy_columns(&own, width, band, (head * width, heads * width));
            }
        });
        result
    }

    /// Fills every gradient from that of the logits.
    fn backward(
        &mut self,
        executor: &dyn Executor,
        pass: &Pass,
        read: ReadTokens<'_>,
    ) -> Result<(), ReadError> {
        let output = self.classify.backward(executor, &pass.output, &pass.logits);
        let mut hidden = self.contract.backward(executor, &pass.hidden, &output);
        multiply(&mut hidden.values, &pass.bend.values);
        let normal = self.expand.backward(executor, &pass.hidden_input, &hidden);
        affine_gradients(&mut self.hidden_norm, &normal.values, &pass.normal.values);
        let mut residual = output;
        add_norm_slopes(&mut residual, normal, pass, &self.hidden_norm);
        column_sums(residual.view(), &mut self.query.gradient);
        let values = self.projection.backward(executor, &pass.values, &residual);
        self.value_gradients(executor, &values, pass);
        let mut contexts = self.context_slopes(executor, &values);
        affine_gradients(&mut self.tokens_norm, &contexts.values, &pass.pooled.contexts.values);
        let scales = &self.tokens_norm.scale.values;
        contexts.values.chunks_exact_mut(self.shape.width).for_each(|row| multiply(row, scales));
        let directions = pull_back(executor, self.shape, &pass.pooled, &contexts, read)?;
        self.attention_gradients(&directions);
        Ok(())
    }

    fn value_gradients(&mut self, executor: &dyn Executor, slopes: &Matrix, pass: &Pass) {
        let (width, part) = (self.shape.width, self.head_width());
        column_sums(slopes.view(), &mut self.to_value.bias.gradient);
        let targets = self.to_value.weights.gradient.chunks_exact_mut(part * width);
        let jobs = targets.enumerate().map(|(head, target)| WeightGradient {
            slopes: slopes.view().subcols(head * part, part),
            x: pass.contexts.view().subcols(head * width, width),
            target,
        });
        weight_gradients(executor, jobs);
    }

    /// From the gradient of the directions to those of LN₁'s scale, Wk, Wq and the query.
    fn attention_gradients(&mut self, directions: &[f32]) {
        let (width, part) = (self.shape.width, self.head_width());
        let query = self.query_vector();
        let keys = self.keys(&query);
        let scales = &mut self.tokens_norm.scale;
        let mut key_slopes = vec![0.0_f32; directions.len()];
        for (index, (&slope, &key)) in directions.iter().zip(&keys).enumerate() {
            scales.gradient[index % width] += slope * key;
            key_slopes[index] = slope * scales.values[index % width];
        }
        let factor = 1.0 / (part as f64).sqrt();
        let mut query_slopes = vec![0.0_f32; width];
        let rows = self.to_key.gradient.chunks_exact_mut(width);
        for (row, (gradient, weights)) in
            rows.zip(self.to_key.values.chunks_exact(width)).enumerate()
        {
            let slopes = &key_slopes[row / part * width..][..width];
            query_slopes[row] = (factor * dot(weights, slopes)) as f32;
            let own = (factor * f64::from(query[row])) as f32;
            gradient.iter_mut().zip(slopes).for_each(|(value, &slope)| *value = own * slope);
        }
        self.to_query.bias.gradient.copy_from_slice(&query_slopes);
        let mut own = vec![0.0_f64; width];
        let Layer { weights, .. } = &mut self.to_query;
        let rows = weights.gradient.chunks_exact_mut(width).zip(weights.values.chunks_exact(width));
        for ((gradient, weights), &slope) in rows.zip(&query_slopes) {
            for (value, &input) in gradient.iter_mut().zip(&self.query.values) {
                *value = slope * input;
            }
            for (own, &weight) in own.iter_mut().zip(weights) {
                *own += f64::from(slope) * f64::from(weight);
            }
        }
        for (gradient, own) in self.query.gradient.iter_mut().zip(own) {
            *gradient += own as f32;
        }
    }

    /// Gradients of the mean loss, which is returned.
    fn fill_gradients(
        &mut self,
        executor: &dyn Executor,
        targets: &[usize],
        read: ReadTokens<'_>,
    ) -> Result<f64, ReadError> {
        let mut pass = self.forward(executor, targets.len(), read)?;
        let (classes, scale) = (pass.logits.columns, 1.0 / targets.len() as f32);
        let rows = pass.logits.values.chunks_exact_mut(classes).zip(targets);
        let loss: f64 = rows.map(|(row, &target)| slopes(row, target, scale)).sum();
        self.backward(executor, &pass, read)?;
        Ok(loss / targets.len() as f64)
    }
}

impl Model for Attentive {
    fn train(
        &mut self,
        executor: &dyn Executor,
        batch: Batch<'_>,
        steps: &[Option<Step>],
    ) -> Result<Vec<Option<f64>>, DescentError> {
        let &[Some(step)] = steps else { return Ok(vec![None; steps.len()]) };
        let row = self.shape.tokens * self.shape.width;
        let read = |samples: Range<usize>| -> Result<Vec<f32>, ReadError> {
            let mut tokens = vec![0.0; samples.len() * row];
            batch.table.read(&batch.views[samples], &mut tokens)?;
            Ok(tokens)
        };
        let loss =
            self.fill_gradients(executor, batch.targets, &read).map_err(DescentError::Read)?;
        let (most, optimiser) = (self.clip, self.optimiser);
        let mut parameters = self.parameters();
        if let Some(most) = most {
            clip(&mut parameters, most);
        }
        for parameter in parameters {
            optimiser.apply(executor, parameter, step);
        }
        Ok(vec![Some(loss)])
    }

    fn logits(&self, inputs: Vec<f32>, wanted: &[bool]) -> Vec<Option<Matrix>> {
        let row = self.shape.tokens * self.shape.width;
        let read = |samples: Range<usize>| -> Result<Vec<f32>, ReadError> {
            Ok(inputs[samples.start * row..samples.end * row].to_vec())
        };
        let pass = self.forward(&Sequential, inputs.len() / row, &read).ok();
        let mut logits = pass.map(|pass| pass.logits);
        wanted.iter().map(|&wanted| if wanted { logits.take() } else { None }).collect()
    }
}

/// Gelu in place; returns its derivative. x Φ(x), and Φ(x) + x φ(x).
fn gelu(executor: &dyn Executor, x: &mut Matrix) -> Matrix {
    let mut bend = Matrix::zeros(x.rows(), x.columns);
    for_each_part(executor, x.bands().zip(bend.bands()), |_, (x, bend)| {
        for (x, bend) in x.iter_mut().zip(bend.iter_mut()) {
            let value = f64::from(*x);
            let below = 0.5 * (1.0 + erf(value * FRAC_1_SQRT_2));
            let density = (-0.5 * value * value).exp() / (2.0 * PI).sqrt();
            *bend = (below + value * density) as f32;
            *x = (value * below) as f32;
        }
    });
    bend
}

/// Rows to mean 0 and variance 1; returns 1/√(variance + ε) of each.
fn normalise(rows: &mut Matrix) -> Vec<f64> {
    let width = rows.columns;
    let rows = rows.values.chunks_exact_mut(width);
    rows.map(|row| {
        let mean = row.iter().map(|&value| f64::from(value)).sum::<f64>() / width as f64;
        let squares = row.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>();
        let scale = 1.0 / (squares / width as f64 + EPSILON).sqrt();
        row.iter_mut().for_each(|value| *value = ((f64::from(*value) - mean) * scale) as f32);
        scale
    })
    .collect()
}

/// Adds the gradient through LN₂: s (g - mean g - x̂ mean(g x̂)), g the slopes times the scale.
fn add_norm_slopes(target: &mut Matrix, mut slopes: Matrix, pass: &Pass, norm: &Affine) {
    let width = target.columns;
    let rows = target.values.chunks_exact_mut(width).zip(slopes.values.chunks_exact_mut(width));
    let known = pass.normal.values.chunks_exact(width).zip(&pass.scales);
    for ((target, slopes), (normal, &scale)) in rows.zip(known) {
        multiply(slopes, &norm.scale.values);
        let mean = slopes.iter().map(|&slope| f64::from(slope)).sum::<f64>() / width as f64;
        let along = dot(slopes, normal) / width as f64;
        for ((target, &slope), &normal) in target.iter_mut().zip(slopes.iter()).zip(normal) {
            *target += (scale * (f64::from(slope) - mean - f64::from(normal) * along)) as f32;
        }
    }
}

/// Gradients of a norm's scale and shift, summed over all rows.
fn affine_gradients(norm: &mut Affine, slopes: &[f32], normal: &[f32]) {
    let width = norm.scale.values.len();
    let (mut scale, mut shift) = (vec![0.0_f64; width], vec![0.0_f64; width]);
    for (slopes, normal) in slopes.chunks_exact(width).zip(normal.chunks_exact(width)) {
        let sums = scale.iter_mut().zip(&mut shift);
        for ((&slope, &normal), (scale, shift)) in slopes.iter().zip(normal).zip(sums) {
            *scale += f64::from(slope) * f64::from(normal);
            *shift += f64::from(slope);
        }
    }
    let fill = |target: &mut [f32], sums: Vec<f64>| {
        target.iter_mut().zip(sums).for_each(|(target, sum)| *target = sum as f32);
    };
    fill(&mut norm.scale.gradient, scale);
    fill(&mut norm.shift.gradient, shift);
}

fn scale_and_shift(rows: &mut [f32], norm: &Affine) {
    let rule = norm.scale.values.iter().zip(&norm.shift.values);
    for row in rows.chunks_exact_mut(norm.scale.values.len()) {
        row.iter_mut()
            .zip(rule.clone())
            .for_each(|(value, (&scale, &shift))| *value = *value * scale + shift);
    }
}

/// Puts columns [.., part] into rows of `width` at an offset.
fn copy_columns(own: &[f32], part: usize, rows: &mut [f32], (offset, width): (usize, usize)) {
    for (own, row) in own.chunks_exact(part).zip(rows.chunks_exact_mut(width)) {
        row[offset..offset + part].copy_from_slice(own);
    }
}

fn add(to: &mut [f32], values: &[f32]) {
    to.iter_mut().zip(values).for_each(|(to, &value)| *to += value);
}

fn multiply(values: &mut [f32], factors: &[f32]) {
    values.iter_mut().zip(factors).for_each(|(value, &factor)| *value *= factor);
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

#[cfg(test)]
mod tests;
