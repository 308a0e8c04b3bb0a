//! A step of a sampler as a small graph, so that states can stay on the device that the network runs on.
//!
//! The operations are those of [`Registers`](super::Registers), one node each, in f64 and in the same order.

use super::plan::{NoiseTerm, Step};
use crate::onnx::session::Element;
use crate::onnx::writer::GraphWriter;

/// Names of the graph's inputs and outputs.
pub(super) mod names {
    pub(in super::super) const STATE: &str = "state";
    /// The network's answer, f32, one row or two a sample.
    pub(in super::super) const ANSWER: &str = "answer";
    /// The network's answer of a separate call for no class.
    pub(in super::super) const NONE: &str = "none";
    pub(in super::super) const NOISE: &str = "noise";
    pub(in super::super) const COEFFICIENTS: &str = "coefficients";
    pub(in super::super) const KEPT_STATE: &str = "kept_state";
    pub(in super::super) const KEPT_PREDICTION: &str = "kept_prediction";
    /// One number a sample: 0, or NaN once something of the sample was not finite.
    pub(in super::super) const CHECK: &str = "check";
    pub(in super::super) const NEXT_CHECK: &str = "next_check";
    pub(in super::super) const NEXT: &str = "next";
    /// The next state as the network takes it.
    pub(in super::super) const INPUT: &str = "input";
    pub(in super::super) const PREDICTION: &str = "prediction";
}

/// The coefficients of a step, in the order of the graph's input.
const COEFFICIENTS: [&str; 11] = [
    "of_state",
    "of_prediction",
    "of_kept_state",
    "of_kept_prediction",
    "clip_of_state",
    "clip_of_prediction",
    "clip_low",
    "clip_high",
    "noise_first",
    "noise_second",
    "scale",
];

/// Sizes of the states and answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StateShape {
    /// Samples of a call.
    pub(super) samples: usize,
    /// Shape of one state, its channels first.
    pub(super) sizes: Vec<usize>,
    /// The answer has twice the channels; the second half says where the variance lies.
    pub(super) learned_variance: bool,
    /// Leading channels that guidance changes.
    pub(super) guided_channels: usize,
}

/// What the graph of a step consists of. Steps of one kind differ in their coefficients alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct UpdateKind {
    guided: bool,
    /// The network's call has two rows for each sample.
    two_rows: bool,
    clip: bool,
    uses_kept: bool,
    keep: bool,
    noise: NoiseKind,
    /// Rows that the next call takes of each sample.
    next_rows: Option<NextRows>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum NoiseKind {
    None,
    Constant,
    Learned,
}

/// Rows of a sample in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum NextRows {
    /// One.
    One,
    /// Two: for the class and for none.
    Two,
}

impl UpdateKind {
    /// That of a step whose call has `two_rows` a sample.
    pub(super) fn of(step: &Step, two_rows: bool, next_rows: Option<NextRows>) -> Self {
        let combination = &step.combination;
        Self {
            guided: step.guided,
            two_rows,
            clip: combination.clip.is_some(),
            uses_kept: combination.uses_previous(),
            keep: step.keep,
            noise: match combination.noise {
                NoiseTerm::None => NoiseKind::None,
                NoiseTerm::Constant { .. } => NoiseKind::Constant,
                NoiseTerm::Learned { .. } => NoiseKind::Learned,
            },
            next_rows,
        }
    }

    /// Whether the graph takes the answer of a call of its own for none.
    pub(super) fn takes_none(self) -> bool {
        self.guided && !self.two_rows
    }

    pub(super) fn takes_noise(self) -> bool {
        self.noise != NoiseKind::None
    }

    pub(super) fn uses_kept(self) -> bool {
        self.uses_kept
    }

    pub(super) fn keeps(self) -> bool {
        self.keep
    }

    pub(super) fn next_rows(self) -> Option<NextRows> {
        self.next_rows
    }

    /// The graph's outputs.
    pub(super) fn outputs(self) -> Vec<String> {
        let input = self.next_rows.map(|_| names::INPUT);
        let prediction = self.keep.then_some(names::PREDICTION);
        let all = [names::NEXT, names::NEXT_CHECK].into_iter().chain(input).chain(prediction);
        all.map(str::to_owned).collect()
    }

    /// The graph as a model.
    pub(super) fn model(self, shape: &StateShape) -> Vec<u8> {
        let mut writer = Writer { graph: GraphWriter::default(), kind: self, shape };
        writer.inputs();
        writer.prediction();
        writer.combination();
        writer.outputs();
        writer.graph.finish("sampling step")
    }
}

/// The numbers of a step for the input [`names::COEFFICIENTS`].
pub(super) fn coefficients(step: &Step, scale: f64) -> Vec<f64> {
    let combination = &step.combination;
    let clip = combination
        .clip
        .map_or([0.0; 4], |clip| [clip.state, clip.prediction, clip.low, clip.high]);
    let noise = match combination.noise {
        NoiseTerm::None => [0.0; 2],
        NoiseTerm::Constant { deviation } => [deviation, 0.0],
        NoiseTerm::Learned { log_min, log_max } => [log_min, log_max],
    };
    let of = [
        combination.state,
        combination.prediction,
        combination.previous_state,
        combination.previous_prediction,
    ];
    [&of[..], &clip, &noise, &[scale]].concat()
}

/// How many numbers there are in [`names::COEFFICIENTS`].
pub(super) const COEFFICIENT_COUNT: usize = COEFFICIENTS.len();

struct Writer<'a> {
    graph: GraphWriter,
    kind: UpdateKind,
    shape: &'a StateShape,
}

impl Writer<'_> {
    fn state_shape(&self) -> Vec<usize> {
        [&[self.shape.samples], self.shape.sizes.as_slice()].concat()
    }

    fn channels(&self) -> usize {
        self.shape.sizes.first().copied().unwrap_or_default()
    }

    fn answer_shape(&self, rows: usize) -> Vec<usize> {
        let mut sizes = self.shape.sizes.clone();
        if let (true, Some(channels)) = (self.shape.learned_variance, sizes.first_mut()) {
            *channels *= 2;
        }
        [&[rows], sizes.as_slice()].concat()
    }

    fn inputs(&mut self) {
        let UpdateKind { two_rows, uses_kept, .. } = self.kind;
        let state = self.state_shape();
        let samples = self.shape.samples;
        let answer = self.answer_shape(if two_rows { 2 * samples } else { samples });
        self.graph.input(names::STATE, Element::Float64, &state);
        self.graph.input(names::ANSWER, Element::Float32, &answer);
        if self.kind.takes_none() {
            let none = self.answer_shape(samples);
            self.graph.input(names::NONE, Element::Float32, &none);
        }
        if self.kind.takes_noise() {
            self.graph.input(names::NOISE, Element::Float32, &state);
        }
        if uses_kept {
            self.graph.input(names::KEPT_STATE, Element::Float64, &state);
            self.graph.input(names::KEPT_PREDICTION, Element::Float64, &state);
        }
        self.graph.input(names::CHECK, Element::Float64, &[samples]);
        self.graph.input(names::COEFFICIENTS, Element::Float64, &[COEFFICIENT_COUNT]);
        self.graph.integers("ones", &[1; COEFFICIENT_COUNT]);
        self.graph.node("Split", &[names::COEFFICIENTS, "ones"], &COEFFICIENTS);
    }

    /// `output` = the part of `input` from `start` to `end` of an axis.
    fn slice(&mut self, input: &str, output: &str, axis: usize, (start, end): (usize, usize)) {
        let [starts, ends, axes] =
            ["starts", "ends", "axes"].map(|part| format!("{output}/{part}"));
        self.graph.integers(&starts, &[start as i64]);
        self.graph.integers(&ends, &[end as i64]);
        self.graph.integers(&axes, &[axis as i64]);
        self.graph.node("Slice", &[input, &starts, &ends, &axes], &[output]);
    }

    /// The prediction in f64, guided, and the other half of the answer where the variance is learned.
    fn prediction(&mut self) {
        let samples = self.shape.samples;
        let UpdateKind { guided, two_rows, .. } = self.kind;
        let mut class = names::ANSWER;
        let mut none = names::NONE;
        if two_rows {
            self.slice(names::ANSWER, "class_rows", 0, (0, samples));
            class = "class_rows";
        }
        if two_rows && guided {
            self.slice(names::ANSWER, "none_rows", 0, (samples, 2 * samples));
            none = "none_rows";
        }
        let channels = self.channels();
        self.graph.cast(class, "class64", Element::Float64);
        let mut class = "class64";
        if self.shape.learned_variance {
            self.slice("class64", "class_prediction", 1, (0, channels));
            self.slice("class64", "variance", 1, (channels, 2 * channels));
            class = "class_prediction";
        }
        if !guided {
            self.graph.node("Identity", &[class], &[names::PREDICTION]);
            return;
        }
        self.graph.cast(none, "none64", Element::Float64);
        let leading = self.shape.guided_channels.min(channels);
        // Of a learned variance, none's half is not used.
        self.slice("none64", "none_leading", 1, (0, leading));
        self.slice(class, "class_leading", 1, (0, leading));
        self.graph.node("Sub", &["class_leading", "none_leading"], &["difference"]);
        self.graph.node("Mul", &["scale", "difference"], &["scaled"]);
        if leading == channels {
            self.graph.node("Add", &["none_leading", "scaled"], &[names::PREDICTION]);
            return;
        }
        self.graph.node("Add", &["none_leading", "scaled"], &["guided"]);
        self.slice(class, "unguided", 1, (leading, channels));
        self.graph.node_with(
            "Concat",
            &["guided", "unguided"],
            &[names::PREDICTION],
            &[("axis", 1)],
        );
    }

    /// The next state.
    fn combination(&mut self) {
        let UpdateKind { clip, uses_kept, noise, .. } = self.kind;
        let graph = &mut self.graph;
        let mut estimate = names::PREDICTION;
        if clip {
            graph.node("Mul", &["clip_of_state", names::STATE], &["clip/state"]);
            graph.node("Mul", &["clip_of_prediction", names::PREDICTION], &["clip/prediction"]);
            graph.node("Add", &["clip/state", "clip/prediction"], &["clip/sum"]);
            graph.node("Max", &["clip/sum", "clip_low"], &["clip/above"]);
            graph.node("Min", &["clip/above", "clip_high"], &["estimate"]);
            estimate = "estimate";
        }
        graph.node("Mul", &["of_state", names::STATE], &["of_state/product"]);
        graph.node("Mul", &["of_prediction", estimate], &["of_prediction/product"]);
        graph.node("Add", &["of_state/product", "of_prediction/product"], &["sum"]);
        let mut sum = "sum";
        if uses_kept {
            graph.node("Mul", &["of_kept_state", names::KEPT_STATE], &["kept/state"]);
            graph.node(
                "Mul",
                &["of_kept_prediction", names::KEPT_PREDICTION],
                &["kept/prediction"],
            );
            graph.node("Add", &["kept/state", "kept/prediction"], &["kept/sum"]);
            graph.node("Add", &[sum, "kept/sum"], &["sum_with_kept"]);
            sum = "sum_with_kept";
        }
        if noise == NoiseKind::None {
            graph.node("Identity", &[sum], &[names::NEXT]);
            return;
        }
        graph.cast(names::NOISE, "noise64", Element::Float64);
        let mut deviation = "noise_first";
        if noise == NoiseKind::Learned {
            self.learned_deviation();
            deviation = "deviation";
        }
        self.graph.node("Mul", &[deviation, "noise64"], &["noise/product"]);
        self.graph.node("Add", &[sum, "noise/product"], &[names::NEXT]);
    }

    /// exp(½ (f · log_max + (1 - f) · log_min)), f = (v + 1) / 2.
    fn learned_deviation(&mut self) {
        let graph = &mut self.graph;
        graph.number("one", 1.0);
        graph.number("two", 2.0);
        graph.number("half", 0.5);
        graph.node("Add", &["variance", "one"], &["variance/shifted"]);
        graph.node("Div", &["variance/shifted", "two"], &["fraction"]);
        graph.node("Sub", &["one", "fraction"], &["rest"]);
        graph.node("Mul", &["fraction", "noise_second"], &["log/max"]);
        graph.node("Mul", &["rest", "noise_first"], &["log/min"]);
        graph.node("Add", &["log/max", "log/min"], &["log"]);
        graph.node("Mul", &["half", "log"], &["log/half"]);
        graph.node("Exp", &["log/half"], &["deviation"]);
    }

    fn outputs(&mut self) {
        let samples = self.shape.samples;
        let state = self.state_shape();
        // 0 times a number is 0, and NaN for what is none. The prediction is looked at too: clipping would hide it.
        self.graph.number("zero", 0.0);
        self.graph.node("Mul", &[names::NEXT, "zero"], &["check/next"]);
        self.graph.node("Mul", &[names::PREDICTION, "zero"], &["check/prediction"]);
        self.graph.node("Add", &["check/next", "check/prediction"], &["check/values"]);
        let axes: Vec<i64> = (1..state.len() as i64).collect();
        self.graph.integers("check/axes", &axes);
        self.graph.node_with(
            "ReduceSum",
            &["check/values", "check/axes"],
            &["check/samples"],
            &[("keepdims", 0)],
        );
        self.graph.node("Add", &[names::CHECK, "check/samples"], &[names::NEXT_CHECK]);
        self.graph.output(names::NEXT, Element::Float64, &state);
        self.graph.output(names::NEXT_CHECK, Element::Float64, &[samples]);
        if let Some(rows) = self.kind.next_rows {
            let mut shape = state.clone();
            match rows {
                NextRows::One => self.graph.cast(names::NEXT, names::INPUT, Element::Float32),
                NextRows::Two => {
                    shape[0] = 2 * samples;
                    self.graph.cast(names::NEXT, "input/once", Element::Float32);
                    let twice = ["input/once", "input/once"];
                    self.graph.node_with("Concat", &twice, &[names::INPUT], &[("axis", 0)]);
                }
            }
            self.graph.output(names::INPUT, Element::Float32, &shape);
        }
        if self.kind.keep {
            self.graph.output(names::PREDICTION, Element::Float64, &state);
        }
    }
}
