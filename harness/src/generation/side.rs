//! One side of a comparison: images, statistics, features, or images with statistics.

use super::image_set::{ImageSet, digest_of_all};
use super::network::file_name;
use super::provenance::Provenance;
use super::record::SideRecord;
use crate::arrays::statistics_file::{Features, Moments, StatisticsFile};
use crate::arrays::{ArrayFile, StoredTable};
use crate::failure::Failure;
use crate::file_names::has_extension;
use crate::images::reader;
use crate::progress::Progress;
use retally_manifests::{Dataset, DatasetFormat, Digest};
use retally_metrics::distribution::Gaussian;
use retally_metrics::table::FeatureTable;
use std::path::{Path, PathBuf};

/// Which side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Reference,
    Samples,
}

impl Role {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Reference => "the reference",
            Self::Samples => "the samples",
        }
    }
}

/// What a path holds.
pub(super) struct Side {
    pub(super) role: Role,
    path: PathBuf,
    pub(super) images: Option<ImageSet>,
    /// Whether its images come from a stream.
    is_streamed: bool,
    /// Mean and covariance of the features, and of the spatial features.
    pub(super) statistics: Option<Statistics>,
    /// Features that somebody else computed.
    pub(super) features: Option<StoredTable>,
    /// Digest of a file of statistics or features.
    file: Option<Digest>,
}

/// What a reference file knows of a set.
pub(super) struct Statistics {
    pub(super) features: Option<Gaussian>,
    pub(super) spatial: Option<Gaussian>,
    pub(super) provenance: Option<Provenance>,
}

/// Whether the images beside statistics are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ImagesBesideStatistics {
    Wanted,
    Unwanted,
}

impl Side {
    /// Opens whatever is there.
    ///
    /// # Errors
    /// If it is nothing that a comparison can use, or cannot be read.
    pub(super) fn open(
        path: &Path,
        role: Role,
        beside: ImagesBesideStatistics,
        progress: &Progress,
    ) -> Result<Self, Failure> {
        let mut side = Self::empty(role, path);
        let mut wants_images = true;
        if is_file_of(path, "npz") {
            wants_images = side.take_arrays(path, beside)?;
        } else if is_file_of(path, "safetensors") || is_matrix(path)? {
            side.features = Some(StoredTable::open_matrix(path)?);
            side.file = Some(digest_of(path)?);
            wants_images = false;
        }
        if wants_images {
            let source = reader::open_path(path)?;
            side.images = Some(ImageSet::examine(source, &file_name(path), progress)?);
        }
        Ok(side)
    }

    /// Opens a data set of a manifest, whose files have no telling names. An `.npz` may hold statistics, too.
    ///
    /// # Errors
    /// As [`Side::open`].
    pub(super) fn open_dataset(
        dataset: &Dataset,
        files: &[PathBuf],
        (role, beside): (Role, ImagesBesideStatistics),
        progress: &Progress,
    ) -> Result<Self, Failure> {
        let mut side = Self::empty(role, Path::new(&dataset.id));
        let wants_images = match (dataset.format, files) {
            (DatasetFormat::Npz, [file]) => side.take_arrays(file, beside)?,
            _ => true,
        };
        if wants_images {
            let source = reader::open(dataset.format, files)?;
            side.images = Some(ImageSet::examine(source, &dataset.id, progress)?);
        }
        Ok(side)
    }

    fn empty(role: Role, path: &Path) -> Self {
        Self {
            role,
            path: path.to_owned(),
            images: None,
            is_streamed: false,
            statistics: None,
            features: None,
            file: None,
        }
    }

    /// Takes statistics or features out of an `.npz`, and says whether its images are wanted beside them.
    fn take_arrays(
        &mut self,
        path: &Path,
        beside: ImagesBesideStatistics,
    ) -> Result<bool, Failure> {
        let mut file = StatisticsFile::open(path)?;
        self.statistics = Statistics::read(&mut file, path, self.role)?;
        if self.statistics.is_none() {
            self.features = file.rows()?.map(StoredTable::of_matrix).transpose()?;
        }
        let known = self.statistics.is_some() || self.features.is_some();
        if known {
            self.file = Some(digest_of(path)?);
        }
        Ok(!known || (file.has_images() && beside == ImagesBesideStatistics::Wanted))
    }

    /// Samples that come from a stream of this name.
    pub(super) fn streamed(name: &str) -> Self {
        Self { is_streamed: true, ..Self::empty(Role::Samples, Path::new(name)) }
    }

    /// Whether images of this side go through the network.
    pub(super) fn has_images(&self) -> bool {
        self.images.is_some() || self.is_streamed
    }

    /// What is recorded of it; `streamed` are the digests of the images that came from a stream.
    pub(super) fn record(&self, streamed: &[Digest]) -> Result<SideRecord, Failure> {
        let mut content = Vec::new();
        let mut count = None;
        if self.is_streamed {
            content.push("images");
            count = Some(streamed.len() as u64);
        }
        if let Some(images) = &self.images {
            content.push("images");
            count = Some(images.count() as u64);
        }
        if let Some(features) = &self.features {
            content.push("features");
            count = Some(features.shape().samples as u64);
        }
        let mut made_by = None;
        if let Some(statistics) = &self.statistics {
            content.push("statistics");
            let provenance = statistics.provenance.as_ref();
            count = provenance.map(|provenance| provenance.images);
            made_by = provenance.map(|provenance| provenance.protocol.clone());
        }
        let sha256 = match (self.file, &self.images) {
            _ if self.is_streamed => digest_of_all(streamed),
            (Some(digest), _) => digest,
            (None, Some(images)) => images.digest(),
            (None, None) => digest_of(&self.path)?,
        };
        Ok(SideRecord { path: self.path.clone(), content, count, sha256, made_by })
    }
}

impl Statistics {
    fn read(file: &mut StatisticsFile, path: &Path, role: Role) -> Result<Option<Self>, Failure> {
        if !file.has(Features::Main) && !file.has(Features::Spatial) {
            return Ok(None);
        }
        let provenance = Provenance::of(path)?;
        let rows = provenance.as_ref().map(|provenance| provenance.images);
        let mut read = |features| read_gaussian(file, features, rows, (path, role.name()));
        Ok(Some(Self {
            features: read(Features::Main)?,
            spatial: read(Features::Spatial)?,
            provenance,
        }))
    }
}

pub(super) fn read_gaussian(
    file: &mut StatisticsFile,
    features: Features,
    rows: Option<u64>,
    (path, set): (&Path, &'static str),
) -> Result<Option<Gaussian>, Failure> {
    let Some(Moments { mean, covariance }) = file.moments(features)? else { return Ok(None) };
    match Gaussian::from_statistics(mean.view(), covariance.view(), rows, set) {
        Ok(gaussian) => Ok(Some(gaussian)),
        Err(error) => Err(Failure::invalid(format_args!("`{}`: {error}", path.display()))),
    }
}

fn digest_of(path: &Path) -> Result<Digest, Failure> {
    Digest::of_file(path).map_err(|error| Failure::file("read", path, &error))
}

fn is_file_of(path: &Path, extension: &str) -> bool {
    path.is_file() && has_extension(path, extension)
}

/// Whether a `.npy` holds rows of floating-point features rather than images.
fn is_matrix(path: &Path) -> Result<bool, Failure> {
    Ok(is_file_of(path, "npy") && ArrayFile::open(path)?.is_feature_matrix())
}
