//! The part of a miniature that measures world models: retrieval among augmented targets, and probes of their encoders.

use serde::{Deserialize, Serialize};

/// What is measured of world models.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldModelPlan {
    /// Id of the data set whose images are augmented.
    pub dataset: String,
    /// Ids of the world models, in the order of the table's rows.
    pub models: Vec<String>,
    /// Images whose views are predicted: of the test set if the data set has one, chosen by the seed.
    pub images: u32,
    /// Seed of the choice of images and of their augmentations.
    pub seed: u64,
    /// What fills the banks, and how predictions are ranked.
    #[serde(default)]
    pub retrieval: RetrievalPlan,
    /// The linear and nearest-neighbour probes of the encoders' mean tokens; none are trained if absent.
    pub probe: Option<crate::schema::ProbePlan>,
    /// The attentive probe of the encoders' tokens; none is trained if absent.
    pub attentive: Option<AttentivePlan>,
    /// Images in the picture of retrieved views; no picture is made if absent.
    pub gallery: Option<u32>,
}

impl WorldModelPlan {
    /// What is wrong with it, if anything.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        if self.images == 0 {
            return Some("`images` of the world models is 0; name at least one image".to_owned());
        }
        if self.retrieval.bank < 2 {
            let bank = self.retrieval.bank;
            return Some(format!("a bank of {bank} ranks nothing; name at least 2 targets"));
        }
        None
    }
}

/// How an attentive probe is trained: by the protocol `attentive`, but for what a small training set asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttentivePlan {
    /// Seed of weights and batches.
    pub seed: u64,
    /// Samples of a step (the protocol: 1,024).
    pub batch: u32,
    /// Passes through the training set (the protocol: 20).
    pub epochs: u32,
    /// Attention heads; as many as give each 64 numbers if absent.
    pub attention_heads: Option<u32>,
}

/// How the predictions of a world model are ranked. What is left out is as IWM is read; IWM itself leaves most of it unsaid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetrievalPlan {
    /// Augmented targets of each image (IWM: 256).
    pub bank: u32,
    /// The augmentations that make them.
    pub augmentation: ViewFamily,
    /// How far a prediction is from a target.
    pub distance: RetrievalDistance,
    /// What of the tokens is compared.
    pub pooling: Pooling,
    /// Whether target tokens are normalised over their features before they are compared.
    pub target_normalisation: TargetNormalisation,
    /// Which members of the bank are asked for.
    pub queries: QuerySet,
    /// Rank among equal distances.
    pub ties: RetrievalTies,
    /// Which encoder sees the clean image.
    pub encoder: EncoderRole,
    /// What is predicted from what.
    pub direction: Direction,
}

impl Default for RetrievalPlan {
    fn default() -> Self {
        Self {
            bank: 256,
            augmentation: ViewFamily::default(),
            distance: RetrievalDistance::default(),
            pooling: Pooling::default(),
            target_normalisation: TargetNormalisation::default(),
            queries: QuerySet::default(),
            ties: RetrievalTies::default(),
            encoder: EncoderRole::default(),
            direction: Direction::default(),
        }
    }
}

/// How far a prediction is from a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetrievalDistance {
    /// Euclidean.
    #[default]
    L2,
    /// One minus the cosine of the angle.
    Cosine,
}

/// What of the tokens is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// All tokens, one after the other.
    #[default]
    Tokens,
    /// Their mean.
    Mean,
}

/// Whether target tokens are normalised over their features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetNormalisation {
    /// As the predictor was trained: what the manifest says of its targets.
    #[default]
    AsTrained,
    /// Tokens as the encoder gives them.
    None,
    /// Each token with mean 0 and variance 1.
    LayerNorm,
}

/// Which members of a bank are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuerySet {
    /// Every one.
    #[default]
    All,
    /// The first so many.
    First(u32),
}

/// Rank among equal distances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetrievalTies {
    /// The mean of the ranks that the equal ones share.
    #[default]
    MidRank,
    /// The best of them.
    Optimistic,
    /// The worst of them.
    Pessimistic,
}

/// Which encoder sees the clean image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EncoderRole {
    /// The one that was trained with the predictor.
    #[default]
    Student,
    /// Its moving average, which makes the targets.
    Teacher,
}

/// The augmentations of a bank, with IWM's strengths (brightness 0.4, contrast 0.4, saturation 0.2, hue 0.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViewFamily {
    /// Colour jitter of every view.
    #[default]
    JitterAlways,
    /// Colour jitter with IWM's probability of 0.8: a fifth of the views are the clean image, and tie.
    Jitter,
    /// IWM's source views: also blur, grayscale and solarize.
    JitterAndDestructive,
}

/// What is predicted from what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Each augmented view from the clean image.
    #[default]
    CleanToVariant,
    /// The clean image from each augmented view, among the bank of augmented views and the clean one.
    VariantToClean,
}
