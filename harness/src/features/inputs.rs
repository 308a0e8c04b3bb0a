//! From samples to the inputs of an encoder: its own preprocessing, or augmented views.

use crate::failure::Failure;
use crate::generation::image_set::ImageSet;
use crate::images::augment::{Draw, Probability, RandomResizedCrop, ViewAugmentation};
use crate::images::mask::Mask;
use crate::images::prepare::{Preparer, Recipe};
use crate::images::raster::Rgb;
use crate::images::resize::Resampler;
use crate::pipeline::chunk_job;
use retally_manifests::{Canvas, Digest, Filter, Hasher, ModelInput, Resize};
use std::num::NonZeroU32;
use std::ops::Range;

/// Areas of the crops, as parts of the image's: those of linear probes.
const SCALE: [f64; 2] = [0.08, 1.0];
const FLIP: f64 = 0.5;

/// Augmented views of every sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewRequest {
    /// How many.
    pub count: NonZeroU32,
    /// Decides them.
    pub seed: u64,
}

/// Makes inputs. Shared by threads.
pub(super) struct Inputs {
    preparer: Preparer,
    views: Option<Views>,
}

/// How views are made.
pub(super) struct Views {
    /// What was asked for.
    pub(super) request: ViewRequest,
    /// Crops and flips.
    pub(super) augmentation: ViewAugmentation,
    filter: Filter,
    resampler: Resampler,
}

impl Inputs {
    /// Inputs of a model, of images on a canvas.
    ///
    /// # Errors
    /// If the model's preprocessing is not possible, or has no 8-bit image that a view could be.
    pub(super) fn new(
        input: &ModelInput,
        canvas: Option<Canvas>,
        views: Option<ViewRequest>,
    ) -> Result<Self, Failure> {
        let views = views.map(|request| Views::new(request, input.resize)).transpose()?;
        let resize = match &views {
            None => input.resize,
            // What is done to the window of a view.
            Some(views) => {
                let (width, height) = input.resize.output_size();
                Resize::Stretch { width, height, filter: views.filter }
            }
        };
        let ModelInput { normalise, layout, .. } = *input;
        let preparer = Preparer::new(Recipe { canvas, mask: None, resize, normalise, layout })?;
        Ok(Self { preparer, views })
    }

    /// How many views a sample has, if views are made.
    pub(super) fn views(&self) -> Option<usize> {
        self.views.as_ref().map(|views| views.request.count.get() as usize)
    }

    /// How views are made.
    pub(super) fn view_maker(&self) -> Option<&Views> {
        self.views.as_ref()
    }

    /// Id of every step from a file to the model's numbers; a view's window is drawn and cut before the resize.
    pub(super) fn id(&self) -> String {
        let id = self.preparer.id();
        match &self.views {
            None => id,
            Some(Views { request, augmentation, .. }) => {
                format!("{id};view={};seed={}", augmentation.id(), request.seed)
            }
        }
    }

    /// Axes of one input.
    pub(super) fn shape(&self) -> [usize; 3] {
        self.preparer.shape()
    }

    /// Digest of what decides a row beside [`Inputs::id`].
    pub(super) fn digest(&self, images: &ImageSet, row: usize) -> Digest {
        let Some(views) = self.views() else { return images.digests()[row] };
        let (sample, view) = (row / views, row % views);
        let mut hasher = Hasher::new();
        hasher.update(images.digests()[sample].as_bytes());
        hasher.update(&(view as u64).to_le_bytes());
        hasher.update(images.key(sample).as_bytes());
        hasher.finish()
    }

    /// Writes the inputs of some rows one after the other. A sample is decoded once for its consecutive views.
    ///
    /// # Errors
    /// If an image cannot be used, or has changed since its digest was taken.
    pub(super) fn write(
        &self,
        images: &ImageSet,
        rows: Range<usize>,
        out: &mut [f32],
    ) -> Result<Vec<Option<Mask>>, Failure> {
        let read = |index| images.read_again(index);
        let Some(views) = &self.views else {
            return chunk_job::prepare_each(&self.preparer, read, rows, out);
        };
        let count = views.request.count.get() as usize;
        let one: usize = self.shape().iter().product();
        let mut masks = Vec::with_capacity(rows.len());
        let mut decoded: Option<(usize, Rgb)> = None;
        for (row, target) in rows.zip(out.chunks_exact_mut(one)) {
            let (sample, view) = (row / count, row % count);
            let image = match decoded.take().filter(|(of, _)| *of == sample) {
                Some((_, image)) => image,
                None => self.preparer.composed(&read(sample)?)?,
            };
            let key = images.key(sample);
            // There are at most as many views as a u32 counts.
            let made = views.make(&image, key, view as u32, self.preparer.output_size())?;
            self.preparer.normalise(&made, target)?;
            masks.push(None);
            decoded = Some((sample, image));
        }
        Ok(masks)
    }
}

impl Views {
    fn new(request: ViewRequest, resize: Resize) -> Result<Self, Failure> {
        let filter = match resize {
            Resize::Stretch { filter, .. } | Resize::ShorterSideCrop { filter, .. } => filter,
            // The filter of its last step.
            Resize::AdmCrop { .. } => Filter::Bicubic,
            Resize::FloatStretch { .. } => {
                return Err(Failure::invalid(
                    "--views makes 8-bit crops with one of Pillow's filters, and this model resizes in floating point \
                     (`float-stretch`): leave --views out, or describe the model with the resize `stretch` in a manifest of \
                     your own",
                ));
            }
        };
        let crop = RandomResizedCrop::new(SCALE, RandomResizedCrop::USUAL_RATIO)
            .map_err(Failure::invalid)?;
        let flip = Probability::new(FLIP).map_err(Failure::invalid)?;
        let augmentation = ViewAugmentation { crop, flip };
        Ok(Self { request, augmentation, filter, resampler: Resampler::default() })
    }

    /// View number `view` of the image with this key.
    fn make(
        &self,
        image: &Rgb,
        key: &str,
        view: u32,
        size: (usize, usize),
    ) -> Result<Rgb, Failure> {
        let purpose = format!("feature view of {key}");
        let draw = Draw { seed: self.request.seed, purpose: &purpose, sample: 0, view };
        let parameters = self.augmentation.draw(&draw, image.width(), image.height());
        parameters.apply(image, size, self.filter, &self.resampler).map_err(|error| {
            Failure::invalid(format_args!("view {view} of image `{key}`: {error}"))
        })
    }
}
