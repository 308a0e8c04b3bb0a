//! `retally preprocess`: the batch that a model would see, as `.npy`.

use super::Document;
use crate::context::Context;
use crate::failure::Failure;
use crate::images::ImageError;
use crate::images::prepare::{Preparer, Recipe};
use crate::images::reader::{self, ImageSource};
use crate::images::resize::filter_name;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use npyz::{AutoSerialize, WriterBuilder};
use rayon::prelude::*;
use retally_manifests::{Filter, ImageLayout, ModelInput, Normalise, Resize};
use serde::Serialize;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Arguments of `retally preprocess`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("geometry").required(true).args(["model", "resize"]))]
pub(super) struct PreprocessCommand {
    /// A folder of images (all below it, sorted by relative name), a .tar, .npz, .npy, .parquet or idx file, or an
    /// image.
    images: PathBuf,
    /// Preprocess as the manifest says for this model.
    #[arg(long, value_name = "ID", conflicts_with = "filter")]
    model: Option<String>,
    /// Stretch to this size; without --raw the values become f32 in [0, 1], NCHW.
    #[arg(long, value_name = "WxH", value_parser = parse_size, requires = "filter")]
    resize: Option<(u32, u32)>,
    /// Resampling filter of --resize, as Pillow names it.
    #[arg(long, value_parser = filter_parser(), requires = "resize")]
    filter: Option<Filter>,
    /// Write uint8 NHWC, before normalisation.
    #[arg(long)]
    raw: bool,
    /// The file to write; one that exists is replaced when all is done.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// What was written.
#[derive(Debug, Serialize)]
struct PreprocessReport {
    out: PathBuf,
    shape: [u64; 4],
    dtype: &'static str,
    preprocessing: String,
    /// Keys of the images, in the order of the batch.
    images: Vec<String>,
}

/// Images that are prepared side by side, and the memory that their results may take. They are written in order before
/// the next ones are read.
const IMAGES_AT_A_TIME: usize = 64;
const BYTES_AT_A_TIME: usize = 256 << 20;

pub(super) fn run(command: &PreprocessCommand, context: &Context) -> Result<Document, Failure> {
    let preparer = Preparer::new(recipe(command, context)?)?;
    let source = reader::open_path(&command.images)?;
    let batch = Batch { source: source.as_ref(), preparer: &preparer, context };
    let count = source.catalogue().len() as u64;
    let [channels, rows, columns] = preparer.shape();
    let (axes, dtype, preprocessing) = if command.raw {
        let (width, height) = preparer.output_size();
        let axes = [height, width, 3];
        batch.write(&command.out, axes, |index| batch.pixels(index))?;
        (axes, "uint8", preparer.pixels_id())
    } else {
        let axes = [channels, rows, columns];
        batch.write(&command.out, axes, |index| batch.numbers(index))?;
        (axes, "float32", preparer.id())
    };
    let [first, second, third] = axes.map(|length| length as u64);
    let report = PreprocessReport {
        out: command.out.clone(),
        shape: [count, first, second, third],
        dtype,
        preprocessing,
        images: source.catalogue().samples().iter().map(|sample| sample.key.clone()).collect(),
    };
    Document::new(report.to_text(), &report)
}

impl PreprocessReport {
    fn to_text(&self) -> String {
        let out = self.out.display();
        let Self { shape, dtype, preprocessing, .. } = self;
        format!("{out}: {dtype} {shape:?}\npreprocessing: {preprocessing}\n")
    }
}

fn recipe(command: &PreprocessCommand, context: &Context) -> Result<Recipe, Failure> {
    let (resize, normalise, layout) = match (&command.model, command.resize, command.filter) {
        (Some(id), _, _) => {
            let ModelInput { resize, normalise, layout, .. } = context.manifest.model(id)?.input;
            (resize, normalise, layout)
        }
        (None, Some((width, height)), Some(filter)) => {
            let to_unit = Normalise::OffsetDivisor { offset: 0.0, divisor: 255.0 };
            (Resize::Stretch { width, height, filter }, to_unit, ImageLayout::Nchw)
        }
        // The argument group and `requires` leave nothing else.
        _ => return Err(Failure::invalid("give --model ID, or --resize WxH with --filter F")),
    };
    Ok(Recipe { canvas: None, mask: None, resize, normalise, layout })
}

struct Batch<'a> {
    source: &'a dyn ImageSource,
    preparer: &'a Preparer,
    context: &'a Context,
}

impl Batch<'_> {
    fn pixels(&self, index: usize) -> Result<Vec<u8>, ImageError> {
        let (image, _) = self.preparer.pixels(&self.source.read(index)?)?;
        Ok(image.into_values())
    }

    fn numbers(&self, index: usize) -> Result<Vec<f32>, ImageError> {
        let mut numbers = vec![0.0; self.preparer.shape().iter().product()];
        self.preparer.prepare(&self.source.read(index)?, &mut numbers)?;
        Ok(numbers)
    }

    /// Writes the rows that `row` makes, in order, to a temporary file beside `out`, and gives it that name at the end.
    fn write<T: AutoSerialize + Send>(
        &self,
        out: &Path,
        axes: [usize; 3],
        row: impl Fn(usize) -> Result<Vec<T>, ImageError> + Sync,
    ) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::file("write", out, &error);
        let count = self.source.catalogue().len();
        let shape: Vec<u64> =
            std::iter::once(count).chain(axes).map(|length| length as u64).collect();
        let folder = match out.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut file = BufWriter::new(temporary_file(folder).map_err(failed)?);
        let mut writer = npyz::WriteOptions::<T>::new()
            .default_dtype()
            .shape(&shape)
            .writer(&mut file)
            .begin_nd()
            .map_err(failed)?;
        let mut job = self.context.progress.job("preprocess", count as u64, "images");
        let row_bytes = axes.iter().product::<usize>() * size_of::<T>();
        let at_a_time = (BYTES_AT_A_TIME / row_bytes.max(1)).clamp(1, IMAGES_AT_A_TIME);
        for start in (0..count).step_by(at_a_time) {
            let some = start..count.min(start + at_a_time);
            let rows = some.clone().into_par_iter().map(&row).collect::<Result<Vec<_>, _>>()?;
            for row in rows {
                writer.extend(row).map_err(failed)?;
            }
            job.advance(some.len() as u64);
        }
        job.finish();
        writer.finish().map_err(failed)?;
        file.flush().map_err(failed)?;
        let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(out).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

/// A temporary file that others may read once it has its name, as the user's umask says.
fn temporary_file(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

fn parse_size(text: &str) -> Result<(u32, u32), String> {
    let sides = text
        .split_once('x')
        .and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    match sides {
        Some((width, height)) if width > 0 && height > 0 => Ok((width, height)),
        _ => Err("expected width x height in pixels, for example 224x224".to_owned()),
    }
}

fn filter_parser() -> impl TypedValueParser<Value = Filter> {
    let filters = [Filter::Box, Filter::Bilinear, Filter::Bicubic, Filter::Lanczos];
    PossibleValuesParser::new(filters.map(filter_name)).map(move |name| {
        filters.into_iter().find(|filter| filter_name(*filter) == name).unwrap_or(Filter::Bicubic)
    })
}
