//! What is stored of consecutive images: for every condition the encoder's mean token, pooled latents and the squared error.

use super::{Condition, Digest, Failure};
use crate::pipeline::sealed::{self, NamedTensor};
use crate::run::miniature::tokenizer::conditions::Place;
use ndarray::{Array2, Axis};
use safetensors::tensor::{Dtype, SafeTensors};
use serde::Serialize;
use std::path::Path;

/// Raised when the content of these files changes.
pub(super) const FORMAT: u32 = 1;

/// Everything that decides the bytes of a chunk.
#[derive(Serialize)]
pub(super) struct Identity<'a> {
    pub(super) format: u32,
    /// Numbers that the images' noise depends on, and the images.
    pub(super) first: usize,
    pub(super) inputs: &'a [Digest],
    pub(super) basis: Digest,
    pub(super) scaling: &'static str,
    pub(super) conditions: Vec<(String, f64)>,
    pub(super) seed: u64,
    pub(super) model: Digest,
    pub(super) preprocessing: String,
    pub(super) normalise: retally_manifests::Normalise,
    pub(super) output: &'a str,
    pub(super) batch: u32,
    pub(super) provider: &'static str,
    pub(super) onnxruntime: String,
    pub(super) session: String,
}

impl Identity<'_> {
    pub(super) fn key(&self) -> Result<Digest, Failure> {
        let json = serde_json::to_vec(self)
            .map_err(|error| Failure::invalid(format_args!("cannot name a chunk: {error}")))?;
        Ok(Digest::of_bytes(&json))
    }
}

/// Some images under one condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Measured {
    /// [images, channels].
    pub(super) features: Array2<f32>,
    /// Mean and standard deviation of each latent over an image's tokens, [images, 2 d]; [images, 0] without a tokenizer.
    pub(super) pooled: Array2<f32>,
    /// Mean squared error of a pixel value of each image.
    pub(super) errors: Vec<f64>,
}

/// Some images under all conditions, in their order.
pub(super) type SweepChunk = Vec<Measured>;

/// Puts consecutive images together.
pub(super) fn join<'a>(
    parts: impl IntoIterator<Item = &'a SweepChunk>,
) -> Result<SweepChunk, Failure> {
    let mut parts = parts.into_iter();
    let mut whole = parts.next().cloned().unwrap_or_default();
    for part in parts {
        for (whole, part) in whole.iter_mut().zip(part) {
            for (rows, more) in
                [(&mut whole.features, &part.features), (&mut whole.pooled, &part.pooled)]
            {
                rows.append(Axis(0), more.view()).map_err(|error| {
                    Failure::invalid(format_args!("cannot join parts of a chunk: {error}"))
                })?;
            }
            whole.errors.extend(&part.errors);
        }
    }
    Ok(whole)
}

/// Widths of what is stored under a condition: features, pooled latents.
fn widths(condition: &Condition, channels: usize) -> [usize; 2] {
    match condition.place {
        Place::Latent(_) => [channels, 2 * condition.dimensions],
        Place::Pixel => [channels, 0],
    }
}

pub(super) fn write(path: &Path, key: &Digest, chunk: &SweepChunk) -> Result<(), Failure> {
    let mut tensors = Vec::new();
    for (index, measured) in chunk.iter().enumerate() {
        let mut add = |name: &str, dtype, shape: &[usize], bytes: Vec<u8>| {
            let (name, shape) = (format!("{index:04}/{name}"), shape.to_vec());
            tensors.push(NamedTensor { name, dtype, shape, bytes });
        };
        for (name, rows) in [("features", &measured.features), ("pooled", &measured.pooled)] {
            let bytes = rows.iter().flat_map(|value| value.to_le_bytes()).collect();
            add(name, Dtype::F32, rows.shape(), bytes);
        }
        let bytes = measured.errors.iter().flat_map(|error| error.to_le_bytes()).collect();
        add("errors", Dtype::F64, &[measured.errors.len()], bytes);
    }
    sealed::write(path, key, tensors)
}

/// `None` where there is no file, or a damaged one: the chunk is then computed again. `note` hears of damage.
pub(super) fn read(
    path: &Path,
    key: &Digest,
    (images, channels): (usize, usize),
    conditions: &[Condition],
    note: impl FnOnce(String),
) -> Result<Option<SweepChunk>, Failure> {
    let Some(bytes) = sealed::read_bytes(path)? else { return Ok(None) };
    let read = sealed::open(&bytes, key).and_then(|tensors| {
        let conditions = conditions.iter().enumerate();
        conditions
            .map(|(index, condition)| {
                measured(&tensors, index, images, widths(condition, channels))
            })
            .collect::<Result<SweepChunk, String>>()
    });
    match read {
        Ok(chunk) => Ok(Some(chunk)),
        Err(reason) => {
            note(format!("chunk {} is damaged ({reason}); it is computed again", path.display()));
            Ok(None)
        }
    }
}

fn measured(
    tensors: &SafeTensors<'_>,
    index: usize,
    images: usize,
    [channels, pooled]: [usize; 2],
) -> Result<Measured, String> {
    let rows = |name: &str, width: usize| {
        let name = format!("{index:04}/{name}");
        let bytes = sealed::tensor(tensors, &name, Dtype::F32, &[images, width])?;
        let (numbers, _) = bytes.as_chunks::<4>();
        let numbers = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
        Array2::from_shape_vec((images, width), numbers).map_err(|error| error.to_string())
    };
    let name = format!("{index:04}/errors");
    let bytes = sealed::tensor(tensors, &name, Dtype::F64, &[images])?;
    let (errors, _) = bytes.as_chunks::<8>();
    Ok(Measured {
        features: rows("features", channels)?,
        pooled: rows("pooled", pooled)?,
        errors: errors.iter().map(|error| f64::from_le_bytes(*error)).collect(),
    })
}
