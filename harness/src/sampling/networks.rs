//! The networks of a generator: verified files, and sessions of them for every thread.

use super::Registers;
use super::decoder::LatentDecoder;
use super::denoiser::{Denoiser, Place};
use super::device_registers::DeviceRegisters;
use super::recipe::Recipe;
use super::trajectory::{DeviceTrajectory, Trajectory};
use super::update_graph::StateShape;
use super::worker::SampleWorker;
use crate::failure::Failure;
use crate::onnx::device::Device;
use crate::onnx::session::{BoundSession, SessionOptions, SessionRecord};
use crate::pipeline::Execution;
use retally_manifests::{ArtifactId, Digest};
use std::path::PathBuf;

/// A verified ONNX file.
#[derive(Clone, Debug)]
pub(super) struct NetworkFile {
    pub(super) id: ArtifactId,
    pub(super) sha256: Digest,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

impl NetworkFile {
    fn within(&self, failure: Failure) -> Failure {
        failure.within(format_args!("model `{}`", self.id))
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
