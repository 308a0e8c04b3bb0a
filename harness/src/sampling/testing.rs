//! Small generators for tests.

use crate::onnx::testing::{FLOAT, INT64, cast_to, node, node_with, runnable, typed};
use retally_manifests::{
    ClassEncoding, Classes, GeneratedImage, Generator, GeneratorNetwork, LabelRule, NoiseEnd,
    Prediction, Quantise, Sampler, TimeElement, TimeInput,
};

/// A class-conditional generator of 2x1 images in 1 channel, sampled by `sampler`, for [`network`].
pub(super) fn generator(sampler: Sampler) -> Generator {
    let prediction = match &sampler {
        Sampler::OneCall => Prediction::Sample,
        Sampler::Ddpm { .. } | Sampler::Ddim { .. } => {
            Prediction::Noise { learned_variance: false }
        }
        Sampler::MeanFlow { .. } => Prediction::MeanVelocity,
        Sampler::Consistency { .. } => Prediction::ConsistentData,
        _ => Prediction::Velocity { noise_at: NoiseEnd::One },
    };
    Generator {
        id: "tiny".to_owned(),
        name: "Tiny".to_owned(),
        family: "tests".to_owned(),
        network: GeneratorNetwork {
            artifact: "tiny-network".parse().unwrap(),
            data: Vec::new(),
            state: "x".to_owned(),
            shape: vec![1, 1, 2],
            time: Some(TimeInput { tensor: "t".to_owned(), element: TimeElement::Float32 }),
            end_time: None,
            constants: Vec::new(),
            output: "y".to_owned(),
            prediction,
            batch: 1,
        },
        decoder: None,
        classes: Some(Classes {
            count: 3,
            names: Vec::new(),
            tensor: "class".to_owned(),
            encoding: ClassEncoding::Index,
            none: Some(3),
            labels: LabelRule::Uniform,
        }),
        sampler,
        guidance: None,
        image: GeneratedImage {
            width: 2,
            height: 1,
            channels: 1,
            low: -1.0,
            high: 1.0,
            quantise: Quantise::Truncate255,
        },
        chunk: 4,
    }
}

/// y = x (t + class), for x of [samples, 1, 1, 2], t and class of [samples]; `samples` 0 is any number.
pub(super) fn network(samples: u8) -> Vec<u8> {
    runnable(&[
        (1, node_with("Cast", &["class"], &["number"], &[cast_to(FLOAT)])),
        (1, node("Add", &["t", "number"], &["factor"])),
        (1, node("Reshape", &["factor", "column"], &["factors"])),
        (1, node("Mul", &["x", "factors"], &["y"])),
        (5, column()),
        (11, typed("x", FLOAT, &[samples, 1, 1, 2])),
        (11, typed("t", FLOAT, &[samples])),
        (11, typed("class", INT64, &[samples])),
        (12, typed("y", FLOAT, &[samples, 1, 1, 2])),
    ])
}

/// The initializer [-1, 1, 1, 1] of int64.
fn column() -> Vec<u8> {
    let numbers: Vec<u8> = [-1_i64, 1, 1, 1].into_iter().flat_map(i64::to_le_bytes).collect();
    // dims = 4, data_type = INT64, name, raw_data
    let mut tensor = vec![1 << 3, 4, 2 << 3, INT64];
    tensor.extend(crate::onnx::testing::message(&[(8, b"column"), (9, &numbers)]));
    tensor
}
