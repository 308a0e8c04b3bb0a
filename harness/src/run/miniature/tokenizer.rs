//! The part of a miniature that measures a PCA tokenizer.

use super::{PartDescription, Workbench};
use crate::context::Context;
use crate::failure::Failure;
use crate::run::record::RunRecord;
use retally_manifests::ArtifactId;
use retally_suites::DatasetMeasurements;
use retally_suites::miniature::TokenizerPlan;

/// What it needs beside its data set.
pub(super) fn artifacts(
    _plan: &TokenizerPlan,
    _context: &Context,
) -> Result<Vec<ArtifactId>, Failure> {
    Ok(Vec::new())
}

/// What it would measure.
pub(super) fn describe(
    plan: &TokenizerPlan,
    _context: &Context,
) -> Result<PartDescription, Failure> {
    Ok(PartDescription { part: "tokenizer", dataset: plan.dataset.clone(), work: Vec::new() })
}

/// Measures it; `None` if an interruption stopped it.
pub(super) fn measure(
    plan: &TokenizerPlan,
    _bench: &Workbench<'_>,
    _record: &mut RunRecord,
) -> Result<Option<DatasetMeasurements>, Failure> {
    Err(Failure::invalid(format_args!(
        "the tokenizer part of a miniature (on `{}`) is not in this version of retally",
        plan.dataset
    )))
}
