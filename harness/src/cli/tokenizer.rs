//! `retally tokenizer`: the patch PCA tokenizer of l-DAE on images.

use super::Document;
use crate::context::Context;
use crate::failure::Failure;
use crate::tokenizer::{
    DrawnPicture, ExportRequest, Exported, FiltersRequest, FitRequest, Fitted, NoiseRequest,
    PatchChoice, SweepReport, SweepRequest, draw_filters_file, draw_noise_file, export, fit, sweep,
};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use retally_manifests::{Canvas, Resize};
use retally_metrics::Measurement;
use retally_metrics::tokenizer::{Centring, LatentScaling, NoiseSchedule, SINGLE_LEVEL, STEPS};
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Arguments of `retally tokenizer`.
#[derive(Debug, clap::Args)]
pub(super) struct TokenizerCommand {
    #[command(subcommand)]
    action: TokenizerAction,
}

#[derive(Debug, clap::Subcommand)]
enum TokenizerAction {
    /// Fit a basis to the patches of an image set.
    Fit(FitArguments),
    /// Measure what is lost of images at each number of latent dimensions.
    Sweep(SweepArguments),
    /// Write the tokenizer as an ONNX model, with a manifest that makes it an encoder.
    Export(ExportArguments),
    /// Draw the first directions of a basis (l-DAE's Figure 4).
    Filters(FiltersArguments),
    /// Draw an image with noise in its pixels and in its latents (l-DAE's Figure 7).
    Noise(NoiseArguments),
}

/// What the user says of patches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PatchCount {
    All,
    Random(u64),
}

#[derive(Debug, clap::Args)]
struct FitArguments {
    /// A folder of images (all below it, sorted by relative name), a .tar, .npz, .npy, .parquet or idx file, or an image.
    images: PathBuf,
    /// The .npz to write: mean [D], eigenvalues [D], components [D, D]. FILE.json beside it says how it was made, and belongs to it.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Side of a patch in pixels.
    #[arg(long, value_name = "PIXELS", default_value_t = 16)]
    patch: usize,
    /// Side that images are brought to (ADM's resize and central crop), a multiple of the patch.
    #[arg(long, value_name = "PIXELS", default_value_t = 256)]
    size: u32,
    /// Colour behind transparent pixels, as ffffff; without it transparency is dropped.
    #[arg(long, value_name = "RRGGBB", value_parser = parse_colour)]
    background: Option<[u8; 3]>,
    /// How many patches, drawn at random places of random images; or all of the grid that covers each image.
    #[arg(long, value_name = "N|all", default_value = "all", value_parser = parse_patches)]
    patches: PatchCount,
    /// What patches are measured from: their mean, or zero (the paper does not say).
    #[arg(long, default_value = "mean", value_parser = centring_parser())]
    centre: Centring,
    /// Seed of the draw of patches.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Cores to use; all of them by default. They change no number.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

#[derive(Debug, clap::Args)]
struct SweepArguments {
    /// A basis (`retally tokenizer fit`).
    basis: PathBuf,
    /// Images, in any form that `fit` reads; prepared as those of the basis.
    images: PathBuf,
    /// Numbers of latent dimensions; 8,16,32,64,128 by default, as in the paper.
    #[arg(long, value_name = "D,…", value_delimiter = ',')]
    dims: Vec<usize>,
    /// Cores to use; all of them by default. They change no number.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

#[derive(Debug, clap::Args)]
struct ExportArguments {
    /// A basis (`retally tokenizer fit`).
    basis: PathBuf,
    /// Latent dimensions.
    #[arg(long, value_name = "D")]
    dim: usize,
    /// What latents are divided by: nothing, the root of their mean eigenvalue, or each by its own (the paper does not say).
    #[arg(long, default_value = "none", value_parser = scaling_parser())]
    scale: LatentScaling,
    /// Standard deviation of noise, which the model then takes as a second input.
    #[arg(long, value_name = "SIGMA")]
    sigma: Option<f64>,
    /// The .onnx to write; FILE.toml beside it is a manifest of it.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, clap::Args)]
struct FiltersArguments {
    /// A basis (`retally tokenizer fit`).
    basis: PathBuf,
    /// How many directions, from the first.
    #[arg(long, value_name = "D", default_value_t = 16)]
    dim: usize,
    /// The .png to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, clap::Args)]
struct NoiseArguments {
    /// A basis (`retally tokenizer fit`).
    basis: PathBuf,
    /// One image.
    image: PathBuf,
    /// Latent dimensions.
    #[arg(long, value_name = "D", default_value_t = 32)]
    dim: usize,
    /// What latents are divided by before noise is added.
    #[arg(long, default_value = "none", value_parser = scaling_parser())]
    scale: LatentScaling,
    /// Standard deviations, on the scale of pixels in [-1, 1]; by default four of the paper: a quarter and a half of √2, √(1/3), √2.
    #[arg(long, value_name = "SIGMA,…", value_delimiter = ',')]
    sigma: Vec<f64>,
    /// Seed of the noise.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// The .png to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(super) fn run(command: &TokenizerCommand, context: &Context) -> Result<Document, Failure> {
    match &command.action {
        TokenizerAction::Fit(arguments) => run_fit(arguments, context),
        TokenizerAction::Sweep(arguments) => run_sweep(arguments, context),
        TokenizerAction::Export(arguments) => run_export(arguments),
        TokenizerAction::Filters(arguments) => {
            let FiltersArguments { basis, dim, out } = arguments;
            picture(&draw_filters_file(&FiltersRequest { basis, count: *dim, out })?)
        }
        TokenizerAction::Noise(arguments) => run_noise(arguments),
    }
}

fn run_fit(arguments: &FitArguments, context: &Context) -> Result<Document, Failure> {
    let request = FitRequest {
        images: &arguments.images,
        out: &arguments.out,
        patch: arguments.patch,
        canvas: arguments.background.map(|background| Canvas { background, margin: 0 }),
        resize: Resize::AdmCrop { size: arguments.size },
        centring: arguments.centre,
        choice: match arguments.patches {
            PatchCount::All => PatchChoice::All,
            PatchCount::Random(count) => PatchChoice::Random { count, seed: arguments.seed },
        },
        threads: arguments.threads,
    };
    let fitted = fit(&request, context)?;
    let Fitted { out, provenance, images, patches, dimensions, rank, total, .. } = &fitted;
    let text = format!(
        "{}: a basis of {dimensions} directions, of which {rank} vary, of {patches} patches of {images} images; {:.4} a pixel \
         value in all\nprovenance: {}\n",
        out.display(),
        total / *dimensions as f64,
        provenance.display()
    );
    Document::new(text, &fitted)
}

fn run_sweep(arguments: &SweepArguments, context: &Context) -> Result<Document, Failure> {
    let SweepArguments { basis, images, dims, threads } = arguments;
    let request = SweepRequest { basis, images, dimensions: dims, threads: *threads };
    let report = sweep(&request, context)?;
    Document::new(sweep_text(&report), &report)
}

fn sweep_text(report: &SweepReport) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header([
        "d",
        "squared error of a value",
        "95 % interval",
        "on the fitted patches",
        "variance kept",
    ]);
    for row in &report.rows {
        table.add_row([
            row.dimensions.to_string(),
            row.error.value().map_or_else(|| "none".to_owned(), |error| format!("{error:.4e}")),
            interval(&row.error),
            format!("{:.4e}", row.fitted_error),
            row.kept.map_or_else(|| "none".to_owned(), |kept| format!("{kept:.3} %")),
        ]);
    }
    format!("{} images of `{}`\n{}\n", report.count, report.images.display(), table.trim_fmt())
}

fn interval(error: &Measurement) -> String {
    error.interval().map_or_else(
        || "one image".to_owned(),
        |interval| format!("{:.4e} to {:.4e}", interval.low.get(), interval.high.get()),
    )
}

fn run_export(arguments: &ExportArguments) -> Result<Document, Failure> {
    let ExportArguments { basis, dim, scale, sigma, out } = arguments;
    let exported =
        export(&ExportRequest { basis, dimensions: *dim, scaling: *scale, sigma: *sigma, out })?;
    let Exported { grid: (rows, columns), dimensions, .. } = &exported;
    let mut text = format!(
        "{}: image -> latent, tokens [N, {}, {dimensions}] ({rows} x {columns} patches), reconstruction\n",
        out.display(),
        rows * columns
    );
    text.push_str(&match &exported.manifest {
        Some(manifest) => format!("manifest: {}\n", manifest.display()),
        None => "it takes noise as a second input, so it is no encoder of a suite\n".to_owned(),
    });
    Document::new(text, &exported)
}

fn run_noise(arguments: &NoiseArguments) -> Result<Document, Failure> {
    let levels = default_sigmas()?;
    let sigmas = if arguments.sigma.is_empty() { &levels } else { &arguments.sigma };
    let request = NoiseRequest {
        basis: &arguments.basis,
        image: &arguments.image,
        dimensions: arguments.dim,
        scaling: arguments.scale,
        sigmas,
        seed: arguments.seed,
        out: &arguments.out,
    };
    picture(&draw_noise_file(&request)?)
}

/// A quarter and a half of the schedule, its single level, and its end; rising.
fn default_sigmas() -> Result<Vec<f64>, Failure> {
    let mut sigmas = vec![SINGLE_LEVEL];
    for step in [STEPS / 4, STEPS / 2, STEPS] {
        sigmas.push(NoiseSchedule::ConstantSignal.level(step)?.noise);
    }
    sigmas.sort_by(f64::total_cmp);
    Ok(sigmas)
}

fn picture(drawn: &DrawnPicture) -> Result<Document, Failure> {
    Document::new(format!("{}: {}\n", drawn.out.display(), drawn.shows), drawn)
}

fn parse_colour(text: &str) -> Result<[u8; 3], String> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    let is_colour = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    match u32::from_str_radix(digits, 16) {
        Ok(number) if is_colour => {
            let [_, red, green, blue] = number.to_be_bytes();
            Ok([red, green, blue])
        }
        _ => {
            Err("expected red, green and blue as six hexadecimal digits, for example ffffff"
                .to_owned())
        }
    }
}

fn parse_patches(text: &str) -> Result<PatchCount, String> {
    match text.parse() {
        _ if text == "all" => Ok(PatchCount::All),
        Ok(count) if count > 0 => Ok(PatchCount::Random(count)),
        _ => Err("expected a number of patches, at least 1, or `all`".to_owned()),
    }
}

fn centring_parser() -> impl TypedValueParser<Value = Centring> {
    let all = [Centring::Mean, Centring::None];
    PossibleValuesParser::new(all.map(Centring::name)).map(move |name| {
        all.into_iter().find(|centring| centring.name() == name).unwrap_or_default()
    })
}

fn scaling_parser() -> impl TypedValueParser<Value = LatentScaling> {
    let all = [LatentScaling::None, LatentScaling::Global, LatentScaling::PerDimension];
    PossibleValuesParser::new(all.map(LatentScaling::name))
        .map(move |name| all.into_iter().find(|scaling| scaling.name() == name).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_counts_are_read() {
        assert_eq!(parse_colour("#ff8000"), Ok([255, 128, 0]));
        for wrong in ["fff", "ggffff", "+12345", ""] {
            assert!(parse_colour(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_patches("all"), Ok(PatchCount::All));
        assert_eq!(parse_patches("7"), Ok(PatchCount::Random(7)));
        assert!(
            parse_patches("0").is_err()
                && parse_patches("-1").is_err()
                && parse_patches("some").is_err()
        );
    }

    #[test]
    fn the_default_levels_rise() {
        let sigmas = default_sigmas().unwrap();
        let expected = [1.0 / 8.0, 1.0 / 3.0, 1.0 / 2.0, 2.0].map(f64::sqrt);
        assert!(sigmas.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{sigmas:?}");
    }
}
