//! The bank of one image, its predictions, and where their targets stand.

use super::action::actions;
use super::networks::Networks;
use super::target::RowMaker;
use super::views::{ImageViews, ViewMaker};
use crate::failure::Failure;
use crate::images::reader::RawSample;
use ndarray::{Array2, Array3, ArrayView1};
use retally_manifests::WorldModel;
use retally_metrics::executor::Sequential;
use retally_metrics::retrieval::{Distance, Placement, place};
use retally_suites::miniature::{
    Direction, EncoderRole, Pooling, QuerySet, RetrievalDistance, RetrievalPlan, ViewFamily,
};
use serde::{Deserialize, Serialize};

/// What was found for one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImageResult {
    /// Placement of each query's target.
    pub(crate) placements: Vec<Placement>,
    /// For each query the view that was asked for.
    pub(crate) queries: Vec<usize>,
    /// For each query the member of the bank that is nearest to its prediction.
    pub(crate) nearest: Vec<usize>,
}

/// In words: everything that decides the ranks beside images and networks.
pub(crate) fn retrieval_method(plan: &RetrievalPlan, model: &WorldModel, images: usize) -> String {
    let pooled = match plan.pooling {
        Pooling::Tokens => "all tokens",
        Pooling::Mean => "the mean token",
    };
    let normalised = match RowMaker::new(plan, &model.predictor).is_normalising() {
        true => "targets normalised over features",
        false => "targets as they are",
    };
    let queries = match plan.queries {
        QuerySet::All => "every member a query".to_owned(),
        QuerySet::First(count) => format!("the first {count} members queries"),
    };
    let encoder = match plan.encoder {
        EncoderRole::Student => "student",
        EncoderRole::Teacher => "teacher",
    };
    let augmentation = match plan.augmentation {
        ViewFamily::JitterAlways => "jitter on every view",
        ViewFamily::Jitter => "jitter with probability 0.8",
        ViewFamily::JitterAndDestructive => "jitter, blur, grayscale and solarize",
    };
    let direction = match plan.direction {
        Direction::CleanToVariant => "clean image to variant",
        Direction::VariantToClean => "variant to clean image",
    };
    format!(
        "rank by {} distance of {pooled}, {normalised}, {direction}, source through the {encoder}, {images} images, \
         {augmentation}, {queries}",
        distance(plan).as_str()
    )
}

/// The distance in the words of the metric.
fn distance(plan: &RetrievalPlan) -> Distance {
    match plan.distance {
        RetrievalDistance::L2 => Distance::L2,
        RetrievalDistance::Cosine => Distance::Cosine,
    }
}

/// What the ranking of an image depends on beside the image.
#[derive(Clone, Copy)]
pub(super) struct Ranking<'a> {
    pub(super) model: &'a WorldModel,
    pub(super) plan: &'a RetrievalPlan,
    pub(super) views: &'a ViewMaker,
}

impl Ranking<'_> {
    /// Ranks the queries of one image.
    ///
    /// # Errors
    /// If the image cannot be used, or a network fails.
    pub(super) fn rank(
        &self,
        (key, sample): (&str, &RawSample),
        networks: &mut Networks,
    ) -> Result<ImageResult, Failure> {
        let views = self.views.of_image(key, sample, self.plan)?;
        let rows = RowMaker::new(self.plan, &self.model.predictor);
        let bank = rows.targets(&networks.target().encode(&views.bank)?);
        let queries = self.queries(views.count());
        let (targets, sources) = self.sources(&views, &queries, networks)?;
        let actions = self.actions(&views, &queries);
        let source = |query: usize| {
            let row = if sources.dim().0 == 1 { 0 } else { query };
            flat(&sources, row)
        };
        let predictions = networks.predictor.predict(actions.view(), source)?;
        let predictions = rows.predictions(&predictions);
        let (placements, nearest) =
            place(&predictions.view(), &bank.view(), &targets, distance(self.plan), &Sequential)?;
        Ok(ImageResult { placements, queries, nearest })
    }

    /// The members of the bank that are asked for, or, towards the clean image, that it is asked from.
    fn queries(&self, members: usize) -> Vec<usize> {
        let first = match self.plan.direction {
            Direction::CleanToVariant => 0,
            // Member 0 is the clean image itself.
            Direction::VariantToClean => 1,
        };
        let all = first..members;
        match self.plan.queries {
            QuerySet::All => all.collect(),
            QuerySet::First(count) => all.take(count as usize).collect(),
        }
    }

    /// The row of each query's target, and the tokens of its source; one source where all have the same.
    fn sources(
        &self,
        views: &ImageViews,
        queries: &[usize],
        networks: &mut Networks,
    ) -> Result<(Vec<usize>, Array3<f32>), Failure> {
        let encoder = networks.source(self.plan.encoder);
        match self.plan.direction {
            Direction::CleanToVariant => {
                let clean = encoder.encode(&views.clean)?;
                Ok((queries.to_vec(), clean))
            }
            Direction::VariantToClean => {
                let size = views.clean.len();
                let images: Vec<f32> = queries
                    .iter()
                    .flat_map(|&query| &views.bank[query * size..(query + 1) * size])
                    .copied()
                    .collect();
                Ok((vec![0; queries.len()], encoder.encode(&images)?))
            }
        }
    }

    fn actions(&self, views: &ImageViews, queries: &[usize]) -> Array2<f32> {
        let clean = views.neutral();
        let pairs = queries.iter().map(|&query| match self.plan.direction {
            Direction::CleanToVariant => (clean, &views.parameters[query]),
            Direction::VariantToClean => (&views.parameters[query], clean),
        });
        actions(self.model.predictor.action.as_ref(), pairs)
    }
}

/// Tokens of one image, one after the other. `encode` gives arrays that lie in order.
fn flat(tokens: &Array3<f32>, image: usize) -> ArrayView1<'_, f32> {
    let (_, length, channels) = tokens.dim();
    let size = length * channels;
    let all = tokens.as_slice().unwrap_or_default();
    ArrayView1::from(all.get(image * size..(image + 1) * size).unwrap_or_default())
}
