//! Samplers: from noise to images by the calls of a network.
//!
//! ```text
//! manifest ─► Plan (steps as data) ─┐
//! noise, labels ────────────────────┴─► Registers: network input ─► network ─► advance ─► … ─► quantise ─► bytes
//! ```
//!
//! Here are the numbers; nothing in this folder knows of ONNX, files or threads. A sampler becomes a [`Plan`] first: one
//! linear combination a step, whose coefficients depend on the manifest alone. [`Registers`] carry it out on a CPU. Noise
//! and labels depend on (seed, sample, step), never on the batch, so a sample is the same however the work is divided.

mod consistency;
mod diffusion;
mod flow;
mod guidance;
mod labels;
mod mean_flow;
mod noise;
mod normal;
mod path;
mod plan;
mod quantise;
mod schedule;
mod state;
mod torch_noise;

pub use labels::Labels;
pub use noise::{NoiseSource, SampleNoise};
pub use plan::{Clip, Combination, MAX_STEPS, NoiseTerm, Plan, PlanError, Step};
pub use quantise::{PixelError, quantise};
pub use state::{Guide, Output, Registers, StateError, decoder_input};
pub use torch_noise::{TorchBatches, TorchNoise, TorchNoiseError, TorchScript};
