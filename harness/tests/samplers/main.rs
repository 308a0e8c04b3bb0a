//! Samplers on networks in closed form, against an implementation of their own in NumPy (recorded by
//! `tests/parity/samplers.py`) and against the distributions that they must lead to.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, too, may panic")]

mod analytic;
mod convergence;
mod draws;
mod laws;
#[path = "../../../metrics/tests/portable/mod.rs"]
mod portable;
mod torch;

use analytic::{Class, VALUES, predict};
use portable::uniform;
use retally::sampling::{Guide, NoiseTerm, Output, Plan, Registers};
use retally_manifests::Generator;
use serde_json::{Value, json};

const RECORDED: &str = include_str!("../../../tests/parity/samplers.json");

const SAMPLES: usize = 2;
const CLASSES: [Class; SAMPLES] = [Class::First, Class::Second];

fn recorded() -> Value {
    serde_json::from_str(RECORDED).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// A generator with a sampler, a prediction and guidance, as a manifest would have them.
fn generator(sampler: &Value, prediction: &Value, guidance: &Value) -> Generator {
    let kind = prediction["kind"].as_str().unwrap();
    let mut document = json!({
        "id": "analytic", "name": "Analytic", "family": "Analytic",
        "network": {
            "artifact": "none", "state": "x", "shape": [VALUES, 1, 1], "time": { "tensor": "t" },
            "output": "y", "prediction": prediction,
        },
        "classes": { "count": 2, "tensor": "c", "encoding": "index", "none": 2 },
        "sampler": sampler,
        "image": {
            "width": 1, "height": 1, "channels": 3, "low": -1.0, "high": 1.0, "quantise": "truncate255",
        },
    });
    if kind == "mean-velocity" {
        document["network"]["end_time"] = json!({ "tensor": "r" });
    }
    if !guidance.is_null() {
        document["guidance"] = guidance.clone();
    }
    serde_json::from_value(document).unwrap()
}

/// A generator without guidance.
fn unguided(sampler: Value, prediction: Value) -> Generator {
    generator(&sampler, &prediction, &Value::Null)
}

/// Carries out a plan for samples of given classes with given noise (first states, then each step), and returns the states
/// before every call of the network and after the last one.
fn states(
    generator: &Generator,
    classes: &[Class],
    mut noise: impl FnMut(Option<usize>) -> Vec<f64>,
) -> Vec<Vec<f64>> {
    let plan = Plan::new(generator).unwrap();
    let mut registers = Registers::new(&plan, classes.len(), VALUES);
    registers.start(&plan, &noise(None)).unwrap();
    let mut states = vec![registers.state().to_vec()];
    let ask = |registers: &Registers, step, of: &dyn Fn(Class) -> Class| -> Vec<f64> {
        let rows = registers.state().chunks(VALUES).zip(classes);
        rows.flat_map(|(x, &class)| predict(generator, step, x, of(class))).collect()
    };
    let guidance = generator.guidance;
    for (index, step) in plan.steps.iter().enumerate() {
        let of_class = ask(&registers, step, &|class| class);
        let of_none = step.guided.then(|| ask(&registers, step, &|_| Class::None));
        let guide = of_none.as_ref().map(|none| Guide {
            none,
            scale: guidance.unwrap().scale,
            values: guidance.unwrap().channels.map_or(VALUES, |channels| channels as usize),
        });
        let drawn = match step.combination.noise {
            NoiseTerm::None => Vec::new(),
            _ => noise(Some(index)),
        };
        registers.advance(step, Output { class: &of_class, guide }, &drawn).unwrap();
        states.push(registers.state().to_vec());
    }
    states
}

/// The noise of the script: mean 0 and variance 1.
fn portable_noise(step: Option<usize>) -> Vec<f64> {
    let sequence = step.map_or(1000, |step| 1001 + step as u64);
    let count = (SAMPLES * VALUES) as u64;
    (0..count).map(|index| (uniform(sequence, index) - 0.5) * 12.0_f64.sqrt()).collect()
}

/// Largest difference relative to the expected value, taken for at least 1e-3.
fn difference(actual: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(actual.len(), expected.len());
    let each = actual.iter().zip(expected).map(|(a, e)| (a - e).abs() / e.abs().max(1e-3));
    each.fold(0.0, f64::max)
}

#[test]
fn every_sampler_agrees_with_numpy_at_every_step() {
    let recorded = recorded();
    let cases = recorded["cases"].as_object().unwrap();
    assert!(cases.len() >= 20);
    for (name, case) in cases {
        let generator = generator(&case["sampler"], &case["prediction"], &case["guidance"]);
        let actual = states(&generator, &CLASSES, portable_noise);
        let expected: Vec<Vec<f64>> =
            case["states"].as_array().unwrap().iter().map(numbers).collect();
        assert_eq!(actual.len(), expected.len(), "{name}");
        for (step, (actual, expected)) in actual.iter().zip(&expected).enumerate() {
            let difference = difference(actual, expected);
            assert!(difference < 2e-11, "{name}, state {step}: {difference:e}");
        }
    }
}

#[test]
fn official_code_agreed_with_numpy_when_it_was_run() {
    let recorded = recorded();
    let official = recorded["official"].as_object().unwrap();
    let compared: Vec<&Value> = official.values().filter(|value| value.is_object()).collect();
    assert!(compared.len() >= 13);
    for peer in compared {
        // DiT rounds its coefficients to f32.
        let bound = if peer["file"] == "gaussian_diffusion.py" { 1e-4 } else { 1e-9 };
        assert!(peer["largest_relative_difference"].as_f64().unwrap() < bound, "{peer}");
        assert!(recorded["cases"][peer["case"].as_str().unwrap()].is_object(), "{peer}");
    }
}

#[test]
fn the_times_of_a_process_are_those_of_the_published_code() {
    let recorded = recorded();
    for spacing in ["even", "stride"] {
        for case in recorded["spacing"][spacing].as_array().unwrap() {
            let process = json!({ "schedule": "linear", "steps": case["count"], "first": 1e-4, "last": 0.02 });
            let generator = unguided(
                json!({ "kind": "ddim", "steps": case["steps"], "process": process, "spacing": spacing }),
                json!({ "kind": "noise", "learned_variance": false }),
            );
            let plan = Plan::new(&generator).unwrap();
            let times: Vec<f64> = plan.steps.iter().rev().map(|step| step.time).collect();
            assert_eq!(times, numbers(&case["times"]), "{case}");
        }
    }
}
