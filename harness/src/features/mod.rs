//! An encoder's features of images, written as `retally score probe` reads them.
//!
//! ```text
//! images (data set or path) ─► inputs (preprocessing, or a view) ─► chunks (network, stored) ─► one .npy, labels, a record
//! ```
//!
//! Row `n * V + v` is view v of sample n, whatever the number of threads: a view is named by (seed, key of the sample, v).

mod chunks;
mod encoder;
mod images;
mod inputs;
mod layout;
mod output;
mod record;

pub(crate) use images::open_dataset;
pub use images::{ImageChoice, SplitChoice};
pub use inputs::ViewRequest;
pub use record::{FeaturesRecord, FeaturesWritten};

use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::onnx::device::Device;
use crate::pipeline::Execution;
use crate::threads::Threads;
use chunks::Extraction;
use encoder::Encoder;
use images::ChosenImages;
use inputs::Inputs;
use layout::Layout;
use output::OutputFiles;
use std::num::NonZeroUsize;
use std::path::Path;

/// What features are wanted of.
#[derive(Clone, Debug)]
pub struct FeaturesRequest<'a> {
    /// The images.
    pub images: ImageChoice<'a>,
    /// Id of the model in a manifest.
    pub model: &'a str,
    /// Id of its tap; the last if none is named.
    pub tap: Option<&'a str>,
    /// Every patch token, instead of their mean.
    pub tokens: bool,
    /// Augmented views; without them the model's own preprocessing.
    pub views: Option<ViewRequest>,
    /// The `.npy` to write.
    pub out: &'a Path,
    /// Where the model runs.
    pub device: Device,
    /// Threads; all cores if none are named. They change no bit.
    pub threads: Option<NonZeroUsize>,
}

/// Computes and writes features, the labels of the images where they have classes, and a record of how they were made.
///
/// # Errors
/// Bad input, a model that does not fit its manifest, a full disk, an interruption. Finished chunks stay stored until the
/// features are written.
pub fn write_features(
    request: &FeaturesRequest<'_>,
    context: &Context,
) -> Result<FeaturesWritten, Failure> {
    interrupt::listen()?;
    let files = OutputFiles::beside(request.out)?;
    let encoder = Encoder::find(request.model, request.tap, request.tokens, context)?;
    let threads = Threads::new(request.threads)?;
    let images = threads.install(|| ChosenImages::open(&request.images, context))?;
    files.refuse_stale_labels(images.labels().is_some())?;
    let inputs = Inputs::new(&encoder.model.input, images.canvas, request.views)?;
    let layout = Layout::new(images.set.count(), inputs.views(), &encoder.axes()?)?;
    let execution = Execution {
        library: context.onnxruntime()?,
        device: request.device,
        threads: threads.count(),
        fast: false,
    };
    let extraction = Extraction {
        encoder: &encoder,
        inputs: &inputs,
        images: &images.set,
        layout: &layout,
        execution: &execution,
        folder: context.store()?.features_path(),
        progress: &context.progress,
    };
    let stored = extraction.run()?;
    let features_sha256 = output::write_features(&files.features, &layout, &stored)?;
    let labels = images.labels().map(|labels| files.write_labels(labels)).transpose()?;
    let record = FeaturesRecord::new(&extraction, &images, (features_sha256, labels));
    record.write(&files.record)?;
    stored.remove();
    Ok(FeaturesWritten { out: files.features, record_file: files.record, record })
}
