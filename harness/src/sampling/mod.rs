//! Samplers: from noise to images by the calls of a network.
//!
//! ```text
//! manifest ─► Plan (steps as data) ─┐
//! noise, labels ────────────────────┴─► Registers: network input ─► network ─► advance ─► … ─► quantise ─► bytes
//! ```
//!
//! A sampler becomes a [`Plan`] first: one linear combination a step, whose coefficients depend on the manifest alone.
//! [`Registers`] carry it out on a CPU. Noise and labels depend on (seed, sample, step), never on the batch, so a sample is
//! the same however the work is divided.
//!
//! The numbers are in files that know nothing of ONNX, files or threads: `plan`, `state`, `noise`, `labels`, `quantise` and
//! what these use. Around them, `denoiser` and `decoder` call the networks, `worker` takes samples from noise to bytes on
//! one thread (`trajectory`: all steps), `device_registers` keeps the states on a GPU, `job` divides the work and stores what is done (`chunk_store`),
//! and `destination` writes files.

mod assembly;
mod changes;
mod chunk_store;
mod clock;
mod consistency;
mod decoder;
mod denoiser;
mod destination;
mod device_registers;
mod diffusion;
mod flow;
mod guidance;
mod job;
mod labels;
mod mean_flow;
mod networks;
mod noise;
mod noise_choice;
mod path;
mod plan;
mod quantise;
mod recipe;
mod sample_files;
mod sample_groups;
mod schedule;
mod state;
#[cfg(test)]
mod testing;
mod torch_noise;
mod trajectory;
mod update_graph;
mod worker;

pub use changes::{SamplerChanges, SamplerKind};
pub use chunk_store::SampleChunk;
pub use clock::{SampleClock, SampleSeconds};
pub use destination::WrittenSamples;
pub use job::{SampleJob, SampleRequest, Sampled};
pub use labels::Labels;
pub use noise::{NoiseSource, SampleNoise};
pub use noise_choice::NoiseChoice;
pub use plan::{Clip, Combination, MAX_STEPS, NoiseTerm, Plan, PlanError, Step};
pub use quantise::{PixelError, quantise};
pub use recipe::LabelChoice;
pub use sample_files::{SampleFiles, SampleReport, sample_to_files};
pub use sample_groups::{SampleGroups, ScoredImages};
pub use state::{Guide, Output, Registers, StateError, decoder_input};
pub use torch_noise::{TorchBatches, TorchNoise, TorchNoiseError, TorchScript};
