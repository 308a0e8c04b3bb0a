//! The augmented views of an image: which parameters, which pixels, which numbers the encoder takes.

use crate::failure::Failure;
use crate::images::augment::{ColourJitter, Draw, Photometric, PhotometricParameters};
use crate::images::prepare::Preparer;
use crate::images::raster::Rgb;
use crate::images::reader::RawSample;
use retally_manifests::{Dataset, ModelInput};
use retally_suites::miniature::{Direction, RetrievalPlan, ViewFamily};

/// Makes the views of images. The same image, seed and number give the same view, whoever asks for it.
#[derive(Debug)]
pub(crate) struct ViewMaker {
    preparer: Preparer,
    family: Photometric,
    seed: u64,
}

/// The views of one image, ready for encoders.
pub(super) struct ImageViews {
    /// The clean image's numbers.
    pub(super) clean: Vec<f32>,
    /// The bank's numbers, one image after the other.
    pub(super) bank: Vec<f32>,
    /// What was done to each member of the bank.
    pub(super) parameters: Vec<PhotometricParameters>,
    neutral: PhotometricParameters,
}

impl ImageViews {
    /// Members of the bank.
    pub(super) fn count(&self) -> usize {
        self.parameters.len()
    }

    /// What is done to the clean image: nothing.
    pub(super) fn neutral(&self) -> &PhotometricParameters {
        &self.neutral
    }
}

impl ViewMaker {
    /// Views for encoders with this input.
    ///
    /// # Errors
    /// If the preprocessing is not possible.
    pub(crate) fn new(
        input: &ModelInput,
        dataset: &Dataset,
        (family, seed): (ViewFamily, u64),
    ) -> Result<Self, Failure> {
        Self::of_family(input, dataset, (photometric(family), seed))
    }

    /// Views of any distribution.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) fn of_family(
        input: &ModelInput,
        dataset: &Dataset,
        (family, seed): (Photometric, u64),
    ) -> Result<Self, Failure> {
        // No mask is needed, and a data set without one must do.
        let dataset = Dataset { mask: None, ..dataset.clone() };
        let preparer = Preparer::for_model(input, &dataset)?;
        Ok(Self { preparer, family, seed })
    }

    /// Id of every step from a file to the encoder's numbers, augmentation aside.
    pub(crate) fn preprocessing(&self) -> String {
        self.preparer.id()
    }

    /// The distribution of the parameters.
    pub(crate) fn family(&self) -> &Photometric {
        &self.family
    }

    /// Seed of the parameters.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// The clean image at the encoder's size, before its numbers are normalised.
    ///
    /// # Errors
    /// If it cannot be decoded or resized.
    pub(crate) fn clean(&self, sample: &RawSample) -> Result<Rgb, Failure> {
        Ok(self.preparer.pixels(sample)?.0)
    }

    /// What is done to member `number` of the bank of the image with this key. Towards the clean image, member 0 is the clean
    /// image.
    pub(crate) fn parameters(
        &self,
        key: &str,
        number: usize,
        direction: Direction,
    ) -> PhotometricParameters {
        if direction == Direction::VariantToClean && number == 0 {
            return PhotometricParameters::default();
        }
        let purpose = format!("world model view of {key}");
        // A bank has at most 2^32 members, as its size is a u32.
        let view = number as u32;
        self.family.draw(&Draw { seed: self.seed, purpose: &purpose, sample: 0, view })
    }

    /// The bank of one image.
    ///
    /// # Errors
    /// If the image cannot be used.
    pub(super) fn of_image(
        &self,
        key: &str,
        sample: &RawSample,
        plan: &RetrievalPlan,
    ) -> Result<ImageViews, Failure> {
        let image = self.clean(sample)?;
        let size: usize = self.preparer.shape().iter().product();
        let mut clean = vec![0.0; size];
        self.preparer.normalise(&image, &mut clean)?;
        let mut bank = vec![0.0; size * plan.bank as usize];
        let mut parameters = Vec::with_capacity(plan.bank as usize);
        for (number, numbers) in bank.chunks_exact_mut(size).enumerate() {
            let of_view = self.parameters(key, number, plan.direction);
            self.preparer.normalise(&of_view.apply(&image), numbers)?;
            parameters.push(of_view);
        }
        Ok(ImageViews { clean, bank, parameters, neutral: PhotometricParameters::default() })
    }
}

fn photometric(family: ViewFamily) -> Photometric {
    match family {
        ViewFamily::JitterAlways => Photometric::jitter_alone(ColourJitter::iwm().always()),
        ViewFamily::Jitter => Photometric::iwm_target(),
        ViewFamily::JitterAndDestructive => Photometric::iwm_source(),
    }
}
