//! The chunks of a run's encoders: which there are, and computing those of them that are this process's.

use super::directory::RunDirectory;
use super::probe::ProbedModel;
use super::record::{ArtifactRecord, RunClock, SuiteRecord, to_value};
use super::selection::{RunRequest, Selection, measure_settings};
use super::shard_record::{PairingRecord, ShardOutcome, ShardRecord};
use super::work_file::SealedWork;
use super::work_list::{Pairing, SCHEMA, WorkDataset, WorkExecution, WorkList, WorkModel};
use crate::context::Context;
use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use crate::interrupt;
use crate::onnx::library::Library;
use crate::pipeline::{EncodeSettings, Encoding, Execution, Samples, Workers};
use crate::sharding::{FoundShard, Shard};
use retally_manifests::{ArtifactId, Dataset};
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What decides the chunks of a run.
#[derive(Clone, Copy)]
pub(super) struct Encoders<'a> {
    pub(super) request: &'a RunRequest<'a>,
    pub(super) context: &'a Context,
    pub(super) selection: &'a Selection,
    pub(super) library: &'static Library,
}

/// Files of the data sets and models, and what is recorded of them.
struct Files {
    datasets: Vec<Vec<PathBuf>>,
    models: Vec<PathBuf>,
    artifacts: Vec<ArtifactRecord>,
}

impl Encoders<'_> {
    /// Computes a shard's chunks that the directory lacks; all of them without a shard. Writes the work list, which the chunks of
    /// all shards belong to, and the record of what this process did. `None` if an interruption stopped it.
    pub(super) fn compute(
        self,
        directory: &RunDirectory,
        shard: Option<FoundShard>,
    ) -> Result<Option<(SealedWork, Vec<PairingRecord>)>, Failure> {
        let files = self.fetch()?;
        // Whoever is alone takes every digest, so that a changed image begins a new run; a shard takes the list that is there.
        let known = match shard {
            Some(_) => SealedWork::read(directory.root())?,
            None => None,
        };
        let samples = self.open_datasets(&files, known.as_ref())?;
        let settings = self.settings();
        let encodings = self.encodings((&files, &samples), &settings, directory)?;
        let work = SealedWork::of(self.work_list(files.artifacts.clone(), &samples, &encodings))?;
        match known {
            Some(known) => expect_same(&known.list, &work.list, directory)?,
            None => keep(&work, shard.is_none(), directory)?,
        }
        let options = self.request.options();
        let clock = RunClock::start();
        let library = self.library.record();
        let mut record = ShardRecord::begin(work.sha256, shard, options, (library, clock))?;
        let part = shard.map_or(Shard::WHOLE, |found| found.shard);
        let earlier = ShardRecord::read_one(directory.root(), part);
        record.write(directory)?;
        let parts = work.list.part(part);
        let computed = self
            .bring(&work.list, &parts, directory)
            .and_then(|()| self.compute_part(&parts, &encodings, &mut record.pairings));
        record.inherit(earlier.as_ref());
        let pairings = record.pairings.clone();
        let is_complete = record.end(
            (directory, clock),
            computed.map(|is_complete| (ShardOutcome::of(is_complete), is_complete)),
        )?;
        Ok(is_complete.then_some((work, pairings)))
    }

    /// Brings what an object store has of this process's chunks.
    fn bring(
        self,
        list: &WorkList,
        parts: &[(Pairing, Range<usize>)],
        directory: &RunDirectory,
    ) -> Result<(), Failure> {
        let keys = parts
            .iter()
            .filter_map(|(pairing, range)| list.pairing(*pairing)?.1.chunks.get(range.clone()));
        directory.place().bring_chunks(&keys.flatten().copied().collect(), &self.context.progress)
    }

    /// Computes parts of pairings, in their order; false if an interruption stopped it.
    fn compute_part(
        self,
        parts: &[(Pairing, Range<usize>)],
        encodings: &[Vec<Encoding<'_>>],
        pairings: &mut Vec<PairingRecord>,
    ) -> Result<bool, Failure> {
        let progress = &self.context.progress;
        // Units of one model follow each other, so that it is opened once.
        for of_model in parts.chunk_by(|(left, _), (right, _)| left.model == right.model) {
            let mut workers: Option<Workers> = None;
            for (pairing, range) in of_model {
                let Some(encoding) =
                    encodings.get(pairing.dataset).and_then(|of_set| of_set.get(pairing.model))
                else {
                    continue;
                };
                let missing = encoding.missing(range.clone(), progress)?;
                let mut record = PairingRecord {
                    dataset: encoding.samples().dataset().id.clone(),
                    model: encoding.model().id.clone(),
                    own: range.len(),
                    stored: range.len() - missing.len(),
                    computed: 0,
                    seconds: 0.0,
                    session: None,
                };
                if !missing.is_empty() && !interrupt::requested() {
                    let workers = match &mut workers {
                        Some(workers) => workers,
                        None => workers.insert(encoding.open_workers()?),
                    };
                    let begin = Instant::now();
                    record.session = Some(to_value(workers.session())?);
                    record.computed = encoding.compute(&missing, workers, progress)?;
                    record.seconds = begin.elapsed().as_secs_f64();
                }
                let is_complete = record.computed == missing.len();
                pairings.push(record);
                if !is_complete {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Opens every model and computes one of its chunks. Writes the work list, so that what was computed is the run's.
    pub(super) fn probe(self, directory: &RunDirectory) -> Result<Vec<ProbedModel>, Failure> {
        let files = self.fetch()?;
        let samples = self.open_datasets(&files, None)?;
        let settings = self.settings();
        let encodings = self.encodings((&files, &samples), &settings, directory)?;
        let list = self.work_list(files.artifacts.clone(), &samples, &encodings);
        keep(&SealedWork::of(list)?, true, directory)?;
        let models = 0..self.selection.models.len();
        models
            .map(|model| {
                let of_model: Vec<&Encoding<'_>> =
                    encodings.iter().filter_map(|of_set| of_set.get(model)).collect();
                self.probe_model(&of_model)
            })
            .collect()
    }

    /// One model over the data sets of the run. A chunk that is there is computed again if no other is left.
    fn probe_model(self, encodings: &[&Encoding<'_>]) -> Result<ProbedModel, Failure> {
        let progress = &self.context.progress;
        let chunks = encodings.iter().map(|encoding| encoding.keys().len()).sum();
        let mut chosen = None;
        for encoding in encodings.iter().filter(|encoding| !encoding.keys().is_empty()) {
            let missing = encoding.missing(0..encoding.keys().len(), progress)?;
            if let Some(first) = missing.first() {
                chosen = Some((encoding, *first));
                break;
            }
            chosen = chosen.or(Some((encoding, 0)));
        }
        let Some((encoding, chunk)) = chosen else {
            return Ok(ProbedModel { load: Duration::ZERO, chunk: Duration::ZERO, chunks });
        };
        let begin = Instant::now();
        let mut workers = encoding.open_workers()?;
        let load = begin.elapsed();
        let begin = Instant::now();
        if encoding.compute(&[chunk], &mut workers, progress)? == 0 {
            return Err(Failure::new(
                ExitStatus::Incomplete,
                "stopped before every model was measured; chunks that were computed are kept",
            ));
        }
        Ok(ProbedModel { load, chunk: begin.elapsed(), chunks })
    }

    fn settings(self) -> EncodeSettings<'static> {
        EncodeSettings {
            execution: self.execution(),
            spatial: measure_settings(&self.selection.plan).spatial,
        }
    }

    fn fetch(self) -> Result<Files, Failure> {
        let store = self.context.store()?;
        let mut artifacts: Vec<ArtifactRecord> = Vec::new();
        let mut fetch = |id: &ArtifactId| -> Result<PathBuf, Failure> {
            let path = self.context.fetch(&store, id)?;
            let record = ArtifactRecord::of(self.context.manifest.artifact(id)?);
            if !artifacts.contains(&record) {
                artifacts.push(record);
            }
            Ok(path)
        };
        let files_of =
            |dataset: &Dataset, fetch: &mut dyn FnMut(&ArtifactId) -> Result<PathBuf, Failure>| {
                match self.context.manifest.dataset_folder(dataset) {
                    Some(folder) => Ok(vec![folder]),
                    None => dataset.artifacts.iter().map(fetch).collect::<Result<Vec<_>, _>>(),
                }
            };
        let datasets = self
            .selection
            .datasets
            .iter()
            .map(|dataset| files_of(dataset, &mut fetch))
            .collect::<Result<_, _>>()?;
        let models = self
            .selection
            .models
            .iter()
            .map(|model| fetch(&model.artifact))
            .collect::<Result<_, _>>()?;
        Ok(Files { datasets, models, artifacts })
    }

    fn open_datasets(
        self,
        files: &Files,
        known: Option<&SealedWork>,
    ) -> Result<Vec<Samples>, Failure> {
        let pairs = self.selection.datasets.iter().zip(&files.datasets);
        pairs
            .map(|(dataset, files)| {
                let limit = self.request.limit;
                let listed = known.and_then(|work| {
                    work.list.datasets.iter().find(|listed| listed.dataset.id == dataset.id)
                });
                match listed
                    .filter(|_| known.is_some_and(|work| work.list.execution.limit == limit))
                {
                    Some(listed) => Samples::open_listed(dataset, files, limit, &listed.samples),
                    None => Samples::open(dataset, files, limit),
                }
            })
            .collect()
    }

    /// One list a data set, of one encoding a model.
    fn encodings<'e>(
        self,
        (files, samples): (&'e Files, &'e [Samples]),
        settings: &'e EncodeSettings<'e>,
        directory: &'e RunDirectory,
    ) -> Result<Vec<Vec<Encoding<'e>>>, Failure>
    where
        Self: 'e,
    {
        samples
            .iter()
            .map(|samples| {
                let models = self.selection.models.iter().zip(&files.models);
                models
                    .map(|(model, file)| {
                        let digest = self.context.manifest.artifact(&model.artifact)?.sha256;
                        Encoding::new((model, digest, file), samples, settings, directory)
                    })
                    .collect()
            })
            .collect()
    }

    fn work_list(
        self,
        artifacts: Vec<ArtifactRecord>,
        samples: &[Samples],
        encodings: &[Vec<Encoding<'_>>],
    ) -> WorkList {
        let library = self.library.record();
        let datasets = samples.iter().zip(encodings).map(|(samples, encodings)| WorkDataset {
            dataset: Dataset { folder: None, ..samples.dataset().clone() },
            samples_in_dataset: samples.count_in_dataset(),
            samples: samples.listed(),
            models: encodings
                .iter()
                .map(|encoding| WorkModel {
                    model: encoding.model().clone(),
                    preprocessing: encoding.preprocessing(),
                    chunks: encoding.keys().to_vec(),
                })
                .collect(),
        });
        WorkList {
            schema: SCHEMA,
            retally: env!("CARGO_PKG_VERSION").to_owned(),
            suite: SuiteRecord::of(self.request.suite),
            execution: WorkExecution {
                provider: self.request.device.provider().to_owned(),
                fast: self.request.fast,
                limit: self.request.limit,
                onnxruntime: library.version.clone(),
                onnxruntime_sha256: library.sha256,
            },
            artifacts,
            datasets: datasets.collect(),
        }
    }

    pub(super) fn execution(self) -> Execution<'static> {
        Execution {
            library: self.library,
            device: self.request.device,
            threads: self.request.threads,
            fast: self.request.fast,
        }
    }
}

/// Writes the work list of a run that begins. Of shards that begin at the same time on different machines one is first.
fn keep(work: &SealedWork, may_replace: bool, directory: &RunDirectory) -> Result<(), Failure> {
    work.write(directory.root())?;
    if directory.place().publish_work(may_replace)?.is_none() {
        return Ok(());
    }
    directory.place().refresh()?;
    expect_same(&SealedWork::of_run(directory.root())?.list, &work.list, directory)
}

fn expect_same(known: &WorkList, own: &WorkList, directory: &RunDirectory) -> Result<(), Failure> {
    match known.difference(own) {
        None => Ok(()),
        Some(difference) => Err(Failure::invalid(format_args!(
            "`{}` was begun with other work (there against here: {difference}): use the same words and files for every shard, or choose \
             another --out",
            directory.place()
        ))),
    }
}
