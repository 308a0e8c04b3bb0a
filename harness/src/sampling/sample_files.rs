//! Samples into files, and what is said of them: beside the files, and by the command.

use super::clock::SampleSeconds;
use super::destination::{Begun, Destination, DestinationRequest, WrittenSamples, samples_entry};
use super::job::{SampleJob, Sampled};
use crate::failure::Failure;
use crate::machine::Machine;
use crate::onnx::session::SessionRecord;
use retally_manifests::{ArtifactId, Digest, Generator};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Version of the file beside the samples.
const SCHEMA: u32 = 1;

/// Where samples are to go.
#[derive(Clone, Copy, Debug)]
pub struct SampleFiles<'a> {
    /// An `.npz` file or a folder.
    pub out: &'a Path,
    /// A PNG file for a contact sheet.
    pub grid: Option<&'a Path>,
}

/// What a command has to say of its samples.
#[derive(Clone, Debug, Serialize)]
pub struct SampleReport {
    /// Names the samples, whatever their number: the same name and index, the same image.
    pub samples_sha256: Digest,
    /// What decided them.
    pub settings: SampleSettings,
    /// Samples asked for.
    pub count: usize,
    /// Samples that were made now.
    pub made: usize,
    /// Samples that were stored already.
    pub reused: usize,
    /// Whether all samples are there; a shard alone may leave some to others.
    pub complete: bool,
    /// The part of the work that was done here.
    pub shard: Option<String>,
    /// The files; none unless all samples are there.
    pub output: Option<WrittenSamples>,
    /// Where the time went.
    pub seconds: SampleSeconds,
    /// Samples made, by the time from the first one's beginning to the last one's end; none if none were made.
    pub images_per_second: Option<f64>,
}

/// What decided samples.
#[derive(Clone, Debug, Serialize)]
pub struct SampleSettings {
    /// The generator's entry, with the changes of the command line.
    pub generator: Generator,
    /// Its files.
    pub files: Vec<NetworkRecord>,
    /// Seed of noise and labels.
    pub seed: u64,
    /// Where the noise came from.
    pub noise: String,
    /// How the classes were chosen; none for an unconditional generator.
    pub labels: Option<String>,
    /// Calls of the network for one sample.
    pub calls: u64,
    /// Execution provider.
    pub provider: &'static str,
    /// Version and digest of ONNX Runtime.
    pub onnxruntime: String,
    /// Optimisation and determinism.
    pub session: String,
    /// Samples that a thread made together, which changes no bit.
    pub batch: usize,
}

/// A file of a network that was used.
#[derive(Clone, Debug, Serialize)]
pub struct NetworkRecord {
    /// Id of the artifact.
    pub id: ArtifactId,
    /// Digest of the file.
    pub sha256: Digest,
}

/// Makes the samples that are missing and writes all of them. Nothing is written while another shard's samples are
/// missing, or while another process writes the same.
///
/// # Errors
/// As [`SampleJob::run`]; also if something else is in the files' place.
pub fn sample_to_files(
    job: &SampleJob<'_>,
    files: Option<SampleFiles<'_>>,
) -> Result<SampleReport, Failure> {
    let started = now();
    let settings = settings(job);
    let mut writing = Writing { job, files, record: record(job, &settings, None), state: None };
    if job.shard().is_none() {
        // What cannot be written must not be computed first.
        writing.begin()?;
    }
    let sampled = job.run(&mut |chunk| writing.push(chunk))?;
    let finished = |written: &WrittenSamples| {
        let times = json!({ "started": started, "ended": now() });
        let facts = Facts { times, sessions: &sampled.sessions, written };
        Ok(record(job, &settings, Some(&facts)))
    };
    let output = writing.finish(finished)?;
    Ok(report(job, settings, &sampled, output))
}

/// Files that are begun when there is something to write.
struct Writing<'a> {
    job: &'a SampleJob<'a>,
    files: Option<SampleFiles<'a>>,
    record: Value,
    state: Option<Begun>,
}

impl Writing<'_> {
    fn begin(&mut self) -> Result<(), Failure> {
        let Some(SampleFiles { out, grid }) = self.files else { return Ok(()) };
        let classes = self.job.generator().classes.as_ref();
        let request = DestinationRequest {
            out,
            grid,
            key: self.job.key(),
            count: self.job.count(),
            size: self.job.size(),
            class_names: classes.map_or(&[], |classes| classes.names.as_slice()),
        };
        let begun = Destination::begin(&request, &self.record)?;
        if matches!(begun, Begun::Taken) && self.job.shard().is_none() {
            return Err(Failure::temporary(format_args!(
                "another process is writing to `{}`: wait for it, or choose another --out",
                out.display()
            )));
        }
        self.state = Some(begun);
        Ok(())
    }

    fn push(&mut self, chunk: &super::SampleChunk) -> Result<(), Failure> {
        if self.state.is_none() {
            self.begin()?;
        }
        match &mut self.state {
            Some(Begun::Mine(destination)) => destination.push(chunk),
            _ => Ok(()),
        }
    }

    fn finish(
        self,
        record: impl FnOnce(&WrittenSamples) -> Result<Value, Failure>,
    ) -> Result<Option<WrittenSamples>, Failure> {
        match self.state {
            Some(Begun::Mine(destination)) => destination.finish(record).map(Some),
            _ => Ok(None),
        }
    }
}

/// What is known at the end.
struct Facts<'a> {
    times: Value,
    sessions: &'a [SessionRecord],
    written: &'a WrittenSamples,
}

/// What the file beside the samples says.
fn record(job: &SampleJob<'_>, settings: &SampleSettings, facts: Option<&Facts<'_>>) -> Value {
    let (samples, key) = samples_entry(&job.key());
    let (width, height) = job.size();
    let mut record = json!({
        "schema": SCHEMA,
        "retally": env!("CARGO_PKG_VERSION"),
        samples: key,
        "complete": facts.is_some(),
        "count": job.count(),
        "width": width,
        "height": height,
        "settings": settings,
        "machine": Machine::examine(),
    });
    if let (Some(Facts { times, sessions, written }), Some(entries)) =
        (facts, record.as_object_mut())
    {
        entries.insert("output".to_owned(), json!(written));
        entries.insert("sessions".to_owned(), json!(sessions));
        entries.insert("times".to_owned(), times.clone());
    }
    record
}

fn settings(job: &SampleJob<'_>) -> SampleSettings {
    let (recipe, execution) = (job.recipe(), job.execution());
    let files = job.files().iter().flat_map(|file| &file.artifacts);
    let files = files.map(|(id, sha256)| NetworkRecord { id: id.clone(), sha256: *sha256 });
    SampleSettings {
        generator: recipe.generator.clone(),
        files: files.collect(),
        seed: recipe.seed,
        noise: recipe.noise.to_string(),
        labels: recipe.label_rule(),
        calls: recipe.plan.calls(),
        provider: execution.device.provider(),
        onnxruntime: execution.library_id(),
        session: execution.session_id(),
        batch: job.unit_size(),
    }
}

fn report(
    job: &SampleJob<'_>,
    settings: SampleSettings,
    sampled: &Sampled,
    output: Option<WrittenSamples>,
) -> SampleReport {
    let seconds = sampled.clock.seconds();
    SampleReport {
        samples_sha256: job.key(),
        settings,
        count: job.count(),
        made: sampled.made,
        reused: sampled.stored,
        complete: sampled.complete,
        shard: job.shard().map(|shard| shard.to_string()),
        output,
        images_per_second: (sampled.made > 0 && seconds.sampling > 0.0)
            .then(|| sampled.made as f64 / seconds.sampling),
        seconds,
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}
