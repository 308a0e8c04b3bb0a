//! Means and covariances of an image set through a network, as a file that other tools read too.

use super::extraction::{Extraction, StoredOutputs};
use super::image_set::ImageSet;
use super::network::{FeatureNetwork, NetworkRequest, file_name};
use super::provenance::{self, Provenance};
use super::record::output_names;
use crate::arrays::statistics_file::Moments;
use crate::arrays::statistics_writer::{self, KeptImages, StatisticsToWrite};
use crate::context::Context;
use crate::failure::Failure;
use crate::file_names::has_extension;
use crate::images::prepare::decode_sample;
use crate::images::reader;
use crate::interrupt;
use crate::run::directory::write_durably;
use crate::threads::Threads;
use rayon::prelude::*;
use retally_manifests::Digest;
use retally_metrics::distribution::{Gaussian, MomentsStream};
use serde::Serialize;
use std::io;
use std::path::{Path, PathBuf};

/// What statistics are wanted of.
#[derive(Clone, Debug)]
pub struct StatisticsRequest<'a> {
    /// The images.
    pub images: &'a Path,
    /// The `.npz` to write.
    pub out: &'a Path,
    /// The protocol and its network.
    pub network: NetworkRequest<'a>,
    /// How many of the images go into the file as well, evenly spread, for tools that want some there.
    pub kept_images: usize,
}

/// What was written.
#[derive(Clone, Debug, Serialize)]
pub struct StatisticsWritten {
    /// The `.npz`.
    pub out: PathBuf,
    /// Its digest.
    pub sha256: Digest,
    /// The file that says how it was made.
    pub provenance: PathBuf,
    /// Protocol and version.
    pub protocol: String,
    /// Images that the statistics are of.
    pub images: usize,
    /// Images in the file.
    pub kept_images: usize,
    /// Length of `mu`.
    pub dimensions: usize,
    /// Length of `mu_s`, where the protocol and the network have spatial features.
    pub spatial_dimensions: Option<usize>,
}

/// Computes and writes statistics, and beside them where they come from.
///
/// # Errors
/// Bad input, fewer than 2 images, a full disk, an interruption. Network outputs that are finished stay stored.
pub fn write_statistics(
    request: &StatisticsRequest<'_>,
    context: &Context,
) -> Result<StatisticsWritten, Failure> {
    interrupt::listen()?;
    check_out(request.out)?;
    let protocol = &request.network.protocol;
    let threads = Threads::new(request.network.threads)?;
    let images = threads.install(|| {
        let source = reader::open_path(request.images)?;
        ImageSet::examine(source, &file_name(request.images), &context.progress)
    })?;
    let kept = threads.install(|| Kept::of(&images, request.kept_images))?;
    let network = FeatureNetwork::find(&request.network, &file_name(request.images), context)?;
    let execution = request.network.execution(context, &threads)?;
    let folder = context.store()?.features_path();
    let extraction = Extraction::new(&network, &execution, &folder, &context.progress)?;
    let (stored, _) = extraction.run(&images, &format!("{}: images", protocol.id))?;
    let moments = |part: &str| moments_of(part, &network, &stored, &threads);
    let plan = &protocol.frechet;
    let features = moments(&plan.features)?.ok_or_else(|| {
        Failure::invalid(format_args!("the network has no output `{}`", plan.features))
    })?;
    let spatial = plan.spatial.as_deref().map(moments).transpose()?.flatten();
    let read = |position: usize| match &kept {
        Some(kept) => kept.pixels(position),
        None => Err(io::ErrorKind::InvalidInput.into()),
    };
    let to_write = StatisticsToWrite {
        main: &features,
        spatial: spatial.as_ref(),
        images: kept.as_ref().map(|kept| KeptImages {
            count: kept.indices.len(),
            size: kept.size,
            read: &read,
        }),
    };
    statistics_writer::write_statistics(request.out, &to_write)?;
    let sha256 =
        Digest::of_file(request.out).map_err(|error| Failure::file("read", request.out, &error))?;
    let provenance = Provenance {
        schema: provenance::SCHEMA,
        retally: env!("CARGO_PKG_VERSION").to_owned(),
        statistics_sha256: sha256,
        protocol: protocol.versioned_id(),
        preprocessing: extraction.preprocessing(),
        model: network.name.clone(),
        model_sha256: network.digest,
        outputs: output_names(&network),
        onnxruntime: execution.library_id(),
        provider: execution.device.provider().to_owned(),
        session: execution.session_id(),
        published_weights: network.has_published_weights(),
        images: images.count() as u64,
        images_sha256: images.digest(),
    };
    Ok(StatisticsWritten {
        out: request.out.to_owned(),
        sha256,
        provenance: write_provenance(request.out, &provenance)?,
        protocol: protocol.versioned_id(),
        images: images.count(),
        kept_images: kept.map_or(0, |kept| kept.indices.len()),
        dimensions: features.mean.len(),
        spatial_dimensions: spatial.map(|spatial| spatial.mean.len()),
    })
}

/// Found out before hours of work, not after.
fn check_out(out: &Path) -> Result<(), Failure> {
    if !has_extension(out, "npz") {
        return Err(Failure::invalid(format_args!(
            "--out `{}` must end in .npz, as the tools that read it expect",
            out.display()
        )));
    }
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => Err(Failure::invalid(format_args!(
            "--out `{}`: there is no folder `{}`; make it first",
            out.display(),
            folder.display()
        ))),
        _ => Ok(()),
    }
}

/// Mean and covariance of an output, chunk by chunk; `None` where the network has no such output.
fn moments_of(
    part: &str,
    network: &FeatureNetwork,
    stored: &StoredOutputs,
    threads: &Threads,
) -> Result<Option<Moments>, Failure> {
    let Some(output) = network.position(part) else { return Ok(None) };
    let mut moments: Option<MomentsStream<f32>> = None;
    for index in 0..stored.chunks() {
        let rows = stored.load_chunk(index, output)?;
        let stream = match &mut moments {
            Some(stream) => stream,
            None => moments.insert(MomentsStream::new("the images", rows.ncols())?),
        };
        stream.push(rows.view(), threads)?;
    }
    let Some(moments) = moments else { return Ok(None) };
    let gaussian = Gaussian::of_moments(&moments.finish(threads)?, "the images")?;
    Ok(Some(Moments { mean: gaussian.mean().to_vec().into(), covariance: gaussian.covariance() }))
}

/// Images that go into the file, all of one size.
struct Kept<'a> {
    images: &'a ImageSet,
    indices: Vec<usize>,
    size: (usize, usize),
}

impl<'a> Kept<'a> {
    /// `None` if none are wanted. All must have the first one's size, which is found out before hours of work.
    fn of(images: &'a ImageSet, wanted: usize) -> Result<Option<Self>, Failure> {
        let indices = spread(images.count(), wanted);
        let sizes = indices
            .par_iter()
            .map(|&index| size_of(images, index))
            .collect::<Result<Vec<_>, Failure>>()?;
        let Some(&size) = sizes.first() else { return Ok(None) };
        if let Some(position) = sizes.iter().position(|other| *other != size) {
            let (width, height) = sizes[position];
            return Err(Failure::invalid(format_args!(
                "image `{}` is {width}x{height}, `{}` is {}x{}: images in a file must have one size; leave --keep-images out, \
                 or resize them first",
                images.key(indices[position]),
                images.key(indices[0]),
                size.0,
                size.1
            )));
        }
        Ok(Some(Self { images, indices, size }))
    }

    /// The values of one, for a writer that knows I/O errors alone.
    fn pixels(&self, position: usize) -> io::Result<Vec<u8>> {
        let index = self.indices[position];
        let decoded = self.images.read(index).and_then(|raw| Ok(decode_sample(&raw)?.rgb));
        match decoded {
            Ok(rgb) if (rgb.width(), rgb.height()) == self.size => Ok(rgb.into_values()),
            Ok(_) => Err(io::Error::other("an image has changed while it was read")),
            Err(failure) => Err(io::Error::other(failure.message())),
        }
    }
}

fn size_of(images: &ImageSet, index: usize) -> Result<(usize, usize), Failure> {
    let rgb = decode_sample(&images.read(index)?)?.rgb;
    Ok((rgb.width(), rgb.height()))
}

/// `wanted` of `count` indices, evenly spread.
fn spread(count: usize, wanted: usize) -> Vec<usize> {
    let wanted = wanted.min(count);
    (0..wanted).map(|index| index * count / wanted).collect()
}

fn write_provenance(out: &Path, provenance: &Provenance) -> Result<PathBuf, Failure> {
    let path = provenance::path_beside(out);
    let mut bytes = serde_json::to_vec_pretty(provenance).map_err(|error| {
        Failure::invalid(format_args!("cannot write the provenance as JSON: {error}"))
    })?;
    bytes.push(b'\n');
    write_durably(&path, &bytes)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_images_are_evenly_spread() {
        assert_eq!(spread(10, 0), Vec::<usize>::new());
        assert_eq!(spread(10, 4), [0, 2, 5, 7]);
        assert_eq!(spread(3, 10), [0, 1, 2]);
    }
}
