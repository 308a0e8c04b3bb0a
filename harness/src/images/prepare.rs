//! The whole way from a raw sample to a model's input.

use super::canvas::{self, compose};
use super::decode::{self, Decoded};
use super::error::ImageError;
use super::float_resize::{self, FloatPlane, Scale};
use super::geometry::{GeometryError, Plan};
use super::mask::Mask;
use super::normalise::Normaliser;
use super::raster::{Raster, Rgb};
use super::reader::{Content, PixelLayout, RawSample};
use super::resize::{PILLOW_VERSION, Resampler, ResizeError, filter_name};
use retally_manifests::{
    Canvas, Dataset, FloatKernel, ImageLayout, MaskSource, ModelInput, Normalise, Resize,
};
use std::fmt::Write as _;

/// What is done to every image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    /// Background and margin; without it transparency is dropped.
    pub canvas: Option<Canvas>,
    /// Where the object mask comes from, if one is wanted.
    pub mask: Option<MaskSource>,
    /// Geometry.
    pub resize: Resize,
    /// 8-bit values to numbers.
    pub normalise: Normalise,
    /// Order of the axes.
    pub layout: ImageLayout,
}

/// What else came of a prepared sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The object mask at the canvas's resolution, if the recipe has one.
    pub mask: Option<Mask>,
}

/// Prepares samples by one recipe. Shared by threads.
#[derive(Debug)]
pub struct Preparer {
    recipe: Recipe,
    normaliser: Normaliser,
    resampler: Resampler,
}

impl Preparer {
    /// Checks a recipe.
    ///
    /// # Errors
    /// If its numbers are impossible whatever the image: an empty or too large size, a crop beyond the shorter side,
    /// normalisation by zero.
    pub fn new(recipe: Recipe) -> Result<Self, ImageError> {
        let normaliser = Normaliser::new(recipe.normalise, recipe.layout)?;
        let (width, height) = recipe.resize.output_size();
        // An image that has the output's size already fits every possible geometry.
        Plan::new(recipe.resize, width.max(1) as usize, height.max(1) as usize)
            .map_err(|error| ImageError::Preprocessing(error.to_string()))?;
        Ok(Self { recipe, normaliser, resampler: Resampler::default() })
    }

    /// The recipe that a manifest gives for a model and a data set.
    ///
    /// # Errors
    /// As [`Preparer::new`].
    pub fn for_model(input: &ModelInput, dataset: &Dataset) -> Result<Self, ImageError> {
        Self::new(Recipe {
            canvas: dataset.canvas,
            mask: dataset.mask,
            resize: input.resize,
            normalise: input.normalise,
            layout: input.layout,
        })
    }

    /// Names everything that decides the numbers; enters chunk keys and reports.
    #[must_use]
    pub fn id(&self) -> String {
        let Recipe { normalise, layout, .. } = self.recipe;
        let mut id = self.pixels_id();
        match normalise {
            Normalise::MeanStd { mean, std } => {
                append(&mut id, format_args!(";normalise=mean-std:{mean:?}/{std:?}"));
            }
            Normalise::OffsetDivisor { offset, divisor } => {
                append(&mut id, format_args!(";normalise=offset-divisor:{offset:?}/{divisor:?}"));
            }
        }
        id.push_str(match layout {
            ImageLayout::Nchw => ";layout=nchw",
            ImageLayout::Nhwc => ";layout=nhwc",
        });
        id.retain(|character| character != ' ');
        id
    }

    /// Names what decides the image before normalisation, and the mask.
    #[must_use]
    pub fn pixels_id(&self) -> String {
        let Recipe { canvas, mask, resize, .. } = self.recipe;
        let mut id = String::from(decode::DECODER_ID);
        match canvas {
            None => id.push_str(";canvas=none"),
            Some(Canvas { background: [red, green, blue], margin }) => append(
                &mut id,
                format_args!(
                    ";canvas={}:{red:02x}{green:02x}{blue:02x}+{margin}",
                    canvas::CANVAS_ID
                ),
            ),
        }
        match mask {
            None => id.push_str(";mask=none"),
            Some(MaskSource::Alpha { threshold }) => {
                append(&mut id, format_args!(";mask=alpha-{threshold}"))
            }
            Some(MaskSource::File) => id.push_str(";mask=file"),
        }
        append(&mut id, format_args!(";resize={}", resize_id(resize)));
        id
    }

    /// (width, height) of every prepared image.
    #[must_use]
    pub fn output_size(&self) -> (usize, usize) {
        let (width, height) = self.recipe.resize.output_size();
        (width as usize, height as usize)
    }

    /// Axes of one prepared image: [3, height, width] or [height, width, 3].
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        let (width, height) = self.output_size();
        match self.recipe.layout {
            ImageLayout::Nchw => [3, height, width],
            ImageLayout::Nhwc => [height, width, 3],
        }
    }

    /// Decodes, composes, resizes and normalises one sample into `out`, which holds as many numbers as [`Self::shape`]
    /// says.
    ///
    /// # Errors
    /// If the sample's bytes are no usable image or mask, or `out` is of another size.
    pub fn prepare(&self, sample: &RawSample, out: &mut [f32]) -> Result<Prepared, ImageError> {
        let expected = self.shape().iter().product();
        if out.len() != expected {
            return Err(ImageError::Buffer { expected, found: out.len() });
        }
        let (image, mask) = self.cropped(sample)?;
        let is_written = match self.recipe.resize {
            Resize::FloatStretch { width, height, kernel } => {
                let geometry = |source: ResizeError| ImageError::Geometry {
                    place: sample.place.clone(),
                    source: source.into(),
                };
                let size = (width as usize, height as usize);
                self.write_resized(&image, size, kernel, out).map_err(geometry)?
            }
            Resize::Stretch { .. } | Resize::ShorterSideCrop { .. } | Resize::AdmCrop { .. } => {
                self.normaliser.write(&image, out)
            }
        };
        if is_written {
            Ok(Prepared { mask })
        } else {
            Err(ImageError::Buffer { expected, found: out.len() })
        }
    }

    /// The 8-bit image before normalisation, and the mask.
    ///
    /// # Errors
    /// If the sample's bytes are no usable image or mask, or the recipe resizes in floating point: then there is no such
    /// image.
    pub fn pixels(&self, sample: &RawSample) -> Result<(Rgb, Option<Mask>), ImageError> {
        match self.recipe.resize {
            Resize::FloatStretch { .. } => {
                Err(ImageError::NoBytes { resize: resize_id(self.recipe.resize) })
            }
            Resize::Stretch { .. } | Resize::ShorterSideCrop { .. } | Resize::AdmCrop { .. } => {
                self.cropped(sample)
            }
        }
    }

    /// The image on its canvas, before anything is cut out or resized.
    ///
    /// # Errors
    /// If the sample's bytes are no usable image, or the canvas would be too large.
    pub fn composed(&self, sample: &RawSample) -> Result<Rgb, ImageError> {
        compose(decode_sample(sample)?, self.recipe.canvas)
            .map_err(|source| ImageError::Canvas { place: sample.place.clone(), source })
    }

    /// The numbers of an 8-bit image that has been resized, as [`Self::pixels`] gives it, perhaps changed since.
    ///
    /// # Errors
    /// If the image or `out` is of another size than [`Self::shape`] says.
    pub fn normalise(&self, image: &Rgb, out: &mut [f32]) -> Result<(), ImageError> {
        let expected = self.shape().iter().product();
        let size = (image.width(), image.height());
        if size != self.output_size() || out.len() != expected || !self.normaliser.write(image, out)
        {
            return Err(ImageError::Buffer { expected, found: out.len() });
        }
        Ok(())
    }

    /// Resizes channel by channel in floating point and normalises; `false` if `out` has another size.
    fn write_resized(
        &self,
        image: &Rgb,
        (width, height): (usize, usize),
        kernel: FloatKernel,
        out: &mut [f32],
    ) -> Result<bool, ResizeError> {
        let scale = match kernel {
            // Clipping to 0 to 255 is part of it.
            FloatKernel::PillowFloatBicubic => Scale::Byte,
            FloatKernel::Tf1Bilinear
            | FloatKernel::TorchBilinear
            | FloatKernel::TorchBilinearAntialias => self.normaliser.scale(),
        };
        for channel in 0..3 {
            let plane = FloatPlane::of_channel(image, channel, scale);
            let resized = float_resize::resize(&plane, width, height, kernel)?;
            if !self.normaliser.write_channel(channel, resized.values(), scale, out) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The image after the 8-bit part of the recipe, and the mask.
    fn cropped(&self, sample: &RawSample) -> Result<(Rgb, Option<Mask>), ImageError> {
        let image = decode_sample(sample)?;
        let mask = self.mask(sample, &image)?;
        let canvas = compose(image, self.recipe.canvas)
            .map_err(|source| ImageError::Canvas { place: sample.place.clone(), source })?;
        let geometry =
            |source: GeometryError| ImageError::Geometry { place: sample.place.clone(), source };
        let plan =
            Plan::new(self.recipe.resize, canvas.width(), canvas.height()).map_err(geometry)?;
        let margin = self.recipe.canvas.map_or(0, |canvas| canvas.margin);
        let mask = mask.map(|mask| mask.with_margin(margin).cropped(&plan));
        let image = plan.apply(canvas, &self.resampler).map_err(geometry)?;
        Ok((image, mask))
    }

    fn mask(&self, sample: &RawSample, image: &Decoded) -> Result<Option<Mask>, ImageError> {
        match self.recipe.mask {
            None => Ok(None),
            Some(MaskSource::Alpha { threshold }) => Ok(Some(Mask::from_alpha(image, threshold))),
            Some(MaskSource::File) => {
                let place = || sample.place.clone();
                let bytes = sample
                    .mask
                    .as_ref()
                    .ok_or_else(|| ImageError::MissingMask { place: place() })?;
                let mask = decode::decode(bytes).map_err(|source| ImageError::Decode {
                    place: format!("{}, its mask", place()),
                    source,
                })?;
                let mask = Mask::from_mask_image(&mask, image)
                    .map_err(|source| ImageError::MaskSize { place: place(), source })?;
                Ok(Some(mask))
            }
        }
    }
}

/// Pixels as they come out of the file, before any canvas.
///
/// # Errors
/// If the sample's bytes are no usable image.
pub fn decode_sample(sample: &RawSample) -> Result<Decoded, ImageError> {
    match &sample.content {
        Content::Encoded(bytes) => decode::decode(bytes)
            .map_err(|source| ImageError::Decode { place: sample.place.clone(), source }),
        Content::Pixels { layout, values } => {
            let PixelLayout { width, height, channels } = *layout;
            let values = match channels {
                1 => values.iter().flat_map(|&value| [value; 3]).collect(),
                _ => values.clone(),
            };
            let rgb = Raster::new(width, height, values).ok_or_else(|| ImageError::Decode {
                place: sample.place.clone(),
                source: decode::DecodeError::Size { width, height },
            })?;
            Ok(Decoded { rgb, alpha: None })
        }
    }
}

fn append(text: &mut String, part: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = text.write_fmt(part);
}

fn resize_id(resize: Resize) -> String {
    match resize {
        Resize::Stretch { width, height, filter } => {
            format!("pillow-{}/{PILLOW_VERSION}:stretch-{width}x{height}", filter_name(filter))
        }
        Resize::FloatStretch { width, height, kernel } => {
            format!("{}:stretch-{width}x{height}", float_resize::kernel_id(kernel))
        }
        Resize::ShorterSideCrop { shorter_side, crop, filter } => {
            format!(
                "pillow-{}/{PILLOW_VERSION}:shorter-side-{shorter_side}-crop-{crop}",
                filter_name(filter)
            )
        }
        Resize::AdmCrop { size } => format!("pillow-adm-crop/{PILLOW_VERSION}:{size}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retally_manifests::{Filter, FloatKernel};

    const RECIPE: Recipe = Recipe {
        canvas: Some(Canvas { background: [255, 255, 0], margin: 16 }),
        mask: Some(MaskSource::Alpha { threshold: 128 }),
        resize: Resize::Stretch { width: 4, height: 2, filter: Filter::Bicubic },
        normalise: Normalise::MeanStd { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
        layout: ImageLayout::Nchw,
    };

    fn float(kernel: FloatKernel) -> Recipe {
        Recipe { resize: Resize::FloatStretch { width: 4, height: 2, kernel }, ..RECIPE }
    }

    fn pixels(width: usize, height: usize, channels: usize) -> RawSample {
        let layout = PixelLayout { width, height, channels };
        let values = (0..layout.bytes().unwrap()).map(|value| value as u8).collect();
        RawSample {
            place: "here".to_owned(),
            content: Content::Pixels { layout, values },
            mask: None,
        }
    }

    #[test]
    fn the_id_names_every_step() {
        assert_eq!(
            Preparer::new(RECIPE).unwrap().id(),
            "jpeg=libjpeg-turbo;png=image-rs;rgb=pillow-convert/1;canvas=pillow-paste/1:ffff00+16;mask=alpha-128;\
             resize=pillow-bicubic/13:stretch-4x2;\
             normalise=mean-std:[0.485,0.456,0.406]/[0.229,0.224,0.225];layout=nchw"
        );
    }

    #[test]
    fn different_recipes_have_different_ids() {
        let stretch = |width, filter| Resize::Stretch { width, height: 2, filter };
        let recipes = [
            RECIPE,
            Recipe { canvas: None, ..RECIPE },
            Recipe { canvas: Some(Canvas { background: [0; 3], margin: 16 }), ..RECIPE },
            Recipe { canvas: Some(Canvas { background: [255, 255, 0], margin: 1 }), ..RECIPE },
            Recipe { mask: None, ..RECIPE },
            Recipe { mask: Some(MaskSource::File), ..RECIPE },
            Recipe { resize: stretch(5, Filter::Bicubic), ..RECIPE },
            Recipe { resize: stretch(4, Filter::Lanczos), ..RECIPE },
            Recipe { resize: Resize::AdmCrop { size: 4 }, ..RECIPE },
            float(FloatKernel::Tf1Bilinear),
            float(FloatKernel::PillowFloatBicubic),
            float(FloatKernel::TorchBilinear),
            float(FloatKernel::TorchBilinearAntialias),
            Recipe { normalise: Normalise::OffsetDivisor { offset: 0.0, divisor: 1.0 }, ..RECIPE },
            Recipe { layout: ImageLayout::Nhwc, ..RECIPE },
        ];
        let ids: std::collections::BTreeSet<String> =
            recipes.iter().map(|recipe| Preparer::new(*recipe).unwrap().id()).collect();
        assert_eq!(ids.len(), recipes.len());
    }

    #[test]
    fn impossible_recipes_are_refused_before_any_image() {
        let size = |width| Resize::Stretch { width, height: 2, filter: Filter::Box };
        for resize in [
            size(0),
            size(u32::MAX),
            Resize::FloatStretch { width: 0, height: 2, kernel: FloatKernel::TorchBilinear },
            Resize::ShorterSideCrop { shorter_side: 4, crop: 5, filter: Filter::Box },
            Resize::AdmCrop { size: 0 },
        ] {
            assert!(Preparer::new(Recipe { resize, ..RECIPE }).is_err(), "{resize:?}");
        }
    }

    #[test]
    fn raw_pixels_and_masks_go_the_whole_way() {
        let preparer = Preparer::new(RECIPE).unwrap();
        assert_eq!(preparer.shape(), [3, 2, 4]);
        let mut out = [f32::NAN; 24];
        let prepared = preparer.prepare(&pixels(3, 5, 1), &mut out).unwrap();
        assert!(out.iter().all(|number| number.is_finite()));
        assert_eq!(prepared.mask.unwrap().view().dim(), (5 + 32, 3 + 32));
        let error = preparer.prepare(&pixels(3, 5, 3), &mut out[1..]).unwrap_err();
        assert!(matches!(error, ImageError::Buffer { expected: 24, found: 23 }));
    }

    #[test]
    fn a_float_recipe_names_its_kernel_keeps_the_mask_and_has_no_bytes() {
        let preparer = Preparer::new(float(FloatKernel::Tf1Bilinear)).unwrap();
        assert!(preparer.id().contains(";resize=tf1-bilinear/1:stretch-4x2;"), "{}", preparer.id());
        let mut out = [f32::NAN; 24];
        let prepared = preparer.prepare(&pixels(3, 5, 3), &mut out).unwrap();
        assert!(out.iter().all(|number| number.is_finite()));
        assert_eq!(prepared.mask.unwrap().view().dim(), (5 + 32, 3 + 32));
        assert!(preparer.prepare(&pixels(3, 5, 3), &mut out[1..]).is_err());
        let error = preparer.pixels(&pixels(3, 5, 3)).unwrap_err().to_string();
        assert!(error.contains("tf1-bilinear") && error.contains("--raw"), "{error}");
    }

    #[test]
    fn a_missing_or_misfitting_mask_file_is_an_error() {
        let preparer = Preparer::new(Recipe { mask: Some(MaskSource::File), ..RECIPE }).unwrap();
        let error = preparer.pixels(&pixels(3, 5, 3)).unwrap_err();
        assert!(matches!(error, ImageError::MissingMask { .. }));
        let sample = RawSample { mask: Some(b"no image".to_vec()), ..pixels(3, 5, 3) };
        assert!(preparer.pixels(&sample).unwrap_err().to_string().contains("its mask"));
    }
}
