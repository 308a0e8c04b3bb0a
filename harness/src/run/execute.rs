//! The order of a run: fetch, load, encode, measure, write.

use super::directory::RunDirectory;
use super::generators::GeneratorRun;
use super::outcome::{FinishedRun, finish};
use super::record::{ArtifactRecord, DatasetRecord, ModelRecord, OptionsRecord, RunRecord};
use super::samples_table::{self, TapRows};
use super::selection::{RunRequest, Selection, measure_settings, methods};
use super::to_fetch::ToFetch;
use crate::context::Context;
use crate::failure::Failure;
use crate::onnx::library::Library;
use crate::pipeline::{
    Chunk, EncodeSettings, Encoding, Execution, MeasureSettings, MeasuredTap, Samples, TapContext,
    measure_model,
};
use crate::threads::Threads;
use polars::prelude::DataFrame;
use retally_manifests::{ArtifactId, Dataset, Model, Store};
use retally_suites::{DatasetMeasurements, RunMeasurements, Suite};
use serde::Serialize;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// How a run ended.
#[derive(Debug)]
pub enum Ended {
    /// Everything is measured and reported.
    Complete(Box<FinishedRun>),
    /// Stopped by the user; chunks are kept.
    Interrupted {
        /// The run directory.
        out: PathBuf,
    },
}

/// What a run would do.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// Suite id.
    pub suite: String,
    /// Data set ids.
    pub datasets: Vec<String>,
    /// Model ids with their taps.
    pub models: Vec<(String, Vec<String>)>,
    /// Generators with the number of their samples.
    pub generators: Vec<(String, usize)>,
    /// Artifacts that are not in the store.
    #[serde(flatten)]
    pub to_fetch: ToFetch,
    /// The run directory.
    pub out: PathBuf,
}

impl Plan {
    /// For people.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text =
            format!("suite      {}\ndata       {}\n", self.suite, self.datasets.join(", "));
        for (model, taps) in &self.models {
            text.push_str(&format!("model      {model}: {}\n", taps.join(" ")));
        }
        for (generator, samples) in &self.generators {
            text.push_str(&format!("generator  {generator}: {samples} samples\n"));
        }
        text.push_str(&format!("to fetch   {}\n", self.to_fetch));
        text.push_str(&format!("out        {}\n", self.out.display()));
        text
    }
}

/// Says what [`execute`] would do, and does nothing.
///
/// # Errors
/// If the request does not fit the suite or the manifests.
pub fn plan(request: &RunRequest<'_>, context: &Context) -> Result<Plan, Failure> {
    let selection = request.selection(&context.manifest)?;
    let to_fetch = ToFetch::of(selection.artifacts(context)?, context)?;
    let models = selection.models.iter();
    Ok(Plan {
        suite: request.suite.id().to_owned(),
        datasets: selection.datasets.iter().map(|dataset| dataset.id.clone()).collect(),
        models: models
            .map(|model| (model.id.clone(), model.taps.iter().map(|tap| tap.id.clone()).collect()))
            .collect(),
        generators: selection
            .generators
            .iter()
            .flat_map(|chosen| chosen.generators.iter().map(|one| (one.id.clone(), chosen.samples)))
            .collect(),
        to_fetch,
        out: request.out.clone(),
    })
}

/// Runs a suite to its end, or until an interruption.
///
/// # Errors
/// Bad input, a failed fetch, a model or image that does not fit, a full disk. Finished chunks and measurements are kept.
pub fn execute(request: &RunRequest<'_>, context: &Context) -> Result<Ended, Failure> {
    let selection = request.selection(&context.manifest)?;
    let library = context.onnxruntime()?;
    let directory = RunDirectory::open(&request.out)?;
    let threads = Threads::new(NonZeroUsize::new(request.threads))?;
    let run = Run {
        request,
        context,
        selection: &selection,
        library,
        directory: &directory,
        store: context.store()?,
        threads,
        settings: measure_settings(&selection.plan),
    };
    let options = OptionsRecord {
        device: request.device.to_string(),
        threads: request.threads,
        fast: request.fast,
        limit: request.limit,
        miniature: false,
    };
    let mut record = RunRecord::begin(request.suite, options, library.record());
    let mut measurements = no_measurements(request.suite);
    let mut tables = Vec::new();
    for dataset in &selection.datasets {
        let Some((measured, rows)) = run.measure_dataset(dataset, &mut record)? else {
            return Ok(Ended::Interrupted { out: request.out.clone() });
        };
        measurements.datasets.push(measured);
        tables.push(rows);
    }
    samples_table::write(&directory, tables)?;
    if let Some(generators) = &selection.generators {
        let run = GeneratorRun {
            selection: generators,
            request: &request.generators,
            execution: run.execution(),
            context,
            directory: &directory,
        };
        measurements.datasets.push(run.measure(&mut record)?);
    }
    let finished = finish(request.suite, &directory, measurements, record.end()?)?;
    Ok(Ended::Complete(Box::new(finished)))
}

/// The measurements of a run that has not begun.
pub(super) fn no_measurements(suite: &Suite) -> RunMeasurements {
    RunMeasurements {
        schema: retally_suites::run::SCHEMA,
        suite: suite.id().to_owned(),
        suite_version: suite.definition().version,
        suite_content_sha256: suite.content_digest().to_string(),
        datasets: Vec::new(),
    }
}

/// What stays the same over all models and data sets of a run.
struct Run<'a> {
    request: &'a RunRequest<'a>,
    context: &'a Context,
    selection: &'a Selection,
    library: &'static Library,
    directory: &'a RunDirectory,
    store: Store,
    threads: Threads,
    settings: MeasureSettings,
}

impl Run<'_> {
    fn measure_dataset(
        &self,
        dataset: &Dataset,
        record: &mut RunRecord,
    ) -> Result<Option<(DatasetMeasurements, DataFrame)>, Failure> {
        let files = match self.context.manifest.dataset_folder(dataset) {
            Some(folder) => vec![folder],
            None => dataset
                .artifacts
                .iter()
                .map(|id| self.fetch(id, record))
                .collect::<Result<_, _>>()?,
        };
        let samples = Samples::open(dataset, &files, self.request.limit)?;
        record.datasets.push(dataset_record(&samples));
        let mut models = Vec::new();
        for model in &self.selection.models {
            let Some(results) = self.measure_model(model, &samples, record)? else {
                return Ok(None);
            };
            models.push(results);
        }
        let taps: Vec<TapRows<'_>> = models.iter().flat_map(ModelResults::rows).collect();
        let rows = samples_table::rows(samples.list(), &taps)?;
        let taps = models.into_iter().flat_map(|model| model.taps);
        let measurements = DatasetMeasurements {
            dataset: dataset.id.clone(),
            samples: samples.count() as u64,
            samples_in_dataset: samples.count_in_dataset() as u64,
            methods: methods(&self.selection.plan),
            models: taps.map(|tap| tap.encoder).collect(),
        };
        Ok(Some((measurements, rows)))
    }

    fn measure_model(
        &self,
        model: &Model,
        samples: &Samples,
        record: &mut RunRecord,
    ) -> Result<Option<ModelResults>, Failure> {
        let file = self.fetch(&model.artifact, record)?;
        let digest = self.context.manifest.artifact(&model.artifact)?.sha256;
        let settings =
            EncodeSettings { execution: self.execution(), spatial: self.settings.spatial };
        let encoding = Encoding::new((model, digest, &file), samples, &settings, self.directory)?;
        let Some(encoded) = encoding.encode(&self.context.progress)? else { return Ok(None) };
        record.models.push(ModelRecord {
            id: model.id.clone(),
            name: model.name.clone(),
            artifact: model.artifact.to_string(),
            dataset: samples.dataset().id.clone(),
            preprocessing: encoding.preprocessing(),
            batch: model.input.batch,
            session: encoded.session,
            chunks: encoding.keys().to_vec(),
        });
        let chunks = encoded.chunks;
        let tap = TapContext {
            model,
            keys: encoding.keys(),
            chunks: &chunks,
            samples,
            settings: &self.settings,
        };
        let taps =
            self.threads.install(|| measure_model(&tap, self.directory, &self.context.progress))?;
        Ok(Some(ModelResults { chunks, taps }))
    }

    fn execution(&self) -> Execution<'static> {
        Execution {
            library: self.library,
            device: self.request.device,
            threads: self.request.threads,
            fast: self.request.fast,
        }
    }

    fn fetch(&self, id: &ArtifactId, record: &mut RunRecord) -> Result<PathBuf, Failure> {
        let path = self.context.fetch(&self.store, id)?;
        let artifact = self.context.manifest.artifact(id)?;
        record.artifacts.push(ArtifactRecord::of(artifact));
        Ok(path)
    }
}

/// One model over the samples: its chunks and what was measured at each of its taps.
#[derive(Debug)]
struct ModelResults {
    chunks: Vec<Chunk>,
    taps: Vec<MeasuredTap>,
}

impl ModelResults {
    fn rows(&self) -> impl Iterator<Item = TapRows<'_>> {
        self.taps.iter().enumerate().map(move |(index, tap)| TapRows {
            key: &tap.encoder.key,
            scores: self.chunks.iter().flat_map(|chunk| &chunk[index].scores).collect(),
            predictions: &tap.predictions,
        })
    }
}

pub(super) fn dataset_record(samples: &Samples) -> DatasetRecord {
    let (train, test) =
        samples.split().map_or((0, 0), |split| (split.train.len(), split.test.len()));
    DatasetRecord {
        id: samples.dataset().id.clone(),
        artifacts: samples.dataset().artifacts.iter().map(ToString::to_string).collect(),
        samples: samples.count(),
        train,
        test,
        classes: samples.classes().to_vec(),
    }
}
