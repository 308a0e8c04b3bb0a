//! Samples of all files that were given, in their order.

use super::description::Description;
use super::layers::Measured;
use super::model::{self, ModelRuntime, ModelUsed};
use super::{dump, masses};
use crate::failure::Failure;
use crate::file_names::has_extension;
use crate::text_files::{read_json, read_text};
use retally_metrics::unified::interaction::{InteractionTask, SampleCurve};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What the files hold.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    /// Every sample's curve; one number a layer.
    pub(crate) samples: Vec<SampleCurve>,
    /// Whose ranges were averaged, by name, where attention was given.
    pub(crate) slices: BTreeSet<&'static str>,
    /// Models that computed attention.
    pub(crate) models: Vec<ModelUsed>,
    names: BTreeSet<(InteractionTask, String)>,
}

impl Collected {
    /// Samples of one direction.
    pub(crate) fn of_task(&self, task: InteractionTask) -> Vec<SampleCurve> {
        self.samples.iter().filter(|sample| sample.task == task).cloned().collect()
    }

    fn take(&mut self, measured: Measured) {
        self.slices.insert(measured.slices);
        self.samples.push(measured.curve);
    }

    /// A name that was given may stand for one sample only.
    fn claim(&mut self, task: InteractionTask, id: Option<&String>) -> Result<(), Failure> {
        match id {
            Some(id) if !self.names.insert((task, id.clone())) => {
                Err(Failure::invalid(format_args!(
                    "{task}: sample `{id}` is there twice; a file may have been given twice"
                )))
            }
            _ => Ok(()),
        }
    }
}

/// Reads descriptions of attention (`.toml`, `.json`), masses (`.jsonl`), and folders of such files.
///
/// `tolerance` is how far the sum of a row may be from 1; by default the number type decides.
///
/// # Errors
/// If a file cannot be read, is none of these, or says something that attention cannot be; the sample is named.
pub(crate) fn collect(
    inputs: &[PathBuf],
    tolerance: Option<f64>,
    runtime: ModelRuntime<'_>,
) -> Result<Collected, Failure> {
    let mut collected = Collected::default();
    for input in inputs {
        for path in files(input)? {
            read(&path, tolerance, runtime, &mut collected)?;
        }
    }
    if collected.samples.is_empty() {
        return Err(Failure::invalid("the files that were given describe no sample"));
    }
    Ok(collected)
}

/// A file, or the descriptions and masses of a folder by name.
fn files(input: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !input.is_dir() {
        return Ok(vec![input.to_owned()]);
    }
    let failed = |error| Failure::file("read", input, &error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(input).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if has_extension(&path, "toml") || has_extension(&path, "jsonl") {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(Failure::invalid(format_args!(
            "the folder `{}` holds no .toml file that describes its attention (docs/interaction.md) and no .jsonl of masses",
            input.display()
        )));
    }
    Ok(found)
}

fn read(
    path: &Path,
    tolerance: Option<f64>,
    runtime: ModelRuntime<'_>,
    collected: &mut Collected,
) -> Result<(), Failure> {
    if has_extension(path, "jsonl") {
        return masses::read(path, |id, curve| {
            collected.claim(curve.task, id.as_ref())?;
            collected.samples.push(curve);
            Ok(())
        });
    }
    let description = read_description(path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut named = Vec::new();
    for (index, sample) in description.sample.iter().enumerate() {
        let id = sample.id.clone().unwrap_or_else(|| (index + 1).to_string());
        collected.claim(sample.task, sample.id.as_ref()).map_err(|failure| {
            failure.within(format_args!("`{}`, sample `{id}`", path.display()))
        })?;
        named.push((id, sample));
    }
    // Samples that follow each other share the sessions of their model.
    for samples in named.chunk_by(|(_, one), (_, next)| one.shares_model_with(next)) {
        match samples {
            [(id, sample)] if sample.model.is_none() => {
                let measured = dump::measure(sample, id, folder, tolerance).map_err(|failure| {
                    failure.within(format_args!("`{}`, sample `{id}`", path.display()))
                })?;
                collected.take(measured);
            }
            samples => {
                let (measured, used) = model::measure(samples, folder, tolerance, runtime)
                    .map_err(|failure| failure.within(format_args!("`{}`", path.display())))?;
                measured.into_iter().for_each(|measured| collected.take(measured));
                collected.models.extend(used);
            }
        }
    }
    Ok(())
}

fn read_description(path: &Path) -> Result<Description, Failure> {
    if has_extension(path, "json") {
        read_json(path)
    } else if has_extension(path, "toml") {
        toml::from_str(&read_text(path)?)
            .map_err(|error| Failure::invalid(format_args!("`{}`: {error}", path.display())))
    } else {
        Err(Failure::invalid(format_args!(
            "`{}`: a description of attention ends in .toml or .json, masses end in .jsonl (docs/interaction.md); arrays are named in a description",
            path.display()
        )))
    }
}

/// Reads masses, or a description and the arrays beside it that it names; samples of models, and arrays elsewhere, are left out.
pub(crate) fn read_stored(path: &Path, tolerance: Option<f64>) -> Result<(), Failure> {
    if has_extension(path, "jsonl") {
        return masses::read(path, |_, _| Ok(()));
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    for sample in &read_description(path)?.sample {
        let is_beside = sample.files(folder)?.iter().all(|file| file.parent() == Some(folder));
        if sample.model.is_none() && is_beside {
            dump::measure(sample, "1", folder, tolerance)?;
        }
    }
    Ok(())
}
