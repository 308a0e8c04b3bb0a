//! What `retally run SUITE --miniature` measures: a paper's experiment at a size that two cores can do in minutes, with data
//! and models that retally ships or fetches.
//!
//! A miniature has other data, encoders and sizes than the paper: its numbers stand in tables of their own, and none of
//! them is judged against a printed one.

mod tokenizer;
mod world_models;

pub use tokenizer::{TokenizerPictures, TokenizerPlan};
pub use world_models::{
    AttentivePlan, Direction, EncoderRole, Pooling, QuerySet, RetrievalDistance, RetrievalPlan,
    RetrievalTies, TargetNormalisation, ViewFamily, WorldModelPlan,
};

use serde::Deserialize;

/// The section `[miniature]` of a suite: one part or more.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MiniaturePlan {
    /// World models that are asked to predict an image's augmented views.
    pub world_models: Option<WorldModelPlan>,
    /// A PCA tokenizer that is measured as an encoder.
    pub tokenizer: Option<TokenizerPlan>,
}

impl MiniaturePlan {
    /// The data sets that it measures on, one for each part.
    pub fn datasets(&self) -> impl Iterator<Item = &str> {
        let world_models = self.world_models.iter().map(|plan| plan.dataset.as_str());
        world_models.chain(self.tokenizer.iter().map(|plan| plan.dataset.as_str()))
    }

    /// What is wrong with it, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        let datasets: Vec<&str> = self.datasets().collect();
        match datasets.as_slice() {
            [] => Some(
                "a miniature needs a part: `[miniature.world_models]` or `[miniature.tokenizer]`"
                    .to_owned(),
            ),
            [first, second] if first == second => Some(format!(
                "both parts of the miniature measure on `{first}`: their rows could not be told apart"
            )),
            _ => {
                let world_models = self.world_models.as_ref().and_then(WorldModelPlan::problem);
                world_models.or_else(|| self.tokenizer.as_ref().and_then(TokenizerPlan::problem))
            }
        }
    }
}
