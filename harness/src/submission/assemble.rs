//! From a run directory to the files of a bundle, signed.

use super::bundle_manifest::BundleManifest;
use super::claim::{self, Claimant};
use super::parts::{Naming, parts};
use crate::context::Context;
use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use crate::onnx::device::Device;
use crate::pipeline::Samples;
use crate::run::directory::write_durably_with;
use crate::run::{StoredRun, measure_settings};
use retally_manifests::{Dataset, Digest, Model};
use retally_submissions::PrivateKey;
use retally_submissions::archive::ArchiveWriter;
use retally_submissions::documents::{RunDocument, SAMPLES_SCHEMA, SamplesDocument, to_bytes};
use retally_submissions::dsse::Envelope;
use retally_submissions::files;
use retally_submissions::label::{Label, check_label};
use retally_submissions::statement::{Statement, Subject, SubjectDigest};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A signed bundle that is not yet written. Chunks and tables are read from the run directory when it is.
#[derive(Debug)]
pub struct Assembled {
    envelope: Vec<u8>,
    /// All other files, by name.
    contents: Vec<(String, Content)>,
    id: Digest,
    suite: String,
    name: Label,
}

#[derive(Debug)]
enum Content {
    Bytes(Vec<u8>),
    File(PathBuf),
}

impl Content {
    fn read(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.clone()),
            Self::File(path) => std::fs::read(path),
        }
    }
}

/// What else a run's record tells, which no bundle can hold yet.
#[derive(Deserialize)]
struct OtherParts {
    #[serde(default)]
    generators: Vec<serde::de::IgnoredAny>,
    #[serde(default)]
    world_models: Vec<serde::de::IgnoredAny>,
}

/// Collects and signs what a run's measurements rest on.
///
/// # Errors
/// With exit code 4 if the run has not ended; else if it is of a kind that cannot be computed again from its chunks, is not whole, is not
/// of the models and data sets of the manifests here, or the name is not allowed.
pub fn assemble(
    run: &Path,
    name: &str,
    key: &PrivateKey,
    context: &Context,
) -> Result<Assembled, Failure> {
    let name = Label::new(name)
        .map_err(|error| Failure::invalid(format_args!("--name cannot be used: {error}")))?;
    let record = read_complete(run, "run.json")?;
    let measured = read_complete(run, "measurements.json")?;
    let table = run.join(files::SAMPLES_TABLE);
    let stored = StoredRun::read(run)?;
    let document = RunDocument::of_record(&record).map_err(|error| {
        Failure::invalid(format_args!("`{}`: {error}", run.join("run.json").display()))
    })?;
    refuse_other_runs(&record, &document, run)?;
    let plan = stored.suite.run_plan().ok_or_else(|| {
        Failure::invalid(format_args!("suite `{}` has nothing to run", stored.suite.id()))
    })?;
    let (datasets, samples) = samples(&document, context)?;
    let manifest = BundleManifest::new(datasets, models(&document, &stored, context)?);
    let device: Device = document.options.device.parse().map_err(Failure::invalid)?;
    let naming = Naming { run: &document, device, spatial: measure_settings(plan).spatial };
    let found = parts(naming, &manifest, &samples).map_err(|reasons| {
        Failure::invalid(format_args!(
            "`{}` does not fit together: {}",
            run.display(),
            reasons.join("; ")
        ))
    })?;
    let mut contents = vec![
        (files::MANIFEST.to_owned(), Content::Bytes(manifest.to_bytes()?)),
        (files::MEASUREMENTS.to_owned(), Content::Bytes(measured)),
        (
            files::PUBLIC_KEY.to_owned(),
            Content::Bytes(key.public().to_pem().map_err(Failure::invalid)?.into_bytes()),
        ),
        (files::RUN.to_owned(), Content::Bytes(json(&document)?)),
        (files::SAMPLES.to_owned(), Content::Bytes(json(&samples)?)),
        (files::SAMPLES_TABLE.to_owned(), Content::File(present(run, table)?)),
    ];
    for key in found.iter().flat_map(|part| &part.models).flat_map(|model| &model.keys) {
        let path = run.join("chunks").join(format!("{key}.safetensors"));
        contents.push((files::chunk(key), Content::File(present(run, path)?)));
    }
    contents.sort_by(|left, right| left.0.cmp(&right.0));
    let claimant = Claimant { name: name.clone(), key: key.public().fingerprint() };
    let predicate =
        claim::predicate(claimant, &stored.suite, &stored.evaluate(), &document, device);
    let statement = Statement::new(subjects(&contents)?, predicate);
    let payload = json(&statement)?;
    Ok(Assembled {
        envelope: json(&Envelope::sign(&payload, key))?,
        contents,
        id: Statement::id(&payload),
        suite: stored.suite.id().to_owned(),
        name,
    })
}

impl Assembled {
    /// SHA-256 of the signed statement.
    #[must_use]
    pub fn id(&self) -> Digest {
        self.id
    }

    /// The suite that was run.
    #[must_use]
    pub fn suite(&self) -> &str {
        &self.suite
    }

    /// What the submission is called.
    #[must_use]
    pub fn name(&self) -> &Label {
        &self.name
    }

    /// Writes the bundle: the whole file appears, or none.
    ///
    /// # Errors
    /// If a file of the run cannot be read, the bundle is beyond its limits, or it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        write_durably_with(path, |file| self.write_to(file).map(drop))
    }

    fn write_to<'a>(&self, file: &'a mut File) -> io::Result<io::BufWriter<&'a mut File>> {
        let mut writer = ArchiveWriter::new(io::BufWriter::new(file));
        writer.add(files::STATEMENT, &self.envelope)?;
        for (name, content) in &self.contents {
            writer.add(name, &content.read()?)?;
        }
        let mut output = writer.finish()?;
        output.flush()?;
        Ok(output)
    }
}

fn json(document: &impl Serialize) -> Result<Vec<u8>, Failure> {
    to_bytes(document)
        .map_err(|error| Failure::invalid(format_args!("cannot write a document as JSON: {error}")))
}

fn incomplete(run: &Path, file: &Path) -> Failure {
    Failure::new(
        ExitStatus::Incomplete,
        format_args!(
            "the run in `{}` has not ended: `{}` is missing; start the same `retally run` again, it continues",
            run.display(),
            file.display()
        ),
    )
}

/// A document that a run writes at its end.
fn read_complete(run: &Path, name: &str) -> Result<Vec<u8>, Failure> {
    let metadata =
        std::fs::metadata(run).map_err(|error| Failure::file("read the run", run, &error))?;
    if !metadata.is_dir() {
        return Err(Failure::invalid(format_args!(
            "`{}` is no run: give the folder of one",
            run.display()
        )));
    }
    let path = run.join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(incomplete(run, &path)),
        Err(error) => Err(Failure::file("read", &path, &error)),
    }
}

/// A file that a whole run has.
fn present(run: &Path, path: PathBuf) -> Result<PathBuf, Failure> {
    if path.is_file() { Ok(path) } else { Err(incomplete(run, &path)) }
}

fn refuse_other_runs(record: &[u8], run: &RunDocument, folder: &Path) -> Result<(), Failure> {
    let refuse = |reason: &str| {
        Err(Failure::invalid(format_args!("`{}` cannot be submitted: {reason}", folder.display())))
    };
    let others: OtherParts = serde_json::from_slice(record)
        .map_err(|error| Failure::invalid(format_args!("run.json: {error}")))?;
    if !others.generators.is_empty() {
        return refuse(
            "it has generators, whose scores cannot be computed again from a bundle; submit a run of encoders alone",
        );
    }
    if run.options.miniature || !others.world_models.is_empty() {
        return refuse("it is a miniature, which is not judged against anybody's numbers");
    }
    if run.options.limit.is_some() {
        return refuse("it was made with --limit; run the whole data set");
    }
    if run.models.is_empty() {
        return refuse("no encoder was measured in it");
    }
    Ok(())
}

/// The data sets of a run and their samples, from the store.
fn samples(
    run: &RunDocument,
    context: &Context,
) -> Result<(Vec<Dataset>, SamplesDocument), Failure> {
    let store = context.store()?;
    let (mut datasets, mut listed) = (Vec::new(), Vec::new());
    for used in &run.datasets {
        let dataset = context.manifest.dataset(&used.id)?;
        if dataset.folder.is_some() {
            return Err(Failure::invalid(format_args!(
                "data set `{}` is a folder of your own, which nobody else can name by a digest: pack it as a tar artifact \
                 (docs/manifests.md) and run again",
                used.id
            )));
        }
        let files = dataset.artifacts.iter().map(|id| context.fetch(&store, id));
        let samples = Samples::open(dataset, &files.collect::<Result<Vec<_>, _>>()?, None)?;
        listed.push(samples.listed());
        datasets.push(dataset.clone());
    }
    Ok((datasets, SamplesDocument { schema: SAMPLES_SCHEMA, datasets: listed }))
}

/// The models of a run with the taps that it measured.
fn models(run: &RunDocument, stored: &StoredRun, context: &Context) -> Result<Vec<Model>, Failure> {
    let measured: Vec<&str> = stored
        .measurements
        .datasets
        .iter()
        .flat_map(|dataset| dataset.models.iter().map(|model| model.key.as_str()))
        .collect();
    let mut models: Vec<Model> = Vec::new();
    for used in &run.models {
        let mut model = context.manifest.model(&used.id)?.clone();
        model.taps.retain(|tap| measured.contains(&format!("{}/{}", used.id, tap.id).as_str()));
        let labels = model
            .taps
            .iter()
            .map(|tap| tap.label.as_str())
            .chain([model.name.as_str(), &model.family]);
        for label in labels {
            check_label(label).map_err(|error| {
                Failure::invalid(format_args!(
                    "the name {label:?} of model `{}` cannot be published: {error}",
                    model.id
                ))
            })?;
        }
        models.push(model);
    }
    Ok(models)
}

fn subjects(contents: &[(String, Content)]) -> Result<Vec<Subject>, Failure> {
    let subject = |(name, content): &(String, Content)| {
        let sha256 = match content {
            Content::Bytes(bytes) => Digest::of_bytes(bytes),
            Content::File(path) => {
                Digest::of_file(path).map_err(|error| Failure::file("read", path, &error))?
            }
        };
        Ok(Subject { name: name.clone(), digest: SubjectDigest { sha256 } })
    };
    contents.iter().map(subject).collect()
}
