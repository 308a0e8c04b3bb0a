//! Why a case is not in the denominator of a column.

use retally_metrics::unified::Column;
use serde::{Serialize, Serializer};

/// The reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ExclusionReason {
    /// The record of the case does not say which picture comes before the first move.
    NoFirstPicture,
    /// The first picture shows no agent, so that no frame can be expected.
    NoAgent,
    /// There is neither a text nor a folder of pictures.
    NoCandidate,
    /// The data set has no moves for the case.
    NoMoves,
    /// The data set has no frames for the case.
    NoFrames,
    /// The frames of the data set are no sequence of boards one move apart.
    UnclearFrames,
    /// The answers name a case that the data set does not have.
    NotInData,
    /// The data set lacks what a judge compares with.
    NoReference,
    /// The judge gave no clear reply, as often as it was asked.
    UnclearJudgement,
}

/// A case that some columns leave out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Exclusion {
    /// The case.
    pub(crate) case: String,
    /// Why.
    pub(crate) reason: ExclusionReason,
    /// The columns that leave it out.
    #[serde(serialize_with = "names")]
    pub(crate) columns: Vec<Column>,
    /// One sentence for the reader.
    pub(crate) detail: String,
}

fn names<S: Serializer>(columns: &[Column], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(columns.iter().map(|column| column.name()))
}
