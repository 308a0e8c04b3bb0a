//! What holds for every plan, and what the registers refuse.

use super::analytic::{Class, VALUES, signal};
use super::{generator, states, unguided};
use proptest::prelude::*;
use retally::sampling::{
    Combination, Guide, NoiseTerm, Output, Plan, PlanError, Registers, StateError, Step,
    decoder_input,
};
use retally_manifests::{DiffusionProcess, Generator, Sampler};
use serde_json::{Value, json};

fn plan(generator: &Generator) -> Plan {
    Plan::new(generator).unwrap()
}

fn flow(kind: &str, steps: u32, prediction: Value) -> Generator {
    unguided(json!({ "kind": kind, "steps": steps }), prediction)
}

fn velocity(noise_at: &str) -> Value {
    json!({ "kind": "velocity", "noise_at": noise_at })
}

fn data(noise_at: &str, least: f64) -> Value {
    json!({ "kind": "linear-path-data", "noise_at": noise_at, "least_distance": least })
}

fn linear() -> (Value, DiffusionProcess) {
    let value = json!({ "schedule": "linear", "steps": 1000, "first": 1e-4, "last": 0.02 });
    (value.clone(), serde_json::from_value(value).unwrap())
}

fn noise_prediction(learned: bool) -> Value {
    json!({ "kind": "noise", "learned_variance": learned })
}

/// All steps of a plan that adds no noise lead to the one point that the data are.
#[track_caller]
fn check_point(generator: &Generator) {
    let start = vec![1.5, -0.25, 0.75, -2.0];
    let last = states(generator, &[Class::Point], |_| start.clone()).pop().unwrap();
    for (value, expected) in last.iter().zip(Class::Point.mean()) {
        assert!((value - expected).abs() < 1e-11, "{last:?}");
    }
}

#[test]
fn a_point_is_reached_exactly() {
    let (process, _) = linear();
    for steps in [1, 2, 9] {
        check_point(&flow("flow-euler", steps, velocity("one")));
        check_point(&flow("flow-heun", steps, velocity("zero")));
        check_point(&flow("flow-euler", steps, data("zero", 1e-3)));
        check_point(&flow("flow-heun", steps, data("one", 1e-3)));
        for eta in [0.0, 1.0] {
            check_point(&unguided(
                json!({ "kind": "ddim", "steps": steps, "process": process, "eta": eta }),
                noise_prediction(false),
            ));
        }
        check_point(&unguided(
            json!({ "kind": "ddpm", "steps": steps, "process": process, "variance": "small" }),
            noise_prediction(true),
        ));
    }
}

#[test]
fn times_are_those_that_the_network_knows() {
    let times = |generator: &Generator| -> Vec<f64> {
        plan(generator).steps.iter().map(|step| step.time).collect()
    };
    let close = |actual: Vec<f64>, expected: &[f64]| {
        assert_eq!(actual.len(), expected.len());
        let same = actual.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15);
        assert!(same, "{actual:?}");
    };
    close(times(&flow("flow-euler", 4, velocity("one"))), &[1.0, 0.75, 0.5, 0.25]);
    close(times(&flow("flow-euler", 4, velocity("zero"))), &[0.0, 0.25, 0.5, 0.75]);
    close(times(&flow("flow-heun", 2, velocity("one"))), &[1.0, 0.5, 0.5]);
    let sde = json!({ "kind": "flow-sde", "steps": 4, "last": 0.04 });
    close(times(&unguided(sde, velocity("zero"))), &[0.0, 0.32, 0.64, 0.96]);
    let (process, _) = linear();
    let ddim = json!({ "kind": "ddim", "steps": 4, "process": process, "spacing": "stride" });
    close(times(&unguided(ddim, noise_prediction(true))), &[750.0, 500.0, 250.0, 0.0]);
    let ddim = json!({ "kind": "ddim", "steps": 4, "process": process });
    close(times(&unguided(ddim, noise_prediction(true))), &[999.0, 666.0, 333.0, 0.0]);
    let sigmas = json!({ "kind": "consistency", "sigmas": [80.0, 3.0], "sigma_min": 0.002 });
    let consistency = unguided(sigmas, json!({ "kind": "consistent-data" }));
    close(times(&consistency), &[80.0, 3.0]);
    assert_eq!(plan(&consistency).start, 80.0);
}

#[test]
fn the_end_of_a_step_is_told_as_the_network_takes_it() {
    let mut mean =
        unguided(json!({ "kind": "mean-flow", "steps": 4 }), json!({ "kind": "mean-velocity" }));
    let ends = |generator: &Generator| -> Vec<f64> {
        plan(generator).steps.iter().map(|step| step.end_time.unwrap()).collect()
    };
    assert_eq!(ends(&mean), [0.75, 0.5, 0.25, 0.0]);
    mean.network.end_time =
        Some(serde_json::from_value(json!({ "tensor": "h", "takes": "duration" })).unwrap());
    assert_eq!(ends(&mean), [0.25; 4]);
    mean.network.end_time = None;
    assert!(plan(&mean).steps.iter().all(|step| step.end_time.is_none()));
}

#[test]
fn noise_goes_where_the_schedule_says() {
    let (process, known) = linear();
    let noise_kept = |combination: &Combination, now: f64| {
        let of_noise = combination.state * (1.0 - now).sqrt() + combination.prediction;
        let added = match combination.noise {
            NoiseTerm::None => 0.0,
            NoiseTerm::Constant { deviation } => deviation,
            NoiseTerm::Learned { log_min, .. } => (0.5 * log_min).exp(),
        };
        (of_noise, added)
    };
    let samplers = [
        json!({ "kind": "ddim", "steps": 50, "process": process, "eta": 0.0 }),
        json!({ "kind": "ddim", "steps": 50, "process": process, "eta": 0.6 }),
        json!({ "kind": "ddpm", "steps": 50, "process": process, "variance": "small" }),
        json!({ "kind": "ddpm", "steps": 50, "process": process, "variance": "learned" }),
    ];
    for sampler in samplers {
        let plan = plan(&unguided(sampler, noise_prediction(true)));
        assert!(plan.learned_variance);
        for (index, step) in plan.steps.iter().enumerate() {
            let now = signal(known, step.time as usize);
            let next =
                plan.steps.get(index + 1).map_or(1.0, |next| signal(known, next.time as usize));
            // What is left of the data.
            let data = step.combination.state * now.sqrt();
            assert!((data - next.sqrt()).abs() < 1e-12, "{step:?}");
            // Noise that was predicted and noise that was added make up the rest.
            let (of_noise, added) = noise_kept(&step.combination, now);
            let variance = of_noise * of_noise + added * added;
            assert!((variance - (1.0 - next)).abs() < 1e-12, "{step:?}");
        }
    }
}

#[test]
fn a_learned_variance_lies_between_the_fixed_ones() {
    let (process, _) = linear();
    let of = |variance: &str| {
        let sampler =
            json!({ "kind": "ddpm", "steps": 25, "process": process, "variance": variance });
        plan(&unguided(sampler, noise_prediction(true))).steps
    };
    let (small, large, learned) = (of("small"), of("large"), of("learned"));
    for ((small, large), learned) in small.iter().zip(&large).zip(&learned) {
        let noises = (small.combination.noise, large.combination.noise, learned.combination.noise);
        match noises {
            (
                NoiseTerm::Constant { deviation: low },
                NoiseTerm::Constant { deviation: high },
                NoiseTerm::Learned { log_min, log_max },
            ) => {
                assert!(low < high);
                assert!((0.5 * log_min - low.ln()).abs() < 1e-12);
                assert!((0.5 * log_max - high.ln()).abs() < 1e-12);
            }
            last => assert_eq!(last, (NoiseTerm::None, NoiseTerm::None, NoiseTerm::None)),
        }
    }
}

/// A guided generator.
fn guided(sampler: Value, guidance: Value) -> Generator {
    generator(&sampler, &velocity("one"), &guidance)
}

/// Which steps of Heun's method in four steps are guided.
fn guided_calls(guidance: Value) -> String {
    let plan = plan(&guided(json!({ "kind": "flow-heun", "steps": 4 }), guidance));
    plan.steps.iter().map(|step| if step.guided { '+' } else { '-' }).collect()
}

#[test]
fn guidance_is_on_within_its_interval() {
    // Calls at 1, 0.75 | 0.75, 0.5 | 0.5, 0.25 | 0.25.
    assert_eq!(guided_calls(json!({ "scale": 2.0 })), "+++++++");
    assert_eq!(guided_calls(json!({ "scale": 1.0 })), "-------");
    assert_eq!(guided_calls(json!({ "scale": 0.5 })), "+++++++");
    // REPA: both ends included, both calls as the begin of their step.
    assert_eq!(guided_calls(json!({ "scale": 2.0, "interval": [0.5, 0.75] })), "--++++-");
    // JiT: each call by itself, ends excluded but for pure noise.
    let of_call = |interval: Value, ends: &str| {
        guided_calls(json!({ "scale": 2.0, "interval": interval, "at": "call", "ends": ends }))
    };
    assert_eq!(of_call(json!([0.5, 0.75]), "included"), "-++++--");
    assert_eq!(of_call(json!([0.5, 0.75]), "excluded"), "-------");
    assert_eq!(of_call(json!([0.5, 1.0]), "excluded"), "+++----");
    assert_eq!(of_call(json!([0.25, 0.75]), "excluded"), "---++--");
}

#[test]
fn an_end_of_the_interval_is_met_whatever_the_last_bit() {
    for steps in 2..200_u32 {
        for met in 1..steps {
            let end = f64::from(steps - met) / f64::from(steps);
            let guidance = json!({ "scale": 2.0, "interval": [end, 1.0] });
            let plan = plan(&guided(json!({ "kind": "flow-euler", "steps": steps }), guidance));
            let on = plan.steps.iter().filter(|step| step.guided).count();
            assert_eq!(on, met as usize + 1, "{steps} {met}");
        }
    }
}

#[test]
fn calls_are_counted() {
    let sde = json!({ "kind": "flow-sde", "steps": 250, "last": 0.04 });
    assert_eq!(plan(&unguided(sde.clone(), velocity("one"))).calls(), 250);
    assert_eq!(plan(&guided(sde, json!({ "scale": 1.8 }))).calls(), 500);
    assert_eq!(plan(&flow("flow-heun", 50, velocity("one"))).calls(), 99);
}

#[test]
fn a_gan_is_one_call() {
    let mut gan = unguided(json!({ "kind": "one-call" }), json!({ "kind": "sample" }));
    gan.network.time = None;
    let plan = plan(&gan);
    assert!(plan.is_one_call());
    assert_eq!((plan.start, plan.calls()), (1.0, 1));
    assert!(!super::laws::plan(&flow("flow-euler", 1, velocity("one"))).is_one_call());
}

#[test]
fn what_does_not_fit_together_is_no_plan() {
    let incompatible = |sampler: Value, prediction: Value| {
        let error = Plan::new(&unguided(sampler, prediction)).unwrap_err();
        assert!(matches!(error, PlanError::Incompatible { .. }), "{error}");
    };
    let (process, _) = linear();
    let ddpm = json!({ "kind": "ddpm", "steps": 5, "process": process, "variance": "learned" });
    incompatible(json!({ "kind": "flow-euler", "steps": 4 }), noise_prediction(false));
    incompatible(
        json!({ "kind": "flow-sde", "steps": 4, "last": 0.1 }),
        json!({ "kind": "sample" }),
    );
    incompatible(ddpm.clone(), velocity("one"));
    incompatible(json!({ "kind": "mean-flow", "steps": 4 }), velocity("one"));
    incompatible(json!({ "kind": "one-call" }), velocity("one"));
    incompatible(
        json!({ "kind": "consistency", "sigmas": [1.0], "sigma_min": 0.0 }),
        velocity("one"),
    );
    let wrong = |sampler: Value, prediction: Value, key: &str| {
        let error = Plan::new(&unguided(sampler, prediction)).unwrap_err().to_string();
        assert!(error.contains(&format!("`{key}`")), "{error}");
    };
    wrong(ddpm, noise_prediction(false), "variance");
    wrong(json!({ "kind": "flow-euler", "steps": 0 }), velocity("one"), "steps");
    wrong(json!({ "kind": "flow-euler", "steps": 10_001 }), velocity("one"), "steps");
    wrong(json!({ "kind": "flow-sde", "steps": 1, "last": 0.1 }), velocity("one"), "steps");
    wrong(json!({ "kind": "flow-sde", "steps": 4, "last": 1.0 }), velocity("one"), "last");
    wrong(json!({ "kind": "flow-euler", "steps": 4 }), data("one", 0.0), "least_distance");
    let heun = json!({ "kind": "flow-heun", "steps": 4, "noise_scale": 0.0 });
    wrong(heun, velocity("one"), "noise_scale");
    for sigmas in [json!([]), json!([1.0, 2.0]), json!([1.0, 0.5])] {
        let sampler = json!({ "kind": "consistency", "sigmas": sigmas, "sigma_min": 0.5 });
        wrong(sampler, json!({ "kind": "consistent-data" }), "sigmas");
    }
    let of_process = |process: Value, key: &str| {
        let sampler = json!({ "kind": "ddim", "steps": 5, "process": process });
        wrong(sampler, noise_prediction(false), key);
    };
    of_process(json!({ "schedule": "linear", "steps": 4, "first": 0.1, "last": 0.2 }), "steps");
    of_process(json!({ "schedule": "linear", "steps": 10, "first": 0.0, "last": 0.2 }), "first");
    of_process(json!({ "schedule": "linear", "steps": 10, "first": 0.1, "last": 1.0 }), "last");
    // Nothing of the data is left: 0.001^1000.
    of_process(
        json!({ "schedule": "linear", "steps": 1000, "first": 0.9, "last": 0.999 }),
        "process",
    );
    of_process(json!({ "schedule": "cosine", "steps": 20_000 }), "process");
    let sampler =
        json!({ "kind": "ddim", "steps": 300, "process": linear().0, "spacing": "stride" });
    let error = Plan::new(&unguided(sampler, noise_prediction(false))).unwrap_err();
    assert_eq!(error, PlanError::NoStride { process: 1000, steps: 300 });
}

/// A plan of one step, and registers for samples of three values.
fn registers(samples: usize, learned: bool) -> (Plan, Registers) {
    let (process, _) = linear();
    let variance = if learned { "learned" } else { "small" };
    let sampler = json!({ "kind": "ddpm", "steps": 2, "process": process, "variance": variance });
    let plan = plan(&unguided(sampler, noise_prediction(learned)));
    let registers = Registers::new(&plan, samples, 3);
    (plan, registers)
}

#[test]
fn lengths_and_plans_that_do_not_fit_are_refused() {
    let (plan, mut registers) = registers(2, true);
    let step = &plan.steps[0];
    let length = |what, found, expected| Err(StateError::Length { what, found, expected });
    let out = |class| Output::<f32> { class, guide: None };
    assert_eq!(registers.start(&plan, &[0.0; 5]), length("noise", 5, 6));
    assert_eq!(registers.network_input(&mut [0.0; 7]), length("input of the network", 7, 6));
    let noise = [0.0; 6];
    let advanced = registers.advance(step, out(&[0.0; 6]), &noise);
    assert_eq!(advanced, length("output of the network", 6, 12));
    assert_eq!(registers.advance(step, out(&[0.0; 12]), &[]), length("noise", 0, 6));
    let guide = Some(Guide { none: &[0.0; 12], scale: 2.0, values: 3 });
    let output = Output { class: &[0.0; 12], guide };
    assert_eq!(registers.advance(step, output, &noise), Err(StateError::OtherPlan("guidance")));
    let guided = Step { guided: true, ..*step };
    let advanced = registers.advance(&guided, out(&[0.0; 12]), &noise);
    assert_eq!(advanced, Err(StateError::OtherPlan("guidance")));
    let short = Some(Guide { none: &[0.0; 6], scale: 2.0, values: 3 });
    let output = Output { class: &[0.0; 12], guide: short };
    let advanced = registers.advance(&guided, output, &noise);
    assert_eq!(advanced, length("output of the network for no class", 6, 12));
    let keeping = Step { keep: true, ..*step };
    let advanced = registers.advance(&keeping, out(&[0.0; 12]), &noise);
    assert_eq!(advanced, Err(StateError::OtherPlan("state of an earlier step")));
    let (_, mut unlearned) = super::laws::registers(2, false);
    let advanced = unlearned.advance(step, out(&[0.0; 6]), &noise);
    assert_eq!(advanced, Err(StateError::OtherPlan("learned variance")));
    assert_eq!(registers.advance(step, out(&[0.0; 12]), &noise), Ok(()));
    // The last step adds no noise, and needs none.
    assert_eq!(registers.advance(&plan.steps[1], out(&[0.0; 12]), &[]), Ok(()));
}

#[test]
fn what_is_no_number_is_told_with_its_place() {
    for clip in [false, true] {
        let sampler =
            json!({ "kind": "consistency", "sigmas": [2.0], "sigma_min": 0.0, "clip": clip });
        let plan = plan(&unguided(sampler, json!({ "kind": "consistent-data" })));
        for bad in [f32::NAN, f32::INFINITY] {
            let mut registers = Registers::new(&plan, 3, 4);
            let mut class = [0.5; 12];
            class[6] = bad;
            let output = Output { class: &class, guide: None };
            let advanced = registers.advance(&plan.steps[0], output, &[]);
            assert_eq!(advanced, Err(StateError::NotFinite { sample: 1, value: 2 }));
        }
    }
}

#[test]
fn no_samples_and_no_values_are_nothing() {
    let (plan, _) = registers(1, true);
    for (samples, values) in [(0, 3), (2, 0)] {
        let mut registers = Registers::new(&plan, samples, values);
        let output = Output::<f32> { class: &[], guide: None };
        assert_eq!(registers.advance(&plan.steps[0], output, &[]), Ok(()));
    }
}

#[test]
fn a_decoder_gets_the_scaled_state() {
    let mut input = [0.0; 3];
    decoder_input(&[0.18215, -1.0, 0.1], 0.18215, 0.5, &mut input).unwrap();
    assert_eq!(input, [1.5, -1.0_f32 / 0.18215 + 0.5, 0.1_f32 / 0.18215 + 0.5]);
    assert!(decoder_input(&[0.0; 2], 1.0, 0.0, &mut input).is_err());
}

/// Any sampler with any numbers, and a prediction that it can use.
fn any_sampler() -> impl Strategy<Value = (Value, Value)> {
    let flow = (0_u32..60, -0.5_f64..1.5, 0_usize..3, any::<bool>(), -0.1_f64..1.2).prop_map(
        |(steps, number, kind, of_data, least)| {
            let sampler = match kind {
                0 => json!({ "kind": "flow-sde", "steps": steps, "last": number }),
                1 => json!({ "kind": "flow-euler", "steps": steps, "noise_scale": number }),
                _ => json!({ "kind": "flow-heun", "steps": steps, "noise_scale": number }),
            };
            (sampler, if of_data { data("zero", least) } else { velocity("zero") })
        },
    );
    let process = prop_oneof![
        (0_u32..2000, 0.0_f64..1.1, 0.0_f64..1.1).prop_map(
            |(steps, first, last)| json!({ "schedule": "linear", "steps": steps, "first": first, "last": last })
        ),
        (0_u32..2000).prop_map(|steps| json!({ "schedule": "cosine", "steps": steps })),
    ];
    let kinds = prop::sample::select(vec!["ddpm", "ddim"]);
    let variances = prop::sample::select(vec!["small", "large", "learned"]);
    let spacings = prop::sample::select(vec!["even", "stride"]);
    let diffusion = (process, 0_u32..300, kinds, variances, spacings, -0.1_f64..1.1, any::<bool>())
        .prop_map(|(process, steps, kind, variance, spacing, eta, clip)| {
            let mut sampler = json!({
                "kind": kind, "steps": steps, "process": process, "spacing": spacing, "clip": clip,
            });
            match kind {
                "ddpm" => sampler["variance"] = json!(variance),
                _ => sampler["eta"] = json!(eta),
            }
            (sampler, noise_prediction(true))
        });
    let consistency = (prop::collection::vec(-1.0_f64..100.0, 0..5), -0.1_f64..1.0).prop_map(
        |(mut sigmas, least)| {
            sigmas.sort_by(|a, b| b.total_cmp(a));
            let sampler = json!({ "kind": "consistency", "sigmas": sigmas, "sigma_min": least });
            (sampler, json!({ "kind": "consistent-data" }))
        },
    );
    prop_oneof![flow, diffusion, consistency]
}

fn coefficients(step: &Step) -> Vec<f64> {
    let Combination { state, prediction, previous_state, previous_prediction, clip, noise } =
        step.combination;
    let mut all = vec![step.time, state, prediction, previous_state, previous_prediction];
    all.extend(clip.iter().flat_map(|clip| [clip.state, clip.prediction]));
    match noise {
        NoiseTerm::None => {}
        NoiseTerm::Constant { deviation } => all.push(deviation),
        NoiseTerm::Learned { log_min, log_max } => all.extend([log_min, log_max]),
    }
    all
}

proptest! {
    #[test]
    fn every_plan_is_made_of_numbers((sampler, prediction) in any_sampler()) {
        if let Ok(plan) = Plan::new(&unguided(sampler, prediction)) {
            prop_assert!(!plan.steps.is_empty() && plan.start > 0.0);
            for step in &plan.steps {
                prop_assert!(coefficients(step).iter().all(|number| number.is_finite()), "{:?}", step);
                let useless = |noise| matches!(noise, NoiseTerm::Constant { deviation } if deviation <= 0.0);
                prop_assert!(!useless(step.combination.noise));
            }
            // The last step adds no noise.
            prop_assert_eq!(plan.steps[plan.steps.len() - 1].combination.noise, NoiseTerm::None);
        }
    }

    #[test]
    fn velocities_are_followed_for_a_time_of_1(steps in 1_u32..300, heun: bool) {
        let kind = if heun { "flow-heun" } else { "flow-euler" };
        for (noise_at, sign) in [("one", -1.0), ("zero", 1.0)] {
            let plan = plan(&flow(kind, steps, velocity(noise_at)));
            // Of a step of Heun's method the first call only looks ahead.
            let kept = plan.steps.iter().filter(|step| !step.keep).map(|step| {
                step.combination.prediction + step.combination.previous_prediction
            });
            prop_assert!((kept.sum::<f64>() - sign).abs() < 1e-12);
        }
    }

    #[test]
    fn predicted_data_that_the_state_is_already_stay(steps in 1_u32..300, heun: bool, least in 0.001_f64..1.0) {
        let kind = if heun { "flow-heun" } else { "flow-euler" };
        for step in plan(&flow(kind, steps, data("zero", least))).steps {
            let Combination { state, prediction, previous_state, previous_prediction, .. } = step.combination;
            let sum = state + prediction + previous_state + previous_prediction;
            prop_assert!((sum - 1.0).abs() < 1e-9, "{:?}", step);
        }
    }

    #[test]
    fn a_sample_does_not_depend_on_its_neighbours(
        values in prop::collection::vec(-2.0_f64..2.0, 4 * 3 * 4),
        learned: bool,
    ) {
        let (plan, mut all) = registers(4, learned);
        let width = if learned { 6 } else { 3 };
        let (start, rest) = values.split_at(12);
        let (noise, output) = rest.split_at(12);
        let output: Vec<f64> = output.iter().cycle().copied().take(4 * width).collect();
        all.start(&plan, start).unwrap();
        all.advance(&plan.steps[0], Output { class: &output, guide: None }, noise).unwrap();
        for sample in 0..4 {
            let of = |all: &[f64], width: usize| all[sample * width..(sample + 1) * width].to_vec();
            let (_, mut one) = registers(1, learned);
            one.start(&plan, &of(start, 3)).unwrap();
            let class = of(&output, width);
            one.advance(&plan.steps[0], Output { class: &class, guide: None }, &of(noise, 3)).unwrap();
            prop_assert_eq!(one.state(), &of(all.state(), 3)[..]);
        }
    }

    #[test]
    fn guidance_moves_the_prediction_away_from_none(
        class in prop::collection::vec(-2.0_f32..2.0, 8),
        none in prop::collection::vec(-2.0_f32..2.0, 8),
        scale in 0.0_f64..8.0,
        guided_values in 0_usize..=4,
    ) {
        let euler = guided(json!({ "kind": "flow-euler", "steps": 1 }), json!({ "scale": 3.0 }));
        let plan = plan(&euler);
        let mut registers = Registers::new(&plan, 2, VALUES);
        let guide = Some(Guide { none: &none, scale, values: guided_values });
        registers.advance(&plan.steps[0], Output { class: &class, guide }, &[]).unwrap();
        for (index, state) in registers.state().iter().enumerate() {
            let (class, none) = (f64::from(class[index]), f64::from(none[index]));
            let expected = if index % VALUES < guided_values { none + scale * (class - none) } else { class };
            // One step from 1 to 0: minus the velocity.
            prop_assert!((state + expected).abs() < 1e-12);
        }
    }
}

#[test]
fn the_default_numbers_of_a_manifest_are_the_published_ones() {
    let euler = flow("flow-euler", 50, velocity("one"));
    assert_eq!(euler.sampler, Sampler::FlowEuler { steps: 50, noise_scale: 1.0 });
    let (process, known) = linear();
    let ddim = unguided(
        json!({ "kind": "ddim", "steps": 50, "process": process }),
        noise_prediction(false),
    );
    assert!(
        matches!(ddim.sampler, Sampler::Ddim { eta, clip: false, process, .. } if eta == 0.0 && process == known)
    );
}
