//! The images that features are wanted of, and their classes.

use crate::context::Context;
use crate::failure::Failure;
use crate::generation::image_set::ImageSet;
use crate::images::reader::{self, ImageSource, Selection};
use crate::images::split::split;
use retally_manifests::{Canvas, Dataset, DatasetFormat};
use serde::Serialize;
use std::num::NonZeroUsize;
use std::path::Path;

/// Which images.
#[derive(Clone, Copy, Debug)]
pub struct ImageChoice<'a> {
    /// Id of a data set in a manifest, or a path. An id goes before a path of the same name.
    pub source: &'a str,
    /// Which part of a data set.
    pub split: SplitChoice,
    /// The first so many of these alone.
    pub limit: Option<NonZeroUsize>,
}

/// Part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum SplitChoice {
    /// The training set.
    Train,
    /// The test set.
    Test,
    /// Both.
    All,
}

/// Images whose digests are taken.
pub(super) struct ChosenImages {
    /// The images.
    pub(super) set: ImageSet,
    /// Whether they are a data set of a manifest.
    pub(super) is_dataset: bool,
    /// As asked for.
    pub(super) source: String,
    /// As asked for.
    pub(super) split: SplitChoice,
    /// As asked for.
    pub(super) limit: Option<usize>,
    /// What the data set puts behind transparent images.
    pub(super) canvas: Option<Canvas>,
}

impl ChosenImages {
    /// Opens the images and takes their digests, on the threads of the current pool.
    ///
    /// # Errors
    /// If they cannot be read, or have no such part.
    pub(super) fn open(choice: &ImageChoice<'_>, context: &Context) -> Result<Self, Failure> {
        let dataset = context.manifest.dataset(choice.source).ok();
        let source = match dataset {
            Some(dataset) => open_dataset(dataset, context)?,
            None => open_path(choice.source, context)?,
        };
        let all = source.catalogue().len();
        let part = match dataset {
            Some(dataset) => part_of(dataset, source.as_ref(), choice.split)?,
            None if choice.split == SplitChoice::All => None,
            None => {
                return Err(Failure::invalid(format_args!(
                    "--split is for data sets of a manifest, which says how they are split; `{}` is a path: leave it out, or \
                     describe the data set in a manifest (docs/manifests.md)",
                    choice.source
                )));
            }
        };
        let limit = choice.limit.map(NonZeroUsize::get);
        let source: Box<dyn ImageSource> = match (part, limit) {
            (None, None) => source,
            (part, limit) => {
                let mut indices = part.unwrap_or_else(|| (0..all).collect());
                indices.truncate(limit.unwrap_or(all));
                Box::new(Selection::new(source, indices)?)
            }
        };
        Ok(Self {
            set: ImageSet::examine(source, choice.source, &context.progress)?,
            is_dataset: dataset.is_some(),
            source: choice.source.to_owned(),
            split: choice.split,
            limit,
            canvas: dataset.and_then(|dataset| dataset.canvas),
        })
    }

    /// One label an image: the name of its class if the names of all classes are whole numbers, so that two sets agree; the
    /// number of its class otherwise (also where two names are one number: `1` and `01`). `None` where images have no classes.
    pub(super) fn labels(&self) -> Option<Labels<'_>> {
        let catalogue = self.set.catalogue();
        let names = catalogue.classes();
        let numbers: Option<Vec<i64>> = names.iter().map(|name| name.parse().ok()).collect();
        // Classes whose names are numbers are in the order of these.
        let numbers = numbers.filter(|numbers| numbers.is_sorted_by(|left, right| left < right));
        let values = numbers.unwrap_or_else(|| (0..).take(names.len()).collect());
        let label = |class: u32| values.get(class as usize).copied();
        let of_samples = catalogue.samples().iter().map(|sample| sample.class.and_then(label));
        Some(Labels { of_samples: of_samples.collect::<Option<_>>()?, names, values })
    }
}

/// The labels of a set.
pub(super) struct Labels<'a> {
    /// One an image.
    pub(super) of_samples: Vec<i64>,
    /// Names of the classes.
    pub(super) names: &'a [String],
    /// Their labels.
    pub(super) values: Vec<i64>,
}

/// Opens a data set of a manifest; what is not in the store is fetched.
///
/// # Errors
/// If it cannot be had or read.
pub(crate) fn open_dataset(
    dataset: &Dataset,
    context: &Context,
) -> Result<Box<dyn ImageSource>, Failure> {
    let files = match context.manifest.dataset_folder(dataset) {
        Some(folder) => vec![folder],
        None => {
            let store = context.store()?;
            let fetch = |id| context.fetch(&store, id);
            dataset.artifacts.iter().map(fetch).collect::<Result<_, _>>()?
        }
    };
    Ok(reader::open(dataset.format, &files)?)
}

/// A folder's classes are its subfolders, if there are any.
fn open_path(source: &str, context: &Context) -> Result<Box<dyn ImageSource>, Failure> {
    let path = Path::new(source);
    if path.is_dir() {
        return Ok(reader::open(DatasetFormat::Folder, &[path.to_owned()])?);
    }
    if !path.exists()
        && let Err(unknown) = context.manifest.dataset(source)
    {
        return Err(Failure::from(unknown).within(format_args!("there is no file `{source}`")));
    }
    Ok(reader::open_path(path)?)
}

/// Indices of a part of the whole data set, so that --limit moves no sample from one part to the other; `None` for all.
fn part_of(
    dataset: &Dataset,
    source: &dyn ImageSource,
    choice: SplitChoice,
) -> Result<Option<Vec<usize>>, Failure> {
    if choice == SplitChoice::All {
        return Ok(None);
    }
    let catalogue = source.catalogue();
    let parts = split(dataset.split, catalogue.samples(), catalogue.classes())?;
    let parts = parts.ok_or_else(|| {
        Failure::invalid(format_args!(
            "data set `{}` is not split (its manifest entry says `none`): leave --split out",
            dataset.id
        ))
    })?;
    Ok(Some(if choice == SplitChoice::Train { parts.train } else { parts.test }))
}
