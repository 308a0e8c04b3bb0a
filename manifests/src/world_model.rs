//! What a manifest says of a world model: an encoder, and a predictor of the tokens that a transformed image would have.

use crate::{ArtifactId, ModelInput};
use serde::{Deserialize, Serialize};

/// An image world model: from the tokens of an image and an action to the tokens of another view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldModel {
    /// Short id for the command line: `noto-iwm-feature`.
    pub id: String,
    /// True name, as a table row would print it. Never the name of a world model that this one only resembles.
    pub name: String,
    /// World models of one family share a colour in figures.
    pub family: String,
    /// From an image to its tokens.
    pub encoder: WorldModelEncoder,
    /// Makes the targets; the encoder does where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<Teacher>,
    /// From tokens and an action to the tokens of the target.
    pub predictor: Predictor,
}

impl WorldModel {
    /// The files that it is made of.
    #[must_use]
    pub fn artifacts(&self) -> Vec<ArtifactId> {
        let teacher = self.teacher.iter().map(|teacher| teacher.artifact.clone());
        let [encoder, predictor] = [&self.encoder.artifact, &self.predictor.artifact];
        std::iter::once(encoder.clone()).chain(teacher).chain([predictor.clone()]).collect()
    }
}

/// The encoder that was trained with the predictor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldModelEncoder {
    /// The ONNX file.
    pub artifact: ArtifactId,
    /// How its input is made. Augmentations work on the resized 8-bit image, before its numbers are normalised.
    pub input: ModelInput,
    /// Name of the tensor `[images, skip + rows x columns, channels]` that holds the tokens. It may be an inner one.
    pub tokens: String,
    /// Rows and columns of tokens.
    pub grid: [u32; 2],
    /// Numbers in a token.
    pub channels: u32,
    /// Leading tokens that are no patches (class, registers). The predictor does not see them.
    #[serde(default)]
    pub skip: u32,
}

impl WorldModelEncoder {
    /// Patch tokens of an image.
    #[must_use]
    pub fn token_count(&self) -> usize {
        self.grid.iter().map(|&side| side as usize).product()
    }
}

/// The moving average of the encoder. It takes the encoder's input and gives tokens of the same shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Teacher {
    /// The ONNX file.
    pub artifact: ArtifactId,
    /// Name of its input; the encoder's by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// Name of the tensor that holds the tokens; the encoder's by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<String>,
}

/// The predictor. The first axis of its inputs and of its output is the batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predictor {
    /// The ONNX file.
    pub artifact: ArtifactId,
    /// Name of the f32 input `[batch, tokens, channels]`: all patch tokens of the source.
    pub tokens: String,
    /// The input that takes the action; a predictor that is not conditioned needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<ActionInput>,
    /// Name of the int64 input `[batch, positions]`: which tokens are predicted, counted row by row from 0. A predictor
    /// without it predicts all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positions: Option<String>,
    /// Name of the f32 output `[batch, positions, channels]`.
    pub output: String,
    /// How it was trained to take the action.
    pub conditioning: Conditioning,
    /// What it was trained to predict.
    #[serde(default)]
    pub targets: TargetTokens,
    /// Predictions in one call. It is fixed here and not on the command line, since the last bits of a prediction may depend
    /// on it; a short call is padded.
    #[serde(default = "one")]
    pub batch: u32,
}

fn one() -> u32 {
    1
}

/// How a predictor takes an action, in the words of IWM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conditioning {
    /// Not at all. If the graph has an input for it, nothing depends on that.
    None,
    /// The scalars are concatenated to every mask token and mixed by an MLP.
    Feature,
    /// The scalars are tokens of their own.
    Sequence,
}

impl Conditioning {
    /// The word of a manifest.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Feature => "feature",
            Self::Sequence => "sequence",
        }
    }
}

/// What a predictor was trained to predict of the teacher's tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum TargetTokens {
    /// The tokens as they are.
    #[default]
    Tokens,
    /// Each token with mean 0 and variance 1 over its features: (t - mean) / sqrt(variance + epsilon), as I-JEPA's code has it.
    LayerNorm {
        /// Added to the variance.
        epsilon: f64,
    },
}

/// The f32 input `[batch, scalars]` that takes the action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionInput {
    /// Name of the graph input.
    pub tensor: String,
    /// What stands in which place.
    #[serde(rename = "scalar")]
    pub scalars: Vec<ActionScalar>,
}

/// One number of an action.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionScalar {
    /// Which parameter of the augmentations.
    pub parameter: ActionParameter,
    /// Of which view.
    pub of: ActionRole,
    /// The number is multiplied by it.
    #[serde(default = "unit")]
    pub scale: f32,
}

fn unit() -> f32 {
    1.0
}

/// A parameter of photometric augmentations. What is not done to a view has the value that changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionParameter {
    /// Factor of brightness; 1 changes nothing.
    Brightness,
    /// Factor of contrast; 1 changes nothing.
    Contrast,
    /// Factor of saturation; 1 changes nothing.
    Saturation,
    /// Turn of the hue, -0.5 to 0.5; 0 changes nothing.
    Hue,
    /// 1 if the view is blurred, else 0.
    Blur,
    /// 1 if the view is grey, else 0.
    Grayscale,
    /// 1 if the view is solarized, else 0.
    Solarize,
}

/// Of which view a number of the action tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionRole {
    /// Target minus source.
    Difference,
    /// The source.
    Source,
    /// The target.
    Target,
}
