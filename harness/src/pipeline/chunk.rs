//! A chunk: consecutive samples of one data set through one model, the unit of caching and resuming.

use super::sealed::{self, NamedTensor};
use crate::failure::Failure;
use ndarray::{Array2, Axis};
use retally_manifests::{Digest, Tap};
use retally_metrics::Finite;
use retally_metrics::spatial::{ImageScores, SrssAbsence};
use safetensors::tensor::{Dtype, SafeTensors};
use serde::Serialize;
use std::path::Path;

/// Raised when the content of chunk files changes, so that old ones are not read as new ones.
const FORMAT: u32 = 1;

/// Everything that decides the bytes of a chunk. Thread counts are not here: they change no bit.
#[derive(Clone, Debug, Serialize)]
pub struct ChunkIdentity {
    /// Version of the file's layout.
    pub format: u32,
    /// SHA-256 of each sample's encoded bytes (and of its mask file), in order.
    pub inputs: Vec<Digest>,
    /// SHA-256 of the model file.
    pub model: Digest,
    /// Id of every decoding, resizing and normalising step.
    pub preprocessing: String,
    /// Element type of the session's arithmetic.
    pub precision: &'static str,
    /// Execution provider.
    pub provider: String,
    /// Version and library digest of ONNX Runtime.
    pub onnxruntime: String,
    /// Graph optimisation level and determinism switches.
    pub session: String,
    /// Images in one call.
    pub batch: u32,
    /// Graph outputs taken: an added output stops fusions across it.
    pub outputs: Vec<String>,
    /// Definition and constants of the per-sample scores.
    pub scores: String,
}

impl ChunkIdentity {
    /// The file format that this program writes.
    #[must_use]
    pub const fn current_format() -> u32 {
        FORMAT
    }

    /// The chunk's name: SHA-256 of the identity as JSON.
    ///
    /// # Errors
    /// If the identity cannot be JSON, which is a bug.
    pub fn key(&self) -> Result<Digest, Failure> {
        let json = serde_json::to_vec(self)
            .map_err(|error| Failure::invalid(format_args!("cannot name a chunk: {error}")))?;
        Ok(Digest::of_bytes(&json))
    }
}

/// Features and scores of one tap over a chunk.
#[derive(Clone, Debug, PartialEq)]
pub struct TapChunk {
    /// Mean patch token of each sample, [samples, channels].
    pub features: Array2<f32>,
    /// Spatial scores of each sample.
    pub scores: Vec<ImageScores>,
}

/// One chunk: the taps in the model's order.
pub type Chunk = Vec<TapChunk>;

/// Puts consecutive parts of a chunk together.
///
/// # Errors
/// If the parts do not have the same taps, which is a bug.
pub(super) fn join(parts: Vec<Chunk>) -> Result<Chunk, Failure> {
    let mut parts = parts.into_iter();
    let mut whole = parts.next().unwrap_or_default();
    for part in parts {
        for (tap, addition) in whole.iter_mut().zip(part) {
            tap.features.append(Axis(0), addition.features.view()).map_err(|error| {
                Failure::invalid(format_args!("cannot join parts of a chunk: {error}"))
            })?;
            tap.scores.extend(addition.scores);
        }
    }
    Ok(whole)
}

/// Scores of an image that a chunk file stores, in this order.
const SCORES: usize = 4;
/// Marks a stored score as present; other numbers say why it is absent.
const PRESENT: u8 = 0;

/// Writes a chunk under a temporary name, synced, then renamed: its existence is its completion.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn write(path: &Path, key: &Digest, taps: &[Tap], chunk: &Chunk) -> Result<(), Failure> {
    sealed::write(path, key, tensors(taps, chunk))
}

/// The bytes of a chunk's file.
///
/// # Errors
/// If a tap's arrays do not fit together, which is a bug.
pub(crate) fn to_bytes(key: &Digest, taps: &[Tap], chunk: &Chunk) -> Result<Vec<u8>, String> {
    sealed::to_bytes(key, tensors(taps, chunk)).map_err(|error| error.to_string())
}

fn tensors(taps: &[Tap], chunk: &Chunk) -> Vec<NamedTensor> {
    let mut tensors = Vec::new();
    for (tap, data) in taps.iter().zip(chunk) {
        let (values, states) = encode_scores(&data.scores);
        let samples = data.scores.len();
        let mut add = |suffix: &str, dtype, shape, bytes| {
            tensors.push(NamedTensor { name: format!("{}/{suffix}", tap.id), dtype, shape, bytes });
        };
        let features = data.features.iter().flat_map(|value| value.to_le_bytes()).collect();
        add("features", Dtype::F32, data.features.shape().to_vec(), features);
        add("scores", Dtype::F64, vec![samples, SCORES], values);
        add("score-states", Dtype::U8, vec![samples, SCORES], states);
    }
    tensors
}

/// The given taps of a chunk, which may have more.
///
/// # Errors
/// What is wrong with its seal, or with the names, types, shapes or values of these taps.
pub(crate) fn decode(
    bytes: &[u8],
    key: &Digest,
    taps: &[Tap],
    samples: usize,
) -> Result<Chunk, String> {
    let tensors = sealed::open(bytes, key)?;
    taps.iter().map(|tap| decode_tap(&tensors, tap, samples)).collect()
}

pub(crate) fn decode_tap(
    tensors: &SafeTensors<'_>,
    tap: &Tap,
    samples: usize,
) -> Result<TapChunk, String> {
    let channels = tap.channels as usize;
    let load = |suffix: &str, dtype, shape: [usize; 2]| {
        sealed::tensor(tensors, &format!("{}/{suffix}", tap.id), dtype, &shape)
    };
    let features = load("features", Dtype::F32, [samples, channels])?;
    let features =
        features.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let values = load("scores", Dtype::F64, [samples, SCORES])?;
    let states = load("score-states", Dtype::U8, [samples, SCORES])?;
    Ok(TapChunk {
        features: Array2::from_shape_vec((samples, channels), features)
            .map_err(|error| error.to_string())?,
        scores: decode_scores(values, states)?,
    })
}

/// How a reason is stored. A number keeps its meaning for ever: files of older runs are read.
fn state_of(absence: SrssAbsence) -> u8 {
    match absence {
        SrssAbsence::NoMask => 1,
        SrssAbsence::FewerThanTwoObjectTokens => 2,
        SrssAbsence::NoBackground => 3,
        SrssAbsence::NotKept => 4,
        SrssAbsence::NoAnchor => 5,
    }
}

fn absence_of(state: u8) -> Option<SrssAbsence> {
    use SrssAbsence::{FewerThanTwoObjectTokens, NoAnchor, NoBackground, NoMask, NotKept};
    [NoMask, FewerThanTwoObjectTokens, NoBackground, NotKept, NoAnchor]
        .into_iter()
        .find(|absence| state_of(*absence) == state)
}

/// Values and states, both [samples, 4], in the order LDS, CDS, SRSS, RMSC.
fn encode_scores(scores: &[ImageScores]) -> (Vec<u8>, Vec<u8>) {
    let mut values = Vec::with_capacity(scores.len() * SCORES * 8);
    let mut states = Vec::with_capacity(scores.len() * SCORES);
    for score in scores {
        let (srss, state) = match score.srss {
            Ok(value) => (value.get(), PRESENT),
            Err(absence) => (0.0, state_of(absence)),
        };
        for (value, state) in [
            (score.lds.get(), PRESENT),
            (score.cds.get(), PRESENT),
            (srss, state),
            (score.rmsc.get(), PRESENT),
        ] {
            values.extend_from_slice(&value.to_le_bytes());
            states.push(state);
        }
    }
    (values, states)
}

fn decode_scores(values: &[u8], states: &[u8]) -> Result<Vec<ImageScores>, String> {
    let values: Vec<f64> =
        values.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    let finite = |value: f64| Finite::new(value).ok_or("a stored score is not finite");
    values
        .as_chunks::<SCORES>()
        .0
        .iter()
        .zip(states.as_chunks::<SCORES>().0)
        .map(|(&[lds, cds, srss, rmsc], states)| {
            let srss = match states[2] {
                PRESENT => Ok(finite(srss)?),
                state => Err(absence_of(state).ok_or("a stored score has an unknown state")?),
            };
            Ok(ImageScores { lds: finite(lds)?, cds: finite(cds)?, srss, rmsc: finite(rmsc)? })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use retally_manifests::TapLayout;

    const ABSENCES: [SrssAbsence; 5] = [
        SrssAbsence::NoMask,
        SrssAbsence::FewerThanTwoObjectTokens,
        SrssAbsence::NoBackground,
        SrssAbsence::NotKept,
        SrssAbsence::NoAnchor,
    ];

    fn tap() -> Tap {
        Tap {
            id: "layer-09".to_owned(),
            label: "layer 9".to_owned(),
            tensor: "tokens".to_owned(),
            layout: TapLayout::Tokens { skip: 1 },
            grid: [16, 16],
            channels: 2,
        }
    }

    /// One sample for each absence, and one with a value.
    fn chunk() -> Chunk {
        let finite = |value| Finite::new(value).unwrap();
        let scores = ABSENCES.iter().map(|absence| Err(*absence)).chain([Ok(finite(0.1 + 0.2))]);
        let scores: Vec<ImageScores> = scores
            .map(|srss| ImageScores {
                lds: finite(-0.1),
                cds: finite(1e-300),
                srss,
                rmsc: finite(1.0),
            })
            .collect();
        let features = Array2::from_shape_fn((scores.len(), 2), |(row, column)| {
            row as f32 - column as f32 / 3.0
        });
        vec![TapChunk { features, scores }]
    }

    fn stored(folder: &Path) -> (std::path::PathBuf, Digest) {
        let (path, key) = (folder.join("chunk"), Digest::of_bytes(b"key"));
        write(&path, &key, &[tap()], &chunk()).unwrap();
        (path, key)
    }

    #[test]
    fn a_chunk_comes_back_as_it_was_and_in_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let (path, key) = stored(folder.path());
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(decode(&bytes, &key, &[tap()], 6).unwrap(), chunk());
        write(&path, &key, &[tap()], &chunk()).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }

    #[test]
    fn no_flipped_bit_and_no_cut_goes_unseen() {
        let folder = tempfile::tempdir().unwrap();
        let (path, key) = stored(folder.path());
        let whole = std::fs::read(&path).unwrap();
        let refused = |bytes: &[u8]| decode(bytes, &key, &[tap()], 6).is_err();
        assert!(!refused(&whole));
        // The header of names and offsets is JSON with free space at its end; only its free space may change.
        let data = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
        for index in data..whole.len() {
            let mut flipped = whole.clone();
            flipped[index] ^= 1;
            assert!(refused(&flipped), "byte {index}");
        }
        for length in 0..whole.len() {
            assert!(refused(&whole[..length]), "cut at {length}");
        }
    }

    #[test]
    fn another_chunk_or_shape_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (path, key) = stored(folder.path());
        let bytes = std::fs::read(&path).unwrap();
        assert!(decode(&bytes, &Digest::of_bytes(b"other"), &[tap()], 6).is_err());
        assert!(decode(&bytes, &key, &[tap()], 7).is_err());
        assert!(decode(&bytes, &key, &[Tap { channels: 3, ..tap() }], 6).is_err());
        assert!(decode(&bytes, &key, &[Tap { id: "other".to_owned(), ..tap() }], 6).is_err());
    }

    #[test]
    fn parts_are_joined_in_order() {
        let part = |value: f32| {
            let scores = chunk()[0].scores[..1].to_vec();
            vec![TapChunk { features: array![[value, value]], scores }]
        };
        let whole = join(vec![part(1.0), part(2.0)]).unwrap();
        assert_eq!(whole[0].features, array![[1.0, 1.0], [2.0, 2.0]]);
        assert_eq!(whole[0].scores.len(), 2);
    }
}
