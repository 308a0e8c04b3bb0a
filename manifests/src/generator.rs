//! What a manifest says of a generator: its networks, what goes into them, and how it is sampled.

use crate::ArtifactId;
use serde::{Deserialize, Serialize};

/// A model that makes images from noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    /// Short id for the command line: `noto-flow`.
    pub id: String,
    /// True name, as a table row would print it. Never the name of a generator that this one only resembles.
    pub name: String,
    /// Generators of one family share a colour in figures.
    pub family: String,
    /// The network that is called at every step.
    pub network: GeneratorNetwork,
    /// Makes an image of the last state; without it the last state is the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoder: Option<Decoder>,
    /// What images can be asked for; without it the generator is unconditional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Classes>,
    /// How states follow each other.
    pub sampler: Sampler,
    /// Classifier-free guidance; none by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guidance: Option<Guidance>,
    /// What comes out.
    pub image: GeneratedImage,
    /// Consecutive samples that are stored, and lost by a crash, together.
    #[serde(default = "default_chunk")]
    pub chunk: u32,
}

fn default_chunk() -> u32 {
    64
}

/// The network of a generator. Its inputs are f32 unless said otherwise, the first axis of each the samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratorNetwork {
    /// The ONNX file.
    pub artifact: ArtifactId,
    /// Name of the input that takes the state.
    pub state: String,
    /// Shape of one sample's state: `[4, 32, 32]`, or `[100]` for the latent of a GAN.
    pub shape: Vec<u32>,
    /// The input that takes the time, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeInput>,
    /// The input that takes the time at which a step ends (MeanFlow).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<TimeInput>,
    /// Inputs that are the same for all samples.
    #[serde(default, rename = "constant", skip_serializing_if = "Vec::is_empty")]
    pub constants: Vec<ConstantInput>,
    /// Name of the output.
    pub output: String,
    /// What the output is.
    pub prediction: Prediction,
    /// Samples in one call. It is fixed here and not on the command line, since the last bits of a sample may depend on
    /// it; a short call is padded. One is best on a CPU.
    #[serde(default = "one")]
    pub batch: u32,
}

fn one() -> u32 {
    1
}

/// An input [samples] that takes the time of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeInput {
    /// Name of the graph input.
    pub tensor: String,
    /// Element type.
    #[serde(default)]
    pub element: TimeElement,
}

/// Element type of a time input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeElement {
    /// 32-bit floating point.
    #[default]
    Float32,
    /// 64-bit integers: the number of a diffusion step.
    Int64,
}

/// An input [samples] that always has the same value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConstantInput {
    /// Name of the graph input.
    pub tensor: String,
    /// Its value.
    pub value: f32,
}

/// What a network's output is, and so how a sampler reads it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Prediction {
    /// The finished sample, from noise at once (GAN).
    Sample,
    /// d state / d t on the linear path between data and noise, t the network's own time (SiT, flow matching).
    Velocity {
        /// Which end of the network's time is noise.
        noise_at: NoiseEnd,
    },
    /// The data that the state is a noisy version of, on the linear path (JiT).
    LinearPathData {
        /// Which end of the network's time is noise.
        noise_at: NoiseEnd,
        /// The distance to the data end is taken for at least this when the velocity is computed (JiT: 0.05).
        least_distance: f64,
    },
    /// Velocity averaged between the two times (MeanFlow), noise at time 1.
    MeanVelocity,
    /// Noise in the state of a discrete diffusion process (DDPM, DiT).
    Noise {
        /// A second half of the channels interpolates the logarithm of the variance (learned range of Nichol and Dhariwal 2021).
        learned_variance: bool,
    },
    /// Data, from a state of data plus `sigma` times noise; its time input takes sigma (consistency models).
    ConsistentData,
}

/// An end of the time of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseEnd {
    /// Noise at time 0, data at time 1.
    Zero,
    /// Data at time 0, noise at time 1.
    One,
}

/// How the states of a sample follow each other, with the constants that decide it. Times here have noise at 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Sampler {
    /// The network is called once on noise (GAN).
    OneCall,
    /// Euler-Maruyama on the reverse SDE of a flow, and a last step without noise, as REPA and SiT sample.
    FlowSde {
        /// Calls of the network.
        steps: u32,
        /// Time at which the last step begins.
        last: f64,
    },
    /// Euler's method on the ODE of a flow, equal steps from 1 to 0.
    FlowEuler {
        /// Calls of the network.
        steps: u32,
    },
    /// Heun's method on the ODE of a flow, equal steps from 1 to 0, the last one by Euler's method.
    FlowHeun {
        /// Steps; the network is called twice in each but the last.
        steps: u32,
    },
    /// Ancestral sampling of a discrete diffusion process on a subset of its times (DDPM; DiT).
    Ddpm {
        /// Calls of the network.
        steps: u32,
        /// The process that the network was trained on.
        process: DiffusionProcess,
    },
    /// DDIM on a subset of the times of a discrete diffusion process (Song et al. 2021).
    Ddim {
        /// Calls of the network.
        steps: u32,
        /// The process that the network was trained on.
        process: DiffusionProcess,
        /// Share of DDPM's noise: 0 is deterministic.
        #[serde(default)]
        eta: f64,
    },
    /// Equal steps of a mean velocity from 1 to 0.
    MeanFlow {
        /// Calls of the network.
        steps: u32,
    },
    /// A consistency model: denoises from the first sigma, adds noise up to the next one, and so on.
    Consistency {
        /// Falling; the first is the standard deviation of the noise that sampling starts from.
        sigmas: Vec<f64>,
        /// Noise that the model leaves in (its smallest sigma).
        sigma_min: f64,
    },
}

/// A discrete diffusion process: the variances that its steps add.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "schedule", deny_unknown_fields)]
pub enum DiffusionProcess {
    /// Variances grow linearly (Ho et al. 2020; DiT: 0.0001 to 0.02 in 1000 steps).
    Linear {
        /// Steps of the process.
        steps: u32,
        /// Variance of the first.
        first: f64,
        /// Variance of the last.
        last: f64,
    },
    /// The squared cosine of Nichol and Dhariwal 2021.
    Cosine {
        /// Steps of the process.
        steps: u32,
    },
}

/// What images a generator can be asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classes {
    /// How many.
    pub count: u32,
    /// Their names, in order; may be left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Name of the input that takes the class.
    pub tensor: String,
    /// How it takes it.
    pub encoding: ClassEncoding,
    /// The class that stands for none, for classifier-free guidance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub none: Option<u32>,
    /// Which classes the samples have, unless the user says otherwise.
    #[serde(default)]
    pub labels: LabelRule,
}

/// How a network takes a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassEncoding {
    /// `[samples]`, 64-bit integers.
    Index,
    /// `[samples, count]`, f32: 1 in the place of the class.
    OneHot,
    /// `[samples]`, f32: class / (count - 1).
    Fraction,
}

/// Which classes the samples have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelRule {
    /// Each drawn by itself, all classes equally likely (REPA, SiT, DiT).
    #[default]
    Uniform,
    /// Sample i has class i modulo the number of classes: equally many of each (JiT).
    Balanced,
}

/// Classifier-free guidance (Ho and Salimans 2022): none + scale (class - none).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guidance {
    /// 1 is no guidance, and one call instead of two.
    pub scale: f64,
    /// Times, noise at 1, both ends included, at which it is on; always by default.
    #[serde(default = "always")]
    pub interval: [f64; 2],
    /// Only this many leading channels are guided, the others are those of the class (DiT: 3); all by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<u32>,
    /// How both predictions are computed.
    #[serde(default)]
    pub calls: GuidanceCalls,
}

fn always() -> [f64; 2] {
    [0.0, 1.0]
}

/// How the two predictions of guidance are computed. The last bits may depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuidanceCalls {
    /// In one call of twice the batch.
    #[default]
    Fused,
    /// In two calls.
    Separate,
}

/// Makes images of latents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decoder {
    /// The ONNX file.
    pub artifact: ArtifactId,
    /// Name of its input.
    pub input: String,
    /// Name of its output.
    pub output: String,
    /// The state is divided by it (SD-VAE: 0.18215) …
    pub scale: f64,
    /// … and this is added.
    #[serde(default)]
    pub shift: f64,
    /// Latents in one call; fixed for the same reason as the network's.
    #[serde(default = "one")]
    pub batch: u32,
}

/// What a generator makes: values `[channels, height, width]` from `low` to `high`, and how they become bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratedImage {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// 3, or 1 for grey, which is written as three equal channels.
    pub channels: u32,
    /// The value of black.
    pub low: f32,
    /// The value of white.
    pub high: f32,
    /// From values to bytes.
    pub quantise: Quantise,
}

/// From a value v, 0 for black and 1 for white, to a byte. All clip to 0 … 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantise {
    /// ⌊255 v⌋ (REPA and iREPA).
    Truncate255,
    /// ⌊255 v + 1/2⌋ (SiT and DiT, who write 127.5 x + 128).
    HalfUp255,
    /// 255 v to the nearest, halves to even (JiT).
    HalfEven255,
    /// ⌊256 v⌋.
    Truncate256,
}
