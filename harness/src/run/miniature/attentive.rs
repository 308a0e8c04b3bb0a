//! The attentive probe of an encoder's tokens: the tokens of every clean image, then a head that attends to them.

use super::Workbench;
use crate::failure::Failure;
use crate::images::prepare::Preparer;
use crate::interrupt;
use crate::pipeline::Samples;
use crate::progress::Job;
use crate::world_model::{NetworkFile, TokenEncoder};
use ndarray::{Array2, Axis};
use retally_manifests::{Dataset, Digest, Model, WorldModelEncoder};
use retally_metrics::probe::descent::{
    DescentError, Head, LabelledTable, Observer, Progress, Recipe, Training, descent_probe,
};
use retally_metrics::table::{MemoryTable, TableShape};
use retally_metrics::{Absence, AbsenceReason, Measurement, Unit};
use retally_suites::miniature::AttentivePlan;
use retally_suites::probes::{ProbeMethod, ProbeProtocol};

/// The protocol that is followed.
const PROTOCOL: &str = "attentive";
/// Most bytes of tokens that are kept in memory.
const MOST_BYTES: usize = 4 << 30;
/// Images that are prepared and encoded at a time.
const IMAGES: usize = 128;

/// The protocol's name with its version.
///
/// # Errors
/// If the program does not carry it, which is a bug.
pub(super) fn method() -> Result<String, Failure> {
    Ok(ProbeProtocol::builtin(PROTOCOL)?.versioned_id())
}

/// A probe of one encoder on one data set with a split.
pub(super) struct AttentiveProbe<'a> {
    /// The encoder as a run knows it.
    pub(super) encoder: &'a Model,
    /// The world model's encoder, whose shape of tokens it has.
    pub(super) entry: &'a WorldModelEncoder,
    pub(super) file: &'a NetworkFile,
    pub(super) plan: &'a AttentivePlan,
    pub(super) samples: &'a Samples,
    pub(super) bench: &'a Workbench<'a>,
}

impl AttentiveProbe<'_> {
    /// The accuracy on the test set, read from the run directory if it was measured before. `None` if interrupted.
    ///
    /// # Errors
    /// If an image or the encoder cannot be used, or the probe cannot be trained on this data set.
    pub(super) fn measure(&self) -> Result<Option<Measurement>, Failure> {
        if let Some(absent) = self.too_large()? {
            return Ok(Some(absent));
        }
        let recipe = self.recipe()?;
        let preparer = self.preparer()?;
        let directory = self.bench.directory;
        let name = self.key(&recipe, &preparer)?;
        let stored = directory.read_measured(name, &self.bench.context.progress)?;
        if stored.is_some() {
            return Ok(stored);
        }
        let Some(tokens) = self.tokens(&preparer)? else { return Ok(None) };
        let Some(measured) = self.train(&tokens, &recipe)? else { return Ok(None) };
        directory.write_measured(name, &measured)?;
        Ok(Some(measured))
    }

    /// Tokens that do not fit into memory are an absence with its reason.
    fn too_large(&self) -> Result<Option<Measurement>, Failure> {
        let numbers = self.entry.token_count().saturating_mul(self.entry.channels as usize);
        let bytes = numbers.saturating_mul(4).saturating_mul(self.samples.count());
        if bytes <= MOST_BYTES {
            return Ok(None);
        }
        let detail = format!(
            "the tokens of {} images are {:.1} GiB, and this probe keeps them in memory, up to {} GiB",
            self.samples.count(),
            bytes as f64 / (1_u64 << 30) as f64,
            MOST_BYTES >> 30
        );
        let absence = Absence::new(AbsenceReason::MissingInput, detail);
        Ok(Some(Measurement::absent("accuracy", Unit::Percent, 0, method()?, absence)))
    }

    fn recipe(&self) -> Result<Recipe, Failure> {
        let protocol = ProbeProtocol::builtin(PROTOCOL)?;
        let ProbeMethod::Descent(mut recipe) = protocol.method else {
            return Err(Failure::invalid("the protocol `attentive` is no training"));
        };
        recipe.batch = self.plan.batch as usize;
        recipe.epochs = self.plan.epochs as usize;
        if let (Head::Attentive { attention_heads, .. }, Some(heads)) =
            (&mut recipe.head, self.plan.attention_heads)
        {
            *attention_heads = Some(heads as usize);
        }
        Ok(recipe)
    }

    fn preparer(&self) -> Result<Preparer, Failure> {
        let dataset = Dataset { mask: None, ..self.samples.dataset().clone() };
        Ok(Preparer::for_model(&self.encoder.input, &dataset)?)
    }

    /// Everything that decides the accuracy.
    fn key(&self, recipe: &Recipe, preparer: &Preparer) -> Result<Digest, Failure> {
        let execution = self.bench.execution();
        let identity = (
            (method()?, recipe, self.plan.seed, env!("CARGO_PKG_VERSION")),
            (self.file.digest, self.entry, &self.encoder.input.tensor, &self.encoder.taps),
            (preparer.id(), self.samples.digests(), self.samples.list().labels_digest()),
            (execution.device.provider(), execution.session_id(), execution.library_id()),
        );
        let json = serde_json::to_vec(&identity)
            .map_err(|error| Failure::invalid(format_args!("cannot name a probe: {error}")))?;
        Ok(Digest::of_bytes(&json))
    }

    /// Tokens of all samples, [samples, tokens x channels].
    fn tokens(&self, preparer: &Preparer) -> Result<Option<Array2<f32>>, Failure> {
        let count = self.samples.count();
        let tensor = self.encoder.taps.first().map_or("", |tap| tap.tensor.as_str());
        let input = self.encoder.input.tensor.as_str();
        let mut encoder =
            TokenEncoder::open(self.entry, self.file, (input, tensor), &self.bench.execution())
                .map_err(|failure| failure.within(&self.encoder.name))?;
        let title = format!("{}: tokens", self.encoder.name);
        let mut job = self.bench.context.progress.job(title, count as u64, "images");
        let width = self.entry.token_count() * self.entry.channels as usize;
        let mut tokens = Array2::zeros((count, width));
        for start in (0..count).step_by(IMAGES) {
            if interrupt::requested() {
                return Ok(None);
            }
            let rows = start..count.min(start + IMAGES);
            let values = encoder.image_values();
            let mut images = vec![0.0; rows.len() * values];
            for (row, numbers) in rows.clone().zip(images.chunks_exact_mut(values)) {
                preparer.prepare(&self.samples.read(row)?, numbers)?;
            }
            let encoded =
                encoder.encode(&images).map_err(|failure| failure.within(&self.encoder.name))?;
            let encoded = encoded.as_standard_layout();
            let numbers = encoded.as_slice().unwrap_or_default();
            for (row, numbers) in rows.clone().zip(numbers.chunks_exact(width)) {
                tokens.row_mut(row).iter_mut().zip(numbers).for_each(|(to, from)| *to = *from);
            }
            job.advance(rows.len() as u64);
        }
        job.finish();
        Ok(Some(tokens))
    }

    fn train(&self, tokens: &Array2<f32>, recipe: &Recipe) -> Result<Option<Measurement>, Failure> {
        let Some(split) = self.samples.split() else { return Ok(None) };
        let sets = [&split.train, &split.test].map(|set| (tokens.select(Axis(0), set), set));
        let labels = |set: &[usize]| -> Result<Vec<u32>, Failure> {
            let labels: Option<_> =
                set.iter().map(|&row| self.samples.infos()[row].class).collect();
            labels.ok_or_else(|| Failure::invalid("a sample of the split has no label"))
        };
        let all_labels = [labels(sets[0].1)?, labels(sets[1].1)?];
        let table = |index: usize| {
            let shape = TableShape {
                samples: sets[index].0.nrows(),
                views: 1,
                tokens: self.entry.token_count(),
                width: self.entry.channels as usize,
            };
            MemoryTable::new(sets[index].0.view(), shape)
                .ok_or_else(|| Failure::invalid("tokens do not have the shape of their table"))
        };
        let (train, test) = (table(0)?, table(1)?);
        let train = LabelledTable { features: &train, labels: &all_labels[0] };
        let test = LabelledTable { features: &test, labels: &all_labels[1] };
        let training = Training { recipe, seed: self.plan.seed, executor: &self.bench.threads };
        let title = format!("{}: attentive probe", self.encoder.name);
        let progress =
            self.bench.context.progress.job(title, u64::from(self.plan.epochs), "epochs");
        let mut watcher = Watcher { job: progress, epoch: 0 };
        match descent_probe(train, test, training, &mut watcher) {
            Ok(outcome) => {
                watcher.job.finish();
                let mut measurements = outcome.measurements.into_iter();
                let accuracy = measurements.find(|measured| measured.metric == "accuracy");
                accuracy.map(Some).ok_or_else(|| Failure::invalid("the probe gave no accuracy"))
            }
            Err(DescentError::Stopped { .. }) => Ok(None),
            // What cannot be trained on this data set is an absence with its reason: other metrics stand without it.
            Err(error) => {
                let absence = Absence::new(AbsenceReason::Undefined, error.to_string());
                let n = all_labels[1].len() as u64;
                Ok(Some(Measurement::absent("accuracy", Unit::Percent, n, method()?, absence)))
            }
        }
    }
}

/// Shows the epochs, and stops where the user has asked to.
struct Watcher {
    job: Job,
    epoch: usize,
}

impl Observer for Watcher {
    fn step(&mut self, progress: Progress) -> bool {
        if progress.epoch > self.epoch {
            self.job.advance((progress.epoch - self.epoch) as u64);
            self.epoch = progress.epoch;
        }
        !interrupt::requested()
    }
}
