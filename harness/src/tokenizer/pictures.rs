//! Pictures of a basis: its filters, and noise in pixels beside noise in latents.

use super::basis_file::BasisFile;
use super::images::PixelScale;
use crate::failure::Failure;
use crate::images::reader;
use crate::run::directory::write_durably;
use ndarray::Array2;
use retally_metrics::tokenizer::{
    LatentScaling, NoiseLevel, NoisePlace, PatchGrid, PatchPca, Tokenizer, noise,
};
use retally_reports::sheet::{Sheet, SheetRow, Tile};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Filters in a row.
const FILTERS_IN_A_ROW: usize = 8;
/// Most filters of a picture.
const MOST_FILTERS: usize = 512;
/// Pixels that a filter is enlarged to, about.
const FILTER_PIXELS: usize = 112;
/// Pixels that an image is enlarged to, at least, as far as whole numbers go.
const IMAGE_PIXELS: usize = 192;
/// Most levels of noise in a picture.
const MOST_LEVELS: usize = 16;

/// A picture that was written.
#[derive(Clone, Debug, Serialize)]
pub struct DrawnPicture {
    /// The file.
    pub out: PathBuf,
    /// What it shows, one sentence.
    pub shows: String,
}

/// Which filters are drawn.
#[derive(Clone, Debug)]
pub struct FiltersRequest<'a> {
    /// The basis.
    pub basis: &'a Path,
    /// How many, from the first.
    pub count: usize,
    /// The `.png` to write.
    pub out: &'a Path,
}

/// Which noise is drawn.
#[derive(Clone, Debug)]
pub struct NoiseRequest<'a> {
    /// The basis.
    pub basis: &'a Path,
    /// An image.
    pub image: &'a Path,
    /// Latent dimensions.
    pub dimensions: usize,
    /// What latents are divided by.
    pub scaling: LatentScaling,
    /// Standard deviations of the noise.
    pub sigmas: &'a [f64],
    /// Seed of the noise.
    pub seed: u64,
    /// The `.png` to write.
    pub out: &'a Path,
}

/// Draws the first filters of a basis: Figure 4 of the paper.
///
/// # Errors
/// Bad input; a file that cannot be written.
pub fn draw_filters_file(request: &FiltersRequest<'_>) -> Result<DrawnPicture, Failure> {
    super::check_out(request.out, "png")?;
    let basis = BasisFile::read(request.basis)?;
    let most = basis.pca.dimensions().min(MOST_FILTERS);
    if !(1..=most).contains(&request.count) {
        return Err(Failure::invalid(format_args!(
            "--dim {}: a picture shows 1 to {most} filters of `{}`",
            request.count,
            request.basis.display()
        )));
    }
    write_durably(request.out, &filters_png(&basis.pca, basis.origin.patch, request.count)?)?;
    let shows = format!(
        "the first {} of {} directions of {1} numbers, each on its own scale, with its share of the variance",
        request.count,
        basis.pca.dimensions()
    );
    Ok(DrawnPicture { out: request.out.to_owned(), shows })
}

/// Draws an image with noise in its pixels and in its latents: Figure 7 of the paper.
///
/// # Errors
/// Bad input; a file that cannot be written.
pub fn draw_noise_file(request: &NoiseRequest<'_>) -> Result<DrawnPicture, Failure> {
    super::check_out(request.out, "png")?;
    let basis = BasisFile::read(request.basis)?;
    let images = basis.images()?;
    let source = reader::open_path(request.image)?;
    if source.catalogue().len() != 1 {
        return Err(Failure::invalid(format_args!(
            "`{}` holds {} images: give one image",
            request.image.display(),
            source.catalogue().len()
        )));
    }
    let planes = images.planes(&source.read(0)?)?;
    let picture = NoisePicture {
        tokenizer: &Tokenizer::new(basis.pca, request.dimensions, request.scaling)?,
        grid: images.grid(),
        planes: &planes,
        sigmas: request.sigmas,
        seed: request.seed,
        image: 0,
    };
    write_durably(request.out, &noise_png(&picture)?)?;
    let shows = format!(
        "above noise added to the pixels, below noise of the same σ added to {} latents and decoded",
        request.dimensions
    );
    Ok(DrawnPicture { out: request.out.to_owned(), shows })
}

/// The first `count` directions as images of `patch` x `patch` pixels. Grey is zero; the entry that is largest by size is black or full.
pub(crate) fn filters_png(pca: &PatchPca, patch: usize, count: usize) -> Result<Vec<u8>, Failure> {
    let total = pca.fitted_error(0);
    let directions = pca.components();
    let tiles: Vec<Option<Tile>> = directions
        .outer_iter()
        .zip(pca.eigenvalues())
        .take(count)
        .enumerate()
        .map(|(index, (direction, eigenvalue))| {
            let largest =
                direction.iter().fold(0.0, |largest: f64, entry| largest.max(entry.abs()));
            let values: Vec<f64> = direction.iter().map(|entry| entry / largest).collect();
            let share = if total > 0.0 { 100.0 * eigenvalue / total } else { 0.0 };
            let caption = format!("{}: {}", index + 1, percent(share));
            Some(Tile { width: patch, height: patch, pixels: interleaved(&values), caption })
        })
        .collect();
    let rows = tiles.chunks(FILTERS_IN_A_ROW);
    let rows = rows.map(|tiles| SheetRow { label: Vec::new(), tiles: tiles.to_vec() }).collect();
    let zoom = (FILTER_PIXELS / patch.max(1)).max(1);
    Ok(Sheet { headings: Vec::new(), rows, zoom }.png()?)
}

/// A share with three digits, or as few as it has.
fn percent(share: f64) -> String {
    match share {
        share if share >= 9.995 => format!("{share:.1} %"),
        share if share >= 0.0995 => format!("{share:.2} %"),
        share if share >= 0.000_995 => format!("{share:.4} %"),
        _ => format!("{share:.0e} %"),
    }
}

/// An image, and the noise that is to be shown in it.
pub(crate) struct NoisePicture<'a> {
    pub(crate) tokenizer: &'a Tokenizer,
    pub(crate) grid: PatchGrid,
    /// [3, height, width] in [-1, 1].
    pub(crate) planes: &'a [f64],
    pub(crate) sigmas: &'a [f64],
    pub(crate) seed: u64,
    /// Number of the image, which its noise depends on.
    pub(crate) image: u32,
}

/// Columns: without noise, then each level. Above, noise in the pixels; below, noise in the latents, decoded. Values outside the range of
/// bytes are clipped for the eye alone.
pub(crate) fn noise_png(picture: &NoisePicture<'_>) -> Result<Vec<u8>, Failure> {
    let NoisePicture { tokenizer, grid, sigmas, .. } = *picture;
    let wrong = sigmas.iter().find(|sigma| !(sigma.is_finite() && **sigma > 0.0));
    if let Some(sigma) = wrong {
        return Err(Failure::invalid(format_args!(
            "a noise level of {sigma}: give finite numbers above 0; the picture shows the image without noise anyway"
        )));
    }
    if !(1..=MOST_LEVELS).contains(&sigmas.len()) {
        return Err(Failure::invalid(format_args!(
            "{} noise levels: a picture shows 1 to {MOST_LEVELS}",
            sigmas.len()
        )));
    }
    let patches = grid.patches(picture.planes)?;
    let latents = tokenizer.encode(patches.view())?;
    let with_noise = |place, clean: &Array2<f64>, sigma: f64| -> Result<Array2<f64>, Failure> {
        let mut noisy = clean.clone();
        let (tokens, width) = clean.dim();
        let numbers = noise(place, picture.seed, picture.image, [tokens, width]);
        Tokenizer::add_noise(&mut noisy, NoiseLevel::added(sigma), numbers.view())?;
        Ok(noisy)
    };
    let (mut above, mut below) = (Vec::new(), Vec::new());
    for sigma in std::iter::once(0.0).chain(sigmas.iter().copied()) {
        let pixels = with_noise(NoisePlace::Pixel, &patches, sigma)?;
        let decoded = tokenizer.decode(with_noise(NoisePlace::Latent, &latents, sigma)?.view())?;
        above.push(Some(tile(grid, &pixels)?));
        below.push(Some(tile(grid, &decoded)?));
    }
    let levels = sigmas.iter().map(|sigma| format!("σ = {sigma:.3}"));
    let headings = std::iter::once("no noise".to_owned()).chain(levels).collect();
    let label = |first: &str, second: String| vec![first.to_owned(), second];
    let rows = vec![
        SheetRow {
            label: label("Pixel noise", format!("{} values", grid.dimensions())),
            tiles: above,
        },
        SheetRow {
            label: label("Latent noise", format!("d = {}", tokenizer.dimensions())),
            tiles: below,
        },
    ];
    let zoom = (IMAGE_PIXELS / grid.size().0.max(1)).max(1);
    Ok(Sheet { headings, rows, zoom }.png()?)
}

fn tile(grid: PatchGrid, patches: &Array2<f64>) -> Result<Tile, Failure> {
    let (width, height) = grid.size();
    let pixels = interleaved(&grid.image(patches.view())?);
    Ok(Tile { width, height, pixels, caption: String::new() })
}

/// Channels one after the other, as the three bytes of each pixel.
fn interleaved(planes: &[f64]) -> Vec<u8> {
    let pixels = planes.len() / 3;
    (0..pixels)
        .flat_map(|pixel| [0, 1, 2].map(|channel| planes[channel * pixels + pixel]))
        .map(PixelScale::to_shown)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::decode::decode;
    use crate::tokenizer::basis_file::tests::basis;

    #[test]
    fn filters_are_drawn_around_grey() {
        let (pca, _) = basis();
        let png = filters_png(&pca, 2, 5).unwrap();
        let picture = decode(&png).unwrap().rgb;
        // Five filters of 112 x 112 pixels in one row.
        assert!(picture.width() > 5 * 112 && picture.height() > 112);
        assert_eq!(png, filters_png(&pca, 2, 5).unwrap());
        assert_eq!(
            [100.0, 12.34, 0.5, 0.001, 1e-9].map(percent),
            ["100.0 %", "12.3 %", "0.50 %", "0.0010 %", "1e-9 %"]
        );
        assert_eq!(interleaved(&[-1.0, 1.0, 0.0, 0.0, 2.0, -2.0]), [0, 128, 255, 255, 128, 0]);
    }

    #[test]
    fn noise_needs_levels_that_are_some() {
        let (pca, _) = basis();
        let tokenizer = Tokenizer::new(pca, 4, LatentScaling::None).unwrap();
        let grid = PatchGrid::new(2, (4, 4)).unwrap();
        let planes = [0.25; 48];
        let draw = |sigmas: &[f64], seed| {
            noise_png(&NoisePicture {
                tokenizer: &tokenizer,
                grid,
                planes: &planes,
                sigmas,
                seed,
                image: 0,
            })
        };
        let png = draw(&[0.5, 1.0], 0).unwrap();
        assert!(decode(&png).unwrap().rgb.width() > 3 * 192);
        assert_ne!(draw(&[0.5, 1.0], 1).unwrap(), png);
        for wrong in [&[][..], &[0.0], &[f64::NAN], &[1.0; 17]] {
            assert!(draw(wrong, 0).is_err());
        }
    }
}
