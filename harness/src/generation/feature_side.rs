//! A side of a Fréchet distance that needs no network: features or statistics in a file.

use super::comparison::{differences, not_comparable};
use super::provenance::Provenance;
use super::request::Made;
use super::side::read_gaussian;
use crate::arrays::StoredTable;
use crate::arrays::statistics_file::{Features, StatisticsFile};
use crate::failure::Failure;
use crate::file_names::has_extension;
use retally_metrics::distribution::{FrechetSide, Gaussian, SetRows};
use std::path::Path;

/// What a file holds.
#[derive(Debug)]
pub struct FeatureSide(Content);

#[derive(Debug)]
enum Content {
    Features(StoredTable),
    Statistics(Box<KnownStatistics>),
}

#[derive(Debug)]
struct KnownStatistics {
    gaussian: Gaussian,
    provenance: Option<Provenance>,
}

impl FeatureSide {
    /// Reads statistics (`mu` and `sigma` of an `.npz`) or features; `set` names it in errors.
    ///
    /// # Errors
    /// If it is neither, or cannot be read.
    pub fn open(path: &Path, set: &'static str) -> Result<Self, Failure> {
        if has_extension(path, "npz") {
            let mut file = StatisticsFile::open(path)?;
            if file.has(Features::Main) {
                let provenance = Provenance::of(path)?;
                let rows = provenance.as_ref().map(|provenance| provenance.images);
                let gaussian = read_gaussian(&mut file, Features::Main, rows, (path, set))?;
                if let Some(gaussian) = gaussian {
                    let statistics = Box::new(KnownStatistics { gaussian, provenance });
                    return Ok(Self(Content::Statistics(statistics)));
                }
            }
        }
        Ok(Self(Content::Features(StoredTable::open_matrix(path)?)))
    }

    /// For the metric.
    #[must_use]
    pub fn frechet(&self) -> FrechetSide<'_> {
        match &self.0 {
            Content::Features(features) => FrechetSide::Features(SetRows::Table(features)),
            Content::Statistics(statistics) => FrechetSide::Gaussian(&statistics.gaussian),
        }
    }

    /// What a reader should know of the file.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        match &self.0 {
            Content::Features(features) => features.note.clone(),
            Content::Statistics(_) => None,
        }
    }

    fn made(&self) -> Option<Made> {
        match &self.0 {
            Content::Statistics(statistics) => statistics.provenance.as_ref().map(Made::of),
            Content::Features(_) => None,
        }
    }
}

/// What makes two files incomparable, as far as the files beside them say how they were made.
///
/// # Errors
/// If there is something, unless `force`.
pub fn compare_origins(
    reference: &FeatureSide,
    samples: &FeatureSide,
    force: bool,
) -> Result<Vec<String>, Failure> {
    let found = match (reference.made(), samples.made()) {
        (Some(reference), Some(samples)) => differences(&reference.making(), &samples.making()),
        _ => Vec::new(),
    };
    if found.is_empty() || force { Ok(found) } else { Err(not_comparable(&found)) }
}
