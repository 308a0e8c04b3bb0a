//! How gradients change parameters.

use crate::executor::{Executor, for_each_part, map};
use serde::{Deserialize, Serialize};

/// Numbers of one task.
const PART: usize = 1 << 16;

/// A rule that turns gradients into steps. Every rule keeps its memory in `f32`, as PyTorch does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Optimiser {
    /// Stochastic gradient descent: m ← momentum · m + g + decay · w; w ← w - rate · m.
    Sgd {
        /// 0 or more, below 1.
        momentum: f64,
        /// Coupled weight decay, of biases too.
        weight_decay: f64,
    },
    /// LARS (You et al. 2017) with the trust ratio of MAE's code: of matrices, g + decay · w is multiplied by
    /// trust · |w| / |g + decay · w| where both lengths are above 0; of vectors it is not. Then as SGD.
    Lars {
        /// 0 or more, below 1.
        momentum: f64,
        /// Above 0.
        trust: f64,
        /// Decay of matrices.
        weight_decay: f64,
    },
    /// AdamW (Loshchilov and Hutter 2019): w ← w - rate · decay · w, then w ← w - rate · m̂ / (√v̂ + epsilon).
    AdamW {
        /// Decay of the mean of gradients and of squared gradients.
        betas: [f64; 2],
        /// Added to the root.
        epsilon: f64,
        /// Decoupled weight decay of matrices; vectors have none.
        weight_decay: f64,
    },
}

/// Weights with their gradient and the optimiser's memory.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) values: Vec<f32>,
    pub(super) gradient: Vec<f32>,
    /// Matrices are scaled and decayed by rules that leave vectors alone.
    is_matrix: bool,
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Parameter {
    pub(super) fn matrix(values: Vec<f32>) -> Self {
        Self { is_matrix: true, ..Self::vector(values) }
    }

    pub(super) fn vector(values: Vec<f32>) -> Self {
        let zeros = vec![0.0; values.len()];
        Self { gradient: zeros.clone(), first: zeros, second: Vec::new(), is_matrix: false, values }
    }
}

/// One step's circumstances.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) rate: f64,
    /// Counted from 1.
    pub(super) number: u64,
}

impl Optimiser {
    /// Changes a parameter along its gradient.
    pub(super) fn apply(&self, executor: &dyn Executor, parameter: &mut Parameter, step: Step) {
        match *self {
            Self::Sgd { momentum, weight_decay } => {
                let rule = HeavyBall { momentum, decay: weight_decay, scale: 1.0, step };
                heavy_ball(executor, parameter, rule);
            }
            Self::Lars { momentum, trust, weight_decay } => {
                let decay = if parameter.is_matrix { weight_decay } else { 0.0 };
                let scale = if parameter.is_matrix {
                    trust_ratio(executor, parameter, trust, decay)
                } else {
                    1.0
                };
                heavy_ball(executor, parameter, HeavyBall { momentum, decay, scale, step });
            }
            Self::AdamW { betas, epsilon, weight_decay } => {
                let decay = if parameter.is_matrix { weight_decay } else { 0.0 };
                adam(executor, parameter, Adam { betas, epsilon, decay, step });
            }
        }
    }
}

/// trust · |w| / |g + decay · w|, or 1 where a length is 0.
fn trust_ratio(executor: &dyn Executor, parameter: &Parameter, trust: f64, decay: f64) -> f64 {
    let (values, gradient) = (&parameter.values, &parameter.gradient);
    let parts = map(executor, values.len().div_ceil(PART), |part| {
        let range = part * PART..((part + 1) * PART).min(values.len());
        let pairs = values[range.clone()].iter().zip(&gradient[range]);
        pairs.fold((0.0, 0.0), |(weights, updates), (&weight, &slope)| {
            let update = f64::from(slope) + decay * f64::from(weight);
            (weights + f64::from(weight).powi(2), updates + update * update)
        })
    });
    let (weights, updates) = parts
        .into_iter()
        .fold((0.0, 0.0), |(weights, updates), part| (weights + part.0, updates + part.1));
    if weights > 0.0 && updates > 0.0 { trust * weights.sqrt() / updates.sqrt() } else { 1.0 }
}

#[derive(Clone, Copy)]
struct HeavyBall {
    momentum: f64,
    decay: f64,
    scale: f64,
    step: Step,
}

fn heavy_ball(executor: &dyn Executor, parameter: &mut Parameter, rule: HeavyBall) {
    let (momentum, decay) = (rule.momentum as f32, rule.decay as f32);
    let (scale, rate) = (rule.scale as f32, rule.step.rate as f32);
    let values = parameter.values.chunks_mut(PART);
    let parts = values.zip(parameter.first.chunks_mut(PART)).zip(parameter.gradient.chunks(PART));
    for_each_part(executor, parts, |_, ((values, memory), gradient)| {
        for ((value, memory), &slope) in values.iter_mut().zip(memory.iter_mut()).zip(*gradient) {
            *memory = momentum * *memory + scale * (slope + decay * *value);
            *value -= rate * *memory;
        }
    });
}

#[derive(Clone, Copy)]
struct Adam {
    betas: [f64; 2],
    epsilon: f64,
    decay: f64,
    step: Step,
}

fn adam(executor: &dyn Executor, parameter: &mut Parameter, rule: Adam) {
    parameter.second.resize(parameter.values.len(), 0.0);
    let Adam { betas, epsilon, decay, step } = rule;
    let [first_bias, second_bias] = betas.map(|beta| 1.0 - beta.powf(step.number as f64));
    let keep = (1.0 - step.rate * decay) as f32;
    let rate = (step.rate / first_bias) as f32;
    let (root, epsilon) = (second_bias.sqrt() as f32, epsilon as f32);
    let [first_beta, second_beta] = betas.map(|beta| beta as f32);
    let [first_rest, second_rest] = betas.map(|beta| (1.0 - beta) as f32);
    let values = parameter.values.chunks_mut(PART);
    let memory = parameter.first.chunks_mut(PART).zip(parameter.second.chunks_mut(PART));
    let parts = values.zip(memory).zip(parameter.gradient.chunks(PART));
    for_each_part(executor, parts, |_, ((values, (first, second)), gradient)| {
        let memory = first.iter_mut().zip(second.iter_mut());
        for ((value, (first, second)), &slope) in values.iter_mut().zip(memory).zip(*gradient) {
            *first = first_beta * *first + first_rest * slope;
            *second = second_beta * *second + second_rest * slope * slope;
            *value = keep * *value - rate * *first / (second.sqrt() / root + epsilon);
        }
    });
}

/// Scales all gradients so that their common length is at most `most`, as PyTorch's `clip_grad_norm_`: by
/// most / (length + 1e-6) where that is below 1.
pub(super) fn clip(parameters: &mut [&mut Parameter], most: f64) {
    let squares = |parameter: &Parameter| -> f64 {
        parameter.gradient.iter().map(|&slope| f64::from(slope) * f64::from(slope)).sum()
    };
    let length = parameters.iter().map(|parameter| squares(parameter)).sum::<f64>().sqrt();
    let scale = most / (length + 1e-6);
    if scale < 1.0 {
        for parameter in parameters {
            parameter.gradient.iter_mut().for_each(|slope| *slope *= scale as f32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::Sequential;

    fn stepped(optimiser: Optimiser, mut parameter: Parameter, gradients: [&[f32]; 2]) -> Vec<f32> {
        for (index, gradient) in gradients.into_iter().enumerate() {
            parameter.gradient = gradient.to_vec();
            let step = Step { rate: 0.5, number: index as u64 + 1 };
            optimiser.apply(&Sequential, &mut parameter, step);
        }
        parameter.values
    }

    fn assert_near(actual: &[f32], expected: &[f64]) {
        for (&actual, &expected) in actual.iter().zip(expected) {
            assert!((f64::from(actual) - expected).abs() < 1e-6, "{actual} is not {expected}");
        }
    }

    /// Two steps on two weights by hand. w = (3, 4), |w| = 5; g = (0, 2), |g| = 2: the update is g · 0.1 · 5 / 2 = (0, 0.5),
    /// and w = (3, 3.75). Then |w| = √(9 + 14.0625) and g = (1, 0): the update is 0.1 · |w|, beside 0.9 of the memory.
    #[test]
    fn lars_takes_the_steps_of_its_formula() {
        let lars = Optimiser::Lars { momentum: 0.9, trust: 0.1, weight_decay: 0.0 };
        let gradients: [&[f32]; 2] = [&[0.0, 2.0], &[1.0, 0.0]];
        let length = (9.0_f64 + 3.75 * 3.75).sqrt();
        let expected = [3.0 - 0.5 * 0.1 * length, 3.75 - 0.5 * 0.9 * 0.5];
        assert_near(&stepped(lars, Parameter::matrix(vec![3.0, 4.0]), gradients), &expected);
        // A vector of the same numbers is not scaled.
        let expected = [3.0 - 0.5, 3.0 - 0.5 * 0.9 * 2.0];
        assert_near(&stepped(lars, Parameter::vector(vec![3.0, 4.0]), gradients), &expected);
        // Nor is a matrix of zeros, which has no length to go by.
        let mut zeros = Parameter::matrix(vec![0.0, 0.0]);
        zeros.gradient = vec![0.0, 2.0];
        lars.apply(&Sequential, &mut zeros, Step { rate: 0.5, number: 1 });
        assert_near(&zeros.values, &[0.0, -1.0]);
    }

    #[test]
    fn momentum_and_decay_of_sgd() {
        let sgd = Optimiser::Sgd { momentum: 0.9, weight_decay: 0.1 };
        // m = 1 + 0.2 = 1.2, w = 1.4; m = 1.08 + 0.14 = 1.22, w = 0.79.
        assert_near(&stepped(sgd, Parameter::matrix(vec![2.0]), [&[1.0], &[0.0]]), &[0.79]);
    }

    /// The first step of Adam has length rate whatever the gradient; the second by hand: m = 0.9 · 0.1 · 4 + 0.1 · 2 = 0.56,
    /// v = 0.999 · 0.016 + 0.004 = 0.019984, m̂ = 0.56 / 0.19, v̂ = 0.019984 / 0.001999.
    #[test]
    fn adam_w_takes_the_steps_of_its_formula() {
        let adam = Optimiser::AdamW { betas: [0.9, 0.999], epsilon: 1e-8, weight_decay: 0.1 };
        let first = 2.0 * 0.95 - 0.5;
        let step = 0.5 * (0.56 / 0.19) / (0.019_984_f64 / 0.001_999).sqrt();
        let expected = [first * 0.95 - step];
        assert_near(&stepped(adam, Parameter::matrix(vec![2.0]), [&[4.0], &[2.0]]), &expected);
        // Vectors do not decay.
        let expected = [2.0 - 0.5 - step];
        assert_near(&stepped(adam, Parameter::vector(vec![2.0]), [&[4.0], &[2.0]]), &expected);
    }

    #[test]
    fn clipping_keeps_the_direction() {
        let mut first = Parameter::vector(vec![0.0; 1]);
        let mut second = Parameter::matrix(vec![0.0; 1]);
        (first.gradient, second.gradient) = (vec![3.0], vec![4.0]);
        clip(&mut [&mut first, &mut second], 10.0);
        assert_eq!((first.gradient[0], second.gradient[0]), (3.0, 4.0));
        clip(&mut [&mut first, &mut second], 1.0);
        assert_near(&[first.gradient[0], second.gradient[0]], &[0.6, 0.8]);
    }
}
