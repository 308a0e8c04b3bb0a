//! `retally tokenizer fit`: the basis of an image set's patches.

use super::basis_file::{BasisFile, BasisOrigin, PatchChoice};
use super::images::{PIXEL_SCALE, PatchImages};
use crate::context::Context;
use crate::failure::Failure;
use crate::images::reader::{self, RawSample};
use crate::threads::Threads;
use ndarray::{Array2, ArrayView3};
use rayon::prelude::*;
use retally_manifests::{Canvas, Digest, Hasher, Resize};
use retally_metrics::tokenizer::{Centring, PatchPca, PatchPlace, PatchStream, draw_patches};
use serde::Serialize;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// Most random patches: their places are in memory together.
const MOST_PATCHES: u64 = 1 << 24;

/// What is fitted to what.
#[derive(Clone, Debug)]
pub struct FitRequest<'a> {
    /// The images.
    pub images: &'a Path,
    /// The `.npz` to write.
    pub out: &'a Path,
    /// Side of a patch.
    pub patch: usize,
    /// What is put behind transparent pixels.
    pub canvas: Option<Canvas>,
    /// How images are brought to one size.
    pub resize: Resize,
    /// What patches are measured from.
    pub centring: Centring,
    /// Which patches are taken.
    pub choice: PatchChoice,
    /// Cores to use; all by default.
    pub threads: Option<NonZeroUsize>,
}

/// What was written.
#[derive(Clone, Debug, Serialize)]
pub struct Fitted {
    /// The `.npz`.
    pub out: PathBuf,
    /// Its digest.
    pub sha256: Digest,
    /// The file that says how it was made.
    pub provenance: PathBuf,
    /// Images that were read.
    pub images: u64,
    /// Patches that were fitted.
    pub patches: u64,
    /// Numbers of a patch.
    pub dimensions: usize,
    /// Directions along which the patches vary.
    pub rank: usize,
    /// Sum of the eigenvalues.
    pub total: f64,
}

/// Fits a basis and writes it.
///
/// # Errors
/// Bad input, or files that cannot be written.
pub fn fit(request: &FitRequest<'_>, context: &Context) -> Result<Fitted, Failure> {
    super::check_out(request.out, "npz")?;
    let images = PatchImages::new(request.canvas, request.resize, request.patch)?;
    let threads = Threads::new(request.threads)?;
    let source = reader::open_path(request.images)?;
    let all: Vec<usize> = (0..source.catalogue().len()).collect();
    let read = |index: usize| -> Result<RawSample, Failure> { Ok(source.read(index)?) };
    let (pca, digest) =
        fit_patches(&images, (&all, &read), request.choice, request.centring, (&threads, context))?;
    let origin = fitted_origin(
        &images,
        (request.canvas, request.resize),
        request.choice,
        &pca,
        (all.len() as u64, digest),
    );
    let written = BasisFile::write(request.out, pca, origin)?;
    Ok(Fitted {
        out: request.out.to_owned(),
        sha256: written.sha256,
        provenance: super::basis_file::path_beside(request.out),
        images: all.len() as u64,
        patches: written.pca.patches(),
        dimensions: written.pca.dimensions(),
        rank: written.pca.rank(),
        total: written.pca.fitted_error(0),
    })
}

/// What is to be said of a basis that was fitted to so many images of this digest.
pub(crate) fn fitted_origin(
    images: &PatchImages,
    (canvas, resize): (Option<Canvas>, Resize),
    choice: PatchChoice,
    pca: &PatchPca,
    (count, images_sha256): (u64, Digest),
) -> BasisOrigin {
    let (schema, retally) = BasisOrigin::stamp();
    BasisOrigin {
        schema,
        retally,
        patch: images.grid().patch(),
        centring: pca.centring(),
        choice,
        patches: pca.patches(),
        canvas,
        resize,
        preprocessing: images.pixels_id(),
        pixels: PIXEL_SCALE.to_owned(),
        images: count,
        images_sha256,
    }
}

/// The basis of the images with these indices, in this order, and one digest over all of them. No number depends on threads.
///
/// # Errors
/// Samples that are no images; more random patches than fit into memory.
pub(crate) fn fit_patches(
    images: &PatchImages,
    (indices, read): (&[usize], &(dyn Fn(usize) -> Result<RawSample, Failure> + Sync)),
    choice: PatchChoice,
    centring: Centring,
    (threads, context): (&Threads, &Context),
) -> Result<(PatchPca, Digest), Failure> {
    let places = places(images, indices.len(), choice)?;
    let mut stream = PatchStream::new(images.grid().dimensions())?;
    let mut hasher = Hasher::new();
    let mut job = context.progress.job("patches", indices.len() as u64, "images");
    for start in (0..indices.len()).step_by(images.at_a_time()) {
        let some = start..indices.len().min(start + images.at_a_time());
        let patches = threads.install(|| {
            some.clone()
                .into_par_iter()
                .map(|position| {
                    let sample = read(indices[position])?;
                    let patches = match &places {
                        None => images.grid().patches(&images.planes(&sample)?)?,
                        Some(places) => {
                            crops(images, &images.planes(&sample)?, of_image(places, position))
                        }
                    };
                    Ok((sample.digest(), patches))
                })
                .collect::<Result<Vec<_>, Failure>>()
        })?;
        for (digest, patches) in patches {
            hasher.update(digest.as_bytes());
            stream.push(patches.view(), threads)?;
        }
        job.advance(some.len() as u64);
    }
    job.finish();
    Ok((stream.finish(centring, threads)?, hasher.finish()))
}

/// Where random patches are; `None` for all of the grid.
fn places(
    images: &PatchImages,
    count: usize,
    choice: PatchChoice,
) -> Result<Option<Vec<PatchPlace>>, Failure> {
    let PatchChoice::Random { count: patches, seed } = choice else { return Ok(None) };
    if patches > MOST_PATCHES {
        return Err(Failure::invalid(format_args!(
            "{patches} random patches are too many: take at most {MOST_PATCHES}, or all of the grid"
        )));
    }
    let (width, height) = images.grid().size();
    let places =
        draw_patches(patches as usize, images.grid().patch(), (count, width, height), seed)?;
    Ok(Some(places))
}

/// Those of one image; places are sorted by image.
fn of_image(places: &[PatchPlace], image: usize) -> &[PatchPlace] {
    let start = places.partition_point(|place| place.image < image);
    let end = places.partition_point(|place| place.image <= image);
    &places[start..end]
}

/// Patches at any place of an image, [places, D].
fn crops(images: &PatchImages, planes: &[f64], places: &[PatchPlace]) -> Array2<f64> {
    let (grid, (width, height)) = (images.grid(), images.grid().size());
    let mut patches = Array2::zeros((places.len(), grid.dimensions()));
    let Ok(planes) = ArrayView3::from_shape((3, height, width), planes) else { return patches };
    for (place, mut patch) in places.iter().zip(patches.outer_iter_mut()) {
        let PatchPlace { top, left, .. } = *place;
        let window =
            planes.slice(ndarray::s![.., top..top + grid.patch(), left..left + grid.patch()]);
        patch.iter_mut().zip(window).for_each(|(number, pixel)| *number = *pixel);
    }
    patches
}

#[cfg(test)]
mod tests {
    use super::*;
    use retally_manifests::Filter;

    #[test]
    fn crops_at_the_places_of_the_grid_are_its_patches() {
        let resize = Resize::Stretch { width: 4, height: 2, filter: Filter::Box };
        let images = PatchImages::new(None, resize, 2).unwrap();
        let planes: Vec<f64> = (0..24).map(f64::from).collect();
        let places = [0, 2].map(|left| PatchPlace { image: 5, top: 0, left });
        assert_eq!(crops(&images, &planes, &places), images.grid().patches(&planes).unwrap());
        let others = [PatchPlace { image: 4, top: 0, left: 1 }, places[0], places[1]];
        assert_eq!(of_image(&others, 5), places);
        assert!(of_image(&others, 6).is_empty());
    }
}
