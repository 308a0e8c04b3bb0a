//! Some samples, run through the models again. Only this check says anything about the features and scores themselves.
//!
//! Which samples follows from the submission's id by a counter-based generator, so that nobody chooses them, and everybody who checks
//! chooses the same. Each goes through the model in the batch that it had in the run.

use super::concern::{Concern, skipped};
use super::consistency::open_stored;
use super::{Verifier, Whole};
use crate::failure::Failure;
use crate::images::prepare::Preparer;
use crate::machine::{self, Machine};
use crate::onnx::device::Device;
use crate::onnx::library::Library;
use crate::pipeline::chunk::decode;
use crate::pipeline::chunk_job::{ChunkJob, prepare_each};
use crate::pipeline::worker::Worker;
use crate::pipeline::{Chunk, Execution, Samples};
use crate::run::measure_settings;
use crate::submission::parts::{DatasetPart, ModelPart};
use crate::submission::recompute::{Obstacle, read_chunk};
use ndarray::ArrayView1;
use retally_manifests::Digest;
use retally_metrics::random::Stream;
use retally_metrics::spatial::{Definition, ImageScores};
use retally_submissions::{Check, CheckKind, files};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

/// How far both may be apart: features in parts of the sample's largest feature, scores as they are.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Budget {
    /// The same provider, library and kind of processor: the same bits.
    Bits,
    /// Another machine or provider: 20 times the largest difference that was measured between CPU and CUDA (docs/gpu.md).
    Rounding,
    /// `--fast`: TensorFloat-32 has 10 bits.
    Fast,
}

impl Budget {
    fn width(self) -> f64 {
        match self {
            Self::Bits => 0.0,
            Self::Rounding => 1e-4,
            Self::Fast => 1e-2,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Bits => "to the last bit (same provider, library and kind of processor)",
            Self::Rounding => "within 1e-4 (another provider, library or kind of processor)",
            Self::Fast => "within 1e-2 (run with --fast)",
        }
    }
}

pub(super) fn check(
    verifier: Verifier<'_>,
    whole: &Whole<'_>,
    parts: &[DatasetPart],
    id: &Digest,
) -> Result<Check, Failure> {
    let kind = CheckKind::Reinference;
    let (count, context) = (verifier.options.reinfer, verifier.options.context);
    if count == 0 {
        return Ok(skipped(kind, "not asked for (--reinfer)"));
    }
    let Some(plan) = whole.suite.run_plan() else {
        return Ok(skipped(kind, "the suite has nothing to run"));
    };
    let library = context.onnxruntime()?;
    let run = Reinference {
        verifier,
        library,
        budget: budget(whole, library),
        spatial: measure_settings(plan).spatial,
    };
    let mut concern = Concern::new(kind);
    let (mut compared, mut absent) = (0, Vec::new());
    for (part, index) in parts.iter().zip(0..) {
        let Some(samples) = open_stored(part.dataset(), context)?
            .filter(|samples| samples.digests() == part.list().digests)
        else {
            absent.push(format!("data set `{}`", part.dataset().id));
            continue;
        };
        let chosen = chosen(id, index, part.list().count(), count);
        for model in &part.models {
            match run.model_file(model)? {
                Some(file) => {
                    compared += run.model((part, model), &samples, &file, &chosen, &mut concern)?;
                }
                None => absent.push(format!("model `{}`", model.model.id)),
            }
        }
    }
    let absent = if absent.is_empty() {
        String::new()
    } else {
        format!("; not in the store, so not run: {}", absent.join(", "))
    };
    if compared == 0 && !concern.has_failed() {
        return Ok(skipped(kind, format!("nothing that it needs is in the store{absent}")));
    }
    let detail = format!(
        "{compared} rows of features and scores, of {count} samples of each data set that the submission's id chooses, computed again by \
         the models and compared {}{absent}",
        run.budget.words()
    );
    Ok(concern.finish(detail))
}

fn budget(whole: &Whole<'_>, library: &Library) -> Budget {
    let (run, here) = (whole.run, Machine::examine());
    let record = library.record();
    let same = run.options.device == "cpu"
        && run.onnxruntime.sha256 == record.sha256
        && run.machine.architecture == here.architecture
        && run.machine.system == here.system
        && run.machine.features == here.features;
    match (run.options.fast, same) {
        (true, _) => Budget::Fast,
        (false, true) => Budget::Bits,
        (false, false) => Budget::Rounding,
    }
}

/// Different samples of a data set, rising.
fn chosen(id: &Digest, dataset: u64, samples: usize, count: usize) -> Vec<usize> {
    let (seed, _) = id.as_bytes().split_at(8);
    let seed = seed.iter().fold(0, |seed, byte| seed << 8 | u64::from(*byte));
    let mut stream = Stream::new(seed, "submission-reinference", dataset);
    let mut chosen = BTreeSet::new();
    while chosen.len() < count.min(samples) {
        chosen.insert(usize::try_from(stream.below(samples as u64)).unwrap_or_default());
    }
    chosen.into_iter().collect()
}

struct Reinference<'a> {
    verifier: Verifier<'a>,
    library: &'static Library,
    budget: Budget,
    spatial: Definition,
}

/// A chosen sample: its chunk, and the batch of its chunk that it goes through the model in.
struct Place {
    sample: usize,
    chunk: usize,
    first_of_chunk: usize,
    batch: Range<usize>,
}

impl Reinference<'_> {
    /// The model's file, if the store has one with the digest that the submission names.
    fn model_file(&self, model: &ModelPart) -> Result<Option<std::path::PathBuf>, Failure> {
        let context = self.verifier.options.context;
        let known = context.manifest.artifact(&model.model.artifact);
        match known.ok().filter(|artifact| artifact.sha256 == model.digest) {
            Some(artifact) => Ok(context.store()?.verified(artifact)?),
            None => Ok(None),
        }
    }

    /// Runs a model on the chosen samples; how many rows were compared.
    fn model(
        &self,
        (part, model): (&DatasetPart, &ModelPart),
        samples: &Samples,
        file: &Path,
        chosen: &[usize],
        concern: &mut Concern,
    ) -> Result<usize, Failure> {
        let places = places(part, model, chosen);
        let batches: Vec<Range<usize>> = places.iter().map(|place| place.batch.clone()).collect();
        let found = self.compute(part, model, samples, file, &batches)?;
        let mut compared = 0;
        for (place, again) in places.iter().zip(&found) {
            let Some(stored) = self.stored(part, model, place)? else {
                concern.fail(format!(
                    "`{}` cannot be read",
                    model.keys.get(place.chunk).map(files::chunk).unwrap_or_default()
                ));
                continue;
            };
            for ((tap, stored), again) in model.model.taps.iter().zip(&stored).zip(again) {
                let rows = (place.sample - place.first_of_chunk, place.sample - place.batch.start);
                compared += 1;
                let subject = || {
                    let key = part
                        .list()
                        .infos
                        .get(place.sample)
                        .map(|info| info.key.as_str())
                        .unwrap_or_default();
                    format!("{}/{}, sample {key:?}", model.model.id, tap.id)
                };
                let features = (stored.features.row(rows.0), again.features.row(rows.1));
                if let Some(reason) = self.features_differ(features.0, features.1) {
                    concern.fail(format!("{}: {reason}", subject()));
                }
                let scores = stored.scores.get(rows.0).zip(again.scores.get(rows.1));
                if let Some(reason) =
                    scores.and_then(|(stored, again)| self.scores_differ(stored, again))
                {
                    concern.fail(format!("{}: {reason}", subject()));
                }
            }
        }
        Ok(compared)
    }

    fn compute(
        &self,
        part: &DatasetPart,
        model: &ModelPart,
        samples: &Samples,
        file: &Path,
        batches: &[Range<usize>],
    ) -> Result<Vec<Chunk>, Failure> {
        let preparer = Preparer::for_model(&model.model.input, part.dataset())?;
        let threads = self.verifier.options.threads.map_or_else(machine::cores, usize::from);
        let execution =
            Execution { library: self.library, device: Device::Cpu, threads, fast: false };
        let outputs = model.model.taps.iter().map(|tap| tap.tensor.clone()).collect();
        let (sessions, _) = execution
            .open(file, outputs)
            .map_err(|failure| failure.within(format_args!("model `{}`", model.model.id)))?;
        let workers =
            sessions.into_iter().map(|session| Worker::new(session, &model.model, self.spatial));
        let workers = workers.collect::<Result<Vec<_>, _>>()?;
        let job = ChunkJob {
            ranges: batches,
            batch: model.model.input.batch as usize,
            shape: preparer.shape(),
            preparers: execution.preparers(workers.len()),
            prepare: &|range, out| prepare_each(&preparer, |index| samples.read(index), range, out),
        };
        let images = batches.iter().map(|batch| batch.len() as u64).sum();
        let title = format!("{}: run again", model.model.name);
        let mut progress = self.verifier.options.context.progress.job(title, images, "images");
        let mut found: Vec<Chunk> = batches.iter().map(|_| Vec::new()).collect();
        let missing: Vec<usize> = (0..batches.len()).collect();
        job.compute(
            &missing,
            workers,
            &mut progress,
            |worker: &mut Worker, batch| {
                worker.run(batch, |sample| samples.infos()[sample].key.clone())
            },
            |index, parts| {
                // A range is one batch, so it has one part.
                if let (Some(found), Some(part)) = (found.get_mut(index), parts.into_iter().next())
                {
                    *found = part;
                }
                Ok(())
            },
        )?;
        progress.finish();
        Ok(found)
    }

    /// The chunk of the bundle that a sample is in.
    fn stored(
        &self,
        part: &DatasetPart,
        model: &ModelPart,
        place: &Place,
    ) -> Result<Option<Chunk>, Failure> {
        let ranges = part.list().chunks();
        let (Some(key), Some(range)) = (model.keys.get(place.chunk), ranges.get(place.chunk))
        else {
            return Ok(None);
        };
        match read_chunk(self.verifier.archive, key) {
            Ok(bytes) => Ok(decode(&bytes, key, &model.model.taps, range.len()).ok()),
            Err(Obstacle::Reason(_)) => Ok(None),
            Err(Obstacle::Failure(failure)) => Err(failure),
        }
    }

    fn features_differ(
        &self,
        stored: ArrayView1<'_, f32>,
        again: ArrayView1<'_, f32>,
    ) -> Option<String> {
        let largest =
            again.iter().fold(0.0_f64, |largest, value| largest.max(f64::from(value.abs())));
        let room = self.budget.width() * largest;
        let differs = |(stored, again): (&f32, &f32)| match self.budget {
            Budget::Bits => stored.to_bits() != again.to_bits(),
            _ => (f64::from(*stored) - f64::from(*again)).abs() > room,
        };
        let place = stored.iter().zip(again.iter()).position(differs)?;
        Some(format!(
            "feature {place} is {} in the bundle and {} here, more apart than {room:e}",
            stored.get(place).copied().unwrap_or_default(),
            again.get(place).copied().unwrap_or_default()
        ))
    }

    fn scores_differ(&self, stored: &ImageScores, again: &ImageScores) -> Option<String> {
        let room = self.budget.width();
        let apart = |name: &str, stored: f64, again: f64| {
            let differs = (stored - again).abs() > room;
            differs.then(|| {
                format!(
                    "{name} is {stored} in the bundle and {again} here, more apart than {room:e}"
                )
            })
        };
        let srss = match (stored.srss, again.srss) {
            (Ok(stored), Ok(again)) => apart("SRSS", stored.get(), again.get()),
            (stored, again) if stored == again => None,
            _ => Some("SRSS is absent on one side, or for another reason".to_owned()),
        };
        apart("LDS", stored.lds.get(), again.lds.get())
            .or_else(|| apart("CDS", stored.cds.get(), again.cds.get()))
            .or(srss)
            .or_else(|| apart("RMSC", stored.rmsc.get(), again.rmsc.get()))
    }
}

fn places(part: &DatasetPart, model: &ModelPart, chosen: &[usize]) -> Vec<Place> {
    let batch = (model.model.input.batch as usize).max(1);
    let ranges = part.list().chunks();
    let place = |&sample: &usize| {
        let (chunk, range) =
            ranges.iter().enumerate().find(|(_, range)| range.contains(&sample))?;
        let start = range.start + (sample - range.start) / batch * batch;
        let batch = start..range.end.min(start + batch);
        Some(Place { sample, chunk, first_of_chunk: range.start, batch })
    };
    chosen.iter().filter_map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_alone_chooses_the_samples() {
        let (id, other) = (Digest::of_bytes(b"a"), Digest::of_bytes(b"b"));
        let first = chosen(&id, 0, 1000, 8);
        assert_eq!(first, chosen(&id, 0, 1000, 8));
        assert_eq!(first.len(), 8);
        assert!(first.is_sorted() && first.iter().all(|&sample| sample < 1000));
        assert_ne!(first, chosen(&other, 0, 1000, 8));
        assert_ne!(first, chosen(&id, 1, 1000, 8));
        assert_eq!(chosen(&id, 0, 3, 8), [0, 1, 2]);
    }
}
