//! The same steps through ONNX Runtime's graphs and through [`Registers`], on the processor: the same bits.

use super::*;
use crate::onnx::testing::library;
use crate::sampling::testing::generator;
use crate::sampling::{Guide, NoiseTerm, Output, Registers, SampleNoise};
use retally_manifests::{
    DiffusionProcess, Generator, Guidance, GuidanceCalls, GuidanceTime, IntervalEnds, Prediction,
    Sampler, StepVariance, TimeSpacing,
};

const SAMPLES: usize = 3;
const SIZES: [usize; 3] = [4, 2, 2];
const VALUES: usize = 16;
const SCALE: f64 = 1.7;

fn guided(mut generator: Generator) -> Generator {
    generator.guidance = Some(Guidance {
        scale: SCALE,
        interval: [0.0, 0.8],
        ends: IntervalEnds::Included,
        at: GuidanceTime::Step,
        channels: None,
        calls: GuidanceCalls::Fused,
    });
    generator
}

fn process() -> DiffusionProcess {
    DiffusionProcess::Linear { steps: 50, first: 1e-3, last: 0.1 }
}

fn ddpm(variance: StepVariance, clip: bool) -> Generator {
    let mut generator = generator(Sampler::Ddpm {
        steps: 7,
        process: process(),
        spacing: TimeSpacing::Even,
        variance,
        clip,
    });
    generator.network.prediction =
        Prediction::Noise { learned_variance: variance == StepVariance::Learned };
    generator
}

fn ddim(eta: f64) -> Generator {
    let (process, spacing) = (process(), TimeSpacing::Even);
    generator(Sampler::Ddim { steps: 7, process, spacing, eta, clip: true })
}

/// An answer of a network that stands for any: smooth in the state, and different for the class and for none.
fn answers(state: &[f32], learned: bool, none: bool) -> Vec<f32> {
    let shift = if none { 0.3 } else { -0.2 };
    let rows = state.chunks_exact(VALUES).map(|row| {
        let prediction = row.iter().map(move |value| (1.3 * value + shift).sin());
        let variance = row.iter().map(move |value| (0.7 * value - shift).cos());
        prediction.chain(variance).take(if learned { 2 * VALUES } else { VALUES }).collect()
    });
    rows.collect::<Vec<Vec<f32>>>().concat()
}

/// How a guided step asks the network.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Calls {
    Fused,
    Separate,
    /// Every call has two rows a sample, guided or not.
    Fixed,
}

/// Carries a plan out both ways and compares the states at every step.
fn compare(generator: &Generator, calls: Calls, channels: usize, exact: bool) {
    let plan = Plan::new(generator).unwrap();
    let learned = plan.learned_variance;
    let shape = StateShape {
        samples: SAMPLES,
        sizes: SIZES.to_vec(),
        learned_variance: learned,
        guided_channels: channels,
    };
    let rows = |step: &Step| match calls {
        Calls::Fixed => 2 * SAMPLES,
        Calls::Fused if step.guided => 2 * SAMPLES,
        _ => SAMPLES,
    };
    let options = SessionOptions::default();
    let mut device =
        DeviceRegisters::new((library(), &options), &plan, (shape, SCALE), rows).unwrap();
    let mut host = Registers::new(&plan, SAMPLES, VALUES);
    let noise = SampleNoise::new(7);
    let mut drawn = vec![0.0; SAMPLES * VALUES];
    let draw = |drawn: &mut [f64], step: Option<u32>| {
        for (sample, row) in (0..).zip(drawn.chunks_exact_mut(VALUES)) {
            match step {
                None => noise.start(sample, row),
                Some(step) => noise.step(sample, step, row),
            }
        }
    };
    let input = |step: &Step| {
        Buffer::zeros(Element::Float32, &[&[rows(step)], &SIZES[..]].concat()).unwrap()
    };
    draw(&mut drawn, None);
    host.start(&plan, &drawn).unwrap();
    let mut next = input(&plan.steps[0]);
    device.start(&plan, &drawn, &mut next).unwrap();
    for (number, step) in plan.steps.iter().enumerate() {
        let mut state = vec![0.0_f32; SAMPLES * VALUES];
        host.network_input(&mut state).unwrap();
        for half in next.values::<f32>().unwrap().chunks_exact(SAMPLES * VALUES) {
            if exact {
                assert_eq!(half, state, "input of step {number}");
            }
        }
        let class = answers(&state, learned, false);
        let none = answers(&state, learned, true);
        let noisy = step.combination.noise != NoiseTerm::None;
        if noisy {
            draw(&mut drawn, Some(number as u32));
        }
        let guide = step.guided.then_some(Guide {
            none: &none,
            scale: SCALE,
            values: channels * SIZES[1] * SIZES[2],
        });
        let added = if noisy { drawn.as_slice() } else { &[] };
        host.advance(step, Output { class: &class, guide }, added).unwrap();

        let mut sizes = SIZES;
        sizes[0] *= if learned { 2 } else { 1 };
        let both = if rows(step) == SAMPLES { class.clone() } else { [&*class, &*none].concat() };
        let both = Buffer::of(&both, &[&[rows(step)], &sizes[..]].concat()).unwrap();
        let none = Buffer::of(&none, &[&[SAMPLES], &sizes[..]].concat()).unwrap();
        let separate = step.guided && rows(step) == SAMPLES;
        let answer = DeviceAnswer { rows: &both, none: separate.then_some(&none) };
        let added: Vec<f32> = drawn.iter().map(|&value| value as f32).collect();
        let added = Buffer::of(&added, &[&[SAMPLES], &SIZES[..]].concat()).unwrap();
        let following = plan.steps.get(number + 1);
        let mut after = following.map(&input);
        device.advance(number, &answer, noisy.then_some(&added), after.as_mut()).unwrap();
        next = after.unwrap_or(next);
        let found = device.finish().unwrap().unwrap();
        if exact {
            assert!(found == host.state(), "{calls:?}: states differ after step {number}");
        } else {
            for (found, expected) in found.iter().zip(host.state()) {
                let error = (found - expected).abs();
                assert!(error <= 1e-14 * expected.abs().max(1.0), "{found} for {expected}");
            }
        }
    }
}

#[test]
fn every_sampler_gives_the_bits_of_the_processor_s_registers() {
    let flows = [
        Sampler::FlowSde { steps: 9, last: 0.04 },
        Sampler::FlowEuler { steps: 5, noise_scale: 2.0 },
        Sampler::FlowHeun { steps: 5, noise_scale: 1.0 },
        Sampler::MeanFlow { steps: 4 },
        Sampler::Consistency { sigmas: vec![80.0, 2.0, 0.5], sigma_min: 0.002, clip: true },
    ];
    for sampler in flows {
        let plain = generator(sampler);
        compare(&plain, Calls::Fused, 4, true);
        for calls in [Calls::Fused, Calls::Separate, Calls::Fixed] {
            compare(&guided(plain.clone()), calls, 4, true);
            compare(&guided(plain.clone()), calls, 3, true);
        }
    }
    for diffusion in
        [ddpm(StepVariance::Small, false), ddpm(StepVariance::Large, true), ddim(0.0), ddim(0.6)]
    {
        compare(&diffusion, Calls::Fused, 4, true);
        compare(&guided(diffusion.clone()), Calls::Fused, 3, true);
        compare(&guided(diffusion), Calls::Separate, 4, true);
    }
}

/// A learned variance needs an exponential function, and ONNX Runtime's is another one than that of the registers: the last
/// bit may differ.
#[test]
fn a_learned_variance_differs_in_the_last_bit_at_most() {
    for calls in [Calls::Fused, Calls::Separate] {
        compare(&ddpm(StepVariance::Learned, false), calls, 4, false);
        compare(&guided(ddpm(StepVariance::Learned, true)), calls, 3, false);
    }
}

#[test]
fn what_is_no_number_is_found_at_the_end() {
    let plan = Plan::new(&generator(Sampler::FlowEuler { steps: 3, noise_scale: 1.0 })).unwrap();
    let shape = StateShape {
        samples: SAMPLES,
        sizes: SIZES.to_vec(),
        learned_variance: false,
        guided_channels: 0,
    };
    let options = SessionOptions::default();
    let mut device =
        DeviceRegisters::new((library(), &options), &plan, (shape, 1.0), |_| SAMPLES).unwrap();
    let sizes = [&[SAMPLES], &SIZES[..]].concat();
    let mut input = Buffer::zeros(Element::Float32, &sizes).unwrap();
    for (bad, value) in [(None, 0.0), (Some(1), f32::NAN), (Some(2), f32::INFINITY), (None, 0.0)] {
        device.start(&plan, &[0.5; SAMPLES * VALUES], &mut input).unwrap();
        for number in 0..plan.steps.len() {
            let mut answer = vec![0.25_f32; SAMPLES * VALUES];
            if let (Some(sample), 1) = (bad, number) {
                answer[sample * VALUES + 5] = value;
            }
            let rows = Buffer::of(&answer, &sizes).unwrap();
            let next = (number + 1 < plan.steps.len()).then_some(&mut input);
            device.advance(number, &DeviceAnswer { rows: &rows, none: None }, None, next).unwrap();
        }
        assert_eq!(device.finish().unwrap().err(), bad, "{value}");
    }
}
