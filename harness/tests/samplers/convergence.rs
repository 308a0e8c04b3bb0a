//! Samplers lead to the distribution of the data, and get closer at the order that theory promises.
//!
//! Where the data are one Gaussian, the network is affine in the state; so the states stay Gaussian, and their mean and
//! variance after every step follow from the plan without drawing anything. Errors are then exact, and their ratio at twice
//! the steps is 2 for order 1 and 4 for order 2.

use super::analytic::{Class, VALUES, predict, signal};
use super::{states, unguided};
use retally::sampling::{NoiseTerm, Plan, SampleNoise, Step};
use retally_manifests::{DiffusionProcess, Generator};
use serde_json::{Value, json};

const VELOCITY: &str = "velocity";

fn velocity() -> Value {
    json!({ "kind": VELOCITY, "noise_at": "one" })
}

/// Mean and variance of the first value of a state.
#[derive(Clone, Copy, Debug)]
struct Moments {
    mean: f64,
    variance: f64,
}

impl Moments {
    /// Those of the data.
    fn of_data() -> Self {
        let class = Class::Gaussian;
        Self { mean: class.mean()[0], variance: class.covariance(0, 0) }
    }

    /// Those of √signal data + √(1 - signal) noise.
    fn at(signal: f64) -> Self {
        let data = Self::of_data();
        Self { mean: signal.sqrt() * data.mean, variance: signal * data.variance + 1.0 - signal }
    }

    /// After a step without kept states.
    fn after(self, generator: &Generator, step: &Step) -> Self {
        let ask = |x: f64| predict(generator, step, &[x; VALUES], Class::Gaussian)[0];
        let (offset, slope) = (ask(0.0), ask(1.0) - ask(0.0));
        let combination = step.combination;
        assert!(combination.clip.is_none() && !combination.uses_previous());
        let factor = combination.state + combination.prediction * slope;
        let deviation = match combination.noise {
            NoiseTerm::None => 0.0,
            NoiseTerm::Constant { deviation } => deviation,
            NoiseTerm::Learned { .. } => panic!("depends on the state"),
        };
        Self {
            mean: factor * self.mean + combination.prediction * offset,
            variance: factor * factor * self.variance + deviation * deviation,
        }
    }

    fn errors(self, truth: Self) -> [f64; 2] {
        [(self.mean - truth.mean).abs(), (self.variance - truth.variance).abs()]
    }
}

/// Moments before the first step, after each, and the last.
fn walk(generator: &Generator, start: Moments) -> Vec<Moments> {
    let plan = Plan::new(generator).unwrap();
    let mut all = vec![start];
    for step in &plan.steps {
        all.push(all[all.len() - 1].after(generator, step));
    }
    all
}

fn last(generator: &Generator, start: Moments) -> Moments {
    let all = walk(generator, start);
    all[all.len() - 1]
}

const PURE_NOISE: Moments = Moments { mean: 0.0, variance: 1.0 };

/// Every error at twice the steps is smaller by about a factor.
fn check_ratio(errors: &[[f64; 2]], factor: f64, tolerance: f64) {
    for pair in errors.windows(2) {
        for (coarse, fine) in pair[0].iter().zip(pair[1]) {
            assert!((coarse / fine - factor).abs() < tolerance, "{coarse:e} {fine:e}, {errors:?}");
        }
    }
}

#[test]
fn euler_maruyama_has_weak_order_1() {
    let errors = [200_u32, 400, 800, 1600].map(|steps| {
        // With the last step as long as the others.
        let sampler = json!({ "kind": "flow-sde", "steps": steps, "last": 1.0 / f64::from(steps) });
        last(&unguided(sampler, velocity()), PURE_NOISE).errors(Moments::of_data())
    });
    check_ratio(&errors.map(|[_, variance]| [variance; 2]), 2.0, 0.1);
    assert!(errors[3][1] < 2e-4, "{errors:?}");
    // The mean of the states is (1 - s) times that of the data, a line, which Euler's method follows exactly.
    assert!(errors.iter().all(|[mean, _]| *mean < 1e-13), "{errors:?}");
}

#[test]
fn euler_has_order_1_and_heun_order_2() {
    let (euler, heun): (Vec<_>, Vec<_>) = [40_u32, 80, 160, 320]
        .map(|steps| {
            let [euler, heun] = ["flow-euler", "flow-heun"].map(|kind| {
                let generator = unguided(json!({ "kind": kind, "steps": steps }), velocity());
                path_error(&generator)
            });
            (euler, heun)
        })
        .into_iter()
        .unzip();
    check_ratio(&euler, 2.0, 0.1);
    check_ratio(&heun, 4.0, 0.4);
    assert!(heun[3][0] < 1e-4, "{heun:?}");
}

/// Largest distance of the last states to where the paths of the ODE lead, which is mean + deviation · noise. Twice, as
/// [`check_ratio`] takes it.
fn path_error(generator: &Generator) -> [f64; 2] {
    let classes = [Class::Gaussian; 8];
    let noise = first_noise(5, classes.len());
    let states = states(generator, &classes, |_| noise.clone());
    let (mean, deviation) = (Class::Gaussian.mean(), Class::Gaussian.covariance(0, 0).sqrt());
    let ends = states[states.len() - 1].iter().zip(&noise).enumerate();
    let error = ends
        .map(|(index, (end, noise))| (end - mean[index % VALUES] - deviation * noise).abs())
        .fold(0.0, f64::max);
    [error; 2]
}

fn first_noise(seed: u64, samples: usize) -> Vec<f64> {
    let mut noise = vec![0.0; samples * VALUES];
    for (sample, row) in noise.chunks_mut(VALUES).enumerate() {
        SampleNoise::new(seed).start(u32::try_from(sample).unwrap(), row);
    }
    noise
}

/// A process of `steps` steps that has the limit of DiT's.
fn process(steps: u32) -> (Value, DiffusionProcess) {
    let scale = 1000.0 / f64::from(steps);
    let value = json!({
        "schedule": "linear", "steps": steps, "first": 1e-4 * scale, "last": 0.02 * scale,
    });
    let process = serde_json::from_value(value.clone()).unwrap();
    (value, process)
}

#[test]
fn ddpm_has_order_1_in_the_steps_of_its_process() {
    for variance in ["small", "large"] {
        let errors = [500, 1000, 2000, 4000].map(|steps| {
            let (value, process) = process(steps);
            let generator = unguided(
                json!({ "kind": "ddpm", "steps": steps, "process": value, "variance": variance }),
                json!({ "kind": "noise", "learned_variance": false }),
            );
            // The last step leaves out the noise of the first time; what comes before it is looked at.
            let begin = Moments::at(signal(process, steps as usize - 1));
            let all = walk(&generator, begin);
            all[all.len() - 2].errors(Moments::at(signal(process, 0)))
        });
        let variances = errors.map(|[_, variance]| [variance; 2]);
        check_ratio(&variances, 2.0, 0.25);
        assert!(errors[3][0] < 2e-3, "{errors:?}");
    }
}

#[test]
fn ddim_has_order_1_in_its_steps() {
    let (value, process) = process(10_000);
    let errors = [50, 100, 200, 400].map(|steps| {
        let generator = unguided(
            json!({ "kind": "ddim", "steps": steps, "process": value }),
            json!({ "kind": "noise", "learned_variance": false }),
        );
        let begin = Moments::at(signal(process, 9_999));
        let all = walk(&generator, begin);
        let before_last = all[all.len() - 2];
        [before_last.errors(Moments::at(signal(process, 0)))[1]; 2]
    });
    check_ratio(&errors, 2.0, 0.4);
}

#[test]
fn mean_flow_and_consistency_lead_to_the_data_in_any_number_of_steps() {
    let classes = [Class::First, Class::Second];
    let noise = first_noise(3, 2);
    for steps in [1, 2, 7] {
        let generator = unguided(
            json!({ "kind": "mean-flow", "steps": steps }),
            json!({ "kind": "mean-velocity" }),
        );
        let all = states(&generator, &classes, |_| noise.clone());
        let one = unguided(
            json!({ "kind": "mean-flow", "steps": 1 }),
            json!({ "kind": "mean-velocity" }),
        );
        let expected = states(&one, &classes, |_| noise.clone()).pop().unwrap();
        let close = all[steps].iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-13);
        assert!(close, "{:?} {expected:?}", all[steps]);
    }
    let sigmas = json!([80.0, 20.0, 5.0, 1.0]);
    let consistency = unguided(
        json!({ "kind": "consistency", "sigmas": sigmas, "sigma_min": 0.002 }),
        json!({ "kind": "consistent-data" }),
    );
    let mut moments = Moments { mean: 0.0, variance: 80.0 * 80.0 };
    for step in &Plan::new(&consistency).unwrap().steps {
        moments = moments.after(&consistency, step);
    }
    // The first state leaves out the data, and every call keeps so much of what is missing. The noise of sigma_min stays.
    let Moments { mean, variance } = Moments::of_data();
    let kept = [80.0_f64, 20.0, 5.0, 1.0]
        .map(|sigma| ((variance + 4e-6) / (variance + sigma * sigma)).sqrt())
        .iter()
        .product::<f64>();
    assert!((moments.mean - mean * (1.0 - kept)).abs() < 1e-12, "{moments:?}");
    assert!((moments.variance - (variance + 4e-6)).abs() < 1e-10, "{moments:?}");
}

#[test]
fn samples_of_the_sde_have_the_mean_and_covariance_of_the_data() {
    const COUNT: usize = 3000;
    let generator =
        unguided(json!({ "kind": "flow-sde", "steps": 200, "last": 0.005 }), velocity());
    let source = SampleNoise::new(2);
    let mut sum = [0.0; VALUES];
    let mut products = [[0.0; VALUES]; VALUES];
    for sample in 0..COUNT {
        let index = u32::try_from(sample).unwrap();
        let drawn = |step: Option<usize>| {
            let mut noise = vec![0.0; VALUES];
            match step {
                None => source.start(index, &mut noise),
                Some(step) => source.step(index, u32::try_from(step).unwrap(), &mut noise),
            }
            noise
        };
        let last = states(&generator, &[Class::None], drawn).pop().unwrap();
        for (first, value) in last.iter().enumerate() {
            sum[first] += value;
            for (second, other) in last.iter().enumerate() {
                products[first][second] += value * other;
            }
        }
    }
    let count = COUNT as f64;
    let truth = Class::None;
    for first in 0..VALUES {
        let mean = sum[first] / count;
        // Five standard errors and the bias of the method.
        let bound = 5.0 * (truth.covariance(first, first) / count).sqrt() + 0.01;
        assert!((mean - truth.mean()[first]).abs() < bound, "{mean} {:?}", truth.mean());
        for second in 0..VALUES {
            let covariance = products[first][second] / count - mean * sum[second] / count;
            let expected = truth.covariance(first, second);
            let [own, other] = [first, second].map(|value| truth.covariance(value, value));
            let bound = 5.0 * (2.0 * own * other / count).sqrt() + 0.01;
            assert!((covariance - expected).abs() < bound, "{covariance} {expected}");
        }
    }
}
