//! Where the time of sampling went.

use serde::Serialize;
use std::time::Duration;

/// Time of one thread, or of all threads together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    /// In the network's session.
    pub(super) network: Duration,
    /// In the decoder's session.
    pub(super) decoder: Duration,
    /// Everything else between noise and bytes.
    pub(super) update: Duration,
}

impl Spent {
    pub(super) fn add(&mut self, other: Self) {
        self.network += other.network;
        self.decoder += other.decoder;
        self.update += other.update;
    }
}

/// Where the time of a run went.
#[derive(Clone, Copy, Debug, Default)]
pub struct SampleClock {
    /// Of all threads together.
    pub(super) spent: Spent,
    /// Threads that sampled, each with its own sessions.
    pub(super) threads: usize,
    /// Opening the sessions.
    pub(super) opening: Duration,
    /// From the first sample's beginning to the last chunk's end.
    pub(super) sampling: Duration,
    /// Handing the samples on, at the same time on another thread.
    pub(super) writing: Duration,
    /// From beginning to end.
    pub(super) total: Duration,
}

/// [`SampleClock`] in seconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SampleSeconds {
    /// From beginning to end.
    pub total: f64,
    /// Opening the sessions.
    pub opening: f64,
    /// From the first sample's beginning to the last chunk's end.
    pub sampling: f64,
    /// In the network's session, of all threads together.
    pub network: f64,
    /// In the decoder's session, of all threads together.
    pub decoder: f64,
    /// Everything else between noise and bytes, of all threads together.
    pub update: f64,
    /// Sampling threads that waited, most of it for the others at the end, of all threads together.
    pub idle: f64,
    /// Handing the samples on, at the same time on another thread.
    pub writing: f64,
    /// Threads that sampled, each with its own sessions.
    pub threads: usize,
    /// The share of the sampling time of all threads that they spent in ONNX Runtime, waiting included; none where nothing was
    /// sampled.
    pub share_in_onnxruntime: Option<f64>,
}

impl SampleClock {
    /// The same in seconds.
    #[must_use]
    pub fn seconds(&self) -> SampleSeconds {
        let Spent { network, decoder, update } = self.spent;
        let threads_time = self.sampling.as_secs_f64() * self.threads as f64;
        let inside = (network + decoder).as_secs_f64();
        SampleSeconds {
            total: self.total.as_secs_f64(),
            opening: self.opening.as_secs_f64(),
            sampling: self.sampling.as_secs_f64(),
            network: network.as_secs_f64(),
            decoder: decoder.as_secs_f64(),
            update: update.as_secs_f64(),
            idle: (threads_time - inside - update.as_secs_f64()).max(0.0),
            writing: self.writing.as_secs_f64(),
            threads: self.threads,
            share_in_onnxruntime: (threads_time > 0.0).then(|| inside / threads_time),
        }
    }
}
