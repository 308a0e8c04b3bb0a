//! `retally fetch`: brings artifacts into the store and verifies them.

use super::Document;
use crate::context::Context;
use crate::failure::Failure;
use crate::run::{Selection, miniature};
use retally_manifests::{ArtifactId, Digest, Generator, Manifest, WorldModel};
use retally_suites::Suite;
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;

/// The target that stands for the ONNX Runtime library of this platform, whatever its version.
const LIBRARY_TARGET: &str = "onnxruntime";

/// Arguments of `retally fetch`.
#[derive(Debug, clap::Args)]
pub(super) struct FetchCommand {
    /// Suites, models, generators, world models, data sets or artifacts (`retally list`), or `onnxruntime`.
    #[arg(required = true, value_name = "TARGET")]
    targets: Vec<String>,
}

/// What is now in the store.
#[derive(Debug, Serialize)]
struct FetchReport {
    artifacts: Vec<StoredArtifact>,
}

/// A verified artifact.
#[derive(Debug, Serialize)]
struct StoredArtifact {
    id: ArtifactId,
    sha256: Digest,
    bytes: u64,
    path: PathBuf,
}

pub(super) fn run(command: &FetchCommand, context: &Context) -> Result<Document, Failure> {
    // Every target is looked up before anything is fetched: a slip in the last one must not cost a download.
    let mut ids = Vec::new();
    for target in &command.targets {
        for id in artifacts_of(target, context)? {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
    }
    let store = context.store()?;
    let mut artifacts = Vec::new();
    for id in ids {
        let path = context.fetch(&store, &id)?;
        let artifact = context.manifest.artifact(&id)?;
        artifacts.push(StoredArtifact { id, sha256: artifact.sha256, bytes: artifact.bytes, path });
    }
    let report = FetchReport { artifacts };
    Document::new(report.to_text(), &report)
}

/// The artifacts that a target needs.
fn artifacts_of(target: &str, context: &Context) -> Result<Vec<ArtifactId>, Failure> {
    if target == LIBRARY_TARGET {
        return Ok(vec![context.onnxruntime_id()?]);
    }
    if Suite::builtin_ids().any(|id| id == target) {
        return artifacts_of_suite(&Suite::builtin(target)?, context);
    }
    let found = entries_named(target, &context.manifest);
    if found.is_empty() { Err(unknown_target(target, &context.manifest)) } else { Ok(found) }
}

/// What a suite's run and its miniature need. The run of a suite with a miniature may be left to the user's own models.
fn artifacts_of_suite(suite: &Suite, context: &Context) -> Result<Vec<ArtifactId>, Failure> {
    let mut ids = miniature::artifacts_of_suite(suite, context)?;
    let has_own_run = suite.run_plan().is_some_and(|plan| !plan.encoders.is_empty());
    if has_own_run || suite.miniature().is_none() {
        ids.extend(Selection::of_suite(suite, &context.manifest)?.artifacts(context)?);
    }
    Ok(ids)
}

/// The artifacts of everything in the manifests with this id.
fn entries_named(id: &str, manifest: &Manifest) -> Vec<ArtifactId> {
    let model = manifest.model(id).ok().map(|model| model.artifact.clone());
    let generator = manifest.generator(id).map(Generator::artifacts).unwrap_or_default();
    let world_model = manifest.world_model(id).map(WorldModel::artifacts).unwrap_or_default();
    let dataset = manifest.dataset(id).map(|dataset| dataset.artifacts.clone()).unwrap_or_default();
    let artifact = manifest.artifact(id).ok().map(|artifact| artifact.id.clone());
    let all = model.into_iter().chain(generator).chain(world_model);
    all.chain(dataset).chain(artifact).collect()
}

/// Suggests the nearest id of any kind.
fn unknown_target(target: &str, manifest: &Manifest) -> Failure {
    let errors = [
        manifest.artifact(target).err(),
        manifest.model(target).err(),
        manifest.generator(target).err(),
        manifest.world_model(target).err(),
        manifest.dataset(target).err(),
    ];
    let suggestion = errors.into_iter().flatten().find_map(|error| error.suggestion);
    let hint = match suggestion {
        Some(suggestion) => format!("did you mean `{suggestion}`?"),
        None => "`retally list` names what there is".to_owned(),
    };
    Failure::invalid(format_args!(
        "there is no suite, model, generator, data set or artifact `{target}`; {hint}"
    ))
}

impl FetchReport {
    fn to_text(&self) -> String {
        let mut text = String::new();
        for artifact in &self.artifacts {
            // Writing to a string cannot fail.
            let _ =
                writeln!(text, "{}  {}  {}", artifact.sha256, artifact.id, artifact.path.display());
        }
        let bytes: u64 = self.artifacts.iter().map(|artifact| artifact.bytes).sum();
        let _ = write!(
            text,
            "{} artifacts verified, {:.1} MB",
            self.artifacts.len(),
            bytes as f64 / 1e6
        );
        text
    }
}
