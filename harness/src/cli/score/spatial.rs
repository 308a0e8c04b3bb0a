//! `retally score spatial`.

use crate::arrays::ArrayFile;
use crate::failure::Failure;
use crate::threads::Threads;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use ndarray::ArrayView2;
use rayon::prelude::*;
use retally_metrics::Measurement;
use retally_metrics::spatial::{
    Definition, ImageScores, KeptImages, Lattice, SpatialOptions, SpatialScorer, pool_mask,
    summarise,
};
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Images that one task reads and scores, one after another.
const IMAGES_PER_TASK: usize = 32;

#[derive(Debug, Args)]
pub(super) struct SpatialArguments {
    /// Patch tokens [N, T, D] or [N, rows, columns, D], without class or register tokens: `.npy`, `.safetensors` or
    /// `FILE.safetensors#TENSOR`.
    #[arg(long, value_name = "FILE")]
    features: PathBuf,
    /// Rows and columns of the tokens, for example 16x16.
    #[arg(long, value_name = "ROWSxCOLUMNS")]
    grid: Lattice,
    /// Object masks for SRSS, not 0 on the object: pixels [N, H, W] or tokens [N, T].
    #[arg(long, value_name = "FILE")]
    masks: Option<PathBuf>,
    /// Whose constants: the released code's, which made the paper's figure, or the paper's text.
    #[arg(long, default_value = "code", value_parser = definition_parser())]
    definition: Definition,
    /// Leave images out of SRSS whose object or background has less than this share of the tokens. The released code
    /// has 0.25.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    minimum_share: f64,
    /// Threads; the result does not depend on them. Default: all cores.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

fn definition_parser() -> impl TypedValueParser<Value = Definition> {
    let parser = PossibleValuesParser::new(["code", "paper"]);
    parser.map(|name| if name == "paper" { Definition::Paper } else { Definition::Code })
}

pub(super) fn run(arguments: &SpatialArguments) -> Result<Vec<Measurement>, Failure> {
    let lattice = arguments.grid;
    let kept_images = KeptImages {
        minimum_foreground_share: arguments.minimum_share,
        minimum_background_share: arguments.minimum_share,
    };
    let options = SpatialOptions::of(arguments.definition, lattice).with_kept_images(kept_images);
    // Options that fit no lattice are reported before any file is read.
    SpatialScorer::new(lattice, options)?;
    let features = ArrayFile::open(&arguments.features)?;
    let masks = arguments.masks.as_ref().map(|path| ArrayFile::open(path)).transpose()?;
    let job =
        Job { lattice, options, images: check_features(&features, lattice)?, features, masks };
    job.check_masks()?;

    let threads = Threads::new(arguments.threads)?;
    let tasks = job.images.div_ceil(IMAGES_PER_TASK);
    // Collected in order, so that the mean is summed in order and of several bad images the first is reported.
    let scores: Vec<_> =
        threads.install(|| (0..tasks).into_par_iter().map(|task| job.score(task)).collect());
    let scores: Vec<Vec<ImageScores>> = scores.into_iter().collect::<Result<_, Failure>>()?;
    Ok(summarise(&scores.concat(), &options))
}

struct Job {
    lattice: Lattice,
    options: SpatialOptions,
    images: usize,
    features: ArrayFile,
    masks: Option<ArrayFile>,
}

/// The number of images.
fn check_features(features: &ArrayFile, lattice: Lattice) -> Result<usize, Failure> {
    let fits = match *features.shape() {
        [_, tokens, _] => tokens == lattice.tokens(),
        [_, rows, columns, _] => (rows, columns) == (lattice.rows, lattice.columns),
        _ => false,
    };
    if fits {
        return Ok(features.shape()[0]);
    }
    let Lattice { rows, columns } = lattice;
    let expected = format!(
        "[N, {}, D] or [N, {rows}, {columns}, D] for a {rows}x{columns} grid",
        lattice.tokens()
    );
    Err(features.wrong_shape(expected).into())
}

impl Job {
    fn check_masks(&self) -> Result<(), Failure> {
        let Some(masks) = &self.masks else { return Ok(()) };
        let tokens = self.lattice.tokens();
        let fits = match *masks.shape() {
            [images, values] => images == self.images && values == tokens,
            [images, height, width] => images == self.images && height > 0 && width > 0,
            _ => false,
        };
        if fits {
            return Ok(());
        }
        let images = self.images;
        let expected = format!(
            "[{images}, H, W] or [{images}, {tokens}], one mask for each of the {images} images,"
        );
        Err(masks.wrong_shape(expected).into())
    }

    /// The scores of the images of one task, read through file handles of its own.
    fn score(&self, task: usize) -> Result<Vec<ImageScores>, Failure> {
        let mut features = self.features.reopen()?;
        let mut masks = self.masks.as_ref().map(ArrayFile::reopen).transpose()?;
        let mut scorer = SpatialScorer::new(self.lattice, self.options)?;
        let mut values = Vec::new();
        let start = task * IMAGES_PER_TASK;
        let images = start..self.images.min(start + IMAGES_PER_TASK);
        images
            .map(|image| {
                features.read_f32(image..image + 1, &mut values)?;
                let tokens = self.lattice.tokens();
                let tokens = ArrayView2::from_shape((tokens, values.len() / tokens), &values)
                    .map_err(|error| Failure::invalid(format_args!("image {image}: {error}")))?;
                let mask = masks.as_mut().map(|masks| self.mask(masks, image)).transpose()?;
                scorer.score(tokens, mask.as_deref()).map_err(|error| {
                    Failure::invalid(format_args!("image {image} (counted from 0): {error}"))
                })
            })
            .collect()
    }

    fn mask(&self, masks: &mut ArrayFile, image: usize) -> Result<Vec<bool>, Failure> {
        let flags = masks.read_flags(image..image + 1)?;
        match *masks.shape() {
            [_, height, width] => Ok(pool_mask(&flags, height, width, self.lattice)?),
            _ => Ok(flags),
        }
    }
}
