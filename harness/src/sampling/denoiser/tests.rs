use super::*;
use crate::onnx::session::{ModelSource, SessionOptions};
use crate::onnx::testing::library;
use crate::sampling::Plan;
use crate::sampling::testing::{generator, network};
use retally_manifests::{Guidance, GuidanceTime, IntervalEnds, Sampler};

const SHAPE: [usize; 3] = [1, 1, 2];

fn session(samples: u8) -> BoundSession {
    let bytes = network(samples);
    let options = SessionOptions { outputs: vec!["y".to_owned()], ..SessionOptions::default() };
    BoundSession::open_source(library(), ModelSource { bytes: &bytes, folder: None }, &options)
        .unwrap()
}

fn guided(calls: GuidanceCalls, batch: u32) -> Generator {
    let mut generator = generator(Sampler::FlowEuler { steps: 2, noise_scale: 1.0 });
    generator.network.batch = batch;
    generator.guidance = Some(Guidance {
        scale: 2.0,
        interval: [0.6, 1.0],
        ends: IntervalEnds::Included,
        at: GuidanceTime::Step,
        channels: None,
        calls,
    });
    generator
}

/// Answers of both steps of a guided generator; the first is guided, the second is not.
fn answers(samples: u8, generator: &Generator) -> Vec<(Vec<f32>, Option<Vec<f32>>)> {
    let plan = Plan::new(generator).unwrap();
    assert_eq!([plan.steps[0].guided, plan.steps[1].guided], [true, false]);
    let mut denoiser =
        Denoiser::new(session(samples), generator, &SHAPE, (true, Place::Host)).unwrap();
    let classes: Vec<u32> = (0..generator.network.batch).map(|row| 2 - row).collect();
    denoiser.set_classes(generator.classes.as_ref().unwrap(), &classes).unwrap();
    let fill = |input: &mut [f32]| {
        for (place, value) in input.iter_mut().enumerate() {
            *value = (place + 1) as f32;
        }
        Ok(())
    };
    let mut answer = |step| {
        let Answer { class, none } = denoiser.predict(step, fill).unwrap();
        (class.to_vec(), none.map(<[f32]>::to_vec))
    };
    plan.steps.iter().enumerate().map(&mut answer).collect()
}

#[test]
fn fused_and_separate_guidance_ask_the_same() {
    // Row 0 is of class 2, row 1 of class 1; no class is 3. Times are 1 and 1/2.
    let expected = [
        (vec![3.0, 6.0, 6.0, 8.0], Some(vec![4.0, 8.0, 12.0, 16.0])),
        (vec![2.5, 5.0, 4.5, 6.0], None),
    ];
    for calls in [GuidanceCalls::Fused, GuidanceCalls::Separate] {
        assert_eq!(answers(0, &guided(calls, 2)), expected, "{calls:?}");
    }
    // Graphs that were exported for one number of rows.
    assert_eq!(answers(4, &guided(GuidanceCalls::Fused, 2)), expected);
    assert_eq!(answers(2, &guided(GuidanceCalls::Separate, 2)), expected);
    assert_eq!(answers(2, &guided(GuidanceCalls::Fused, 1))[0].0, [3.0, 6.0]);
}

#[test]
fn a_graph_of_another_batch_says_what_to_do() {
    let refusal = |samples, generator: &Generator, guided| {
        Denoiser::new(session(samples), generator, &SHAPE, (guided, Place::Host))
            .err()
            .unwrap()
            .message()
    };
    let message = refusal(4, &guided(GuidanceCalls::Fused, 1), true);
    assert!(message.contains("takes 4 rows") && message.contains("`batch`"), "{message}");
    let message = refusal(2, &guided(GuidanceCalls::Fused, 2), true);
    assert!(message.contains("takes 2 rows") && message.contains("`calls`"), "{message}");
    let message = refusal(3, &guided(GuidanceCalls::Fused, 2), false);
    assert!(message.contains("takes 3 rows"), "{message}");
}

#[test]
fn tensors_that_the_manifest_does_not_name_rightly_are_refused() {
    let refusal = |change: &dyn Fn(&mut Generator)| {
        let mut generator = generator(Sampler::FlowEuler { steps: 2, noise_scale: 1.0 });
        change(&mut generator);
        Denoiser::new(session(0), &generator, &SHAPE, (false, Place::Host)).err().unwrap().message()
    };
    let message = refusal(&|generator| generator.network.state = "state".to_owned());
    assert!(message.contains("no input `state`; its inputs are `x` of float32"), "{message}");
    let message = refusal(&|generator| generator.classes = None);
    assert!(message.contains("further inputs") && message.contains("`class`"), "{message}");
    let message = refusal(&|generator| {
        if let Some(time) = &mut generator.network.time {
            time.element = TimeElement::Int64;
        }
    });
    assert!(message.contains("`t` of float32 [any], and int64 [1]"), "{message}");
    let message = refusal(&|generator| generator.network.shape = vec![2, 1, 2]);
    assert!(message.contains("`x` of float32 [any, 1, 1, 2]"), "{message}");
    let message = refusal(&|generator| {
        if let Some(classes) = &mut generator.classes {
            classes.encoding = ClassEncoding::OneHot;
        }
    });
    assert!(message.contains("`class` of int64 [any], and float32 [1, 3]"), "{message}");
}

#[test]
fn classes_are_written_as_the_network_takes_them() {
    let mut classes = generator(Sampler::OneCall).classes.unwrap();
    let mut written = |encoding, element, shape: &[usize], class| {
        classes.encoding = encoding;
        let mut buffer = Buffer::zeros(element, shape).unwrap();
        write_class(&classes, &mut buffer, 1, class).unwrap();
        match element {
            Element::Int64 => {
                buffer.values::<i64>().unwrap().iter().map(|&value| value as f32).collect()
            }
            _ => buffer.values::<f32>().unwrap().to_vec(),
        }
    };
    assert_eq!(written(ClassEncoding::Index, Element::Int64, &[2], 2), [0.0, 2.0]);
    assert_eq!(written(ClassEncoding::Fraction, Element::Float32, &[2], 1), [0.0, 0.5]);
    let one_hot = |class| [0.0, 0.0, 0.0, f32::from(class == 0), f32::from(class == 1), 0.0];
    for class in [0, 1, 3] {
        let found = written(ClassEncoding::OneHot, Element::Float32, &[2, 3], class);
        assert_eq!(found, one_hot(class), "{class}");
    }
}
