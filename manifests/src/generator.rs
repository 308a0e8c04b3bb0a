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

impl Generator {
    /// The files that it is made of.
    #[must_use]
    pub fn artifacts(&self) -> Vec<ArtifactId> {
        let data = self.network.data.iter().map(|data| data.artifact.clone());
        let decoder = self.decoder.iter().map(|decoder| decoder.artifact.clone());
        std::iter::once(self.network.artifact.clone()).chain(data).chain(decoder).collect()
    }
}

/// The network of a generator. Its inputs are f32 unless said otherwise, the first axis of each the samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratorNetwork {
    /// The ONNX file.
    pub artifact: ArtifactId,
    /// Files in which it keeps weights; a network of more than 2 GiB must.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<ExternalData>,
    /// Name of the input that takes the state.
    pub state: String,
    /// Shape of one sample's state: `[4, 32, 32]`, or `[100]` for the latent of a GAN.
    pub shape: Vec<u32>,
    /// The input that takes the time, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeInput>,
    /// The input that takes the time at which a step ends (MeanFlow).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<EndTimeInput>,
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

impl GeneratorNetwork {
    /// The name that the ONNX file has beside its weights, where these are in other files.
    pub const FILE_NAME: &'static str = "network.onnx";
}

fn one() -> u32 {
    1
}

/// A file of weights that an ONNX file refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalData {
    /// The name that the ONNX file knows it by.
    pub name: String,
    /// The file.
    pub artifact: ArtifactId,
}

/// An input `[samples]` that takes the time of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeInput {
    /// Name of the graph input.
    pub tensor: String,
    /// Element type.
    #[serde(default)]
    pub element: TimeElement,
}

/// An input `[samples]` that takes the end of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndTimeInput {
    /// Name of the graph input.
    pub tensor: String,
    /// Element type.
    #[serde(default)]
    pub element: TimeElement,
    /// What it is told of the end.
    #[serde(default)]
    pub takes: EndTimeValue,
}

/// How the end of a step is told to a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndTimeValue {
    /// The time at which the step ends.
    #[default]
    End,
    /// How long the step is: its time minus the time at which it ends (the networks of MeanFlow's authors).
    Duration,
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

/// An input `[samples]` that always has the same value.
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
        /// The distance to the data end is taken for at least this when the velocity is computed (JiT: 0.05). The same
        /// rule holds while such a network is trained, so this is part of the network.
        least_distance: f64,
    },
    /// Velocity averaged between the two times, noise at time 1 (MeanFlow).
    MeanVelocity,
    /// Noise in the state of a discrete diffusion process (DDPM, DiT).
    Noise {
        /// The output has twice the channels of the state. The second half interpolates the logarithm of the variance
        /// (learned range of Nichol and Dhariwal 2021): -1 for the smallest, 1 for the largest.
        learned_variance: bool,
    },
    /// Data, from a state of data plus `sigma` times noise; its time input takes sigma (consistency models).
    ConsistentData,
}

impl Prediction {
    /// Its kind, as a manifest writes it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Velocity { .. } => "velocity",
            Self::LinearPathData { .. } => "linear-path-data",
            Self::MeanVelocity => "mean-velocity",
            Self::Noise { .. } => "noise",
            Self::ConsistentData => "consistent-data",
        }
    }
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
    /// Euler-Maruyama on the reverse SDE of a flow, whose diffusion coefficient is twice the time: equal steps from 1 to
    /// `last`, then one step to 0 without noise. This is how REPA samples, and SiT with its default options.
    FlowSde {
        /// Calls of the network, at least 2 (REPA: 250).
        steps: u32,
        /// Time at which the last step begins (REPA: 0.04).
        last: f64,
    },
    /// Euler's method on the ODE of a flow, equal steps from 1 to 0.
    FlowEuler {
        /// Calls of the network.
        steps: u32,
        /// Standard deviation of the noise (JiT: 1 at 256 pixels, 2 at 512).
        #[serde(default = "unit")]
        noise_scale: f64,
    },
    /// Heun's method on the ODE of a flow, equal steps from 1 to 0, the last one by Euler's method.
    FlowHeun {
        /// Steps; the network is called twice in each but the last.
        steps: u32,
        /// Standard deviation of the noise (JiT: 1 at 256 pixels, 2 at 512).
        #[serde(default = "unit")]
        noise_scale: f64,
    },
    /// Ancestral sampling of a discrete diffusion process on a subset of its times (DDPM; DiT).
    Ddpm {
        /// Calls of the network.
        steps: u32,
        /// The process that the network was trained on.
        process: DiffusionProcess,
        /// Which of its times are taken.
        #[serde(default)]
        spacing: TimeSpacing,
        /// Variance of the noise that a step adds.
        variance: StepVariance,
        /// The data that a step estimates are clipped to -1 … 1 (on in guided diffusion, off in DiT).
        #[serde(default)]
        clip: bool,
    },
    /// DDIM on a subset of the times of a discrete diffusion process (Song et al. 2021).
    Ddim {
        /// Calls of the network.
        steps: u32,
        /// The process that the network was trained on.
        process: DiffusionProcess,
        /// Which of its times are taken.
        #[serde(default)]
        spacing: TimeSpacing,
        /// Share of DDPM's noise: 0 is deterministic.
        #[serde(default)]
        eta: f64,
        /// The data that a step estimates are clipped to -1 … 1 (on in guided diffusion, off in DiT).
        #[serde(default)]
        clip: bool,
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
        /// Every prediction is clipped to -1 … 1 (on in the sampling script of the authors).
        #[serde(default)]
        clip: bool,
    },
}

fn unit() -> f64 {
    1.0
}

/// Which times of a discrete diffusion process are taken, as guided diffusion and DiT choose them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeSpacing {
    /// From the first to the last, spread evenly and rounded: what `"250"` stands for there.
    #[default]
    Even,
    /// Every k-th from the first on, where some k gives the number of steps: what `"ddim50"` stands for there.
    Stride,
}

/// Variance of the noise that a step of DDPM adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepVariance {
    /// What the network says, between the other two.
    Learned,
    /// That of the process backwards, given the data.
    Small,
    /// That of the process forwards.
    Large,
}

impl Sampler {
    /// Its kind, as a manifest writes it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::OneCall => "one-call",
            Self::FlowSde { .. } => "flow-sde",
            Self::FlowEuler { .. } => "flow-euler",
            Self::FlowHeun { .. } => "flow-heun",
            Self::Ddpm { .. } => "ddpm",
            Self::Ddim { .. } => "ddim",
            Self::MeanFlow { .. } => "mean-flow",
            Self::Consistency { .. } => "consistency",
        }
    }
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
    /// Sample i has class i modulo the number of classes: equally many of each where the number of samples allows it. JiT
    /// has as many of each class too, but makes one class after the other.
    Balanced,
}

/// Classifier-free guidance (Ho and Salimans 2022): none + scale (class - none).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guidance {
    /// 1 is no guidance, and one call instead of two.
    pub scale: f64,
    /// Times, noise at 1, at which it is on; always by default. Only samplers whose times go from 1 to 0 can have another.
    #[serde(default = "always")]
    pub interval: [f64; 2],
    /// Whether it is on at the ends of the interval.
    #[serde(default)]
    pub ends: IntervalEnds,
    /// Which time is looked up in the interval.
    #[serde(default)]
    pub at: GuidanceTime,
    /// Only this many leading channels are guided, the others are those of the class (SiT and DiT: 3); by default all that
    /// the state has. A learned variance is never guided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<u32>,
    /// How both predictions are computed.
    #[serde(default)]
    pub calls: GuidanceCalls,
}

fn always() -> [f64; 2] {
    [0.0, 1.0]
}

/// Whether guidance is on at the ends of its interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IntervalEnds {
    /// At both (REPA).
    #[default]
    Included,
    /// At neither, but an end at 1 leaves pure noise in (JiT, whose `interval_min` of 0.1 is a `0.9` here).
    Excluded,
}

/// Which time is looked up in the interval of guidance. They differ in the second call of a step of Heun's method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuidanceTime {
    /// That at which the step begins (REPA).
    #[default]
    Step,
    /// That which the network is called with (JiT).
    Call,
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

/// From values to bytes, in f32 as the sampling scripts compute it. With v = (value - low) / (high - low), the number is
/// clipped to 0 … 255 before it is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantise {
    /// ⌊255 v⌋ (REPA and iREPA, consistency models, MeanFlow's code for CIFAR-10).
    Truncate255,
    /// ⌊255 v + 1/2⌋ (SiT, DiT and MeanFlow's code for ImageNet, who write 127.5 x + 128).
    HalfUp255,
    /// 255 v to the nearest, halves to even (JiT).
    HalfEven255,
    /// ⌊256 v⌋ (some GANs).
    Truncate256,
}
