//! A set of images that will go through a network: the files, and the digest of every one.

use crate::failure::Failure;
use crate::images::reader::{Catalogue, ImageSource, RawSample};
use crate::progress::Progress;
use rayon::prelude::*;
use retally_manifests::{Digest, Hasher};
use std::ops::Range;

/// Samples of one chunk, the unit of storing and resuming.
pub(crate) const CHUNK: usize = 256;

/// Images with their digests.
pub(crate) struct ImageSet {
    source: Box<dyn ImageSource>,
    digests: Vec<Digest>,
}

impl ImageSet {
    /// Takes the digest of every image, on the threads of the current pool.
    ///
    /// # Errors
    /// If an image cannot be read.
    pub(crate) fn examine(
        source: Box<dyn ImageSource>,
        name: &str,
        progress: &Progress,
    ) -> Result<Self, Failure> {
        let count = source.catalogue().len();
        let mut job = progress.job(format!("digests of {name}"), count as u64, "images");
        let mut digests = Vec::with_capacity(count);
        for start in (0..count).step_by(CHUNK) {
            let some = start..count.min(start + CHUNK);
            let done = some.clone().into_par_iter().map(|index| Ok(source.read(index)?.digest()));
            digests.extend(done.collect::<Result<Vec<_>, Failure>>()?);
            job.advance(some.len() as u64);
        }
        job.finish();
        Ok(Self { source, digests })
    }

    /// How many images there are; at least 1.
    pub(crate) fn count(&self) -> usize {
        self.digests.len()
    }

    /// Names and classes of the images, in order.
    pub(crate) fn catalogue(&self) -> &Catalogue {
        self.source.catalogue()
    }

    /// Digests of the images, in order.
    pub(crate) fn digests(&self) -> &[Digest] {
        &self.digests
    }

    /// One digest for all images in their order.
    pub(crate) fn digest(&self) -> Digest {
        digest_of_all(&self.digests)
    }

    /// An image's name.
    pub(crate) fn key(&self, index: usize) -> &str {
        self.source.catalogue().samples().get(index).map_or("?", |sample| sample.key.as_str())
    }

    /// An image's bytes.
    pub(crate) fn read(&self, index: usize) -> Result<RawSample, Failure> {
        Ok(self.source.read(index)?)
    }

    /// An image's bytes, which must be those whose digest names the chunk.
    pub(crate) fn read_again(&self, index: usize) -> Result<RawSample, Failure> {
        let sample = self.read(index)?;
        if self.digests.get(index) == Some(&sample.digest()) {
            return Ok(sample);
        }
        Err(Failure::temporary(format_args!(
            "{} has changed since the command began: start it again",
            sample.place
        )))
    }
}

/// One digest for all images in their order.
pub(crate) fn digest_of_all(digests: &[Digest]) -> Digest {
    let mut hasher = Hasher::new();
    for digest in digests {
        hasher.update(digest.as_bytes());
    }
    hasher.finish()
}

/// Sample ranges of the chunks of `count` images, in order.
pub(crate) fn chunks(count: usize) -> Vec<Range<usize>> {
    (0..count).step_by(CHUNK).map(|start| start..count.min(start + CHUNK)).collect()
}
