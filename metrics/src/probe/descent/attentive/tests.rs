use super::*;
use crate::probe::descent::{EpochLength, RateScale, Schedule, ScheduleRead, Selection};
use crate::random::Stream;

const TOKENS: usize = 5;
const WIDTH: usize = 8;
const CLASSES: usize = 3;

fn recipe(heads: Option<usize>) -> Recipe {
    Recipe {
        head: Head::Attentive { attention_heads: heads, mlp_ratio: 2 },
        batch_norm: None,
        // Large, so that no gradient is small.
        initial_deviation: 0.4,
        batch: 4,
        epochs: 1,
        epoch: EpochLength::AllSamples,
        rates: vec![1e-3],
        rate_scale: RateScale::Absolute,
        schedule: Schedule { warm_up_epochs: 0, read: ScheduleRead::StepEnd },
        optimiser: Optimiser::AdamW { betas: [0.9, 0.999], epsilon: 1e-8, weight_decay: 0.0 },
        clip: None,
        selection: Selection::LastEpoch,
        original_selection: None,
    }
}

fn shape(width: usize) -> TableShape {
    TableShape { samples: 4, views: 1, tokens: TOKENS, width }
}

fn tokens() -> Vec<f32> {
    let mut stream = Stream::new(1, "tokens", 0);
    (0..4 * TOKENS * WIDTH).map(|_| (4.0 * stream.uniform() - 2.0) as f32).collect()
}

/// Derivatives of every number of every parameter against central differences of the loss.
#[test]
fn gradients_are_the_derivatives_of_the_loss() {
    let mut model = Attentive::new(&recipe(Some(2)), shape(WIDTH), CLASSES, 5).unwrap();
    // Scales and shifts away from 1 and 0, biases away from 0.
    let mut stream = Stream::new(2, "parameters", 0);
    for parameter in model.parameters() {
        for value in &mut parameter.values {
            *value += (0.4 * stream.uniform() - 0.2) as f32;
        }
    }
    let (tokens, targets) = (tokens(), [0, 1, 2, 1]);
    let row = TOKENS * WIDTH;
    let read = |samples: Range<usize>| -> Result<Vec<f32>, ReadError> {
        Ok(tokens[samples.start * row..samples.end * row].to_vec())
    };
    model.fill_gradients(&Sequential, &targets, &read).unwrap();
    let analytic: Vec<Vec<f32>> =
        model.parameters().into_iter().map(|parameter| parameter.gradient.clone()).collect();
    let loss = |model: &Attentive| -> f64 {
        let mut pass = model.forward(&Sequential, 4, &read).unwrap();
        let rows = pass.logits.values.chunks_exact_mut(CLASSES).zip(targets);
        rows.map(|(row, target)| slopes(row, target, 1.0)).sum::<f64>() / 4.0
    };
    let mut checked = 0;
    for (place, gradient) in analytic.iter().enumerate() {
        for (index, &slope) in gradient.iter().enumerate() {
            let mut moved = |step: f32| {
                model.parameters()[place].values[index] += step;
                let value = loss(&model);
                model.parameters()[place].values[index] -= step;
                value
            };
            // Losses are f32 products: a step of 1/64 leaves some 1e-5 of rounding and less of curvature.
            let numeric = (8.0 * (moved(0.0078125) - moved(-0.0078125))
                - (moved(0.015625) - moved(-0.015625)))
                / (12.0 * 0.0078125);
            let difference = (numeric - f64::from(slope)).abs();
            assert!(
                difference < 2e-4,
                "parameter {place}, number {index}: {numeric} is not {slope}"
            );
            checked += 1;
        }
    }
    assert!(checked > 400, "{checked}");
    assert!(analytic.iter().flatten().filter(|slope| slope.abs() > 0.01).count() > 100);
}

#[test]
fn attention_heads_are_those_of_a_vit_unless_given() {
    let made = |heads, width| Attentive::new(&recipe(heads), shape(width), CLASSES, 0);
    assert_eq!(made(None, 128).unwrap().shape.heads, 2);
    assert_eq!(made(Some(4), 8).unwrap().shape.heads, 4);
    assert!(matches!(made(None, 96), Err(ProbeError::UnknownAttentionHeads { width: 96 })));
    for heads in [0, 3, 16] {
        assert!(matches!(made(Some(heads), 8), Err(ProbeError::AttentionHeads { .. })));
    }
}

/// The order of the tokens carries nothing that the probe could read.
#[test]
fn the_order_of_tokens_changes_nothing() {
    let model = Attentive::new(&recipe(Some(2)), shape(WIDTH), CLASSES, 5).unwrap();
    let tokens = tokens();
    let mut reversed = Vec::new();
    for sample in tokens.chunks_exact(TOKENS * WIDTH) {
        sample.chunks_exact(WIDTH).rev().for_each(|token| reversed.extend_from_slice(token));
    }
    let logits = |tokens| model.logits(tokens, &[true]).swap_remove(0).unwrap().values;
    for (first, second) in logits(tokens).iter().zip(logits(reversed)) {
        assert!((first - second).abs() < 1e-5);
    }
}
