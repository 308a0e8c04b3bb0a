//! A data set as a run sees it: its samples in order, their digests, labels and split.

use crate::failure::Failure;
use crate::images::reader::{self, ImageSource, RawSample, SampleInfo};
use crate::images::split::{TrainTest, split};
use retally_manifests::{Dataset, Digest, Hasher};
use retally_submissions::documents::{DatasetSamples, Sample};
use std::ops::Range;
use std::path::PathBuf;

/// What is known of a data set's samples beside their images: all that measuring needs once they are encoded.
#[derive(Clone, Copy, Debug)]
pub struct SampleList<'a> {
    /// The manifest's entry.
    pub dataset: &'a Dataset,
    /// Keys and classes, in order.
    pub infos: &'a [SampleInfo],
    /// Class names; a class number is an index into them.
    pub classes: &'a [String],
    /// SHA-256 of each sample's encoded bytes.
    pub digests: &'a [Digest],
    /// Train and test; `None` without labels.
    pub split: Option<&'a TrainTest>,
}

impl SampleList<'_> {
    /// How many samples there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.infos.len()
    }

    /// One digest for keys, classes and split: what a probe depends on beside the features.
    #[must_use]
    pub fn labels_digest(&self) -> Digest {
        let mut hasher = Hasher::new();
        for class in self.classes {
            hasher.update(class.as_bytes());
            hasher.update(b"\n");
        }
        for info in self.infos {
            hasher.update(info.key.as_bytes());
            hasher.update(b"\n");
            hasher.update(&info.class.map_or(u64::MAX, u64::from).to_le_bytes());
        }
        for index in self.split.iter().flat_map(|split| &split.test) {
            hasher.update(&(*index as u64).to_le_bytes());
        }
        hasher.finish()
    }

    /// Sample ranges of the chunks, in order.
    #[must_use]
    pub fn chunks(&self) -> Vec<Range<usize>> {
        let (size, count) = (self.dataset.chunk as usize, self.count());
        (0..count).step_by(size).map(|start| start..count.min(start + size)).collect()
    }
}

/// Samples that are known from a list alone: enough to name and to measure chunks, without an image.
#[derive(Clone, Debug)]
pub struct ListedSamples {
    dataset: Dataset,
    infos: Vec<SampleInfo>,
    classes: Vec<String>,
    digests: Vec<Digest>,
    split: Option<TrainTest>,
}

impl ListedSamples {
    /// Takes a list as `samples.json` of a submission has it, and splits it by the data set's rule.
    ///
    /// # Errors
    /// If a sample has a class that the list does not name, or the split is not possible; in words that follow on the list's name.
    pub fn new(dataset: &Dataset, listed: &DatasetSamples) -> Result<Self, String> {
        let classes = u32::try_from(listed.classes.len()).unwrap_or(u32::MAX);
        let is_unnamed = |sample: &&Sample| sample.class.is_some_and(|class| class >= classes);
        if let Some(sample) = listed.samples.iter().find(is_unnamed) {
            return Err(format!("sample `{}` has a class that is not named", sample.key));
        }
        let infos: Vec<SampleInfo> = listed
            .samples
            .iter()
            .map(|sample| SampleInfo { key: sample.key.clone(), class: sample.class })
            .collect();
        let split =
            split(dataset.split, &infos, &listed.classes).map_err(|error| error.to_string())?;
        Ok(Self {
            dataset: dataset.clone(),
            infos,
            classes: listed.classes.clone(),
            digests: listed.samples.iter().map(|sample| sample.sha256).collect(),
            split,
        })
    }

    /// All that measuring needs.
    #[must_use]
    pub fn list(&self) -> SampleList<'_> {
        SampleList {
            dataset: &self.dataset,
            infos: &self.infos,
            classes: &self.classes,
            digests: &self.digests,
            split: self.split.as_ref(),
        }
    }
}

/// The samples of a data set, or the first of them.
pub struct Samples {
    dataset: Dataset,
    source: Box<dyn ImageSource>,
    count: usize,
    digests: Vec<Digest>,
    /// Whether somebody else has taken the digests.
    is_listed: bool,
    split: Option<TrainTest>,
}

impl std::fmt::Debug for Samples {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Samples")
            .field("dataset", &self.dataset.id)
            .field("count", &self.count)
            .finish()
    }
}

impl Samples {
    /// Opens a data set, takes the digest of every sample's bytes and makes the split. With `limit` only the first samples
    /// are used.
    ///
    /// # Errors
    /// If the files are not of the format that the manifest names, a sample cannot be read, or the split is not possible.
    pub fn open(
        dataset: &Dataset,
        files: &[PathBuf],
        limit: Option<usize>,
    ) -> Result<Self, Failure> {
        Self::with_digests(dataset, files, limit, |source, count| {
            (0..count).map(|index| Ok(source.read(index)?.digest())).collect()
        })
    }

    /// Opens a data set of which somebody has taken all digests already: a process that needs few of its samples reads no other. Each
    /// is compared with its digest when it is read.
    ///
    /// # Errors
    /// As [`Samples::open`], or if the list is of another data set.
    pub fn open_listed(
        dataset: &Dataset,
        files: &[PathBuf],
        limit: Option<usize>,
        listed: &DatasetSamples,
    ) -> Result<Self, Failure> {
        let samples = Self::with_digests(dataset, files, limit, |source, count| {
            let catalogue = source.catalogue();
            let samples = catalogue.samples().iter().take(count);
            let is_listed = listed.classes == catalogue.classes()
                && samples.len() == listed.samples.len()
                && samples
                    .zip(&listed.samples)
                    .all(|(info, listed)| (&info.key, info.class) == (&listed.key, listed.class));
            if is_listed {
                return Ok(listed.samples.iter().map(|sample| sample.sha256).collect());
            }
            Err(Failure::invalid(format_args!(
                "data set `{}` has other samples or classes here than where the run was begun: use the same files, or another --out",
                dataset.id
            )))
        })?;
        Ok(Self { is_listed: true, ..samples })
    }

    fn with_digests(
        dataset: &Dataset,
        files: &[PathBuf],
        limit: Option<usize>,
        digests: impl FnOnce(&dyn ImageSource, usize) -> Result<Vec<Digest>, Failure>,
    ) -> Result<Self, Failure> {
        let source = reader::open(dataset.format, files)?;
        let catalogue = source.catalogue();
        let all = catalogue.samples().len();
        let count = limit.map_or(all, |limit| limit.min(all));
        let digests = digests(source.as_ref(), count)?;
        let split = split(dataset.split, &catalogue.samples()[..count], catalogue.classes())?;
        Ok(Self { dataset: dataset.clone(), source, count, digests, is_listed: false, split })
    }

    /// The manifest's entry.
    #[must_use]
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// How many samples are used.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many samples the data set has.
    #[must_use]
    pub fn count_in_dataset(&self) -> usize {
        self.source.catalogue().samples().len()
    }

    /// Keys and classes.
    #[must_use]
    pub fn infos(&self) -> &[SampleInfo] {
        &self.source.catalogue().samples()[..self.count]
    }

    /// Class names; a class number is an index into them.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        self.source.catalogue().classes()
    }

    /// Train and test; `None` without labels.
    #[must_use]
    pub fn split(&self) -> Option<&TrainTest> {
        self.split.as_ref()
    }

    /// SHA-256 of each sample's encoded bytes.
    #[must_use]
    pub fn digests(&self) -> &[Digest] {
        &self.digests
    }

    /// Everything but the images.
    #[must_use]
    pub fn list(&self) -> SampleList<'_> {
        SampleList {
            dataset: &self.dataset,
            infos: self.infos(),
            classes: self.classes(),
            digests: &self.digests,
            split: self.split.as_ref(),
        }
    }

    /// The samples as a list tells them, to somebody who has not the images.
    #[must_use]
    pub fn listed(&self) -> DatasetSamples {
        let pairs = self.infos().iter().zip(&self.digests);
        DatasetSamples {
            id: self.dataset.id.clone(),
            classes: self.classes().to_vec(),
            samples: pairs
                .map(|(info, digest)| Sample {
                    key: info.key.clone(),
                    sha256: *digest,
                    class: info.class,
                })
                .collect(),
        }
    }

    /// A sample's encoded bytes, which must still be those whose digest was taken: chunks are named by it.
    ///
    /// # Errors
    /// If it cannot be read, or has changed.
    pub fn read(&self, index: usize) -> Result<RawSample, Failure> {
        let sample = self.source.read(index)?;
        if self.digests.get(index) == Some(&sample.digest()) {
            return Ok(sample);
        }
        let place = sample.place;
        Err(if self.is_listed {
            Failure::invalid(format_args!(
                "{place} is not the image that the run was begun with: bring the same files here, or choose another --out"
            ))
        } else {
            Failure::temporary(format_args!(
                "{place} has changed since the command began: start it again"
            ))
        })
    }

    /// Sample ranges of the chunks, in order.
    #[must_use]
    pub fn chunks(&self) -> Vec<Range<usize>> {
        self.list().chunks()
    }
}
