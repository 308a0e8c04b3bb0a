//! How features were made: a JSON file beside them, `features.npy.json`.

use super::chunks::Extraction;
use super::images::{ChosenImages, SplitChoice};
use crate::failure::Failure;
use crate::images::augment::ViewAugmentation;
use crate::run::directory::write_durably;
use retally_manifests::Digest;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Version of the file's form.
const SCHEMA: u32 = 1;

/// Everything that decided the features.
#[derive(Clone, Debug, Serialize)]
pub struct FeaturesRecord {
    /// Version of the form.
    pub schema: u32,
    /// Version of the program.
    pub retally: &'static str,
    /// Digest of the features' file.
    pub features_sha256: Digest,
    /// Lengths of its axes.
    pub shape: Vec<u64>,
    /// What the axes are.
    pub axes: Vec<&'static str>,
    /// Element type.
    pub dtype: &'static str,
    /// The labels, where the images have classes.
    pub labels: Option<LabelsRecord>,
    /// The encoder.
    pub model: ModelRecord,
    /// Every step from a file to the model's numbers.
    pub preprocessing: String,
    /// The views, if there are any.
    pub augmentation: Option<AugmentationRecord>,
    /// The images.
    pub images: ImagesRecord,
    /// Version and digest of ONNX Runtime.
    pub onnxruntime: String,
    /// Execution provider.
    pub provider: &'static str,
    /// Optimisation and determinism of the sessions.
    pub session: String,
}

/// The file of labels.
#[derive(Clone, Debug, Serialize)]
pub struct LabelsRecord {
    /// Where it is.
    pub file: PathBuf,
    /// Its digest.
    pub sha256: Digest,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Their labels, in the same order.
    pub values: Vec<i64>,
}

/// The encoder.
#[derive(Clone, Debug, Serialize)]
pub struct ModelRecord {
    /// Id in its manifest.
    pub id: String,
    /// True name.
    pub name: String,
    /// Digest of its file.
    pub sha256: Digest,
    /// Id of the tap.
    pub tap: String,
    /// The tap's tensor and what was taken of it.
    pub output: String,
    /// Images in one call.
    pub batch: usize,
}

/// How views were made.
#[derive(Clone, Debug, Serialize)]
pub struct AugmentationRecord {
    /// How many of every sample.
    pub views: u32,
    /// What decided them, beside the keys of the samples.
    pub seed: u64,
    /// Crops and flips.
    #[serde(flatten)]
    pub augmentation: ViewAugmentation,
}

/// The images.
#[derive(Clone, Debug, Serialize)]
pub struct ImagesRecord {
    /// Id of a data set, or path.
    pub source: String,
    /// Whether it is a data set of a manifest.
    pub is_dataset: bool,
    /// Which part.
    pub split: SplitChoice,
    /// At most so many.
    pub limit: Option<usize>,
    /// How many.
    pub count: usize,
    /// One digest over those of the images, in order.
    pub sha256: Digest,
}

/// What was written.
#[derive(Clone, Debug, Serialize)]
pub struct FeaturesWritten {
    /// The features.
    pub out: PathBuf,
    /// The file that says how they were made.
    pub record_file: PathBuf,
    /// What it says.
    #[serde(flatten)]
    pub record: FeaturesRecord,
}

impl FeaturesRecord {
    pub(super) fn new(
        extraction: &Extraction<'_>,
        images: &ChosenImages,
        (features_sha256, labels): (Digest, Option<LabelsRecord>),
    ) -> Self {
        let Extraction { encoder, inputs, layout, execution, .. } = extraction;
        Self {
            schema: SCHEMA,
            retally: env!("CARGO_PKG_VERSION"),
            features_sha256,
            shape: layout.shape(),
            axes: layout.axes(),
            dtype: "float32",
            labels,
            model: ModelRecord {
                id: encoder.model.id.clone(),
                name: encoder.model.name.clone(),
                sha256: encoder.digest,
                tap: encoder.tap.id.clone(),
                output: encoder.output_id(),
                batch: encoder.batch(),
            },
            preprocessing: inputs.id(),
            augmentation: inputs.view_maker().map(|views| AugmentationRecord {
                views: views.request.count.get(),
                seed: views.request.seed,
                augmentation: views.augmentation,
            }),
            images: ImagesRecord {
                source: images.source.clone(),
                is_dataset: images.is_dataset,
                split: images.split,
                limit: images.limit,
                count: images.set.count(),
                sha256: images.set.digest(),
            },
            onnxruntime: execution.library_id(),
            provider: execution.device.provider(),
            session: execution.session_id(),
        }
    }

    /// Writes the record.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn write(&self, path: &Path) -> Result<(), Failure> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| {
            Failure::invalid(format_args!("cannot write the record as JSON: {error}"))
        })?;
        bytes.push(b'\n');
        write_durably(path, &bytes)
    }
}
