//! Generators of a run: sampled, scored against the suite's reference, and put beside the encoders as rows of its tables.

use super::directory::RunDirectory;
use super::record::{ArtifactRecord, GeneratorRecord, RunRecord};
use super::selection::{GeneratorRequest, GeneratorSelection};
use crate::context::Context;
use crate::failure::Failure;
use crate::generation::{
    GenerationRequest, MetricChoice, NetworkRequest, ReferenceSource, ScoreRecord, Scored,
    score_stream,
};
use crate::pipeline::Execution;
use crate::sampling::{
    NoiseChoice, SampleFiles, SampleGroups, SampleJob, SampleRequest, ScoredImages, sample_to_files,
};
use retally_manifests::{ArtifactId, Generator};
use retally_metrics::Measurement;
use retally_suites::evaluation::MeasuredModel;
use retally_suites::run::DatasetMeasurements;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// What papers call the FID of generated images.
const GENERATION_FID: &str = "gFID";

/// Everything that the generators of a run share.
pub(super) struct GeneratorRun<'a> {
    pub(super) selection: &'a GeneratorSelection,
    pub(super) request: &'a GeneratorRequest<'a>,
    pub(super) execution: Execution<'static>,
    pub(super) context: &'a Context,
    pub(super) directory: &'a RunDirectory,
}

impl GeneratorRun<'_> {
    /// Samples and scores every generator.
    ///
    /// # Errors
    /// What [`SampleJob`] and [`score_stream`] say; what is done stays stored.
    pub(super) fn measure(&self, record: &mut RunRecord) -> Result<DatasetMeasurements, Failure> {
        let reference = &self.selection.reference;
        let files = match self.context.manifest.dataset_folder(reference) {
            Some(folder) => vec![folder],
            None => reference
                .artifacts
                .iter()
                .map(|id| self.fetch(id, record))
                .collect::<Result<_, _>>()?,
        };
        let mut models = Vec::new();
        let mut methods = BTreeMap::new();
        let mut samples = 0;
        for generator in &self.selection.generators {
            let scored = self.score(generator, &files, record)?;
            let method = method(&scored.record);
            samples = scored.record.reference.count.unwrap_or(0);
            let measurements: Vec<Measurement> =
                scored.measurements.into_iter().map(as_papers_call_it).collect();
            methods.extend(
                measurements.iter().map(|measured| (measured.metric.clone(), method.clone())),
            );
            models.push(MeasuredModel {
                key: generator.id.clone(),
                label: generator.name.clone(),
                family: generator.family.clone(),
                measurements,
            });
        }
        Ok(DatasetMeasurements {
            dataset: reference.id.clone(),
            samples,
            samples_in_dataset: samples,
            methods,
            models,
        })
    }

    fn score(
        &self,
        generator: &Generator,
        reference: &[PathBuf],
        record: &mut RunRecord,
    ) -> Result<Scored, Failure> {
        let selection = self.selection;
        for id in generator.artifacts() {
            self.fetch(&id, record)?;
        }
        let request = SampleRequest {
            generator: generator.clone(),
            labels: None,
            count: selection.samples,
            noise: NoiseChoice::default(),
            seed: selection.seed,
            batch: None,
            shard: None,
        };
        let images =
            if self.request.keep_images { ScoredImages::Kept } else { ScoredImages::Removed };
        let job = SampleJob::new(request, self.execution, self.context)?;
        let mut groups = SampleGroups::new(job, &self.context.progress, images);
        let network = NetworkRequest {
            protocol: selection.protocol.clone(),
            model: Some(&selection.network),
            tap: None,
            names: &[],
            batch: None,
            device: self.execution.device,
            fast: self.execution.fast,
            threads: NonZeroUsize::new(self.execution.threads),
        };
        let request = GenerationRequest {
            reference: ReferenceSource::Dataset(&selection.reference, reference),
            samples: generator.id.as_ref(),
            network,
            metrics: MetricChoice::All,
            force: false,
            quick: false,
            seed: selection.seed,
        };
        let scored = score_stream(&request, &mut groups, self.context)
            .map_err(|failure| failure.within(format_args!("generator `{}`", generator.id)))?;
        if self.request.keep_images {
            let file =
                |extension| self.directory.root().join(format!("{}.{extension}", generator.id));
            let (out, grid) = (file("npz"), file("png"));
            sample_to_files(groups.job(), Some(SampleFiles { out: &out, grid: Some(&grid) }))?;
        }
        record.generators.push(GeneratorRecord {
            id: generator.id.clone(),
            name: generator.name.clone(),
            samples: selection.samples,
            seed: selection.seed,
            samples_key: groups.job().key(),
            sampler: groups.job().generator().sampler.clone(),
            guidance: groups.job().generator().guidance,
            sampled: groups.made(),
            sessions: groups.sessions().to_vec(),
            score: scored.record.clone(),
        });
        Ok(scored)
    }

    fn fetch(&self, id: &ArtifactId, record: &mut RunRecord) -> Result<PathBuf, Failure> {
        let path = self.context.fetch(&self.context.store()?, id)?;
        record.artifacts.push(ArtifactRecord::of(self.context.manifest.artifact(id)?));
        Ok(path)
    }
}

/// The word by which suites tell how a number was made.
fn method(record: &ScoreRecord) -> String {
    let published = record.network.as_ref().and_then(|network| network.published_weights);
    if published == Some(false) {
        format!("{} without the published weights", record.protocol)
    } else {
        record.protocol.clone()
    }
}

fn as_papers_call_it(measurement: Measurement) -> Measurement {
    if measurement.metric == "FID" {
        Measurement { metric: GENERATION_FID.to_owned(), ..measurement }
    } else {
        measurement
    }
}
