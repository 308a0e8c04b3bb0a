//! DreamSim (arXiv:2306.09344) as three ONNX models that the user has.

use super::files::read_text;
use crate::failure::Failure;
use crate::images::normalise::Normaliser;
use crate::images::raster::Rgb;
use crate::images::resize::Resampler;
use crate::onnx::library::Library;
use crate::onnx::session::{Session, SessionOptions};
use ndarray::{ArrayD, ArrayView, IxDyn};
use retally_manifests::{Digest, Filter, ImageLayout, Normalise};
use retally_metrics::unified::jigsaw::{PerceptualDistance, embedding_distance};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Rows and columns of what the encoders see.
const SIDE: usize = 224;

/// DreamSim's default is an ensemble of so many.
const ENCODERS: usize = 3;

/// The description may not be larger.
const MAX_DESCRIPTION_BYTES: u64 = 1 << 20;

/// The file that `--dreamsim` names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    encoder: Vec<EncoderEntry>,
}

/// One of the three encoders.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EncoderEntry {
    /// The ONNX model, relative to the description.
    file: PathBuf,
    /// What the file must be, if the user says so.
    sha256: Option<Digest>,
    /// The output that holds the embedding; it may be an inner value.
    output: String,
    /// What to take of an output [1, tokens, width].
    #[serde(default)]
    take: Take,
    /// Of each channel, on the scale from 0 to 1.
    mean: [f32; 3],
    /// Likewise.
    std: [f32; 3],
}

/// Which part of an output is the embedding.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Take {
    /// All of it: [1, width].
    #[default]
    Whole,
    /// The first token, of the class: [1, tokens, width].
    FirstToken,
}

/// What is recorded of the distance.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DreamSimRecord {
    /// SHA-256 of each encoder, in the order of their embeddings.
    encoders: Vec<String>,
    /// ONNX Runtime's version.
    onnxruntime: String,
}

struct Encoder {
    session: Session,
    normaliser: Normaliser,
    take: Take,
    name: String,
}

/// The three encoders, ready to run.
pub(crate) struct DreamSim {
    encoders: Vec<Encoder>,
    resampler: Resampler,
    record: DreamSimRecord,
}

impl DreamSim {
    /// Opens the models that a description names.
    ///
    /// # Errors
    /// If the description is wrong, does not name three encoders, a file is not what its digest says, or is no model with one
    /// input of pictures.
    pub(crate) fn open(path: &Path, library: &Library, threads: usize) -> Result<Self, Failure> {
        let text = read_text(path, MAX_DESCRIPTION_BYTES)?;
        let description: Description = toml::from_str(&text)
            .map_err(|error| Failure::invalid(format_args!("`{}`: {error}", path.display())))?;
        if description.encoder.len() != ENCODERS {
            return Err(Failure::invalid(format_args!(
                "`{}` names {} encoders; DreamSim's ensemble has {ENCODERS}: DINO, CLIP and OpenCLIP, in this order",
                path.display(),
                description.encoder.len()
            )));
        }
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let mut record =
            DreamSimRecord { encoders: Vec::new(), onnxruntime: library.record().version.clone() };
        let mut encoders = Vec::new();
        for entry in description.encoder {
            let file = folder.join(&entry.file);
            let within = |failure: Failure| failure.within(format_args!("`{}`", file.display()));
            record.encoders.push(checked_digest(&entry, &file)?.to_string());
            encoders.push(Encoder::open(entry, &file, library, threads).map_err(within)?);
        }
        Ok(Self { encoders, resampler: Resampler::default(), record })
    }

    /// What is recorded of it.
    pub(crate) fn record(&self) -> &DreamSimRecord {
        &self.record
    }

    /// The concatenated embeddings of a picture: 224 x 224 by Pillow's bicubic filter whatever its shape, then each encoder's
    /// own normalisation.
    fn embedding(&mut self, image: &Rgb) -> Result<Vec<f32>, Failure> {
        let resized = self
            .resampler
            .resize(image, SIDE, SIDE, Filter::Bicubic)
            .map_err(|error| Failure::invalid(format_args!("cannot resize: {error}")))?;
        let mut embedding = Vec::new();
        for encoder in &mut self.encoders {
            encoder.append(&resized, &mut embedding)?;
        }
        Ok(embedding)
    }
}

impl PerceptualDistance<Rgb> for DreamSim {
    type Error = Failure;

    fn distance(&mut self, a: &Rgb, b: &Rgb) -> Result<f64, Failure> {
        let (a, b) = (self.embedding(a)?, self.embedding(b)?);
        embedding_distance(&a, &b)
            .map_err(|error| Failure::invalid(format_args!("DreamSim: {error}")))
    }
}

fn checked_digest(entry: &EncoderEntry, file: &Path) -> Result<Digest, Failure> {
    let found = Digest::of_file(file).map_err(|error| Failure::file("read", file, &error))?;
    match &entry.sha256 {
        Some(expected) if *expected != found => Err(Failure::invalid(format_args!(
            "`{}` has SHA-256 {found}, and its description says {expected}: it is another model",
            file.display()
        ))),
        _ => Ok(found),
    }
}

impl Encoder {
    fn open(
        entry: EncoderEntry,
        file: &Path,
        library: &Library,
        threads: usize,
    ) -> Result<Self, Failure> {
        let options = SessionOptions {
            threads,
            outputs: vec![entry.output.clone()],
            ..SessionOptions::default()
        };
        let session = Session::open(library, file, &options)?;
        let normalise = Normalise::MeanStd { mean: entry.mean, std: entry.std };
        let normaliser = Normaliser::new(normalise, ImageLayout::Nchw)
            .map_err(|error| Failure::invalid(error.to_string()))?;
        Ok(Self { session, normaliser, take: entry.take, name: entry.output })
    }

    /// Adds the encoder's embedding of a picture of 224 x 224.
    fn append(&mut self, image: &Rgb, embedding: &mut Vec<f32>) -> Result<(), Failure> {
        let mut numbers = vec![0.0; 3 * SIDE * SIDE];
        if !self.normaliser.write(image, &mut numbers) {
            return Err(Failure::invalid("a picture was not resized to 224 x 224"));
        }
        let batch = ArrayView::from_shape(IxDyn(&[1, 3, SIDE, SIDE]), &numbers)
            .map_err(|error| Failure::invalid(format_args!("cannot shape a picture: {error}")))?;
        let output = self.session.run(batch)?.into_iter().next();
        let output = output.ok_or_else(|| Failure::invalid("an encoder gave no output"))?;
        self.take_from(&output, embedding)
    }

    fn take_from(&self, output: &ArrayD<f32>, embedding: &mut Vec<f32>) -> Result<(), Failure> {
        let before = embedding.len();
        match (self.take, output.shape()) {
            (Take::Whole, [1, _]) => embedding.extend(output.iter()),
            (Take::FirstToken, &[1, tokens, width]) if tokens > 0 => {
                embedding.extend(output.iter().take(width));
            }
            (take, shape) => {
                let expected = match take {
                    Take::Whole => "[1, width] (or take = \"first-token\")",
                    Take::FirstToken => "[1, tokens, width]",
                };
                return Err(Failure::invalid(format_args!(
                    "the output `{}` has shape {shape:?}; expected {expected}",
                    self.name
                )));
            }
        }
        if embedding[before..].iter().all(|value| value.is_finite()) {
            return Ok(());
        }
        Err(Failure::invalid(format_args!("the output `{}` holds NaN or infinities", self.name)))
    }
}

#[cfg(test)]
pub(super) mod tests;
