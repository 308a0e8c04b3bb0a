//! Noise and labels as official sampling code draws them with PyTorch.

use super::analytic::{Class, VALUES};
use super::{generator, numbers, recorded, states, unguided};
use retally::sampling::{Plan, TorchBatches, TorchNoise, TorchNoiseError, TorchScript};
use retally_manifests::Generator;
use serde_json::{Value, json};
use std::num::NonZeroU32;

const COUNT: u32 = 10;

fn torch_noise(generator: &Generator, script: TorchScript, seed: u32, batch: u32) -> TorchNoise {
    let batches = TorchBatches {
        script,
        seed,
        batch: NonZeroU32::new(batch).unwrap(),
        classes: NonZeroU32::new(2),
    };
    TorchNoise::new(batches, &Plan::new(generator).unwrap(), VALUES)
}

/// Noise of all samples, sample by sample.
fn all(noise: &mut TorchNoise, step: Option<usize>, order: impl Iterator<Item = u32>) -> Vec<f64> {
    let mut values = vec![f64::NAN; COUNT as usize * VALUES];
    for sample in order {
        let part = values.chunks_mut(VALUES).nth(sample as usize).unwrap();
        match step {
            None => noise.start(sample, part).unwrap(),
            Some(step) => noise.step(sample, u32::try_from(step).unwrap(), part).unwrap(),
        }
    }
    values
}

fn case(name: &str) -> Generator {
    let case = &recorded()["cases"][name];
    generator(&case["sampler"], &case["prediction"], &case["guidance"])
}

fn scripts() -> [(&'static str, TorchScript, Generator); 3] {
    [
        ("repa", TorchScript::Repa, case("repa-sde-guided")),
        ("sit", TorchScript::Sit, case("sit-sde")),
        ("dit", TorchScript::Dit, case("dit-ddpm")),
    ]
}

#[test]
fn official_code_is_reproduced_with_its_own_noise_and_labels() {
    let recorded = recorded();
    for (name, script, generator) in scripts() {
        let expected = &recorded["torch"][name];
        let number = |key: &str| u32::try_from(expected[key].as_u64().unwrap()).unwrap();
        let mut noise = torch_noise(&generator, script, number("seed"), number("batch"));
        let labels: Vec<u32> = (0..COUNT).map(|sample| noise.label(sample).unwrap()).collect();
        assert_eq!(json!(labels), expected["labels"], "{name}");
        let classes: Vec<Class> = labels
            .iter()
            .map(|label| if *label == 0 { Class::First } else { Class::Second })
            .collect();
        let last =
            states(&generator, &classes, |step| all(&mut noise, step, 0..COUNT)).pop().unwrap();
        let rows = expected["states"].as_array().unwrap().iter().flat_map(numbers);
        // PyTorch's first noise is in f32, whose last bits its vectorised functions decide.
        for (actual, expected) in last.iter().zip(rows) {
            assert!((actual - expected).abs() < 1e-5, "{name}: {actual} {expected}");
        }
    }
}

#[test]
fn noise_does_not_depend_on_the_order_in_which_it_is_asked_for() {
    for (_, script, generator) in scripts() {
        let mut forwards = torch_noise(&generator, script, 3, 4);
        let mut backwards = forwards.clone();
        for step in [None, Some(0), Some(40), Some(7)] {
            let first = all(&mut forwards, step, 0..COUNT);
            let second = all(&mut backwards, step, (0..COUNT).rev());
            assert_eq!(first, second);
            assert!(first.iter().all(|number| number.is_finite()));
        }
        let labels: Vec<_> = (0..COUNT).map(|sample| forwards.label(sample)).collect();
        let again: Vec<_> = (0..COUNT).rev().map(|sample| backwards.label(sample)).collect();
        assert!(labels.iter().eq(again.iter().rev()));
    }
}

#[test]
fn only_what_a_script_draws_can_be_asked_for() {
    let (_, _, sde) = &scripts()[0];
    let mut values = [0.0; VALUES];
    let mut repa = torch_noise(sde, TorchScript::Repa, 0, 4);
    assert_eq!(repa.step(0, 49, &mut values), Err(TorchNoiseError::NoDraw(49)));
    assert_eq!(repa.step(0, 50, &mut values), Err(TorchNoiseError::NoDraw(50)));
    assert!(matches!(repa.start(0, &mut [0.0; VALUES + 1]), Err(TorchNoiseError::Outside(_))));
    let mut plain = torch_noise(sde, TorchScript::Randn, 0, 4);
    assert_eq!(plain.label(0), None);
    let mut dit = torch_noise(sde, TorchScript::Dit, 0, 4);
    assert_eq!(dit.step(0, 49, &mut values), Ok(()));
}

#[test]
fn scripts_share_their_first_noise_and_differ_in_what_follows() {
    let plain: Value = Value::Null;
    let sde = generator(
        &json!({ "kind": "flow-sde", "steps": 4, "last": 0.04 }),
        &json!({ "kind": "velocity", "noise_at": "one" }),
        &plain,
    );
    let mut seen: Vec<Vec<f64>> = Vec::new();
    let mut starts: Vec<Vec<f64>> = Vec::new();
    // Without guidance SiT draws for the batch alone, so until its last step DiT draws the same.
    for script in [TorchScript::Randn, TorchScript::Repa, TorchScript::Sit] {
        let mut noise = torch_noise(&sde, script, 9, COUNT);
        starts.push(all(&mut noise, None, 0..COUNT));
        seen.push(all(&mut noise, Some(0), 0..COUNT));
    }
    assert!(starts.iter().all(|start| *start == starts[0]));
    assert!(seen[0] != seen[1] && seen[1] != seen[2] && seen[0] != seen[2]);
    let mut dit = torch_noise(&sde, TorchScript::Dit, 9, COUNT);
    assert_eq!(all(&mut dit, Some(0), 0..COUNT), seen[2]);
    let euler = unguided(
        json!({ "kind": "flow-euler", "steps": 4 }),
        json!({ "kind": "velocity", "noise_at": "one" }),
    );
    let mut jit = torch_noise(&euler, TorchScript::Randn, 9, COUNT);
    assert_eq!(all(&mut jit, None, 0..COUNT), starts[0]);
}
