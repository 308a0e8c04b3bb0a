//! The networks of a generator: verified files, and sessions of them for every thread.

use super::Registers;
use super::decoder::LatentDecoder;
use super::denoiser::{Denoiser, Place};
use super::device_registers::DeviceRegisters;
use super::recipe::Recipe;
use super::trajectory::{DeviceTrajectory, Trajectory};
use super::update_graph::StateShape;
use super::worker::SampleWorker;
use crate::context::Context;
use crate::failure::Failure;
use crate::onnx::device::Device;
use crate::onnx::external;
use crate::onnx::session::{BoundSession, SessionOptions, SessionRecord};
use crate::pipeline::Execution;
use retally_manifests::{ArtifactId, Digest, ExternalData, GeneratorNetwork};
use std::path::PathBuf;

/// A verified ONNX file, with the files of weights that it refers to.
#[derive(Clone, Debug)]
pub(super) struct NetworkFile {
    pub(super) path: PathBuf,
    /// Of all files together.
    pub(super) sha256: Digest,
    pub(super) bytes: u64,
    /// The ONNX file, and then its files of weights.
    pub(super) artifacts: Vec<(ArtifactId, Digest)>,
}

impl NetworkFile {
    /// The file of an artifact, from the store; with the files of weights that it refers to beside it, if there are some.
    ///
    /// # Errors
    /// If a file cannot be had.
    pub(super) fn fetch(
        context: &Context,
        id: &ArtifactId,
        data: &[ExternalData],
    ) -> Result<Self, Failure> {
        let store = context.store()?;
        let own = (GeneratorNetwork::FILE_NAME, id);
        let data = data.iter().map(|data| (data.name.as_str(), &data.artifact));
        let (mut files, mut artifacts, mut bytes) = (Vec::new(), Vec::new(), 0_u64);
        for (name, id) in std::iter::once(own).chain(data) {
            let path = context.fetch(&store, id)?;
            let artifact = context.manifest.artifact(id)?;
            bytes = bytes.saturating_add(artifact.bytes);
            artifacts.push((id.clone(), artifact.sha256));
            files.push((name, path));
        }
        let digests = files.iter().zip(&artifacts).skip(1);
        let digests = digests.map(|((name, _), (_, digest))| ((*name).to_owned(), *digest));
        let sha256 = external::combined_digest(artifacts[0].1, &digests.collect());
        let path = if files.len() == 1 {
            files.remove(0).1
        } else {
            store.gathered(&sha256, &files)?.join(GeneratorNetwork::FILE_NAME)
        };
        Ok(Self { path, sha256, bytes, artifacts })
    }

    fn within(&self, failure: Failure) -> Failure {
        let names = self.artifacts.first().map(|(id, _)| id.to_string()).unwrap_or_default();
        failure.within(format_args!("model `{names}`"))
    }
}

/// What opens the networks.
pub(super) struct Networks<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) execution: &'a Execution<'a>,
    /// The network, and the decoder where there is one.
    pub(super) files: &'a [NetworkFile],
}

impl<'a> Networks<'a> {
    /// At most `most` workers, as many as the memory allows.
    ///
    /// # Errors
    /// If a file is no model that fits the manifest's entry, or the device cannot be used.
    pub(super) fn open(
        &self,
        most: usize,
    ) -> Result<(Vec<SampleWorker<'a>>, Vec<SessionRecord>), Failure> {
        let bytes = self.files.iter().map(|file| file.bytes).sum();
        let count = self.execution.sessions(bytes).0.min(most.max(1));
        // Where there are fewer samples than cores, the cores share them. Threads of a session change no bit.
        let threads = (self.execution.threads / count).max(1);
        let [network_file, decoder_file] = [self.files.first(), self.files.get(1)];
        let network_file = network_file
            .ok_or_else(|| Failure::invalid("a generator without a network came unexpected"))?;
        let mut workers = Vec::with_capacity(count);
        let mut records = Vec::new();
        for number in 0..count {
            let network = &self.recipe.generator.network;
            let (session, record) = self.session(network_file, &network.output, threads)?;
            let place = self.place();
            let guided = self.recipe.guidance().is_some();
            let outputs = self.recipe.output_shape();
            let denoiser =
                Denoiser::new(session, &self.recipe.generator, &outputs, (guided, place))
                    .map_err(|failure| network_file.within(failure))?;
            let trajectory = self.trajectory(&denoiser, threads)?;
            let mut opened = vec![record];
            let mut decoder = None;
            if let (Some(entry), Some(file)) = (&self.recipe.generator.decoder, decoder_file) {
                let (session, record) = self.session(file, &entry.output, threads)?;
                opened.push(record);
                let bound = LatentDecoder::new(session, entry, &self.recipe.generator);
                decoder = Some(bound.map_err(|failure| file.within(failure))?);
            }
            workers.push(SampleWorker::new(self.recipe, denoiser, decoder, trajectory)?);
            // The others are the same.
            if number == 0 {
                records = opened;
            }
        }
        Ok((workers, records))
    }

    /// States of a GPU's network stay in its memory; a GAN has none.
    fn place(&self) -> Place<'a> {
        if self.execution.device == Device::Cpu || self.recipe.plan.is_one_call() {
            Place::Host
        } else {
            Place::Device(&self.recipe.plan.steps)
        }
    }

    /// Room for the states of one call of the network.
    fn trajectory(&self, denoiser: &Denoiser, threads: usize) -> Result<Trajectory, Failure> {
        let Recipe { plan, generator, .. } = self.recipe;
        let samples = generator.network.batch as usize;
        if matches!(self.place(), Place::Host) {
            // The "state" after the only call of a GAN is the image.
            let shape = if plan.is_one_call() {
                self.recipe.output_shape()
            } else {
                self.recipe.state_shape()
            };
            let values = shape.iter().product();
            return Ok(Trajectory::Host(Registers::new(plan, samples, values)));
        }
        let sizes = self.recipe.state_shape();
        let guidance = self.recipe.guidance();
        let shape = StateShape {
            samples,
            guided_channels: guidance.map_or(0, |guidance| guidance.channels),
            learned_variance: plan.learned_variance,
            sizes,
        };
        let scale = guidance.map_or(1.0, |guidance| guidance.scale);
        let Execution { library, device, fast, .. } = *self.execution;
        let options = SessionOptions { device, threads, fast, outputs: Vec::new() };
        let registers = DeviceRegisters::new((library, &options), plan, (shape, scale), |step| {
            denoiser.rows(step)
        })?;
        Ok(Trajectory::Device(Box::new(DeviceTrajectory::new(registers, self.recipe)?)))
    }

    fn session(
        &self,
        file: &NetworkFile,
        output: &str,
        threads: usize,
    ) -> Result<(BoundSession, SessionRecord), Failure> {
        let Execution { library, device, fast, .. } = *self.execution;
        let outputs = vec![output.to_owned()];
        let options = SessionOptions { device, threads, fast, outputs };
        let session = BoundSession::open(library, &file.path, &options)
            .map_err(|error| file.within(Failure::from(error)))?;
        let record = session.record().clone();
        Ok((session, record))
    }
}
