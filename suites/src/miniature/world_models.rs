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
    /// Id of the augmentation family that fills the banks.
    pub augmentation: String,
    /// How predictions are ranked.
    #[serde(default)]
    pub retrieval: RetrievalPlan,
    /// The probes of the encoders; none are trained if absent.
    pub probe: Option<crate::schema::ProbePlan>,
    /// Images in the picture of retrieved views; no picture is made if absent.
    pub gallery: Option<u32>,
}

impl WorldModelPlan {
    pub(super) fn problem(&self) -> Option<String> {
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

/// How the predictions of a world model are ranked. What is left out is as IWM is read; IWM itself leaves most of it unsaid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetrievalPlan {
    /// Augmented targets of each image (IWM: 256).
    pub bank: u32,
    /// How far a prediction is from a target.
    pub distance: RetrievalDistance,
    /// What of the tokens is compared.
    pub pooling: Pooling,
    /// Whether each target token is normalised over its features before it is compared.
    pub layer_norm: bool,
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
            distance: RetrievalDistance::default(),
            pooling: Pooling::default(),
            layer_norm: false,
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
