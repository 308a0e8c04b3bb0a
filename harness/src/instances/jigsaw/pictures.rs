//! Where the pictures of jigsaws come from.

use super::cut::{Jigsaw, PICTURE};
use super::scene::Scene;
use crate::context::Context;
use crate::failure::Failure;
use crate::features::open_dataset;
use crate::images::canvas::compose;
use crate::images::prepare::decode_sample;
use crate::images::raster::{Rgb, Window};
use crate::images::reader::{ImageSource, open_path};
use crate::images::resize::Resampler;
use crate::instances::manifest::{PicturesIdentity, UnusableImage};
use retally_manifests::{Canvas, Digest, Filter, Hasher};
use retally_metrics::random::Stream;
use std::collections::HashSet;
use std::path::Path;

/// The shipped images.
const EMOJI: &str = "noto-emoji";
/// Scenes are drawn again until one is well posed; most are.
const MAX_SCENES: u64 = 200;
/// An image of the user has so many pixels on its shorter side at least: half of what the picture has.
const LEAST_SIDE: usize = PICTURE / 2;
/// Behind transparent pixels of the user's images.
const WHITE: Canvas = Canvas { background: [u8::MAX; 3], margin: 0 };

/// Pictures that jigsaws are cut from, in an order fixed by the seed.
pub(in crate::instances) struct Pictures {
    seed: u64,
    source: Box<dyn ImageSource>,
    kind: Kind,
    identity: PicturesIdentity,
    resampler: Resampler,
    made: u64,
    unusable: Vec<UnusableImage>,
}

enum Kind {
    Scenes,
    /// Indices of the images that are left, the next one last, and how many were taken.
    Images {
        left: Vec<usize>,
        taken: u64,
    },
}

impl Pictures {
    /// The user's images, or scenes of the shipped emoji.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(in crate::instances) fn open(
        images: Option<&Path>,
        seed: u64,
        context: &Context,
    ) -> Result<Self, Failure> {
        let source = match images {
            Some(path) => open_path(path)?,
            None => open_dataset(context.manifest.dataset(EMOJI)?, context)?,
        };
        let digests: Vec<Digest> = (0..source.catalogue().len())
            .map(|index| Ok(source.read(index)?.digest()))
            .collect::<Result<_, Failure>>()?;
        let mut hasher = Hasher::new();
        for digest in &digests {
            hasher.update(digest.as_bytes());
        }
        let sha256 = hasher.finish();
        let (kind, name, licence) = match images {
            None => {
                (Kind::Scenes, "scenes of Noto emoji v2.048, by Google", "Apache-2.0 (the emoji)")
            }
            Some(_) => (
                Kind::Images { left: shuffled(seed, &digests), taken: 0 },
                "images given with --images",
                "that of the images, which retally does not know",
            ),
        };
        let identity =
            PicturesIdentity { source: name.to_owned(), licence: licence.to_owned(), sha256 };
        Ok(Self {
            seed,
            source,
            kind,
            identity,
            resampler: Resampler::default(),
            made: 0,
            unusable: Vec::new(),
        })
    }

    /// What decides the pictures, beside the seed.
    pub(in crate::instances) fn identity(&self) -> &PicturesIdentity {
        &self.identity
    }

    /// Images that made no well-posed jigsaw.
    pub(in crate::instances) fn into_unusable(self) -> Vec<UnusableImage> {
        self.unusable
    }

    /// The next jigsaw.
    ///
    /// # Errors
    /// If no image is left, or one cannot be read.
    pub(in crate::instances) fn next_jigsaw(&mut self) -> Result<Jigsaw, Failure> {
        let jigsaw = match self.kind {
            Kind::Scenes => self.next_scene()?,
            Kind::Images { .. } => self.next_image()?,
        };
        self.made += 1;
        Ok(jigsaw)
    }

    fn next_scene(&mut self) -> Result<Jigsaw, Failure> {
        let mut random = Stream::new(self.seed, "uni-mmmu/jigsaw/scene", self.made);
        let infos = self.source.catalogue().samples();
        for _ in 0..MAX_SCENES {
            let scene = Scene::draw(&mut random, infos.len());
            let picture = scene
                .paint(&self.resampler, |index| Ok(decode_sample(&self.source.read(index)?)?))?;
            let placed = scene.placed.iter();
            let names = placed.map(|placed| infos[placed.emoji].key.clone()).collect();
            if let Ok(jigsaw) = Jigsaw::cut(picture, names, &mut random)? {
                return Ok(jigsaw);
            }
        }
        Err(Failure::invalid(format_args!(
            "no well-posed jigsaw was found for seed {}, number {}: please report this",
            self.seed, self.made
        )))
    }

    fn next_image(&mut self) -> Result<Jigsaw, Failure> {
        loop {
            let Kind::Images { left, taken } = &mut self.kind else { return self.next_scene() };
            let Some(index) = left.pop() else { return Err(self.too_few()) };
            let mut random = Stream::new(self.seed, "uni-mmmu/jigsaw/image", *taken);
            *taken += 1;
            let name = self.source.catalogue().samples()[index].key.clone();
            let reason = match self.square_picture(index)? {
                Err(reason) => reason,
                Ok(picture) => match Jigsaw::cut(picture, vec![name.clone()], &mut random)? {
                    Ok(jigsaw) => return Ok(jigsaw),
                    Err(fault) => fault.to_string(),
                },
            };
            self.unusable.push(UnusableImage { image: name, reason });
        }
    }

    /// The central square of an image, resized; or why it is too small.
    fn square_picture(&self, index: usize) -> Result<Result<Rgb, String>, Failure> {
        let sample = self.source.read(index)?;
        let within = |error: String| Failure::invalid(format_args!("{}: {error}", sample.place));
        let image = compose(decode_sample(&sample)?, Some(WHITE))
            .map_err(|error| within(error.to_string()))?;
        let (width, height) = (image.width(), image.height());
        let side = width.min(height);
        if side < LEAST_SIDE {
            return Ok(Err(format!(
                "{width}x{height} pixels are fewer than {LEAST_SIDE} on a side"
            )));
        }
        let window = Window {
            left: (width - side) / 2,
            top: (height - side) / 2,
            width: side,
            height: side,
        };
        let square = image.crop(window).ok_or_else(|| within("it has no pixels".to_owned()))?;
        let resized = self.resampler.resize(&square, PICTURE, PICTURE, Filter::Bicubic);
        Ok(Ok(resized.map_err(|error| within(error.to_string()))?))
    }

    fn too_few(&self) -> Failure {
        let reasons: Vec<String> = self
            .unusable
            .iter()
            .take(3)
            .map(|image| format!("`{}`: {}", image.image, image.reason))
            .collect();
        let reasons = if reasons.is_empty() {
            String::new()
        } else {
            format!(" ({} others do not: {})", self.unusable.len(), reasons.join("; "))
        };
        Failure::invalid(format_args!(
            "--images: {} different images make a well-posed jigsaw{reasons}, and more are asked for; give more images, or a smaller --count",
            self.made
        ))
    }
}

/// Random order, the next one last; of equal images the first is kept.
fn shuffled(seed: u64, digests: &[Digest]) -> Vec<usize> {
    let mut seen = HashSet::new();
    let mut order: Vec<usize> =
        (0..digests.len()).filter(|&index| seen.insert(digests[index])).collect();
    Stream::new(seed, "uni-mmmu/jigsaw/order", 0).shuffle(&mut order);
    order
}
